//! The items of one call: which are settled, which are asked for again, and what is known of the latter. Pure.

use std::{collections::BTreeMap, time::Duration};

use crate::{
    error::{Error, ErrorKind, Recovery},
    protocol::ErrorCode,
};

/// A result for each item of a call.
pub(super) type Results<K, V> = BTreeMap<K, Result<V, Error>>;

/// How often a topic that is not known is asked for again where it may have been created just now: brokers learn of
/// it one after the other, within a second or two.
const UNKNOWN_TOPIC_ATTEMPTS: u32 = 5;

/// What brokers answer of a request with an effect that may show up all the same: Kafka's controller and coordinators
/// fail with these what they have written and not seen replicated.
const EFFECT_UNKNOWN: [ErrorCode; 7] = [
    ErrorCode::UNKNOWN_SERVER_ERROR,
    ErrorCode::NOT_LEADER_OR_FOLLOWER,
    ErrorCode::REQUEST_TIMED_OUT,
    ErrorCode::NETWORK_EXCEPTION,
    ErrorCode::COORDINATOR_NOT_AVAILABLE,
    ErrorCode::NOT_COORDINATOR,
    ErrorCode::NOT_CONTROLLER,
];

/// The items of a call.
#[derive(Debug)]
pub(super) struct Items<K, V> {
    api: &'static str,
    /// Whether the request changes anything.
    effect: bool,
    unknown_topic_attempts: u32,
    /// Whether any broker has answered: without one the call has failed as a whole.
    answered: bool,
    settled: Results<K, V>,
    open: BTreeMap<K, Open>,
}

/// An item without a result that stands.
#[derive(Debug, Default)]
struct Open {
    last: Option<Error>,
    maybe_applied: bool,
    unknown_topic: u32,
}

impl<K: Clone + Ord, V> Items<K, V> {
    pub(super) fn new(api: &'static str, effect: bool, keys: impl IntoIterator<Item = K>) -> Self {
        let open = keys.into_iter().map(|key| (key, Open::default())).collect();
        Self { api, effect, unknown_topic_attempts: 1, answered: false, settled: BTreeMap::new(), open }
    }

    /// A topic that is not known may have been created just now.
    pub(super) fn patient_with_unknown_topics(mut self) -> Self {
        self.unknown_topic_attempts = UNKNOWN_TOPIC_ATTEMPTS;
        self
    }

    /// What is to be asked for.
    pub(super) fn open(&self) -> Vec<K> {
        self.open.keys().cloned().collect()
    }

    /// Why something is asked for again: an error that calls for fresh metadata first, if there is one.
    pub(super) fn trouble(&self) -> Option<Error> {
        let errors = || self.open.values().filter_map(|open| open.last.as_ref());
        errors().find(|error| error.recovery() == Recovery::RefreshMetadata).or_else(|| errors().next()).cloned()
    }

    /// What came of asking for `asked`: an answer with a result for each, or a failure for all of them.
    pub(super) fn answer(&mut self, asked: &[K], answer: Result<Results<K, V>, Error>) {
        let mut results = match answer {
            Ok(results) => {
                self.answered |= !asked.is_empty();
                results
            }
            Err(error) => asked.iter().map(|key| (key.clone(), Err(error.clone()))).collect(),
        };
        for key in asked {
            let result = results.remove(key).unwrap_or_else(|| Err(self.missing()));
            self.settle(key, result);
        }
    }

    fn missing(&self) -> Error {
        let detail = format!("{} answered without all that it was asked for", self.api);
        Error::new(ErrorKind::Protocol { broker: None, detail }).with_maybe_applied(self.effect)
    }

    fn settle(&mut self, key: &K, result: Result<V, Error>) {
        let Some(open) = self.open.get_mut(key) else { return };
        let error = match result {
            Ok(value) => {
                self.open.remove(key);
                self.settled.insert(key.clone(), Ok(value));
                return;
            }
            Err(error) => error,
        };
        open.maybe_applied |= error.maybe_applied() || self.effect && hides_an_effect(&error, self.api);
        if is_unknown_topic(&error) {
            open.unknown_topic = open.unknown_topic.saturating_add(1);
        }
        let patient = !is_unknown_topic(&error) || open.unknown_topic < self.unknown_topic_attempts;
        if error.is_retriable() && patient {
            open.last = Some(error);
            return;
        }
        let maybe_applied = open.maybe_applied;
        self.open.remove(key);
        self.settled.insert(key.clone(), Err(error.with_maybe_applied(maybe_applied)));
    }

    /// Nothing more is asked for: what is open has run out of time.
    pub(super) fn time_is_up(&mut self, limit: Duration) {
        for (key, open) in std::mem::take(&mut self.open) {
            let timeout = Error::new(ErrorKind::Timeout { what: self.api.to_owned(), after: limit });
            let timeout = match open.last {
                Some(last) => timeout.with_source(last),
                None => timeout,
            };
            self.settled.insert(key, Err(timeout.with_maybe_applied(open.maybe_applied)));
        }
    }

    /// The results.
    ///
    /// # Errors
    /// No broker has answered at all.
    pub(super) fn into_results(self) -> Result<Results<K, V>, Error> {
        let mut settled = self.settled;
        if !self.answered
            && let Some((_, Err(error))) = settled.pop_first()
        {
            let maybe_applied = error.maybe_applied()
                || settled.values().any(|result| result.as_ref().is_err_and(Error::maybe_applied));
            return Err(error.with_maybe_applied(maybe_applied));
        }
        Ok(settled)
    }
}

/// Whether `api` itself answered what leaves its effect unknown; a lookup before it has none.
fn hides_an_effect(error: &Error, api: &str) -> bool {
    matches!(error.kind(), ErrorKind::Broker { code, api: of, .. } if *of == api && EFFECT_UNKNOWN.contains(code))
}

fn is_unknown_topic(error: &Error) -> bool {
    matches!(error.code(), Some(ErrorCode::UNKNOWN_TOPIC_OR_PARTITION | ErrorCode::UNKNOWN_TOPIC_ID))
}

#[cfg(test)]
mod tests {
    use super::*;

    const API: &str = "CreateTopics";

    fn items(keys: &[&'static str]) -> Items<&'static str, ()> {
        Items::new(API, true, keys.iter().copied())
    }

    fn refused(code: ErrorCode) -> Result<(), Error> {
        Err(Error::broker(code, API))
    }

    fn lost() -> Error {
        let kind = ErrorKind::Timeout { what: API.to_owned(), after: Duration::from_secs(1) };
        Error::new(kind).with_maybe_applied(true)
    }

    fn code_and_doubt(result: Option<&Result<(), Error>>) -> Option<(Option<ErrorCode>, bool)> {
        let error = result?.as_ref().err()?;
        Some((error.code(), error.maybe_applied()))
    }

    #[test]
    fn only_what_can_heal_is_asked_for_again() {
        let mut items = items(&["a", "b", "c"]);
        let answer = Results::from([
            ("a", Ok(())),
            ("b", refused(ErrorCode::THROTTLING_QUOTA_EXCEEDED)),
            ("c", refused(ErrorCode::INVALID_PARTITIONS)),
        ]);
        items.answer(&["a", "b", "c"], Ok(answer));
        assert_eq!(items.open(), ["b"]);
        items.answer(&["b"], Ok(Results::from([("b", Ok(()))])));
        assert!(items.open().is_empty());
        let results = items.into_results().expect("results");
        assert_eq!(code_and_doubt(results.get("c")), Some((Some(ErrorCode::INVALID_PARTITIONS), false)));
        assert!(results["a"].is_ok() && results["b"].is_ok());
    }

    #[test]
    fn an_existing_topic_after_a_lost_answer_may_be_ours() {
        let mut items = items(&["a"]);
        items.answer(&["a"], Err(lost()));
        assert_eq!(items.open(), ["a"]);
        items.answer(&["a"], Ok(Results::from([("a", refused(ErrorCode::TOPIC_ALREADY_EXISTS))])));
        let results = items.into_results().expect("results");
        assert_eq!(code_and_doubt(results.get("a")), Some((Some(ErrorCode::TOPIC_ALREADY_EXISTS), true)));
    }

    #[test]
    fn a_controller_that_times_out_leaves_the_effect_open_and_a_coordinator_not_found_does_not() {
        for (first, doubt) in [
            (Error::broker(ErrorCode::REQUEST_TIMED_OUT, API), true),
            (Error::broker(ErrorCode::NOT_CONTROLLER, API), true),
            (Error::broker(ErrorCode::THROTTLING_QUOTA_EXCEEDED, API), false),
            (Error::broker(ErrorCode::COORDINATOR_NOT_AVAILABLE, "FindCoordinator"), false),
        ] {
            let mut items = items(&["a"]);
            items.answer(&["a"], Ok(Results::from([("a", Err(first.clone()))])));
            items.answer(&["a"], Ok(Results::from([("a", refused(ErrorCode::INVALID_CONFIG))])));
            let results = items.into_results().expect("results");
            assert_eq!(code_and_doubt(results.get("a")), Some((Some(ErrorCode::INVALID_CONFIG), doubt)), "{first}");
        }
    }

    #[test]
    fn an_unknown_topic_is_final_unless_it_may_be_new() {
        let mut at_once = items(&["a"]);
        at_once.answer(&["a"], Ok(Results::from([("a", refused(ErrorCode::UNKNOWN_TOPIC_OR_PARTITION))])));
        assert!(at_once.open().is_empty());
        let mut patient = items(&["a"]).patient_with_unknown_topics();
        let mut attempts = 0;
        while !patient.open().is_empty() {
            attempts += 1;
            patient.answer(&["a"], Ok(Results::from([("a", refused(ErrorCode::UNKNOWN_TOPIC_OR_PARTITION))])));
        }
        assert_eq!(attempts, UNKNOWN_TOPIC_ATTEMPTS);
    }

    #[test]
    fn what_an_answer_lacks_is_an_error_and_what_it_adds_is_not_believed() {
        let mut items = items(&["a"]);
        items.answer(&["a"], Ok(Results::from([("b", Ok(()))])));
        let results = items.into_results().expect("results");
        assert_eq!(results.keys().collect::<Vec<_>>(), [&"a"]);
        assert_eq!(code_and_doubt(results.get("a")), Some((None, true)));
    }

    #[test]
    fn the_call_fails_as_a_whole_only_if_nobody_answered() {
        let limit = Duration::from_secs(30);
        let mut silent = items(&["a", "b"]);
        silent.answer(&["a"], Err(Error::broker(ErrorCode::NOT_CONTROLLER, "Metadata")));
        silent.answer(&["b"], Err(lost()));
        silent.time_is_up(limit);
        let error = silent.into_results().expect_err("nobody answered");
        assert!(matches!(error.kind(), ErrorKind::Timeout { after, .. } if *after == limit));
        assert!(error.maybe_applied(), "b may have been applied");

        let mut half = items(&["a", "b"]);
        half.answer(&["a"], Ok(Results::from([("a", Ok(()))])));
        half.answer(&["b"], Err(lost()));
        half.time_is_up(limit);
        let results = half.into_results().expect("results");
        assert!(results["a"].is_ok());
        assert_eq!(code_and_doubt(results.get("b")), Some((None, true)));
        assert!(items(&[]).into_results().is_ok_and(|results| results.is_empty()));
    }

    #[test]
    fn fresh_metadata_is_called_for_if_any_item_needs_it() {
        let mut items = items(&["a", "b"]);
        assert!(items.trouble().is_none());
        let answer = Results::from([
            ("a", refused(ErrorCode::THROTTLING_QUOTA_EXCEEDED)),
            ("b", refused(ErrorCode::NOT_CONTROLLER)),
        ]);
        items.answer(&["a", "b"], Ok(answer));
        assert_eq!(items.trouble().and_then(|error| error.code()), Some(ErrorCode::NOT_CONTROLLER));
    }
}
