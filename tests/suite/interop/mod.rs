//! Other clients and ours read what the other writes, through Apache Kafka: every codec, nulls, headers, transactions.
//!
//! The other clients are programs beside this file, fetched by the package managers of their languages. What they have
//! in common is the lines of [`text`].

mod foreign;
mod keys;
mod ours;
mod records;
mod text;

use std::time::Duration;

use libtest_mimic::Failed;
use ottla_kafka_core::{Codec, Isolation, TopicPartition};
use ottla_tests::lane::Needs;

use crate::{
    harness::{Context, Outcome, Suite},
    support::Logged,
};
use foreign::Foreign;
use text::Mode;

/// Fetching a client and starting two of its processes takes most of it.
const LIMIT: Duration = Duration::from_secs(180);

pub(crate) fn tests(suite: &mut Suite) {
    let java = Needs::ANY.real_kafka().tools();
    let (librdkafka, kafka_python, franz_go) = (java.python(), java.python(), java.go());
    suite.long_test("interop::what_java_writes_is_read_exactly", java, LIMIT, what_java_writes_is_read_exactly);
    suite.long_test("interop::java_reads_what_we_write", java, LIMIT, java_reads_what_we_write);
    suite.long_test(
        "interop::what_librdkafka_writes_is_read_exactly",
        librdkafka,
        LIMIT,
        what_librdkafka_writes_is_read_exactly,
    );
    suite.long_test("interop::librdkafka_reads_what_we_write", librdkafka, LIMIT, librdkafka_reads_what_we_write);
    suite.long_test(
        "interop::what_kafka_python_writes_is_read_exactly",
        kafka_python,
        LIMIT,
        what_kafka_python_writes_is_read_exactly,
    );
    suite.long_test("interop::kafka_python_reads_what_we_write", kafka_python, LIMIT, kafka_python_reads_what_we_write);
    suite.long_test(
        "interop::what_franz_go_writes_is_read_exactly",
        franz_go,
        LIMIT,
        what_franz_go_writes_is_read_exactly,
    );
    suite.long_test("interop::franz_go_reads_what_we_write", franz_go, LIMIT, franz_go_reads_what_we_write);
    suite.long_test("interop::keys_land_where_java_puts_them", java, LIMIT, keys::keys_land_where_java_puts_them);
    let compacted = keys::a_compacted_topic_is_read_as_java_reads_it;
    suite.long_test("interop::a_compacted_topic_is_read_as_java_reads_it", java, LIMIT, compacted);
}

async fn what_java_writes_is_read_exactly(cx: Context) -> Outcome {
    theirs(cx, Foreign::Java).await
}

async fn java_reads_what_we_write(cx: Context) -> Outcome {
    our(cx, Foreign::Java).await
}

async fn what_librdkafka_writes_is_read_exactly(cx: Context) -> Outcome {
    theirs(cx, Foreign::Librdkafka).await
}

async fn librdkafka_reads_what_we_write(cx: Context) -> Outcome {
    our(cx, Foreign::Librdkafka).await
}

async fn what_kafka_python_writes_is_read_exactly(cx: Context) -> Outcome {
    theirs(cx, Foreign::KafkaPython).await
}

async fn kafka_python_reads_what_we_write(cx: Context) -> Outcome {
    our(cx, Foreign::KafkaPython).await
}

async fn what_franz_go_writes_is_read_exactly(cx: Context) -> Outcome {
    theirs(cx, Foreign::FranzGo).await
}

async fn franz_go_reads_what_we_write(cx: Context) -> Outcome {
    our(cx, Foreign::FranzGo).await
}

/// They write every codec, outside and inside of transactions.
async fn theirs(cx: Context, foreign: Foreign) -> Outcome {
    let client = cx.client()?;
    let records = records::for_client(foreign);
    let mut input = String::new();
    let mut topics = Vec::new();
    for codec in Codec::ALL {
        let topic = cx.topic(&client, codec.name(), 1).await?;
        for mode in [Mode::Plain, Mode::Commit, Mode::Abort, Mode::Plain] {
            text::section(&mut input, &topic, codec, mode, &records);
        }
        topics.push((codec, topic));
    }
    foreign.run(&cx, "write", input).await?;
    let len = i64::try_from(records.len())?;
    // A marker stands behind each transaction.
    let (committed, aborted, last) = (len, 2 * len + 1, 3 * len + 2);
    let end = last + len;
    for (codec, topic) in topics {
        let partition = TopicPartition::new(topic.as_str(), 0);
        let all = [0, committed, aborted, last].map(|from| records::at(&records, from)).concat();
        let found = ours::read(&client, &partition, end, Isolation::ReadUncommitted).await?;
        same(codec, &all, &found.records)?;
        assert!(found.codecs.contains(&codec), "{codec}: they wrote {:?}", found.codecs);
        let visible = [0, committed, last].map(|from| records::at(&records, from)).concat();
        let found = ours::read(&client, &partition, end, Isolation::ReadCommitted).await?;
        same(codec, &visible, &found.records)?;
    }
    Ok(())
}

/// We write every codec.
async fn our(cx: Context, foreign: Foreign) -> Outcome {
    let client = cx.client()?;
    let records = records::for_client(Foreign::Java);
    let mut input = String::new();
    let mut topics = Vec::new();
    for codec in Codec::ALL {
        let topic = cx.topic(&client, codec.name(), 1).await?;
        ours::write(&client, &topic, codec, &records).await?;
        let found = ours::read(
            &client,
            &TopicPartition::new(topic.as_str(), 0),
            i64::try_from(records.len())?,
            Isolation::ReadCommitted,
        )
        .await?;
        let noise = [Codec::None, codec];
        assert!(found.codecs.contains(&codec) && found.codecs.iter().all(|found| noise.contains(found)), "{codec}");
        input.push_str(&topic);
        input.push('\n');
        topics.push((codec, topic));
    }
    let output = foreign.run(&cx, "read", input).await?;
    for (codec, topic) in topics {
        same(codec, &records::at(&records, 0), &text::read(&output, &topic)?)?;
    }
    Ok(())
}

/// Fails with the first difference.
fn same(codec: Codec, expected: &[Logged], found: &[Logged]) -> Result<(), Failed> {
    for (expected, found) in expected.iter().zip(found) {
        if expected != found {
            return Err(format!("{codec}: expected {}\nfound {}", text::line(expected), text::line(found)).into());
        }
    }
    if expected.len() != found.len() {
        return Err(format!("{codec}: {} records instead of {}", found.len(), expected.len()).into());
    }
    Ok(())
}
