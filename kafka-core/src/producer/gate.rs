use std::sync::atomic::{AtomicU8, Ordering};

const WAITING: u8 = 0;
const LEFT: u8 = 1;
const SHUT: u8 = 2;

/// Where a request waits for its connection. Who gives up one of its batches meanwhile keeps all of it from leaving, and
/// can then say truthfully that the batch was not sent.
#[derive(Debug, Default)]
pub(super) struct Gate(AtomicU8);

impl Gate {
    /// The request leaves now, unless the gate was shut before.
    pub(super) fn leave(&self) -> bool {
        self.0.compare_exchange(WAITING, LEFT, Ordering::AcqRel, Ordering::Acquire).is_ok()
    }

    /// Keeps the request from leaving; false if it has left.
    pub(super) fn shut(&self) -> bool {
        self.0.compare_exchange(WAITING, SHUT, Ordering::AcqRel, Ordering::Acquire) != Err(LEFT)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_left_is_not_kept_and_what_is_kept_does_not_leave() {
        let gate = Gate::default();
        assert!(gate.leave() && !gate.shut());
        let gate = Gate::default();
        assert!(gate.shut() && gate.shut() && !gate.leave());
    }
}
