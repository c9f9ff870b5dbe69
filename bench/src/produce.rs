use std::collections::VecDeque;

use bytes::Bytes;
use futures_util::FutureExt;
use ottla::{ProducerRecord, kafka::Ack};

use crate::{
    Outcome,
    arguments::Arguments,
    client, one_thread,
    payload::{Pool, key},
    producer,
    report::{Moment, Run},
};

/// How many acknowledgements may wait to be looked at.
const WINDOW: usize = 200_000;

/// Sends records as fast as the producer takes them and looks at what became of each. The value is shared bytes, the
/// cheapest form that the API takes.
pub(crate) fn run(arguments: &Arguments) -> Outcome {
    let pool = Pool::load(arguments)?;
    let records = arguments.records()?;
    let topic: std::sync::Arc<str> = arguments.topic().into();
    one_thread()?.block_on(async {
        let client = client(arguments)?;
        let producer = producer(&client, arguments)?;
        let record = |i| {
            ProducerRecord::to(std::sync::Arc::clone(&topic)).key(Bytes::copy_from_slice(&key(i))).value(pool.value(i))
        };
        // Connections, metadata and the producer id are there before the clock starts.
        producer.send(record(0)).await?;

        let start = Moment::now();
        let (mut bytes, mut errors) = (0, 0);
        let mut acks: VecDeque<Ack> = VecDeque::new();
        for i in 1..records {
            let record = record(i);
            bytes += 16 + pool.size() as u64;
            match producer.enqueue(record).await {
                Ok(ack) => acks.push_back(ack),
                Err(_) => errors += 1,
            }
            if i % 1000 == 0 {
                // On one thread the producer's task runs only while this one waits.
                tokio::task::yield_now().await;
                errors += settled(&mut acks);
            }
            while acks.len() > WINDOW
                && let Some(ack) = acks.pop_front()
            {
                errors += u64::from(ack.await.is_err());
            }
        }
        producer.flush().await;
        for ack in acks {
            errors += u64::from(ack.await.is_err());
        }
        Run { operation: "produce", start, records: records - 1, bytes, errors }.report("");
        producer.close().await;
        client.close().await;
        Ok(())
    })
}

/// Takes out the acknowledgements that have come, in order; gives the number of those that are errors.
fn settled(acks: &mut VecDeque<Ack>) -> u64 {
    let mut errors = 0;
    while let Some(ack) = acks.front_mut() {
        match ack.now_or_never() {
            Some(outcome) => errors += u64::from(outcome.is_err()),
            None => break,
        }
        acks.pop_front();
    }
    errors
}
