//! One connection to one broker.

use std::time::Duration;

use rskafka::messenger::{Messenger, RequestError};
use tokio::time::timeout;

use super::{
    ConnectionKind, NetworkConfig,
    adapter::Call,
    negotiate::{Versions, negotiate},
    stream::{KillSwitch, Stream},
};
use crate::{
    connector::{BrokerAddr, Connector},
    error::{Error, ErrorKind},
    protocol::{Api, api_name, has_effect},
};

/// A connection whose versions are negotiated. It ends once and for all: by the broker, by a broken answer, by a
/// call that timed out.
#[derive(Debug)]
pub(crate) struct Connection {
    broker: BrokerAddr,
    messenger: Messenger<Stream>,
    versions: Versions,
    kill: KillSwitch,
}

impl Connection {
    /// Connects and negotiates within `connect.timeout`.
    pub(super) async fn open(
        broker: &BrokerAddr,
        kind: ConnectionKind,
        connector: &dyn Connector,
        config: &NetworkConfig,
    ) -> Result<Self, Error> {
        let limit = config.connect_timeout;
        timeout(limit, Self::open_unbounded(broker, kind, connector, config)).await.unwrap_or_else(|_| {
            Err(Error::new(ErrorKind::Timeout { what: format!("connecting to {broker}"), after: limit }))
        })
    }

    async fn open_unbounded(
        broker: &BrokerAddr,
        kind: ConnectionKind,
        connector: &dyn Connector,
        config: &NetworkConfig,
    ) -> Result<Self, Error> {
        let refused = || Error::new(ErrorKind::Connect { broker: broker.clone() });
        let io = connector.connect(broker).await.map_err(|error| refused().with_source(error))?;
        let answer_bytes_max = kind.answer_bytes_max(config.fetch_answer_bytes_max);
        let (stream, kill) = Stream::new(io, answer_bytes_max);
        let mut messenger = Messenger::new(stream, answer_bytes_max, config.client_id.as_str().into());
        match negotiate(&mut messenger).await {
            Ok(versions) => Ok(Self { broker: broker.clone(), messenger, versions, kill }),
            Err(error) => Err(match kill.reason() {
                Some(detail) => Error::new(ErrorKind::Disconnected { broker: broker.clone(), reason: detail }),
                None => Error::new(ErrorKind::Protocol {
                    broker: Some(broker.clone()),
                    detail: format!("it does not speak our versions of Kafka's protocol: {error}"),
                }),
            }),
        }
    }

    /// Whether it has ended.
    pub(super) fn is_ended(&self) -> bool {
        self.kill.reason().is_some()
    }

    /// Ends it, and with it every call in flight.
    pub(super) fn end(&self, reason: &str) {
        self.kill.kill(reason);
    }

    /// Sends `request` and waits at most `limit` for the answer. Requests go out in the order of their first poll.
    ///
    /// # Errors
    /// Time ran out, the connection ended, the answer is broken. Each says truthfully whether the request may have
    /// taken effect.
    ///
    /// # Cancel safety
    /// A request that was begun is sent in full; its answer is dropped.
    pub(crate) async fn call<A: Api>(&self, request: &A, limit: Duration) -> Result<A::Answer, Error> {
        if let Some(reason) = self.kill.reason() {
            return Err(Error::new(ErrorKind::Disconnected { broker: self.broker.clone(), reason }));
        }
        if !self.versions.contains_key(&A::KEY) {
            return Err(Error::new(ErrorKind::UnsupportedVersion { api: api_name(A::KEY) }));
        }
        match timeout(limit, self.messenger.request(Call(request))).await {
            Ok(Ok(answer)) => Ok(answer.into_inner()),
            Ok(Err(error)) => Err(self.failed::<A>(error)),
            Err(_) => {
                let name = api_name(A::KEY);
                // An answer that comes later would be taken for the answer to the next request.
                self.kill.kill(format!("{name} got no answer within {limit:?}"));
                let what = format!("{name} to {}", self.broker);
                Err(Error::new(ErrorKind::Timeout { what, after: limit }).with_maybe_applied(has_effect(A::KEY)))
            }
        }
    }

    fn failed<A: Api>(&self, error: RequestError) -> Error {
        match error {
            RequestError::NoVersionMatch { .. } => Error::new(ErrorKind::UnsupportedVersion { api: api_name(A::KEY) }),
            RequestError::WriteError(error) => {
                Error::invalid(format!("{} cannot be written", api_name(A::KEY))).with_source(error)
            }
            RequestError::ReadVersionedError(error) => {
                let detail = format!("its answer to {} does not parse: {error}", api_name(A::KEY));
                self.kill.kill(detail.as_str());
                Error::new(ErrorKind::Protocol { broker: Some(self.broker.clone()), detail })
                    .with_maybe_applied(has_effect(A::KEY))
            }
            error => {
                let reason = self.kill.reason().unwrap_or_else(|| error.to_string());
                self.kill.kill(reason.as_str());
                Error::new(ErrorKind::Disconnected { broker: self.broker.clone(), reason })
                    .with_maybe_applied(has_effect(A::KEY))
            }
        }
    }
}
