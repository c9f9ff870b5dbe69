//! The eye on the cluster: the leader's on the partition counts of the group's topics, and on the topics that a pattern
//! matches.

use std::{sync::Arc, time::Duration};

use crate::coordinator::{GroupTopics, Surroundings};

/// How soon to look again while a topic does not exist.
const MISSING_INTERVAL: Duration = Duration::from_secs(1);

/// What the group is based on, and when to compare it with what is there.
#[derive(Debug)]
pub(crate) struct Watch {
    interval: Duration,
    /// What this member joined with.
    subscription: Vec<Arc<str>>,
    /// What it assigned, if it leads.
    group: Option<GroupTopics>,
    due: Duration,
}

impl Watch {
    pub(crate) fn new(interval: Duration) -> Self {
        Self { interval, subscription: Vec::new(), group: None, due: Duration::ZERO }
    }

    /// This member joins with these topics.
    pub(crate) fn subscribed(&mut self, subscription: Vec<Arc<str>>) {
        self.subscription = subscription;
    }

    /// This member has led an assignment based on `group`, or has not.
    pub(crate) fn reset(&mut self, now: Duration, group: Option<GroupTopics>) {
        self.group = group;
        self.looked(now);
    }

    /// When to look.
    pub(crate) fn due(&self) -> Duration {
        self.due
    }

    /// The topics that the leader counts.
    pub(crate) fn topics(&self) -> Vec<Arc<str>> {
        self.group.as_ref().map(|group| group.topics.clone()).unwrap_or_default()
    }

    /// Plans the next look.
    pub(crate) fn looked(&mut self, now: Duration) {
        let counted = self.group.as_ref().is_none_or(|group| group.counts.len() == group.topics.len());
        let whole = counted && !self.subscription.is_empty();
        self.due = now.saturating_add(if whole { self.interval } else { MISSING_INTERVAL.min(self.interval) });
    }

    /// Whether the cluster is not what the group is based on any more.
    pub(crate) fn has_changed(&self, around: &Surroundings) -> bool {
        around.subscription != self.subscription
            || self.group.as_ref().is_some_and(|group| group.counts != around.counts)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn topics(names: &str) -> Vec<Arc<str>> {
        names.split_whitespace().map(Arc::from).collect()
    }

    #[test]
    fn it_looks_seldom_unless_a_topic_is_missing() {
        let mut watch = Watch::new(Duration::from_secs(300));
        watch.subscribed(topics("a b"));
        let mut group = GroupTopics { topics: topics("a b"), counts: [("a".into(), 3)].into() };
        watch.reset(Duration::ZERO, Some(group.clone()));
        assert_eq!(watch.due(), Duration::from_secs(1), "b is missing");
        group.counts.insert("b".into(), 1);
        watch.reset(Duration::ZERO, Some(group));
        assert_eq!(watch.due(), Duration::from_secs(300));
        watch.subscribed(topics(""));
        watch.reset(Duration::ZERO, None);
        assert_eq!(watch.due(), Duration::from_secs(1), "nothing matches yet");
    }

    #[test]
    fn counts_concern_the_leader_and_topics_who_subscribed_to_them() {
        let mut watch = Watch::new(Duration::from_secs(300));
        watch.subscribed(topics("a"));
        let mut around = Surroundings { counts: [("a".into(), 3)].into(), subscription: topics("a") };
        watch.reset(Duration::ZERO, None);
        assert!(!watch.has_changed(&around), "it counts nothing");
        watch.reset(Duration::ZERO, Some(GroupTopics { topics: topics("a"), counts: around.counts.clone() }));
        assert!(!watch.has_changed(&around));
        around.counts.insert("a".into(), 4);
        assert!(watch.has_changed(&around), "more partitions");
        around.counts.insert("a".into(), 3);
        around.subscription = topics("a b");
        assert!(watch.has_changed(&around), "one more topic matches");
        around.subscription = topics("");
        assert!(watch.has_changed(&around), "it was deleted");
    }
}
