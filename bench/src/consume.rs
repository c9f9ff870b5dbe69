use ottla::{
    TopicPartition,
    kafka::{FetchConfig, Fetched, Fetcher},
};

use crate::{
    Outcome,
    arguments::Arguments,
    client, one_thread,
    payload::fold,
    report::{Moment, Run},
};

/// Reads all partitions from the beginning, without a group, and sums up every byte where it lies.
pub(crate) fn run(arguments: &Arguments) -> Outcome {
    let (records, topic) = (arguments.records()?, arguments.topic());
    let partitions: i32 = arguments.number("partitions", 1)?;
    one_thread()?.block_on(async {
        let client = client(arguments)?;
        let config = FetchConfig::default().max_bytes(50_000_000).partition_bytes(1 << 20);
        let mut fetcher = Fetcher::new(&client, config);

        let start = Moment::now();
        for index in 0..partitions {
            fetcher.assign(TopicPartition::new(topic.as_str(), index), 0_i64);
        }
        let (mut read, mut bytes, mut sum) = (0_u64, 0_u64, 0_u64);
        let mut first = None;
        while read < records {
            let fetched = match fetcher.next().await {
                Fetched::Records(fetched) => fetched,
                Fetched::Failed { topic_partition, error } => return Err(format!("{topic_partition}: {error}").into()),
                _ => continue,
            };
            first.get_or_insert_with(|| Moment::now().since(start));
            for record in fetched.iter() {
                for part in [record.key(), record.value()].into_iter().flatten() {
                    bytes += part.len() as u64;
                    sum = sum.wrapping_add(fold(part));
                }
                read += 1;
            }
        }
        let first_s = first.unwrap_or_default().as_secs_f64();
        let more = format!(",\"checksum\":\"{sum:016x}\",\"first_s\":{first_s:.4}");
        Run { operation: "consume", start, records: read, bytes, errors: 0 }.report(&more);
        client.close().await;
        Ok(())
    })
}
