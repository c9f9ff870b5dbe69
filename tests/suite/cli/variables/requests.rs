//! What the variables change in the requests that a broker gets.

use libtest_mimic::Failed;
use ottla_embedded_broker::{Api, Fault};
use ottla_kafka_core::protocol::messages::{
    FetchRequest, HeartbeatRequest, InitProducerIdRequest, JoinGroupRequest, ProduceRequest,
};
use ottla_tests::lane::Needs;
use tokio::time::Duration;

use super::tap::Tap;
use crate::harness::{Context, Outcome, Suite};

/// A variable and what it is set to.
type Variable<'a> = (&'a str, &'a str);

pub(super) fn tests(suite: &mut Suite) {
    suite.test("cli::brokers_are_told_the_client_id", Needs::ANY, brokers_are_told_the_client_id);
    suite.test("cli::fetches_ask_for_what_the_variables_say", Needs::ANY, fetches_ask_for_what_the_variables_say);
    suite.test("cli::members_beat_and_are_missed_as_told", Needs::ANY, members_beat_and_are_missed_as_told);
    suite.test("cli::as_many_requests_are_in_flight_as_told", Needs::ANY, as_many_requests_are_in_flight_as_told);
    suite.test("cli::every_record_is_written_idempotently", Needs::ANY, every_record_is_written_idempotently);
}

async fn brokers_are_told_the_client_id(_: Context) -> Outcome {
    let tap = Tap::start().await?;
    for (variables, expected) in [(&[][..], "ottla"), (&[("KAFKA_CLIENT_ID", "tapped")], "tapped")] {
        tap.run(&["topics", "list"], b"", variables).await?.ended(0)?;
        let headers = tap.headers()?;
        assert!(!headers.is_empty(), "nothing was asked");
        for header in headers {
            assert_eq!(header.client_id.as_ref().map(|id| id.as_str()), Some(expected));
        }
    }
    Ok(())
}

async fn topic(tap: &Tap) -> Result<&'static str, Failed> {
    tap.run(&["topics", "create", "taps"], b"", &[]).await?.ended(0)?;
    tap.run(&["produce", "-t", "taps"], b"a\nb\n", &[]).await?.ended(0)?;
    Ok("taps")
}

async fn fetches_ask_for_what_the_variables_say(_: Context) -> Outcome {
    let tap = Tap::start().await?;
    let topic = topic(&tap).await?;
    // No more is asked of an answer than its one partition may give.
    let defaults = (5_000, 1, 1_048_576, 1_048_576);
    let rows = [
        (None, defaults),
        (Some(("KAFKA_MAX_WAIT_TIME", "1234")), (1_234, defaults.1, defaults.2, defaults.3)),
        (Some(("KAFKA_MIN_BYTES", "17")), (defaults.0, 17, defaults.2, defaults.3)),
        (Some(("KAFKA_MAX_BYTES", "200000")), (defaults.0, defaults.1, 200_000, defaults.3)),
        (Some(("KAFKA_MAX_BYTES_PER_PARTITION", "65536")), (defaults.0, defaults.1, 65_536, 65_536)),
    ];
    for (variable, expected) in rows {
        // A member of a group, as the services are: it asks for no end, which would be waited for less.
        let group = format!("group-{}", variable.map_or("default", |(name, _)| name));
        let variables: Vec<Variable<'_>> = variable.into_iter().collect();
        tap.run(&["consume", "-t", topic, "-g", &group, "-c", "2"], b"", &variables).await?.ended(0)?;
        let fetches = tap.heard::<FetchRequest>()?;
        assert!(!fetches.is_empty(), "nothing was fetched");
        for (_, fetch) in fetches {
            let partitions = fetch.topics.iter().flat_map(|topic| &topic.partitions);
            for partition in partitions {
                let asked = (fetch.max_wait_ms, fetch.min_bytes, fetch.max_bytes, partition.partition_max_bytes);
                assert_eq!(asked, expected, "{variable:?}");
            }
        }
    }
    Ok(())
}

async fn members_beat_and_are_missed_as_told(_: Context) -> Outcome {
    const BEATS: usize = 12;
    let tap = Tap::start().await?;
    let topic = topic(&tap).await?;
    let variables = [("KAFKA_SESSION_TIMEOUT", "9000"), ("KAFKA_HEARTBEAT_INTERVAL", "200")];
    let mut member = tap.started(&["consume", "-t", topic, "-g", "beating"], &variables)?;
    let beats = tap.until::<HeartbeatRequest>(BEATS).await?;
    let took = beats.last().map(|(at, _)| *at).zip(beats.first().map(|(at, _)| *at)).map(|(last, first)| last - first);
    // By default, every 3 s, it would be half a minute.
    assert!(took < Some(Duration::from_secs(20)), "{BEATS} heartbeats took {took:?}");
    let joins = tap.heard::<JoinGroupRequest>()?;
    assert!(joins.iter().all(|(_, join)| join.session_timeout_ms == 9_000) && !joins.is_empty(), "{joins:?}");
    member.kill().await?;
    tap.run(&["consume", "-t", topic, "-g", "default", "-c", "1"], b"", &[]).await?.ended(0)?;
    let joins = tap.heard::<JoinGroupRequest>()?;
    assert!(joins.iter().all(|(_, join)| join.session_timeout_ms == 30_000) && !joins.is_empty(), "{joins:?}");
    Ok(())
}

async fn as_many_requests_are_in_flight_as_told(_: Context) -> Outcome {
    let tap = Tap::start().await?;
    let topic = topic(&tap).await?;
    let line = [b"x".repeat(4_000), b"\n".to_vec()].concat();
    let input = line.repeat(300);
    for (variables, expected) in [(&[("KAFKA_MAX_IN_FLIGHT_REQUESTS", "1")][..], 1..=1), (&[], 2..=5)] {
        tap.broker.faults().add(Api::Produce, Fault::Delay(Duration::from_millis(100)).times(20));
        tap.run(&["produce", "-t", topic], &input, variables).await?.ended(0)?;
        tap.broker.faults().clear();
        let most = tap.most_producing();
        assert!(expected.contains(&most), "{most} were on their way at once, with {variables:?}");
    }
    Ok(())
}

async fn every_record_is_written_idempotently(_: Context) -> Outcome {
    let tap = Tap::start().await?;
    let topic = topic(&tap).await?;
    for variables in [&[][..], &[("KAFKA_IDEMPOTENT", "true")]] {
        tap.run(&["produce", "-t", topic], b"a\n", variables).await?.ended(0)?;
        assert_eq!((tap.heard::<InitProducerIdRequest>()?.len(), tap.heard::<ProduceRequest>()?.len()), (1, 1));
        assert!(tap.heard::<ProduceRequest>()?.iter().all(|(_, produce)| produce.acks == -1), "not acks=all");
    }
    let refused = tap.run(&["produce", "-t", topic], b"a\n", &[("KAFKA_IDEMPOTENT", "false")]).await?;
    refused.told(2, &["KAFKA_IDEMPOTENT", "never writes a record twice"])?;
    assert!(tap.headers()?.is_empty(), "it asked the broker");
    Ok(())
}
