//! The attempts of one call about several items.

use std::{collections::BTreeMap, fmt::Debug, time::Duration};

use tokio::time::timeout;

use super::items::{Items, Results};
use crate::{
    client::{Attempts, Client},
    error::{Error, Recovery},
    protocol::{Api, api_name, has_effect},
};

/// A call about several items: it is over when each has a result that stands, or time is up.
#[derive(Debug)]
pub(super) struct Asking<'a, K, V> {
    client: &'a Client,
    attempts: Attempts,
    items: Items<K, V>,
    /// The metadata that the attempt under way goes by.
    generation: u64,
}

impl<'a, K: Clone + Ord, V> Asking<'a, K, V> {
    /// A call of the request `A` about `keys`.
    pub(super) fn new<A: Api>(client: &'a Client, keys: impl IntoIterator<Item = K>) -> Self {
        Self::within::<A>(client, keys, client.default_api_timeout())
    }

    /// A call that has only `limit` left of its time.
    pub(super) fn within<A: Api>(client: &'a Client, keys: impl IntoIterator<Item = K>, limit: Duration) -> Self {
        let api = api_name(A::KEY);
        let attempts = Attempts::new(client.env(), api, limit);
        let items = Items::new(api, has_effect(A::KEY), keys);
        Self { client, attempts, items, generation: client.metadata().cluster().generation() }
    }

    /// A topic that is not known may have been created just now: it is asked for again a few times.
    pub(super) fn patient_with_unknown_topics(mut self) -> Self {
        self.items = self.items.patient_with_unknown_topics();
        self
    }

    /// What to ask for now, after the wait that a failure calls for; nothing if the call is over.
    pub(super) async fn next(&mut self) -> Option<Vec<K>> {
        if let Some(trouble) = self.items.trouble() {
            let refresh = trouble.recovery() == Recovery::RefreshMetadata;
            if self.attempts.after(trouble).await.is_err() {
                self.items.time_is_up(self.client.default_api_timeout());
            } else if refresh {
                // If it fails, so does the next attempt, and says why.
                let metadata = self.client.metadata();
                let refreshed = Box::pin(metadata.refresh_after(self.generation));
                let _ = timeout(self.attempts.left(Duration::MAX), refreshed).await;
            }
        }
        self.generation = self.client.metadata().cluster().generation();
        let open = self.items.open();
        (!open.is_empty()).then_some(open)
    }

    /// How long an attempt may take. One silent broker may not use up the time of the call: another attempt follows.
    pub(super) fn limit(&self) -> Duration {
        (self.attempts.left(Duration::MAX) / 2).min(self.client.request_timeout())
    }

    /// What came of asking for `asked`.
    pub(super) fn answer(&mut self, asked: &[K], answer: Result<Results<K, V>, Error>) {
        self.items.answer(asked, answer);
    }

    /// The results.
    ///
    /// # Errors
    /// No broker has answered at all.
    pub(super) fn into_results(self) -> Result<Results<K, V>, Error> {
        self.items.into_results()
    }
}

impl<V> Asking<'_, (), V> {
    /// The result of a call about one thing.
    ///
    /// # Errors
    /// As it was answered, or no broker has answered at all.
    pub(super) fn into_result(self) -> Result<V, Error> {
        match self.into_results()?.remove(&()) {
            Some(result) => result,
            None => Err(Error::closed()),
        }
    }
}

/// Half of `limit` in milliseconds: the broker gives up first, so that its answer says what happened.
pub(super) fn broker_timeout_ms(limit: Duration) -> i32 {
    i32::try_from((limit / 2).as_millis()).unwrap_or(i32::MAX)
}

/// The items of a call with what is wanted of each.
///
/// # Errors
/// An item is named twice, differently.
pub(super) fn once_each<K: Debug + Ord, P: PartialEq>(
    items: impl IntoIterator<Item = (K, P)>,
) -> Result<BTreeMap<K, P>, Error> {
    let mut wanted: BTreeMap<K, P> = BTreeMap::new();
    for (key, what) in items {
        if wanted.get(&key).is_some_and(|known| *known != what) {
            return Err(Error::invalid(format!("{key:?} is named twice, differently")));
        }
        wanted.insert(key, what);
    }
    Ok(wanted)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_item_may_be_repeated_and_not_contradicted() {
        assert_eq!(once_each([("a", 1), ("a", 1), ("b", 2)]).ok(), Some(BTreeMap::from([("a", 1), ("b", 2)])));
        let error = once_each([("a", 1), ("a", 2)]).expect_err("a contradiction");
        assert_eq!(error.to_string(), "\"a\" is named twice, differently");
    }

    #[test]
    fn a_broker_gives_up_before_the_client_does() {
        assert_eq!(broker_timeout_ms(Duration::from_secs(10)), 5_000);
        assert_eq!(broker_timeout_ms(Duration::MAX), i32::MAX);
    }
}
