use ottla_embedded_broker::EmbeddedBroker;
use ottla_tests::lane::Needs;
use serde_json::{Value, json};

use super::run::run_with;
use crate::harness::{Context, Outcome, Suite};

pub(super) fn tests(suite: &mut Suite) {
    suite.test("cli::topics_are_created_altered_and_deleted", Needs::ANY, topics_are_created_altered_and_deleted);
    suite.test("cli::groups_are_described_with_their_lag", Needs::ANY, groups_are_described_with_their_lag);
    suite.test("cli::a_catalogue_is_applied_once", Needs::ANY, a_catalogue_is_applied_once);
}

/// On a broker of its own: the catalogue's names are not the test's.
async fn a_catalogue_is_applied_once(_: Context) -> Outcome {
    let broker = EmbeddedBroker::builder().listen("127.0.0.1:0").auto_create_topics(false).start().await?;
    let address = broker.addr().to_string();
    let topics = |args: &'static [&'static str]| {
        let args = [&["topics"][..], args, &["-b", &address]].concat();
        async move { run_with(&args, b"", &[]).await }
    };
    let created = topics(&["apply", "pubsub"]).await?.ended(0)?.text();
    assert_eq!(
        created.lines().filter(|line| line.contains("created, 3 partitions, 1 replicas")).count(),
        4,
        "{created}"
    );
    let again = topics(&["apply", "pubsub"]).await?.ended(0)?.text();
    assert_eq!(again.lines().filter(|line| line.ends_with("there, as it is to be")).count(), 4, "{again}");
    topics(&["alter", "orders", "--partitions", "6"]).await?.ended(0)?;
    topics(&["alter", "users", "--config", "max.message.bytes=1000"]).await?.ended(0)?;
    topics(&["delete", "users-dlq"]).await?.ended(0)?;
    let differs = topics(&["apply", "pubsub"]).await?.ended(6)?.text();
    for line in [
        "orders: there, as it is to be",
        "orders-dlq: there, but 3 partitions instead of 6",
        "users: there, but max.message.bytes is 1000 instead of 1048588",
        "users-dlq: created, 3 partitions, 1 replicas",
    ] {
        assert!(differs.lines().any(|found| found == line), "'{line}' is missing from: {differs}");
    }
    topics(&["apply", "pubsub", "--layout", "huge"]).await?.ended(2)?;
    topics(&["apply", "nothing"]).await?.ended(2)?;
    broker.stop().await;
    Ok(())
}

async fn topics_are_created_altered_and_deleted(cx: Context) -> Outcome {
    let (topic, other) = (cx.unique("topic"), cx.unique("other"));
    let create = ["topics", "create", &topic, "--partitions", "2", "--config", "retention.ms=3600000"];
    cx.ottla(&create).await?.ended(0)?;
    cx.ottla(&create).await?.told(1, &["TOPIC_ALREADY_EXISTS", "--if-not-exists"])?;
    cx.ottla(&[&create[..], &["--if-not-exists"]].concat()).await?.ended(0)?;
    cx.ottla_on(&["produce", "-t", &topic, "-p", "1"], b"a\nb\n").await?.ended(0)?;

    cx.ottla(&["topics", "alter", &topic, "--partitions", "3", "--config", "cleanup.policy=compact"])
        .await?
        .ended(0)?;
    cx.ottla(&["topics", "alter", &topic, "--partitions", "3"]).await?.told(1, &["INVALID_PARTITIONS"])?;
    cx.ottla(&["topics", "alter", &topic]).await?.ended(2)?;
    let described = cx.ottla(&["topics", "describe", &topic, "--json"]).await?.ended(0)?;
    let described: Value = serde_json::from_slice(&described.out)?;
    let described = &described[0];
    assert_eq!(described["configs"], json!({"cleanup.policy": "compact", "retention.ms": "3600000"}));
    let latest: Vec<_> = (0..3).map(|index| described["partitions"][index]["latest"].as_i64()).collect();
    assert_eq!(latest, [Some(0), Some(2), Some(0)], "{described}");
    cx.ottla(&["topics", "alter", &topic, "--config", "cleanup.policy="]).await?.ended(0)?;
    let text = cx.ottla(&["topics", "describe", &topic]).await?.ended(0)?.text();
    assert!(text.contains("retention.ms=3600000") && !text.contains("cleanup.policy"), "{text}");

    let listed = cx.ottla(&["topics", "list", "--json"]).await?.ended(0)?;
    let listed: Vec<Value> = serde_json::from_slice(&listed.out)?;
    let ours = listed.iter().find(|row| row["topic"] == topic.as_str()).ok_or("it is not listed")?;
    assert_eq!((&ours["partitions"], &ours["internal"]), (&json!(3), &json!(false)));

    cx.ottla(&["topics", "delete", &topic, &other]).await?.told(6, &[&other, "UNKNOWN_TOPIC", &topic])?;
    cx.ottla(&["topics", "delete", &topic]).await?.told(3, &[&topic, "topics list"])?;
    cx.ottla(&["topics", "describe", &topic]).await?.ended(3)?;
    Ok(())
}

async fn groups_are_described_with_their_lag(cx: Context) -> Outcome {
    let client = cx.client()?;
    let topic = cx.topic(&client, "lag", 1).await?;
    let group = cx.unique("group");
    cx.ottla_on(&["produce", "-t", &topic], b"a\nb\nc\nd\n").await?.ended(0)?;
    cx.ottla(&["consume", "-t", &topic, "-g", &group, "-c", "1"]).await?.ended(0)?;
    let described = cx.ottla(&["groups", "describe", &group, "--json"]).await?.ended(0)?;
    let described: Value = serde_json::from_slice(&described.out)?;
    let row = json!({
        "topic": topic, "partition": 0, "committed": 1, "end": 4, "lag": 3, "member_id": null,
    });
    assert_eq!((&described[0]["partitions"], &described[0]["lag"]), (&json!([row]), &json!(3)), "{described}");
    let listed = cx.ottla(&["groups", "list", "--json"]).await?.ended(0)?;
    let listed: Vec<Value> = serde_json::from_slice(&listed.out)?;
    let ours = listed.iter().find(|row| row["group"] == group.as_str()).ok_or("it is not listed")?;
    assert_eq!((&ours["lag"], &ours["state"]), (&json!(3), &json!("Empty")));

    let missing = cx.unique("missing");
    cx.ottla(&["groups", "describe", &missing]).await?.told(3, &[&missing, "groups list"])?;
    cx.ottla(&["groups", "delete", &group]).await?.ended(0)?;
    cx.ottla(&["groups", "delete", &group]).await?.told(3, &[&group])?;
    client.close().await;
    Ok(())
}
