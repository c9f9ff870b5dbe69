use std::time::Duration;

use bytes::Bytes;
use ottla::{Consumer, ProducerRecord, consumer::Event};
use tokio::time::{Instant, timeout_at};

use crate::{
    Outcome,
    arguments::Arguments,
    client, one_thread,
    payload::key,
    producer,
    report::{Moment, report_idle, since_started_ms},
};

/// What a producer and a consumer in a group cost in one process while nothing happens.
pub(crate) fn run(arguments: &Arguments) -> Outcome {
    one_thread()?.block_on(async {
        let client = client(arguments)?;
        let producer = producer(&client, arguments)?;
        let topic = arguments.topic();
        let record = ProducerRecord::to(topic.as_str()).key(Bytes::copy_from_slice(&key(0))).value("x");
        producer.send(record).await?;
        let first_ack_ms = since_started_ms();

        let mut consumer = Consumer::builder(&client, arguments.text("group", "bench")).topics([topic]).build()?;
        let mut records = poll(&mut consumer, Duration::from_secs(4)).await?;
        if records == 0 {
            records = poll(&mut consumer, Duration::from_secs(16)).await?;
        }
        let start = Moment::now();
        records += poll(&mut consumer, Duration::from_secs(3)).await?;
        report_idle(start, first_ack_ms, records);
        consumer.close().await?;
        producer.close().await;
        client.close().await;
        Ok(())
    })
}

/// Receives for so long; gives the number of records.
async fn poll(consumer: &mut Consumer, time: Duration) -> Result<u64, ottla::Error> {
    let end = Instant::now() + time;
    let mut records = 0;
    while let Ok(event) = timeout_at(end, consumer.recv()).await {
        if let Event::Records(received) = event? {
            records += received.len() as u64;
        }
    }
    Ok(records)
}
