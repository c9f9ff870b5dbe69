//! Why a connection ended, and the switch that ends it.

use std::{
    io,
    sync::{Arc, Mutex, PoisonError},
};

use futures_util::task::AtomicWaker;

use crate::{
    connector::BrokerAddr,
    error::{Error, ErrorKind},
};

/// Why a connection ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Ending {
    pub(super) fault: Fault,
    pub(super) reason: String,
}

/// What an ending says of who is at the other end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fault {
    /// Nothing: the network, the broker or a caller ended it.
    Lost,
    /// It told its versions and closed at the first request: as who wants SASL does, or a broker that goes down.
    Unwelcome,
    /// It is no Kafka broker, or its listener is another kind.
    NotKafka,
    /// TLS failed after the handshake: TLS 1.3 refuses a client's certificate only then.
    #[cfg(feature = "tls")]
    Tls,
}

impl Ending {
    pub(super) fn new(fault: Fault, reason: impl Into<String>) -> Self {
        Self { fault, reason: reason.into() }
    }

    /// What an error of the stream means.
    pub(super) fn of(error: &io::Error) -> Self {
        #[cfg(feature = "tls")]
        if let Some(reason) = crate::security::tls_fault(error) {
            return Self::new(Fault::Tls, reason);
        }
        Self::new(Fault::Lost, error.to_string())
    }

    /// The error of a connection that ended so before it was of use.
    pub(super) fn error(self, broker: &BrokerAddr) -> Error {
        let (broker, detail) = (broker.clone(), self.reason);
        Error::new(match self.fault {
            Fault::Lost | Fault::Unwelcome => ErrorKind::Disconnected { broker, reason: detail },
            Fault::NotKafka => ErrorKind::NotKafka { broker, detail },
            #[cfg(feature = "tls")]
            Fault::Tls => ErrorKind::Tls { broker, detail },
        })
    }
}

/// Ends a connection from outside. The Messenger is borrowed by the calls in flight, so dropping it is not enough.
#[derive(Clone, Debug, Default)]
pub(super) struct KillSwitch(Arc<Switch>);

#[derive(Debug, Default)]
struct Switch {
    ending: Mutex<Option<Ending>>,
    reader: AtomicWaker,
}

impl KillSwitch {
    /// Ends the connection, unless it has ended: the next read fails and with it every call in flight.
    pub(super) fn kill(&self, reason: impl Into<String>) {
        self.end(Ending::new(Fault::Lost, reason));
    }

    /// The same, with what the ending says of the other end.
    pub(super) fn end(&self, ending: Ending) {
        self.0.ending.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(ending);
        self.0.reader.wake();
    }

    /// Why the connection ended, if it has.
    pub(super) fn ending(&self) -> Option<Ending> {
        self.0.ending.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The same in words.
    pub(super) fn reason(&self) -> Option<String> {
        self.ending().map(|ending| ending.reason)
    }

    /// Who is to be woken when it is thrown.
    pub(super) fn reader(&self) -> &AtomicWaker {
        &self.0.reader
    }
}
