use std::{thread::sleep, time::Duration};

use bytes::Bytes;
use futures_util::{StreamExt, stream::FuturesUnordered};
use ottla::{Error, ProducerRecord, kafka::Ack};
use tokio::{sync::mpsc, time::Instant};

use crate::{
    Outcome,
    arguments::Arguments,
    client,
    payload::{Pool, key},
    producer,
    report::{Moment, Run, quantiles},
};

/// How many records are sent before the clock starts.
const WARM_UP: u64 = 1_000;

/// Sends records at a rate, each when it is due; its time counts from then, so that a late sender is charged.
pub(crate) fn run(arguments: &Arguments) -> Outcome {
    // This thread paces, with a timer that is finer than the event loop's; the client has a thread of its own.
    nix::sys::prctl::set_timerslack(1_000)?;
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
    let pool = Pool::load(arguments)?;
    let (records, topic) = (arguments.records()?, arguments.topic());
    let rate: u64 = arguments.number("rate", 1_000)?;
    let client = client(arguments)?;
    let producer = runtime.block_on(async { producer(&client, arguments) })?;
    let record = |i| ProducerRecord::to(topic.as_str()).key(Bytes::copy_from_slice(&key(i))).value(pool.value(i));
    let warm_up = WARM_UP.min(records);
    for i in 0..warm_up {
        drop(runtime.block_on(producer.enqueue(record(i)))?);
    }
    runtime.block_on(producer.flush());

    let (sent, acks) = mpsc::unbounded_channel();
    let collected = runtime.spawn(collect(acks));
    sleep(Duration::from_millis(200));
    let start = Moment::now();
    let from = Instant::now();
    for i in warm_up..records {
        let due = from + Duration::from_nanos((i - warm_up).saturating_mul(1_000_000_000) / rate);
        sleep(due.saturating_duration_since(Instant::now()));
        let ack = match producer.try_enqueue(record(i)) {
            Ok(ack) => ack,
            // Full: the record waits, and is charged for it.
            Err(_) => runtime.block_on(producer.enqueue(record(i)))?,
        };
        let _ = sent.send((ack, due));
    }
    runtime.block_on(producer.flush());
    drop(sent);
    let (micros, errors) = runtime.block_on(collected)?;
    let measured = records - warm_up;
    let bytes = measured * (16 + pool.size() as u64);
    let more = format!(",\"rate\":{rate}{}", quantiles(micros));
    Run { operation: "latency", start, records: measured, bytes, errors }.report(&more);
    runtime.block_on(async {
        producer.close().await;
        client.close().await;
    });
    Ok(())
}

/// The microseconds of each record from when it was due to its acknowledgement, and the number of errors.
async fn collect(mut sent: mpsc::UnboundedReceiver<(Ack, Instant)>) -> (Vec<u64>, u64) {
    let (mut micros, mut errors) = (Vec::new(), 0);
    let mut waiting = FuturesUnordered::new();
    let mut open = true;
    while open || !waiting.is_empty() {
        tokio::select! {
            biased;
            Some(outcome) = waiting.next() => match outcome {
                Ok(time) => micros.push(time),
                Err(_) => errors += 1,
            },
            next = sent.recv(), if open => match next {
                Some((ack, due)) => waiting.push(timed(ack, due)),
                None => open = false,
            },
        }
    }
    (micros, errors)
}

async fn timed(ack: Ack, due: Instant) -> Result<u64, Error> {
    ack.await?;
    Ok(u64::try_from(due.elapsed().as_micros()).unwrap_or(u64::MAX))
}
