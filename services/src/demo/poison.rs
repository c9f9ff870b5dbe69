//! Bad records, written straight to the topic as a faulty producer would.

use std::collections::BTreeSet;

use bytes::Bytes;
use futures_util::{StreamExt, stream::FuturesUnordered};
use ottla::kafka::{Producer, ProducerRecord};

/// Writes `count` bad records to `topic` and returns the keys of those that are in the log.
pub(super) async fn write(producer: &Producer, topic: &str, run_id: &str, count: usize) -> BTreeSet<String> {
    let mut acks = FuturesUnordered::new();
    let mut written = BTreeSet::new();
    for n in 0..count {
        let key = format!("poison-{run_id}-{n}");
        let record = ProducerRecord::to(topic).key(key.clone()).value(value(n));
        match producer.enqueue(record).await {
            Ok(ack) => acks.push(async move { (key, ack.await) }),
            Err(error) => tracing::warn!(%error, "a bad record was not written"),
        }
    }
    while let Some((key, result)) = acks.next().await {
        match result {
            Ok(_) => drop(written.insert(key)),
            Err(error) => tracing::warn!(%error, key, "a bad record was not acknowledged"),
        }
    }
    written
}

/// Three ways to be wrong, in turn: not JSON, not an order, not UTF-8.
fn value(n: usize) -> Bytes {
    match n % 3 {
        0 => Bytes::from_static(b"order 66: this is not JSON"),
        1 => Bytes::from_static(br#"{"order_id": 7, "items": "none"}"#),
        _ => Bytes::from_static(b"{\"order_id\": \"\xff\xfe\"}"),
    }
}
