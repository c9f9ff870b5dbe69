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
    /// Nothing is done, and every place of the answer that can report an error reports this one; for one
    /// [partition](Planned::on), only its place, and the rest of the request is done.
    Error(ErrorCode),
    /// It is done and answered this much later, even if the client has gone away by then.
    Delay(Duration),
    /// Nothing is done, and the connection is closed.
    Disconnect,
    /// Nothing is done, and neither this request nor a later one on its connection is answered.
    Silence,
    /// It is done and answered at once, with this throttle time; the connection is not read for as long (KIP-219).
    Throttle(Duration),
    /// It is done, and then this happens to its answer: the outcome the client does not learn.
    ApplyThen(Box<Fault>),
}

impl Fault {
    /// The same fault for this many requests in a row.
    pub fn times(self, times: u32) -> Planned {
        Planned::from(self).times(times)
    }

    /// The fault for a request that comes after this many others of its kind.
    pub fn after(self, requests: u32) -> Planned {
        Planned::from(self).after(requests)
    }

    /// The fault for a request that names this partition.
    pub fn on(self, topic: impl Into<String>, partition: i32) -> Planned {
        Planned::from(self).on(topic, partition)
    }

    /// The fault for a request to this node.
    pub fn at_node(self, node: i32) -> Planned {
        Planned::from(self).at_node(node)
    }

    /// Does the request's work, and then this to its answer.
    #[must_use]
    pub fn after_applying(self) -> Self {
        Self::ApplyThen(Box::new(self))
    }
}

/// A fault, how often it happens, and to which requests.
#[derive(Clone, Debug)]
#[must_use]
pub struct Planned {
    fault: Fault,
    times: u32,
    after: u32,
    node: Option<i32>,
    partition: Option<(String, i32)>,
}

impl From<Fault> for Planned {
    fn from(fault: Fault) -> Self {
        Self { fault, times: 1, after: 0, node: None, partition: None }
    }
}

impl Planned {
    /// How many requests it happens to. Default 1.
    pub fn times(self, times: u32) -> Self {
        Self { times, ..self }
    }

    /// How many requests that it could happen to are spared before. Default 0.
    pub fn after(self, requests: u32) -> Self {
        Self { after: requests, ..self }
    }

    /// Only to requests that name this partition: Produce, Fetch, ListOffsets, OffsetForLeaderEpoch, DeleteRecords and
    /// OffsetCommit do. Others it never happens to.
    pub fn on(self, topic: impl Into<String>, partition: i32) -> Self {
        Self { partition: Some((topic.into(), partition)), ..self }
    }

    /// Only to requests to this node.
    pub fn at_node(self, node: i32) -> Self {
        Self { node: Some(node), ..self }
    }

    /// Whether it happens to a request that it could happen to.
    fn strikes(&mut self) -> bool {
        match (self.after, self.times) {
            (0, 0) => false,
            (0, _) => {
                self.times -= 1;
                true
            }
            _ => {
                self.after -= 1;
                false
            }
        }
    }
}

/// The faults a broker still has to make, in the order they were added. Cloning shares them.
#[derive(Clone, Debug, Default)]
pub struct Faults(Arc<Mutex<VecDeque<(Api, Planned)>>>);

/// A fault that happens now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Struck {
    pub(crate) fault: Fault,
    /// The one partition that is meant.
    pub(crate) partition: Option<(String, i32)>,
}

impl Faults {
    /// Makes the next request of this kind (or those the [`Planned`] says) go wrong, after those added before.
    pub fn add(&self, api: Api, fault: impl Into<Planned>) {
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

    /// The fault for a request that has just arrived at a node; `names` tells which partitions it names.
    pub(crate) fn strike(&self, api: Api, node: i32, names: impl Fn(&str, i32) -> bool) -> Option<Struck> {
        let mut script = self.script();
        script.retain(|(_, planned)| planned.times > 0);
        let could = |planned: &Planned| {
            planned.node.is_none_or(|at| at == node)
                && planned.partition.as_ref().is_none_or(|(topic, partition)| names(topic, *partition))
        };
        let mut candidates = script.iter_mut().filter(|(of, planned)| *of == api && could(planned));
        let (_, planned) = candidates.find_map(|(api, planned)| planned.strikes().then_some((api, planned)))?;
        Some(Struck { fault: planned.fault.clone(), partition: planned.partition.clone() })
    }

    fn script(&self) -> std::sync::MutexGuard<'_, VecDeque<(Api, Planned)>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn strike(faults: &Faults, api: Api) -> Option<Fault> {
        faults.strike(api, 1, |_, _| false).map(|struck| struck.fault)
    }

    #[test]
    fn faults_come_in_order_and_only_for_their_request() {
        let faults = Faults::default();
        faults.add(Api::Produce, Fault::Disconnect.times(2));
        faults.add(Api::Fetch, Fault::Silence);
        faults.add(Api::Produce, Fault::Silence.after_applying());
        assert_eq!(faults.remaining(Api::Produce), 3);
        assert_eq!(strike(&faults, Api::Metadata), None);
        let made: Vec<_> = std::iter::from_fn(|| strike(&faults, Api::Produce)).collect();
        assert_eq!(made, [Fault::Disconnect, Fault::Disconnect, Fault::ApplyThen(Box::new(Fault::Silence))]);
        assert_eq!((faults.remaining(Api::Produce), faults.remaining(Api::Fetch)), (0, 1));
        faults.clear();
        assert_eq!(strike(&faults, Api::Fetch), None);
    }

    #[test]
    fn requests_are_spared_or_passed_over() {
        let faults = Faults::default();
        faults.add(Api::Produce, Fault::Disconnect.after(2).times(2));
        let made: Vec<_> = (0..5).map(|_| strike(&faults, Api::Produce).is_some()).collect();
        assert_eq!(made, [false, false, true, true, false]);
        faults.add(Api::Produce, Fault::Silence.on("orders", 1).at_node(2));
        let check = |node, topic: &str, partition, expected| {
            let struck = faults.strike(Api::Produce, node, |wanted, index| (wanted, index) == (topic, partition));
            assert_eq!(struck.is_some(), expected, "{topic}-{partition} at {node}");
        };
        check(1, "orders", 1, false);
        check(2, "orders", 0, false);
        check(2, "payments", 1, false);
        check(2, "orders", 1, true);
        check(2, "orders", 1, false);
    }
}
