use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use futures_util::task::AtomicWaker;

/// Holds requests back while the connection authenticates again (KIP-368): a broker takes nothing else meanwhile. They
/// keep their order, and their callers need not wait for a turn.
#[derive(Clone, Debug, Default)]
pub(super) struct Gate(Arc<State>);

#[derive(Debug, Default)]
struct State {
    closed: AtomicBool,
    passing: AtomicBool,
    reader: AtomicWaker,
}

#[cfg_attr(not(feature = "sasl"), allow(dead_code, reason = "only an authentication closes it"))]
impl Gate {
    /// Holds back what is written from now on.
    pub(super) fn close(&self) {
        self.0.closed.store(true, Ordering::SeqCst);
    }

    /// Lets go what was held back.
    pub(super) fn open(&self) {
        self.0.closed.store(false, Ordering::SeqCst);
        self.0.reader.wake();
    }

    /// Whether what is written next passes the closed gate. One frame is written at a time.
    pub(super) fn let_pass(&self, passing: bool) {
        self.0.passing.store(passing, Ordering::SeqCst);
    }

    /// Whether what is written now is held back.
    pub(super) fn holds(&self) -> bool {
        self.is_closed() && !self.0.passing.load(Ordering::SeqCst)
    }

    pub(super) fn is_closed(&self) -> bool {
        self.0.closed.load(Ordering::SeqCst)
    }

    /// Who is to be woken when it opens.
    pub(super) fn reader(&self) -> &AtomicWaker {
        &self.0.reader
    }
}
