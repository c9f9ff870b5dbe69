//! What the variables change in time, in what is created and in what is said.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use libtest_mimic::Failed;
use ottla_embedded_broker::{Api, EmbeddedBroker, Fault};
use ottla_kafka_core::ErrorCode;
use ottla_tests::{
    lane::Needs,
    stub::{Answer, Stub},
};
use tokio::{
    io::{AsyncBufReadExt, BufReader},
    time::{Duration, Instant, sleep, timeout},
};

use super::tap::Tap;
use crate::{
    cli::run::{run_with, signal, start},
    harness::{Context, Outcome, Suite},
    http,
};

/// Far more than what is set below, and less than what is the default.
const SOON: Duration = Duration::from_secs(9);

pub(super) fn tests(suite: &mut Suite) {
    let connects = a_connection_is_given_up_in_its_time;
    suite.test("cli::a_connection_is_given_up_in_its_time", Needs::ANY, connects);
    let requests = a_request_is_given_up_in_its_time_and_its_outcome_is_unknown;
    suite.test("cli::a_request_is_given_up_in_its_time_and_its_outcome_is_unknown", Needs::ANY, requests);
    suite.test("cli::what_the_cluster_refuses_ends_with_4", Needs::ANY, what_the_cluster_refuses_ends_with_4);
    suite.test("cli::a_transaction_timeout_is_checked", Needs::ANY, a_transaction_timeout_is_checked);
    suite.test("cli::as_much_is_logged_as_told", Needs::ANY, as_much_is_logged_as_told);
    let creates = a_service_creates_its_topics_unless_it_is_told_not_to;
    suite.test("cli::a_service_creates_its_topics_unless_it_is_told_not_to", Needs::ANY, creates);
}

/// The first request of a connection is a part of opening it.
async fn a_connection_is_given_up_in_its_time(_: Context) -> Outcome {
    for (variables, expected) in [
        (&[("KAFKA_CONNECTION_TIMEOUT", "300"), ("KAFKA_REQUEST_TIMEOUT", "4000")][..], 3..=30),
        (&[("KAFKA_REQUEST_TIMEOUT", "4000")], 1..=1),
    ] {
        let attempts = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&attempts);
        let stub = Stub::answering(move |_| {
            counted.fetch_add(1, Ordering::SeqCst);
            Answer::Silence
        });
        let stub = stub.await?;
        let ran = run_with(&["topics", "list", "-b", &stub.address().to_string()], b"", variables).await?;
        assert!(matches!(ran.code, Some(1 | 5)), "{ran:?}");
        let attempts = attempts.load(Ordering::SeqCst);
        assert!(expected.contains(&attempts), "{attempts} connections with {variables:?}");
    }
    Ok(())
}

async fn a_request_is_given_up_in_its_time_and_its_outcome_is_unknown(_: Context) -> Outcome {
    let tap = Tap::start().await?;
    for (api, command) in [(Api::Metadata, &["topics", "list"][..]), (Api::CreateTopics, &["topics", "create", "t"])] {
        tap.broker.faults().add(api, Fault::Silence.times(1_000));
        let begun = Instant::now();
        let ran = tap.run(command, b"", &[("KAFKA_REQUEST_TIMEOUT", "700")]).await?;
        ran.told(5, &["next: "])?;
        assert!(begun.elapsed() < SOON, "{command:?} took {:?}", begun.elapsed());
        tap.broker.faults().clear();
    }
    Ok(())
}

async fn what_the_cluster_refuses_ends_with_4(_: Context) -> Outcome {
    let tap = Tap::start().await?;
    for (api, code, command) in [
        (Api::CreateTopics, ErrorCode::TOPIC_AUTHORIZATION_FAILED, &["topics", "create", "t"][..]),
        (Api::CreateTopics, ErrorCode::POLICY_VIOLATION, &["topics", "create", "t"]),
        (Api::DeleteGroups, ErrorCode::NON_EMPTY_GROUP, &["groups", "delete", "g"]),
        (Api::JoinGroup, ErrorCode::GROUP_AUTHORIZATION_FAILED, &["consume", "-t", "there", "-g", "g", "-c", "1"]),
    ] {
        tap.run(&["topics", "create", "there", "--if-not-exists"], b"", &[]).await?.ended(0)?;
        tap.broker.faults().add(api, Fault::Error(code).times(1_000));
        let name = code.to_string();
        let name = name.split(' ').next().unwrap_or_default();
        tap.run(command, b"", &[]).await?.told(4, &[name])?;
        tap.broker.faults().clear();
    }
    Ok(())
}

async fn a_transaction_timeout_is_checked(cx: Context) -> Outcome {
    let brokers = cx.brokers();
    let list = ["topics", "list", "-b", &brokers];
    for wrong in ["0", "soon", "-1"] {
        run_with(&list, b"", &[("KAFKA_TRANSACTION_TIMEOUT", wrong)]).await?.told(2, &["KAFKA_TRANSACTION_TIMEOUT"])?;
    }
    run_with(&list, b"", &[("KAFKA_TRANSACTION_TIMEOUT", "1000")]).await?.ended(0)?;
    Ok(())
}

async fn as_much_is_logged_as_told(cx: Context) -> Outcome {
    let brokers = cx.brokers();
    for (level, logged) in [(Some("info"), true), (Some("error"), false), (Some("off"), false), (None, false)] {
        let (topic, variables) = (cx.unique("level"), level.map(|level| ("KAFKA_LOG_LEVEL", level)));
        let create = ["topics", "create", &topic, "-b", &brokers];
        let ran = run_with(&create, b"", variables.as_slice()).await?.ended(0)?;
        assert_eq!(ran.err.contains("INFO"), logged, "{level:?}: {}", ran.err);
    }
    Ok(())
}

async fn a_service_creates_its_topics_unless_it_is_told_not_to(_: Context) -> Outcome {
    for (value, ready) in [("true", true), ("false", false)] {
        let builder = EmbeddedBroker::builder().listen("127.0.0.1:0").auto_create_topics(false);
        let broker = builder.start().await?;
        let variables = [("KAFKA_AUTO_CREATE_TOPICS", value)];
        let args =
            ["serve", "pubsub", "--store", "memory", "--listen", "127.0.0.1:0", "-b", &broker.addr().to_string()];
        let mut service = start(&args, &variables)?;
        let output = service.stdout.take().ok_or("no output")?;
        let line = timeout(SOON, BufReader::new(output).lines().next_line()).await??.ok_or("it said nothing")?;
        let port: u16 = line.rsplit(':').next().ok_or("no port")?.parse()?;
        let health = until_told(port, ready).await?;
        if !ready {
            assert!(health.contains("orders") && health.contains("missing"), "{health}");
        }
        assert_eq!(broker.leader("orders", 0).is_some(), ready, "{value}");
        signal(&service, "-TERM").await?;
        service.wait().await?;
        broker.stop().await;
    }
    Ok(())
}

/// Asks a service until it is ready, or says which topics are missing.
pub(super) async fn until_told(port: u16, ready: bool) -> Result<String, Failed> {
    let asking = async {
        loop {
            if let Ok(answer) = http::request(port, "GET", "/health/ready", None).await
                && ((answer.status == 200) == ready && (ready || answer.body.contains("missing")))
            {
                return answer.body;
            }
            sleep(Duration::from_millis(50)).await;
        }
    };
    timeout(Duration::from_secs(25), asking).await.map_err(|_| "its readiness is not as it should be".into())
}
