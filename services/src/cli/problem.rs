//! What a user is told when a command fails: what, where, why, and what to do next.

use std::{error::Error as _, fmt};

use ottla::{
    Error, ErrorKind,
    kafka::{BrokerAddr, ErrorCode},
};

use super::Exit;

/// Why a command failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Problem {
    exit: Exit,
    what: String,
    next: Option<String>,
}

impl Problem {
    pub(crate) fn new(exit: Exit, what: impl Into<String>) -> Self {
        Self { exit, what: what.into(), next: None }
    }

    /// Wrong arguments or variables, each a line of its own.
    pub(crate) fn usage(problems: &[String]) -> Self {
        Self::new(Exit::Usage, problems.join("\nottla: "))
    }

    /// Several problems as one, which ends as the first of them would; none if there are none.
    pub(crate) fn together(problems: Vec<Self>) -> Option<Self> {
        let exit = problems.first()?.exit;
        let all: Vec<String> = problems.iter().map(ToString::to_string).collect();
        Some(Self::new(exit, all.join("\nottla: ")))
    }

    /// The cluster's or the client's `error` while `doing` something at `brokers`.
    pub(crate) fn kafka(doing: &str, brokers: &[BrokerAddr], error: &Error) -> Self {
        let brokers: Vec<String> = brokers.iter().map(ToString::to_string).collect();
        let mut what = format!("cannot {doing} at {}: {error}", brokers.join(","));
        let mut cause = error.source();
        while let Some(source) = cause {
            let text = source.to_string();
            // An error that repeats its cause says it once.
            if !what.contains(&text) {
                what = format!("{what}: {text}");
            }
            cause = source.source();
        }
        Self { exit: exit_of(error), what, next: next_step(error).map(str::to_owned) }
    }

    /// A topic that the cluster does not have.
    pub(crate) fn no_topic(topic: &str, brokers: &[BrokerAddr]) -> Self {
        let at: Vec<String> = brokers.iter().map(ToString::to_string).collect();
        Self::new(Exit::NotFound, format!("topic {topic} does not exist at {}", at.join(",")))
            .next(format!("ottla topics list shows those that do; ottla topics create {topic} makes it"))
    }

    /// With advice on what to do next.
    #[must_use]
    pub(crate) fn next(mut self, next: impl Into<String>) -> Self {
        self.next = Some(next.into());
        self
    }

    /// With another exit code.
    #[must_use]
    pub(crate) fn exit_with(mut self, exit: Exit) -> Self {
        self.exit = exit;
        self
    }

    /// With an account of what was done.
    #[must_use]
    pub(crate) fn account(mut self, account: impl fmt::Display) -> Self {
        self.what = format!("{}\n  done: {account}", self.what);
        self
    }

    pub(crate) fn exit(&self) -> Exit {
        self.exit
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.what)?;
        match &self.next {
            Some(next) => write!(f, "\n  next: {next}"),
            None => Ok(()),
        }
    }
}

/// The exit code that says how `error` ended a command.
pub(crate) fn exit_of(error: &Error) -> Exit {
    if error.maybe_applied() {
        return Exit::Unknown;
    }
    if is_unreachable(error) {
        return Exit::Failed;
    }
    match error.kind() {
        ErrorKind::Timeout { .. } => Exit::Unknown,
        ErrorKind::Invalid { .. } => Exit::Usage,
        ErrorKind::Authentication { .. } | ErrorKind::Tls { .. } => Exit::Refused,
        ErrorKind::Broker { code, .. } => exit_of_code(*code),
        _ => Exit::Failed,
    }
}

/// Whether no broker could be reached at all, however long it was tried.
fn is_unreachable(error: &Error) -> bool {
    let cause = error.source().and_then(|source| source.downcast_ref::<Error>());
    matches!(error.kind(), ErrorKind::Connect { .. }) || cause.is_some_and(is_unreachable)
}

fn exit_of_code(code: ErrorCode) -> Exit {
    match code {
        ErrorCode::UNKNOWN_TOPIC_OR_PARTITION
        | ErrorCode::UNKNOWN_TOPIC_ID
        | ErrorCode::GROUP_ID_NOT_FOUND
        | ErrorCode::RESOURCE_NOT_FOUND => Exit::NotFound,
        ErrorCode::TOPIC_AUTHORIZATION_FAILED
        | ErrorCode::GROUP_AUTHORIZATION_FAILED
        | ErrorCode::CLUSTER_AUTHORIZATION_FAILED
        | ErrorCode::TRANSACTIONAL_ID_AUTHORIZATION_FAILED
        | ErrorCode::SASL_AUTHENTICATION_FAILED
        | ErrorCode::UNSUPPORTED_SASL_MECHANISM
        | ErrorCode::ILLEGAL_SASL_STATE
        | ErrorCode::SECURITY_DISABLED
        | ErrorCode::POLICY_VIOLATION
        | ErrorCode::TOPIC_DELETION_DISABLED
        | ErrorCode::NON_EMPTY_GROUP
        | ErrorCode::GROUP_SUBSCRIBED_TO_TOPIC => Exit::Refused,
        ErrorCode::REQUEST_TIMED_OUT => Exit::Unknown,
        _ => Exit::Failed,
    }
}

const CREDENTIALS: &str = "see KAFKA_SASL_USERNAME, KAFKA_SASL_PASSWORD and KAFKA_SASL_MECHANISM";

/// What helps most people who see this.
fn next_step(error: &Error) -> Option<&'static str> {
    const ADDRESS: &str = "see that a broker listens there, and that -b or KAFKA_BROKERS names it (ottla broker starts \
                           one on this machine)";
    const AGAIN: &str = "it may have been done all the same: look before doing it again";
    match error.kind() {
        _ if is_unreachable(error) => Some(ADDRESS),
        _ if error.maybe_applied() => Some(AGAIN),
        ErrorKind::Disconnected { .. } | ErrorKind::Timeout { .. } => {
            Some("nothing was done: see that the address is a Kafka broker's and that it answers, and try again")
        }
        ErrorKind::Authentication { .. } => Some(CREDENTIALS),
        ErrorKind::Tls { .. } => {
            Some("see KAFKA_SSL_CA (whom to trust), KAFKA_SSL_CERT and KAFKA_SSL_KEY, and the host name in -b")
        }
        ErrorKind::Protocol { .. } | ErrorKind::NotKafka { .. } => {
            Some("see that the port is a Kafka listener, and that KAFKA_SSL is as the listener wants it")
        }
        ErrorKind::OffsetOutOfRange { .. } => Some("-o earliest reads what is left, -o latest what comes"),
        ErrorKind::TopicRecreated { .. } => {
            Some("what was read is of a topic that was deleted: read the new one from its start")
        }
        ErrorKind::RecordTooLarge { .. } => Some("--max-request-size allows larger records, if the topic does"),
        ErrorKind::Broker { code, .. } => next_step_of_code(*code),
        _ => None,
    }
}

fn next_step_of_code(code: ErrorCode) -> Option<&'static str> {
    Some(match code {
        ErrorCode::UNKNOWN_TOPIC_OR_PARTITION => "ottla topics list shows the topics that are there",
        ErrorCode::TOPIC_ALREADY_EXISTS => "--if-not-exists takes the topic as it is",
        ErrorCode::GROUP_ID_NOT_FOUND => "ottla groups list shows the groups that are there",
        ErrorCode::NON_EMPTY_GROUP => "stop the group's members first: ottla groups describe shows them",
        ErrorCode::SASL_AUTHENTICATION_FAILED | ErrorCode::UNSUPPORTED_SASL_MECHANISM => CREDENTIALS,
        ErrorCode::TOPIC_AUTHORIZATION_FAILED => "ask for the right (an ACL) on this topic for your user",
        ErrorCode::GROUP_AUTHORIZATION_FAILED => "ask for the right (an ACL) on this group for your user",
        ErrorCode::CLUSTER_AUTHORIZATION_FAILED => "ask for the right (an ACL) on the cluster for your user",
        ErrorCode::MESSAGE_TOO_LARGE | ErrorCode::RECORD_LIST_TOO_LARGE => {
            "ottla topics alter TOPIC --config max.message.bytes=N allows larger records"
        }
        ErrorCode::INVALID_REPLICATION_FACTOR => "--replication-factor must be at most the number of brokers",
        ErrorCode::FENCED_INSTANCE_ID => "another member runs with this --instance-id: each needs its own",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn broker(code: ErrorCode) -> Error {
        Error::broker(code, "Metadata")
    }

    #[test]
    fn an_error_ends_with_the_code_that_is_promised() {
        let timeout = || ErrorKind::Timeout { what: "x".to_owned(), after: std::time::Duration::from_secs(1) };
        let connect = ErrorKind::Connect { broker: BrokerAddr::new("localhost", 9092) };
        let authentication = ErrorKind::Authentication {
            broker: BrokerAddr::new("localhost", 9092),
            mechanism: "PLAIN",
            detail: "wrong password".to_owned(),
        };
        for (error, exit) in [
            (broker(ErrorCode::UNKNOWN_TOPIC_OR_PARTITION), 3),
            (broker(ErrorCode::GROUP_ID_NOT_FOUND), 3),
            (broker(ErrorCode::TOPIC_AUTHORIZATION_FAILED), 4),
            (broker(ErrorCode::SASL_AUTHENTICATION_FAILED), 4),
            (broker(ErrorCode::NON_EMPTY_GROUP), 4),
            (broker(ErrorCode::TOPIC_ALREADY_EXISTS), 1),
            (broker(ErrorCode::NOT_LEADER_OR_FOLLOWER).with_maybe_applied(true), 5),
            (Error::new(timeout()), 5),
            (Error::new(timeout()).with_source(Error::new(connect.clone())), 1),
            (Error::new(connect), 1),
            (Error::invalid("x"), 2),
            (Error::new(authentication), 4),
        ] {
            assert_eq!(exit_of(&error).code(), exit, "{error}");
        }
    }

    #[test]
    fn a_problem_says_what_where_why_and_what_next() {
        let error = Error::new(ErrorKind::Connect { broker: BrokerAddr::new("b", 1) })
            .with_source(std::io::Error::other("connection refused"));
        let text = Problem::kafka("write to orders", &[BrokerAddr::new("b", 1)], &error).to_string();
        for part in ["cannot write to orders", "at b:1", "connection refused", "next: ", "KAFKA_BROKERS"] {
            assert!(text.contains(part), "{part} is missing from: {text}");
        }
    }
}
