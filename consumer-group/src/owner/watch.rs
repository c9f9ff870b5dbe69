//! The leader's eye on the partition counts of the group's topics.

use std::{sync::Arc, time::Duration};

use crate::{assignor::PartitionCounts, coordinator::GroupTopics};

/// How soon to look again while a topic does not exist.
const MISSING_INTERVAL: Duration = Duration::from_secs(1);

/// What the leader assigned, and when to compare it with what is there.
#[derive(Debug)]
pub(crate) struct Watch {
    interval: Duration,
    group: Option<GroupTopics>,
    due: Duration,
}

impl Watch {
    pub(crate) fn new(interval: Duration) -> Self {
        Self { interval, group: None, due: Duration::ZERO }
    }

    /// This member has led an assignment based on `group`, or has not.
    pub(crate) fn reset(&mut self, now: Duration, group: Option<GroupTopics>) {
        self.group = group;
        self.looked(now);
    }

    /// When to look, if there is something to watch.
    pub(crate) fn due(&self) -> Option<Duration> {
        self.group.as_ref().map(|_| self.due)
    }

    pub(crate) fn topics(&self) -> Vec<Arc<str>> {
        self.group.as_ref().map(|group| group.topics.clone()).unwrap_or_default()
    }

    /// Plans the next look.
    pub(crate) fn looked(&mut self, now: Duration) {
        let whole = self.group.as_ref().is_none_or(|group| group.counts.len() == group.topics.len());
        self.due = now.saturating_add(if whole { self.interval } else { MISSING_INTERVAL.min(self.interval) });
    }

    /// Whether the counts are not those of the assignment.
    pub(crate) fn has_changed(&self, counts: &PartitionCounts) -> bool {
        self.group.as_ref().is_some_and(|group| group.counts != *counts)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_looks_seldom_unless_a_topic_is_missing() {
        let mut watch = Watch::new(Duration::from_secs(300));
        assert_eq!(watch.due(), None);
        let mut group = GroupTopics { topics: vec!["a".into(), "b".into()], counts: [("a".into(), 3)].into() };
        watch.reset(Duration::ZERO, Some(group.clone()));
        assert_eq!(watch.due(), Some(Duration::from_secs(1)));
        assert!(!watch.has_changed(&group.counts));
        group.counts.insert("b".into(), 1);
        assert!(watch.has_changed(&group.counts));
        watch.reset(Duration::ZERO, Some(group));
        assert_eq!(watch.due(), Some(Duration::from_secs(300)));
    }
}
