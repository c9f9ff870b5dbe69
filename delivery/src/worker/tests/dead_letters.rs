//! Poison goes to the dead letter topic and blocks nothing; what cannot go there holds everything, visibly.

use std::time::Duration;

use bytes::Bytes;
use ottla_kafka_core::record::{Codec, Compression};

use super::kit::{Running, Script, World, orders};
use crate::{
    Context, DecodeError, DeliveryRecord, HandlerError, Route, StallReason, WorkerHealth, outgoing::OutgoingRecord,
};

/// A worker that cannot decode odd offsets.
fn odd_poison(world: &World) -> (Running, Script) {
    let decode = |record: &DeliveryRecord| match record.offset() % 2 {
        0 => Ok(record.offset()),
        _ => Err(DecodeError::new("odd").of_kind("invalid-schema")),
    };
    let route = Route::new(decode, async |_: i64, _: Context| Ok(()));
    let (worker, script) = world.worker(|builder| builder.route("orders", route));
    (world.start(worker), script)
}

fn text(record: &OutgoingRecord, key: &str) -> String {
    let header = record.headers.iter().find(|header| header.key == key.as_bytes());
    let value = header.and_then(|header| header.value.clone()).unwrap_or_default();
    String::from_utf8(value.to_vec()).expect("text")
}

#[tokio::test(start_paused = true)]
async fn poison_is_copied_and_never_blocks() {
    let world = World::new();
    let (running, script) = odd_poison(&world);
    script.assign([0]);
    script.records(0, 0..4);
    world.until_committed(0, 4).await;
    let letters = world.see(|seen| seen.published.clone());
    assert_eq!(letters.len(), 2);
    let first = &letters[0];
    assert_eq!((&*first.topic, first.timestamp), ("orders-dlq", Some(1_001)));
    assert_eq!((first.key.clone(), first.value.clone()), (Some(Bytes::from("key-1")), Some(Bytes::from("value-1"))));
    for (key, value) in [("ottla-dlq-error-kind", "invalid-schema"), ("ottla-dlq-attempts", "1"), ("retryCount", "0")] {
        assert_eq!(text(first, key), value);
    }
    let report = running.stop().await;
    assert_eq!((report.ledger().handled(), report.ledger().dead_lettered()), (2, 2));
}

#[tokio::test(start_paused = true)]
async fn a_record_that_always_fails_is_a_dead_letter_after_its_last_attempt() {
    let world = World::new();
    let (running, script) = world.run(async |offset, _| match offset {
        1 => Err(HandlerError::retry("no stock")),
        2 => Err(HandlerError::reject("cancelled")),
        _ => Ok(()),
    });
    script.assign([0]);
    script.records(0, 0..4);
    world.until_committed(0, 4).await;
    assert_eq!(world.offsets_run(0), [0, 1, 1, 1, 1, 2, 3]);
    let letters = world.see(|seen| seen.published.clone());
    let said = |key| letters.iter().map(|letter| text(letter, key)).collect::<Vec<_>>();
    assert_eq!(said("ottla-dlq-error-message"), ["no stock", "cancelled"]);
    assert_eq!(said("ottla-dlq-error-kind"), ["handler", "rejected"]);
    assert_eq!(said("retryCount"), ["3", "0"]);
    assert_eq!((said("ottla-dlq-first-failure")[0].as_str(), said("ottla-dlq-last-failure")[0].as_str()), ("0", "700"));
    running.stop().await;
}

#[tokio::test(start_paused = true)]
async fn an_unwritable_dead_letter_stops_its_partition_visibly_until_it_is_written() {
    let world = World::new();
    world.break_topic("orders-dlq");
    let (mut running, script) = odd_poison(&world);
    script.assign([0, 2]);
    script.records(0, 0..4);
    running.until_health(|health| health.stalled().len() == 1).await;
    let health = running.health.current();
    assert!(health.live() && !health.ready());
    let stalled = &health.stalled()[0];
    assert_eq!(stalled.topic_partition(), &orders(0));
    assert!(matches!(stalled.reason(), StallReason::DeadLetter { topic, .. } if &**topic == "orders-dlq"));
    assert!(world.see(|seen| seen.paused.contains(&orders(0))));
    // Other partitions go on, and however long it lasts, the offset is held.
    script.records(2, 0..1);
    world.until_committed(2, 1).await;
    tokio::time::sleep(Duration::from_secs(120)).await;
    assert_eq!(world.see(|seen| seen.committed.get(&orders(0)).copied()), Some(1));

    world.heal();
    world.until_committed(0, 4).await;
    running.until_health(WorkerHealth::ready).await;
    assert!(world.see(|seen| seen.paused.is_empty() && seen.published.len() == 2));
    let report = running.stop().await;
    assert_eq!((report.ledger().dead_lettered(), report.ledger().released(), report.drained()), (2, 0, true));
}

#[tokio::test(start_paused = true)]
async fn a_silent_producer_is_visible_before_it_gives_up() {
    let world = World::new();
    world.change(|seen| drop(seen.broken_topics.insert("orders-dlq".to_owned(), None)));
    let (mut running, script) = odd_poison(&world);
    script.assign([0]);
    script.records(0, 0..2);
    running.until_health(|health| health.stalled().len() == 1).await;
    assert!(world.now() <= 5_000, "at {}", world.now());
    let report = running.stop().await;
    // The grace ends the wait: the record is released, not settled.
    assert_eq!((report.ledger().released(), report.ledger().dead_lettered(), report.drained()), (1, 0, false));
    assert_eq!(world.see(|seen| seen.committed.get(&orders(0)).copied()), Some(1));
}

#[tokio::test(start_paused = true)]
async fn a_dead_letter_that_is_too_large_goes_without_its_text() {
    let world = World::new();
    let (running, script) = world.run(async |_, _| Err(HandlerError::reject("x".repeat(2_000))));
    world.change(|seen| seen.max_record = Some(1_500));
    script.assign([0]);
    script.records(0, 0..1);
    world.until_committed(0, 1).await;
    let letter = world.see(|seen| seen.published[0].clone());
    assert_eq!((text(&letter, "ottla-dlq-error-message").as_str(), text(&letter, "retryCount").as_str()), ("", "0"));
    assert_eq!(letter.value, Some(Bytes::from("value-0")));
    assert_eq!(letter.copied_as, Some(Compression::zstd(19)), "and as dense as can be");
    running.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_dead_letter_of_a_time_that_its_topic_refuses_has_its_own_time() {
    let world = World::new();
    let (running, script) = world.run(async |_, _| Err(HandlerError::reject("no")));
    world.change(|seen| seen.latest = Some(5_000));
    script.assign([0]);
    script.record(DeliveryRecord::new(orders(0), 0, 9_999_999_999_999));
    script.record(DeliveryRecord::new(orders(0), 1, 4_000));
    world.until_committed(0, 2).await;
    let letters = world.see(|seen| seen.published.clone());
    assert_eq!(letters.iter().map(|letter| letter.timestamp).collect::<Vec<_>>(), [None, Some(4_000)]);
    assert_eq!(text(&letters[0], "ottla-dlq-source-timestamp"), "9999999999999");
    running.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_dead_letter_has_the_codec_of_its_record() {
    let world = World::new();
    let (running, script) = world.run(async |_, _| Err(HandlerError::reject("no")));
    script.assign([0]);
    for (offset, codec) in (0..).zip(Codec::ALL) {
        script.record(DeliveryRecord::new(orders(0), offset, 0).with_codec(codec));
    }
    world.until_committed(0, 5).await;
    let letters = world.see(|seen| seen.published.clone());
    let codecs: Vec<_> = letters.iter().map(|letter| letter.copied_as).collect();
    assert_eq!(codecs, Codec::ALL.map(|codec| Some(Compression::new(codec))));
    running.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_decoder_that_panics_makes_a_dead_letter() {
    let world = World::new();
    let decode = |record: &DeliveryRecord| -> Result<i64, DecodeError> {
        assert!(record.offset() != 0, "a bug in the decoder");
        Ok(record.offset())
    };
    let route = Route::new(decode, async |_: i64, _: Context| Ok(()));
    let (worker, script) = world.worker(|builder| builder.route("orders", route));
    let running = world.start(worker);
    script.assign([0]);
    script.records(0, 0..2);
    world.until_committed(0, 2).await;
    let letter = world.see(|seen| seen.published[0].clone());
    assert_eq!(text(&letter, "ottla-dlq-error-kind"), "undecodable");
    assert!(text(&letter, "ottla-dlq-error-message").contains("a bug in the decoder"));
    running.stop().await;
}
