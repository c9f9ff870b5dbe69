//! A worker's settings, and what is refused before it starts.

use std::{collections::BTreeMap, fmt, sync::Arc, time::Duration};

use super::{ports::GroupFacts, route::Route};

/// The settings of a worker that its lanes and its loop share.
#[derive(Clone, Debug)]
pub(super) struct Settings {
    pub(super) handler_timeout: Duration,
    pub(super) max_in_flight: usize,
    pub(super) commit_interval: Duration,
    pub(super) commit_every: usize,
    pub(super) commit_timeout: Duration,
    pub(super) shutdown_grace: Duration,
    pub(super) stall_after: Duration,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            handler_timeout: Duration::from_secs(30),
            max_in_flight: 1_000,
            commit_interval: Duration::from_secs(1),
            commit_every: 1_000,
            commit_timeout: Duration::from_secs(30),
            shutdown_grace: Duration::from_secs(20),
            stall_after: Duration::from_secs(10),
        }
    }
}

/// Settings that contradict each other or make no sense: all of them, each naming what it is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigError {
    problems: Vec<String>,
}

impl ConfigError {
    /// Every problem.
    pub fn problems(&self) -> &[String] {
        &self.problems
    }
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the worker cannot start: {}", self.problems.join("; "))
    }
}

impl std::error::Error for ConfigError {}

/// Checks everything at once.
pub(super) fn check(
    settings: &Settings,
    routes: &BTreeMap<Arc<str>, Route>,
    group: &GroupFacts,
) -> Result<(), ConfigError> {
    let mut problems = Vec::new();
    bounds(settings, &mut problems);
    rebalance(settings, group, &mut problems);
    if routes.is_empty() {
        problems.push("there is no route: no record could be handled".to_owned());
    }
    let subscribed = |topic: &Arc<str>| group.topics.contains(topic);
    for topic in group.topics.iter().filter(|topic| !routes.contains_key(*topic)) {
        problems.push(format!("the consumer subscribes to {topic}, which has no route"));
    }
    for topic in routes.keys().filter(|topic| !subscribed(topic)) {
        problems.push(format!("there is a route for {topic}, which the consumer does not subscribe to"));
    }
    for (topic, route) in routes {
        problems.extend(route.retry.problems(&format!("route {topic}")));
        problems.extend(route.dead_letters.problems(topic));
        problems.extend(route.concurrency.problem(topic, settings.max_in_flight));
        let letters = route.dead_letters.topic_for(topic);
        // A consumer of dead letters is fine (its own go elsewhere); two routes that feed each other are a circle.
        let back = routes.get(&letters).map(|route| route.dead_letters.topic_for(&letters));
        if letters != *topic && back.as_deref() == Some(&**topic) {
            problems.push(format!("routes {topic} and {letters} are each other's dead letter topics"));
        }
    }
    if problems.is_empty() { Ok(()) } else { Err(ConfigError { problems }) }
}

fn bounds(settings: &Settings, problems: &mut Vec<String>) {
    let Settings { handler_timeout, max_in_flight, commit_interval, commit_every, commit_timeout, .. } = settings;
    for (name, zero) in [
        ("handler.timeout", handler_timeout.is_zero()),
        ("commit.interval", commit_interval.is_zero()),
        ("commit.timeout", commit_timeout.is_zero()),
        ("stall.after", settings.stall_after.is_zero()),
        ("commit.every", *commit_every == 0),
        ("max.in.flight", *max_in_flight == 0),
    ] {
        if zero {
            problems.push(format!("{name} is 0: nothing could be done"));
        }
    }
}

fn rebalance(settings: &Settings, group: &GroupFacts, problems: &mut Vec<String>) {
    let (handler, commit) = (settings.handler_timeout, settings.commit_timeout);
    let (drain, rebalance) = (group.revoke_drain, group.rebalance_timeout);
    let needed = handler.saturating_add(drain).saturating_add(commit);
    if needed > rebalance {
        problems.push(format!(
            "handler.timeout {handler:?} + revoke.drain {drain:?} + commit.timeout {commit:?} = {needed:?} exceed the \
             rebalance timeout (max.poll.interval) {rebalance:?}: a rebalance would not wait for the last record"
        ));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Concurrency, DeadLetters, Raw, RetryPolicy, RetrySchedule};

    fn facts() -> GroupFacts {
        GroupFacts {
            group_id: "g".into(),
            topics: Vec::new(),
            rebalance_timeout: Duration::from_secs(300),
            revoke_drain: Duration::from_secs(10),
        }
    }

    fn route() -> Route {
        Route::new(Raw, async |_: bytes::Bytes, _| Ok(()))
    }

    fn routes(routes: impl IntoIterator<Item = (&'static str, Route)>) -> BTreeMap<Arc<str>, Route> {
        routes.into_iter().map(|(topic, route)| (topic.into(), route)).collect()
    }

    /// The problems of a consumer that subscribes to what is routed.
    fn problems(settings: &Settings, routes: &BTreeMap<Arc<str>, Route>, group: &GroupFacts) -> Vec<String> {
        let group = GroupFacts { topics: routes.keys().cloned().collect(), ..group.clone() };
        check(settings, routes, &group).err().map(|error| error.problems).unwrap_or_default()
    }

    #[test]
    fn the_defaults_start() {
        assert_eq!(problems(&Settings::default(), &routes([("orders", route())]), &facts()), [""; 0]);
    }

    #[test]
    fn subscriptions_and_routes_are_the_same_topics() {
        let group = GroupFacts { topics: vec!["orders".into()], ..facts() };
        let error = check(&Settings::default(), &routes([("users", route())]), &group).expect_err("two problems");
        let [unrouted, unread] = error.problems() else { panic!("{error}") };
        assert!(unrouted.contains("orders, which has no route") && unread.contains("route for users"));
    }

    #[test]
    fn a_drain_that_outlasts_the_rebalance_names_every_setting() {
        let group = GroupFacts { rebalance_timeout: Duration::from_secs(60), ..facts() };
        let problems = problems(&Settings::default(), &routes([("orders", route())]), &group);
        let [problem] = problems.as_slice() else { panic!("{problems:?}") };
        for part in
            ["handler.timeout 30s", "revoke.drain 10s", "commit.timeout 30s", "= 70s", "(max.poll.interval) 60s"]
        {
            assert!(problem.contains(part), "{part}: {problem}");
        }
    }

    #[test]
    fn all_problems_are_told_at_once() {
        let settings = Settings { max_in_flight: 0, commit_every: 0, ..Settings::default() };
        let routes = routes([
            ("orders", route().retry(RetryPolicy::new(RetrySchedule::attempts(0)))),
            ("users", route().dead_letters(DeadLetters::topic("users")).concurrency(Concurrency::per_key(0))),
        ]);
        let group = GroupFacts { rebalance_timeout: Duration::from_secs(1), ..facts() };
        assert_eq!(problems(&settings, &routes, &group).len(), 6);
        assert_eq!(problems(&Settings::default(), &BTreeMap::new(), &facts()).len(), 1);
    }

    #[test]
    fn dead_letters_must_not_go_round_in_circles() {
        let circle = routes([("orders", route()), ("orders-dlq", route().dead_letters(DeadLetters::topic("orders")))]);
        assert_eq!(problems(&Settings::default(), &circle, &facts()).len(), 2, "told from both sides");
        let chain = routes([("orders", route()), ("orders-dlq", route())]);
        assert_eq!(problems(&Settings::default(), &chain, &facts()), [""; 0]);
    }
}
