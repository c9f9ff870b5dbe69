//! One connection to one broker.

use std::{
    pin::pin,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use rskafka::messenger::{Messenger, RequestError};
use tokio::{
    task::coop::unconstrained,
    time::{Instant, timeout},
};

use super::{
    adapter::Call,
    ending::{Fault, KillSwitch},
    gate::Gate,
    negotiate::Versions,
    stream::Stream,
};
use crate::{
    connector::BrokerAddr,
    error::{Error, ErrorKind},
    protocol::{Api, api_name, has_effect},
};

/// A connection that is ready for use. It ends once and for all: by the broker, by a broken answer, by a call that
/// timed out.
#[derive(Debug)]
pub(crate) struct Connection {
    broker: BrokerAddr,
    messenger: Messenger<Stream>,
    versions: Versions,
    kill: KillSwitch,
    gate: Gate,
    /// Held while a frame is written, which never waits.
    turn: Mutex<()>,
    used: Mutex<Instant>,
    #[cfg(feature = "sasl")]
    session: super::sasl::Session,
}

impl Connection {
    pub(super) fn new(
        broker: BrokerAddr,
        messenger: Messenger<Stream>,
        versions: Versions,
        kill: KillSwitch,
        gate: Gate,
    ) -> Self {
        Self {
            broker,
            messenger,
            versions,
            kill,
            gate,
            turn: Mutex::default(),
            used: Mutex::new(Instant::now()),
            #[cfg(feature = "sasl")]
            session: super::sasl::Session::default(),
        }
    }

    /// The broker's address.
    pub(super) fn broker(&self) -> &BrokerAddr {
        &self.broker
    }

    #[cfg(feature = "sasl")]
    pub(super) fn session(&self) -> &super::sasl::Session {
        &self.session
    }

    /// Whether it has ended.
    pub(super) fn is_ended(&self) -> bool {
        self.kill.reason().is_some()
    }

    /// Whether it ended as with a client that has not said who it is.
    pub(crate) fn is_unwelcome(&self) -> bool {
        self.kill.ending().is_some_and(|ending| ending.fault == Fault::Unwelcome)
    }

    /// It is given to a caller: how long nobody had it.
    pub(crate) fn touch(&self) -> Duration {
        let mut used = self.used.lock().unwrap_or_else(PoisonError::into_inner);
        std::mem::replace(&mut *used, Instant::now()).elapsed()
    }

    /// Whether nobody uses it, and nobody has for a while.
    pub(super) fn is_idle(self: &Arc<Self>, limit: Duration) -> bool {
        let used = self.used.lock().unwrap_or_else(PoisonError::into_inner);
        // Whoever calls on it shares it; only its slot is left here.
        Arc::strong_count(self) == 1 && used.elapsed() >= limit
    }

    /// Ends it, and with it every call in flight.
    pub(super) fn end(&self, reason: &str) {
        self.kill.kill(reason);
    }

    /// Holds back what is written after this.
    #[cfg(feature = "sasl")]
    pub(super) fn close_gate(&self) {
        let _turn = self.turn.lock().unwrap_or_else(PoisonError::into_inner);
        self.gate.close();
    }

    /// Lets go what was held back, and what is written from now on.
    #[cfg(feature = "sasl")]
    pub(super) fn open_gate(&self) {
        let _turn = self.turn.lock().unwrap_or_else(PoisonError::into_inner);
        self.gate.open();
    }

    /// Sends `request` and waits at most `limit` for the answer. Requests go out in the order of their first poll.
    ///
    /// # Errors
    /// Time ran out, the connection ended, the answer is broken. Each says truthfully whether the request may have
    /// taken effect.
    ///
    /// # Cancel safety
    /// A request that was begun is sent in full; its answer is dropped.
    pub(crate) async fn call<A: Api>(self: &Arc<Self>, request: &A, limit: Duration) -> Result<A::Answer, Error> {
        #[cfg(feature = "sasl")]
        self.renew_if_due();
        match timeout(limit, self.request(request, false)).await {
            Ok(answer) => answer,
            Err(_) => {
                let name = api_name(A::KEY);
                // An answer that comes later would be taken for the answer to the next request.
                self.kill.kill(format!("{name} got no answer within {limit:?}"));
                let what = format!("{name} to {}", self.broker);
                Err(Error::new(ErrorKind::Timeout { what, after: limit }).with_maybe_applied(has_effect(A::KEY)))
            }
        }
    }

    /// Sends `request`, past the closed gate or not, and waits for the answer without a limit of its own.
    pub(super) async fn request<A: Api>(&self, request: &A, pass: bool) -> Result<A::Answer, Error> {
        if let Some(reason) = self.kill.reason() {
            return Err(Error::new(ErrorKind::Disconnected { broker: self.broker.clone(), reason }));
        }
        if !self.versions.contains_key(&A::KEY) {
            return Err(self.unsupported::<A>());
        }
        // Messenger writes under a lock of its own. With every write done in a first poll that cannot wait (for the
        // stream, for that lock, for the runtime's budget), no future holds it between polls: one that nobody polls
        // again holds nobody up, and frames do not mix on two threads.
        let mut answer = pin!(unconstrained(self.messenger.request(Call(request))));
        let mut written = false;
        let answer = std::future::poll_fn(|cx| {
            if written {
                return answer.as_mut().poll(cx);
            }
            written = true;
            let _turn = self.turn.lock().unwrap_or_else(PoisonError::into_inner);
            self.gate.let_pass(pass);
            answer.as_mut().poll(cx)
        });
        match answer.await {
            Ok(answer) => Ok(answer.into_inner()),
            Err(error) => Err(self.failed::<A>(error)),
        }
    }

    fn unsupported<A: Api>(&self) -> Error {
        Error::new(ErrorKind::UnsupportedVersion { broker: self.broker.clone(), api: api_name(A::KEY) })
    }

    fn failed<A: Api>(&self, error: RequestError) -> Error {
        match error {
            RequestError::NoVersionMatch { .. } => self.unsupported::<A>(),
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
