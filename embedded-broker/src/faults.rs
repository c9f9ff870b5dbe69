//! Faults on demand, so that a test meets what a network or a broker does once a year.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use ottla_kafka_core::ErrorCode;

use crate::api::Api;

/// What goes wrong with one request.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Fault {
    /// Nothing is done, and every place of the answer that can report an error reports this one.
    Error(ErrorCode),
    /// It is done and answered this much later, even if the client has gone away by then.
    Delay(Duration),
    /// Nothing is done, and the connection is closed.
    Disconnect,
    /// Nothing is done, and neither this request nor a later one on its connection is answered.
    Silence,
    /// It is done, and then this happens to its answer: the outcome the client does not learn.
    ApplyThen(Box<Fault>),
}

impl Fault {
    /// The same fault for this many requests in a row.
    pub fn times(self, times: u32) -> Repeated {
        Repeated { fault: self, times }
    }

    /// Does the request's work, and then this to its answer.
    #[must_use]
    pub fn after_applying(self) -> Self {
        Self::ApplyThen(Box::new(self))
    }
}

/// A fault and how often it happens.
#[derive(Clone, Debug)]
pub struct Repeated {
    fault: Fault,
    times: u32,
}

impl From<Fault> for Repeated {
    fn from(fault: Fault) -> Self {
        fault.times(1)
    }
}

/// The faults a broker still has to make, in the order they were added. Cloning shares them.
#[derive(Clone, Debug, Default)]
pub struct Faults(Arc<Mutex<VecDeque<(Api, Repeated)>>>);

impl Faults {
    /// Makes the next request of this kind (or the next few: [`Fault::times`]) go wrong, after those added before.
    pub fn add(&self, api: Api, fault: impl Into<Repeated>) {
        self.script().push_back((api, fault.into()));
    }

    /// How many requests of this kind have still to go wrong.
    pub fn remaining(&self, api: Api) -> u32 {
        self.script().iter().filter(|(of, _)| *of == api).fold(0, |sum, (_, left)| sum.saturating_add(left.times))
    }

    /// Lets everything go right again.
    pub fn clear(&self) {
        self.script().clear();
    }

    /// The fault for a request that has just arrived.
    pub(crate) fn take(&self, api: Api) -> Option<Fault> {
        let mut script = self.script();
        script.retain(|(_, repeated)| repeated.times > 0);
        let (_, repeated) = script.iter_mut().find(|(of, _)| *of == api)?;
        repeated.times -= 1;
        Some(repeated.fault.clone())
    }

    fn script(&self) -> std::sync::MutexGuard<'_, VecDeque<(Api, Repeated)>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn faults_come_in_order_and_only_for_their_request() {
        let faults = Faults::default();
        faults.add(Api::Produce, Fault::Disconnect.times(2));
        faults.add(Api::Fetch, Fault::Silence);
        faults.add(Api::Produce, Fault::Silence.after_applying());
        assert_eq!(faults.remaining(Api::Produce), 3);
        assert_eq!(faults.take(Api::Metadata), None);
        let made: Vec<_> = std::iter::from_fn(|| faults.take(Api::Produce)).collect();
        assert_eq!(made, [Fault::Disconnect, Fault::Disconnect, Fault::ApplyThen(Box::new(Fault::Silence))]);
        assert_eq!((faults.remaining(Api::Produce), faults.remaining(Api::Fetch)), (0, 1));
        faults.clear();
        assert_eq!(faults.take(Api::Fetch), None);
    }
}
