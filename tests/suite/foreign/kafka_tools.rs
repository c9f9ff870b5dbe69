//! Kafka's own command line tools.

use ottla_tests::lane::Needs;

use super::LIMIT;
use crate::{
    fixture::Java,
    harness::{Context, Outcome, Suite},
};

const TOPICS: &str = "org.apache.kafka.tools.TopicCommand";
const CONFIGS: &str = "kafka.admin.ConfigCommand";
pub(crate) const GROUPS: &str = "org.apache.kafka.tools.consumer.group.ConsumerGroupCommand";

pub(crate) fn tests(suite: &mut Suite) {
    let topics = kafkas_tools_administer_topics;
    suite.long_test("foreign::kafkas_tools_administer_topics", Needs::ANY.tools(), LIMIT, topics);
    let records = kafkas_tools_produce_consume_and_administer_groups;
    let name = "foreign::kafkas_tools_produce_consume_and_administer_groups";
    suite.long_test(name, Needs::ANY.tools(), LIMIT, records);
}

/// Kafka's tools, told where the brokers are.
pub(crate) struct Tools<'a> {
    java: &'a Java,
    brokers: String,
}

impl<'a> Tools<'a> {
    pub(crate) fn new(cx: &'a Context) -> Result<Self, std::io::Error> {
        Ok(Self { java: cx.fixture().tools()?, brokers: cx.fixture().addresses().join(",") })
    }

    pub(crate) async fn run(&self, class: &str, args: &[&str]) -> Result<String, std::io::Error> {
        let args: Vec<&str> = ["--bootstrap-server", &self.brokers].into_iter().chain(args.iter().copied()).collect();
        self.java.run(class, &args).await
    }
}

async fn kafkas_tools_administer_topics(cx: Context) -> Outcome {
    let tools = Tools::new(&cx)?;
    let topic = cx.unique("tools");
    let one = ["--topic", &topic];
    let create = ["--create", "--partitions", "2", "--replication-factor", "1", "--config", "retention.ms=7200000"];
    tools.run(TOPICS, &[&create[..], &one].concat()).await?;
    tools.run(TOPICS, &[&["--alter", "--partitions", "3"][..], &one].concat()).await?;
    let described = tools.run(TOPICS, &[&["--describe"][..], &one].concat()).await?;
    assert!(described.contains("PartitionCount: 3\tReplicationFactor: 1"), "{described}");
    assert!(described.contains("retention.ms=7200000"), "{described}");
    let entity = ["--entity-type", "topics", "--entity-name", &topic];
    let add = "max.message.bytes=2000000,cleanup.policy=[compact,delete]";
    let alter = ["--alter", "--add-config", add, "--delete-config", "retention.ms"];
    tools.run(CONFIGS, &[&entity[..], &alter].concat()).await?;
    let described = tools.run(CONFIGS, &[&entity[..], &["--describe"]].concat()).await?;
    assert!(described.contains("max.message.bytes=2000000 sensitive=false"), "{described}");
    assert!(described.contains("cleanup.policy=compact,delete sensitive=false"), "{described}");
    assert!(!described.contains("retention.ms"), "{described}");
    let refused = tools.run(CONFIGS, &[&entity[..], &["--alter", "--add-config", "no.such=1"]].concat()).await;
    let refused = refused.expect_err("there is no such setting").to_string();
    assert!(refused.contains("Unknown topic config name: no.such"), "{refused}");
    tools.run(TOPICS, &[&["--delete"][..], &one].concat()).await?;
    let listed = tools.run(TOPICS, &["--list"]).await?;
    assert!(!listed.lines().any(|line| line == topic), "{listed}");
    Ok(())
}

async fn kafkas_tools_produce_consume_and_administer_groups(cx: Context) -> Outcome {
    let tools = Tools::new(&cx)?;
    let (topic, group) = (cx.unique("tools"), cx.unique("tools-group"));
    let one = ["--topic", &topic];
    let create = ["--create", "--partitions", "2", "--replication-factor", "1"];
    tools.run(TOPICS, &[&create[..], &one].concat()).await?;
    let produce = ["--max-messages", "500", "--acks", "-1"];
    let produced = tools.run("org.apache.kafka.tools.VerifiableProducer", &[&one[..], &produce].concat()).await?;
    assert!(produced.contains("\"sent\":500,\"acked\":500"), "{produced}");

    let first = ["--from-beginning", "--max-messages", "200", "--group", &group, "--timeout-ms", "60000"];
    let consumed = tools.run("org.apache.kafka.tools.consumer.ConsoleConsumer", &[&one[..], &first].concat()).await?;
    let mut values: Vec<u32> = consumed.lines().filter_map(|line| line.parse().ok()).collect();
    assert_eq!(values.len(), 200);
    // Another member goes on where the first has committed.
    let rest = ["--group-id", &group, "--max-messages", "300", "--reset-policy", "earliest", "--verbose"];
    let consumed = tools.run("org.apache.kafka.tools.VerifiableConsumer", &[&one[..], &rest].concat()).await?;
    let value = |line: &str| {
        let (_, rest) = line.split_once("\"record_data\"")?.1.split_once("\"value\":\"")?;
        rest.split('"').next()?.parse::<u32>().ok()
    };
    values.extend(consumed.lines().filter_map(value));
    values.sort_unstable();
    assert_eq!(values, (0..500).collect::<Vec<u32>>(), "each record once");

    let this = ["--group", &group];
    let described = tools.run(GROUPS, &[&["--describe"][..], &this].concat()).await?;
    let lags: Vec<&str> = described
        .lines()
        .filter(|line| line.starts_with(&group))
        .filter_map(|line| line.split_whitespace().nth(5))
        .collect();
    assert_eq!(lags, ["0", "0"], "{described}");
    let partition = format!("{topic}:0");
    let reset = ["--reset-offsets", "--topic", &partition, "--to-earliest", "--execute"];
    let reset = tools.run(GROUPS, &[&reset[..], &this].concat()).await?;
    assert!(reset.lines().any(|line| line.split_whitespace().eq([group.as_str(), &topic, "0", "0"])), "{reset}");
    let deleted = tools.run(GROUPS, &[&["--delete-offsets", "--topic", &partition][..], &this].concat()).await?;
    assert!(deleted.contains("Successful"), "{deleted}");
    let deleted = tools.run(GROUPS, &[&["--delete"][..], &this].concat()).await?;
    assert!(deleted.contains("was successful"), "{deleted}");
    let offsets = tools.run("org.apache.kafka.tools.GetOffsetShell", &[&one[..], &["--time", "-1"]].concat()).await?;
    let ends = offsets.lines().filter_map(|line| line.rsplit(':').next()?.parse::<u32>().ok()).sum::<u32>();
    assert_eq!(ends, 500, "{offsets}");
    let sizes = tools.run("org.apache.kafka.tools.LogDirsCommand", &["--describe", "--topic-list", &topic]).await?;
    assert!(sizes.contains(&format!("\"partition\":\"{topic}-1\"")), "{sizes}");
    Ok(())
}
