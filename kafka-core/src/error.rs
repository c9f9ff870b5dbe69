//! One error type, one classification.

use std::{fmt, sync::Arc, time::Duration};

use crate::{connector::BrokerAddr, protocol::ErrorCode, topic_partition::TopicPartition};

/// What went wrong, what helps, and whether the effect may have happened. Cloning shares it.
#[derive(Clone)]
pub struct Error(Arc<Inner>);

#[derive(Clone)]
struct Inner {
    kind: ErrorKind,
    maybe_applied: bool,
    advertised_by: Option<i32>,
    source: Option<Arc<dyn std::error::Error + Send + Sync>>,
}

/// The kinds of failure.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ErrorKind {
    /// No connection to this broker could be opened.
    Connect {
        /// The broker.
        broker: BrokerAddr,
    },
    /// The connection ended while a request waited for its answer.
    Disconnected {
        /// The broker.
        broker: BrokerAddr,
        /// Why, as far as known.
        reason: String,
    },
    /// Time ran out.
    Timeout {
        /// What was waited for: a request's name, "delivery", "metadata of orders"…
        what: String,
        /// How long it was waited for.
        after: Duration,
    },
    /// The broker answered with an error code.
    Broker {
        /// Kafka's error code.
        code: ErrorCode,
        /// The request's name.
        api: &'static str,
        /// The partition it is about, if it is about one.
        topic_partition: Option<TopicPartition>,
        /// What the broker said beside the code.
        message: Option<String>,
    },
    /// What listens there is no Kafka broker, or not without TLS.
    NotKafka {
        /// Where it listens.
        broker: BrokerAddr,
        /// How that shows.
        detail: String,
    },
    /// TLS: the broker's certificate is not to be trusted, or ours is not, or it does not speak TLS.
    Tls {
        /// The broker.
        broker: BrokerAddr,
        /// What is wrong.
        detail: String,
    },
    /// SASL: the broker refuses who we say we are, or does not prove who it is.
    Authentication {
        /// The broker.
        broker: BrokerAddr,
        /// The mechanism's name, such as `SCRAM-SHA-256`.
        mechanism: &'static str,
        /// What is wrong; never a password or token.
        detail: String,
    },
    /// Bytes that are not what the protocol says.
    Protocol {
        /// Who sent them.
        broker: Option<BrokerAddr>,
        /// What is wrong with them.
        detail: String,
    },
    /// A request and a broker have no version in common.
    UnsupportedVersion {
        /// The broker.
        broker: BrokerAddr,
        /// The request's name.
        api: &'static str,
    },
    /// A record is larger than a limit of ours or the broker's.
    RecordTooLarge {
        /// The record's size in bytes, in its batch.
        size: usize,
        /// The limit in bytes.
        limit: usize,
    },
    /// The consumer's offset is not in the partition's log any more, or not yet.
    OffsetOutOfRange {
        /// The partition.
        topic_partition: TopicPartition,
        /// The offset that was asked for.
        offset: i64,
        /// The log's first offset, if known.
        log_start: Option<i64>,
        /// The log's end, if known.
        high_watermark: Option<i64>,
    },
    /// The topic was deleted and made anew: the consumer's offset is of another topic.
    TopicRecreated {
        /// The partition.
        topic_partition: TopicPartition,
        /// The offset in the topic that is gone.
        offset: i64,
    },
    /// A batch of a partition cannot be read: it is corrupt, or larger than a limit. Its cause says why.
    UnreadableBatch {
        /// Who sent it, if that is still known.
        broker: Option<BrokerAddr>,
        /// The partition.
        topic_partition: TopicPartition,
        /// The batch's first offset.
        base_offset: i64,
        /// The offset behind the batch, if the batch can be believed so far.
        next_offset: Option<i64>,
    },
    /// A setting, an argument or a record is not valid; nothing was sent.
    Invalid {
        /// What is wrong.
        detail: String,
    },
    /// The bound on what may wait is reached, and the call does not wait.
    Full,
    /// The client, producer or consumer is closed.
    Closed,
}

/// What may help against an error.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Recovery {
    /// The same request again, after a while.
    Retry,
    /// The same request again, after fresh metadata: the leader or topic has moved.
    RefreshMetadata,
    /// The same request again, after asking for the coordinator.
    FindCoordinator,
    /// Joining the group again.
    Rejoin,
    /// Choosing another offset.
    ResetOffset,
    /// A new producer epoch or transaction.
    NewEpoch,
    /// Nothing the client can do.
    Fatal,
}

impl Error {
    /// An error whose request had no effect.
    pub fn new(kind: ErrorKind) -> Self {
        Self(Arc::new(Inner { kind, maybe_applied: false, advertised_by: None, source: None }))
    }

    /// The broker's error code in answer to `api`.
    pub fn broker(code: ErrorCode, api: &'static str) -> Self {
        Self::new(ErrorKind::Broker { code, api, topic_partition: None, message: None })
    }

    /// An invalid setting, argument or record.
    pub fn invalid(detail: impl Into<String>) -> Self {
        Self::new(ErrorKind::Invalid { detail: detail.into() })
    }

    /// A closed client, producer or consumer.
    pub fn closed() -> Self {
        Self::new(ErrorKind::Closed)
    }

    /// The same error, with its cause.
    #[must_use]
    pub fn with_source(self, source: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        let source = Some(Arc::from(source.into()));
        self.changed(|inner| inner.source = source)
    }

    /// The same error about a request that may have taken effect all the same.
    #[must_use]
    pub fn with_maybe_applied(self, maybe_applied: bool) -> Self {
        if self.0.maybe_applied == maybe_applied {
            return self;
        }
        self.changed(|inner| inner.maybe_applied = maybe_applied)
    }

    /// The same error about an address that broker `id` advertises, which may be what is wrong with it.
    #[must_use]
    pub(crate) fn advertised_by(self, id: i32) -> Self {
        self.changed(|inner| inner.advertised_by = Some(id))
    }

    fn changed(self, change: impl FnOnce(&mut Inner)) -> Self {
        let mut inner = Arc::try_unwrap(self.0).unwrap_or_else(|shared| Inner::clone(&shared));
        change(&mut inner);
        Self(Arc::new(inner))
    }

    /// What went wrong.
    pub fn kind(&self) -> &ErrorKind {
        &self.0.kind
    }

    /// Kafka's error code, if a broker sent one.
    pub fn code(&self) -> Option<ErrorCode> {
        match self.kind() {
            ErrorKind::Broker { code, .. } => Some(*code),
            _ => None,
        }
    }

    /// Whether the request may have taken effect: if false, it has not.
    pub fn maybe_applied(&self) -> bool {
        self.0.maybe_applied
    }

    /// What may help.
    pub fn recovery(&self) -> Recovery {
        match self.kind() {
            ErrorKind::Connect { .. } | ErrorKind::Disconnected { .. } => Recovery::RefreshMetadata,
            ErrorKind::Timeout { .. } | ErrorKind::Full => Recovery::Retry,
            ErrorKind::Broker { code, .. } => code.recovery(),
            ErrorKind::OffsetOutOfRange { .. } | ErrorKind::TopicRecreated { .. } => Recovery::ResetOffset,
            ErrorKind::NotKafka { .. }
            | ErrorKind::Tls { .. }
            | ErrorKind::Authentication { .. }
            | ErrorKind::Protocol { .. }
            | ErrorKind::UnreadableBatch { .. }
            | ErrorKind::UnsupportedVersion { .. }
            | ErrorKind::RecordTooLarge { .. }
            | ErrorKind::Invalid { .. }
            | ErrorKind::Closed => Recovery::Fatal,
        }
    }

    /// The address, and who advertised it.
    fn at(&self, broker: &BrokerAddr) -> String {
        match self.0.advertised_by {
            Some(id) => format!("{broker}, advertised by broker {id}"),
            None => broker.to_string(),
        }
    }

    /// Whether the same request may succeed later.
    pub fn is_retriable(&self) -> bool {
        matches!(self.recovery(), Recovery::Retry | Recovery::RefreshMetadata | Recovery::FindCoordinator)
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.kind() {
            ErrorKind::Connect { broker } => write!(f, "no connection to {}", self.at(broker)),
            ErrorKind::NotKafka { broker, detail } => {
                let comma = if self.0.advertised_by.is_some() { "," } else { "" };
                write!(f, "{}{comma} does not speak Kafka: {detail}", self.at(broker))
            }
            ErrorKind::Tls { broker, detail } => write!(f, "no TLS with {}: {detail}", self.at(broker)),
            ErrorKind::Authentication { broker, mechanism, detail } => {
                write!(f, "no {mechanism} authentication with {}: {detail}", self.at(broker))
            }
            ErrorKind::Disconnected { broker, reason } => write!(f, "connection to {broker} ended: {reason}"),
            ErrorKind::Timeout { what, after } => {
                write!(f, "no answer within {after:?}: {what}")?;
                match self.0.advertised_by {
                    Some(id) => write!(f, " (advertised by broker {id})"),
                    None => Ok(()),
                }
            }
            ErrorKind::Broker { code, api, topic_partition, message } => {
                write!(f, "{api} answered {code}")?;
                if let Some(topic_partition) = topic_partition {
                    write!(f, " for {topic_partition}")?;
                }
                match message {
                    Some(message) => write!(f, ": {}", message.escape_debug()),
                    None => Ok(()),
                }
            }
            ErrorKind::Protocol { broker: Some(broker), detail } => write!(f, "{broker} broke the protocol: {detail}"),
            ErrorKind::Protocol { broker: None, detail } => write!(f, "broken protocol: {detail}"),
            ErrorKind::UnsupportedVersion { broker, api } => write!(f, "no common version of {api} with {broker}"),
            ErrorKind::RecordTooLarge { size, limit } => {
                write!(
                    f,
                    "record of {size} bytes exceeds max.request.size, which is {limit}; the topic's max.message.bytes \
                     has to allow it too"
                )
            }
            ErrorKind::OffsetOutOfRange { topic_partition, offset, log_start, high_watermark } => {
                write!(f, "offset {offset} of {topic_partition} is out of range")?;
                match (log_start, high_watermark) {
                    (Some(start), Some(end)) => write!(f, ": the log holds {start} to {end}"),
                    _ => Ok(()),
                }
            }
            ErrorKind::TopicRecreated { topic_partition, offset } => {
                write!(f, "the topic of {topic_partition} was made anew, offset {offset} is of the one before")
            }
            ErrorKind::UnreadableBatch { broker, topic_partition, base_offset, next_offset } => {
                write!(f, "the batch at offset {base_offset} of {topic_partition} cannot be read")?;
                if let Some(broker) = broker {
                    write!(f, " as {} sent it", self.at(broker))?;
                }
                match next_offset {
                    Some(next_offset) => write!(f, ", the partition goes on at {next_offset}"),
                    None => Ok(()),
                }
            }
            ErrorKind::Invalid { detail } => f.write_str(detail),
            ErrorKind::Full => f.write_str("the buffer is full"),
            ErrorKind::Closed => f.write_str("closed"),
        }?;
        if self.maybe_applied() { f.write_str(" (it may have been applied)") } else { Ok(()) }
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Error")
            .field("kind", &self.0.kind)
            .field("maybe_applied", &self.0.maybe_applied)
            .field("source", &self.0.source)
            .finish()
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.0.source.as_deref().map(|source| source as _)
    }
}
