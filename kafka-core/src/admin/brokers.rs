//! Calls about brokers: each is asked itself.

use std::time::Duration;

use futures_util::future::join_all;
use tokio::time::Instant;

use super::{Admin, asking::Asking, items::Results};
use crate::{
    client::{Client, ConnectionKind, Target},
    error::Error,
    protocol::{Api, ErrorCode},
};

impl Admin<'_> {
    /// Asks each of `brokers`, or all that the cluster has now if none is named, until it has answered or left the
    /// cluster.
    pub(super) async fn ask_each<A: Api, V>(
        &self,
        brokers: &[i32],
        kind: ConnectionKind,
        request: &A,
        read: impl Fn(A::Answer) -> Result<V, Error>,
    ) -> Result<Results<i32, V>, Error> {
        let deadline = Instant::now() + self.client.default_api_timeout();
        let metadata = self.client.metadata();
        // Also for those that are named: their addresses must be known.
        let cluster = metadata.refresh_after(metadata.cluster().generation()).await?;
        let all = || cluster.brokers().keys().copied().collect();
        let brokers = if brokers.is_empty() { all() } else { brokers.to_vec() };
        let left = deadline.saturating_duration_since(Instant::now());
        let mut asking = Asking::within::<A>(self.client, brokers, left);
        while let Some(asked) = asking.next().await {
            let limit = asking.limit();
            let calls =
                asked.iter().map(async |broker| (*broker, ask(self.client, *broker, kind, request, limit).await));
            for (broker, answer) in join_all(calls).await {
                asking.answer(&[broker], answer.map(|answer| Results::from([(broker, answer.and_then(&read))])));
            }
        }
        asking.into_results()
    }
}

/// Asks one broker. That it is none of the cluster's is an answer too: there is nobody to wait for.
async fn ask<A: Api>(
    client: &Client,
    broker: i32,
    kind: ConnectionKind,
    request: &A,
    limit: Duration,
) -> Result<Result<A::Answer, Error>, Error> {
    if !client.metadata().cluster().brokers().contains_key(&broker) {
        return Ok(Err(Error::broker(ErrorCode::BROKER_NOT_AVAILABLE, "Metadata")));
    }
    client.call(Target::Broker(broker), kind, request, limit).await.map(Ok)
}
