//! A consumer's settings.

use std::{collections::BTreeMap, fmt, sync::Arc, time::Duration};

use ottla_kafka_core::{Error, FetchConfig, OffsetReset, StartPosition, TopicPartition};
use regex::Regex;

use crate::{assignor::Assignor, membership};

/// A consumer's settings, once they are checked.
#[derive(Clone)]
pub(crate) struct GroupConfig {
    pub(crate) group_id: String,
    pub(crate) instance_id: Option<String>,
    /// Sorted, each once.
    pub(crate) topics: Vec<Arc<str>>,
    /// Instead of topics; or what is wrong with it.
    pub(crate) pattern: Option<Result<Regex, String>>,
    /// Without a group: what is read instead of topics.
    pub(crate) assigned: Option<BTreeMap<TopicPartition, StartPosition>>,
    pub(crate) session_timeout: Duration,
    pub(crate) heartbeat_interval: Duration,
    pub(crate) max_poll_interval: Duration,
    pub(crate) revoke_drain: Duration,
    pub(crate) offset_reset: OffsetReset,
    pub(crate) metadata_max_age: Duration,
    pub(crate) commit_timeout: Duration,
    /// In the order of preference.
    pub(crate) assignors: Vec<Assignor>,
}

impl GroupConfig {
    pub(crate) fn new(group_id: String) -> Self {
        Self {
            group_id,
            instance_id: None,
            topics: Vec::new(),
            pattern: None,
            assigned: None,
            session_timeout: Duration::from_secs(45),
            heartbeat_interval: Duration::from_secs(3),
            max_poll_interval: Duration::from_secs(300),
            revoke_drain: Duration::from_secs(10),
            offset_reset: OffsetReset::default(),
            metadata_max_age: Duration::from_secs(300),
            commit_timeout: Duration::from_secs(30),
            assignors: vec![Assignor::Range],
        }
    }

    /// The pattern that is subscribed to, if topics are not named.
    pub(crate) fn pattern(&self) -> Option<&Regex> {
        self.pattern.as_ref()?.as_ref().ok()
    }

    /// Subscribes to the topics whose whole name matches.
    pub(crate) fn set_pattern(&mut self, pattern: &str) {
        self.pattern = Some(Regex::new(&format!("^(?:{pattern})$")).map_err(|_| pattern.to_owned()));
    }

    /// As the protocol has it; [`problems`](Self::problems) made sure that it fits.
    pub(crate) fn millis(&self, duration: Duration) -> i32 {
        i32::try_from(duration.as_millis()).unwrap_or(i32::MAX)
    }

    pub(crate) fn membership(&self) -> membership::Settings {
        membership::Settings {
            session_timeout: self.session_timeout,
            heartbeat_interval: self.heartbeat_interval,
            max_poll_interval: self.max_poll_interval,
            revoke_drain: self.revoke_drain,
            is_static: self.instance_id.is_some(),
            alone: self.assigned.as_ref().map(|assigned| membership::Alone {
                partitions: assigned.keys().cloned().collect(),
                commits: !self.group_id.is_empty(),
            }),
        }
    }

    /// # Errors
    /// Every setting that is not valid, named together.
    pub(crate) fn check(&self, fetch: &FetchConfig) -> Result<(), Error> {
        let fetch = fetch.validate().err().map(|error| error.to_string());
        let problems = match &self.assigned {
            Some(assigned) => assignment_problems(assigned),
            None => self.problems().into_iter().flatten().collect(),
        };
        let problems: Vec<String> = problems.into_iter().chain(fetch).collect();
        if problems.is_empty() { Ok(()) } else { Err(Error::invalid(problems.join("; "))) }
    }

    fn problems(&self) -> [Option<String>; 10] {
        let unless = |fine: bool, problem: String| (!fine).then_some(problem);
        let (session, heartbeat) = (self.session_timeout, self.heartbeat_interval);
        let (poll, drain) = (self.max_poll_interval, self.revoke_drain);
        let named = |name: &str| !name.is_empty() && name.len() <= 249;
        [
            unless(!self.group_id.is_empty(), "group.id is empty".to_owned()),
            unless(!self.topics.is_empty() || self.pattern.is_some(), "no topic is subscribed to".to_owned()),
            unless(
                self.topics.is_empty() || self.pattern.is_none(),
                "both topics and a pattern are subscribed to".to_owned(),
            ),
            self.pattern
                .as_ref()
                .and_then(|pattern| pattern.as_ref().err())
                .map(|pattern| format!("the pattern '{}' is not a regular expression", pattern.escape_debug())),
            unless(
                self.topics.iter().all(|topic| named(topic)),
                "a topic's name is empty or longer than 249 bytes".to_owned(),
            ),
            unless(!self.assignors.is_empty(), "partition.assignment.strategy is empty".to_owned()),
            unless(
                self.instance_id.as_deref().is_none_or(named),
                "group.instance.id is empty or longer than 249 bytes".to_owned(),
            ),
            // Kafka's advice; one lost heartbeat must not end the session.
            unless(
                !heartbeat.is_zero() && heartbeat.saturating_mul(3) <= session,
                format!(
                    "heartbeat.interval.ms ({heartbeat:?}) must be at most a third of session.timeout.ms ({session:?})"
                ),
            ),
            unless(
                !poll.is_zero() && drain.saturating_mul(3) <= poll,
                format!("revoke.drain ({drain:?}) must be at most a third of max.poll.interval.ms ({poll:?})"),
            ),
            unless(
                [session, poll, self.metadata_max_age].iter().all(|d| d.as_millis() <= i32::MAX as u128),
                "a time exceeds Kafka's 2^31 − 1 ms".to_owned(),
            ),
        ]
    }
}

fn assignment_problems(assigned: &BTreeMap<TopicPartition, StartPosition>) -> Vec<String> {
    let mut problems = Vec::new();
    if assigned.is_empty() {
        problems.push("no partition is assigned".to_owned());
    }
    for (tp, start) in assigned {
        if tp.topic().is_empty() || tp.partition() < 0 {
            problems.push(format!("there can be no partition {tp}"));
        }
        if let StartPosition::Offset(offset @ ..0) = start {
            problems.push(format!("offset {offset} of {tp} is negative"));
        }
    }
    problems
}

impl fmt::Debug for GroupConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("GroupConfig")
            .field("group_id", &self.group_id)
            .field("instance_id", &self.instance_id)
            .field("topics", &self.topics)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(change: impl FnOnce(&mut GroupConfig), expected: &[&str]) {
        check_with(50 << 20, change, expected);
    }

    fn check_with(fetch_bytes: i32, change: impl FnOnce(&mut GroupConfig), expected: &[&str]) {
        let mut config = GroupConfig::new("g".to_owned());
        config.topics = vec!["t".into()];
        change(&mut config);
        let text = config
            .check(&FetchConfig::default().max_bytes(fetch_bytes))
            .err()
            .map(|error| error.to_string())
            .unwrap_or_default();
        assert_eq!(text.split("; ").filter(|problem| !problem.is_empty()).count(), expected.len(), "{text}");
        for part in expected {
            assert!(text.contains(part), "{part} is missing from: {text}");
        }
    }

    #[test]
    fn settings_are_checked_together() {
        check(|_| {}, &[]);
        check(|c| c.group_id.clear(), &["group.id"]);
        check(|c| c.topics.clear(), &["no topic"]);
        check(|c| c.topics.push("".into()), &["a topic's name"]);
        check(|c| c.set_pattern("orders-.*"), &["both topics and a pattern"]);
        check(|c| [c.topics.clear(), c.set_pattern("orders-.*")].into_iter().collect(), &[]);
        check(|c| [c.topics.clear(), c.set_pattern("orders-(")].into_iter().collect(), &["'orders-(' is not"]);
        check_with(1, |c| c.topics.clear(), &["no topic", "fetch.max.bytes"]);
        check(|c| c.assignors.clear(), &["partition.assignment.strategy"]);
        check(|c| c.instance_id = Some(String::new()), &["group.instance.id"]);
        check(|c| c.heartbeat_interval = Duration::from_secs(16), &["heartbeat.interval.ms"]);
        check(|c| c.revoke_drain = Duration::from_secs(101), &["revoke.drain"]);
        check(|c| c.session_timeout = Duration::from_secs(1 << 40), &["2^31"]);
        check(
            |c| {
                c.topics.clear();
                c.session_timeout = Duration::ZERO;
                c.max_poll_interval = Duration::ZERO;
            },
            &["no topic", "heartbeat.interval.ms", "max.poll.interval.ms"],
        );
    }
    #[test]
    fn a_pattern_matches_whole_names() {
        let check = |pattern: &str, name: &str, expected: bool| {
            let mut config = GroupConfig::new("g".to_owned());
            config.set_pattern(pattern);
            assert_eq!(config.pattern().map(|p| p.is_match(name)), Some(expected), "{pattern} of {name}");
        };
        check("orders", "orders", true);
        check("orders", "orders-dlq", false);
        check("orders|payments", "payments", true);
        check("orders|payments", "old-payments", false);
        check("^orders-.*$", "orders-dlq", true);
    }
    #[test]
    fn an_assignment_needs_no_group_but_partitions_that_can_be() {
        let tp = TopicPartition::new;
        let earliest = StartPosition::Earliest;
        let alone = |assigned: &[(TopicPartition, StartPosition)]| {
            let mut config = GroupConfig::new(String::new());
            config.assigned = Some(assigned.iter().cloned().collect());
            config
        };
        check(|c| *c = alone(&[(tp("t", 0), earliest)]), &[]);
        check(|c| *c = alone(&[]), &["no partition"]);
        let both = [(tp("t", 0), StartPosition::Offset(-1)), (tp("t", -1), earliest)];
        check(|c| *c = alone(&both), &["offset -1", "t--1"]);
    }
}
