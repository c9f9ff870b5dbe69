use libtest_mimic::Failed;
use ottla_kafka_core::{
    Client, ConfigChange, ConfigEntry, ConfigResource, ConfigSource, ErrorCode, Producer, ProducerRecord,
    TopicPartition,
};
use ottla_tests::lane::Needs;

use super::{code, only};
use crate::harness::{Context, Outcome, Suite};

pub(super) fn tests(suite: &mut Suite) {
    suite.test("admin::a_setting_is_altered_and_goes_back", Needs::ANY, a_setting_is_altered_and_goes_back);
    suite.test("admin::a_broker_tells_its_own_settings", Needs::ANY.real_kafka(), a_broker_tells_its_own_settings);
    suite.test("admin::log_dirs_show_where_records_are", Needs::ANY, log_dirs_show_where_records_are);
}

const SETTING: &str = "retention.ms";

async fn a_setting_is_altered_and_goes_back(cx: Context) -> Outcome {
    let client = cx.client()?;
    let admin = client.admin();
    let (good, bad) = (cx.topic(&client, "set", 1).await?, cx.topic(&client, "refused", 1).await?);
    let by_default = setting(&client, &good).await?;
    assert!(by_default.source() != ConfigSource::Topic && by_default.value().is_some(), "{by_default:?}");

    let changes = [
        (ConfigResource::topic(&good), vec![ConfigChange::set(SETTING, "86400000")]),
        (ConfigResource::topic(&bad), vec![ConfigChange::set(SETTING, "a day")]),
    ];
    let mut altered = admin.incremental_alter_configs(&changes).await?;
    assert_eq!(altered.remove(&ConfigResource::topic(&bad)).and_then(code), Some(ErrorCode::INVALID_CONFIG));
    altered.remove(&ConfigResource::topic(&good)).ok_or("no result")??;
    // In a cluster any broker may be asked, and learns of it soon.
    while setting(&client, &good).await?.value() != Some("86400000") {}
    assert_eq!(setting(&client, &good).await?.source(), ConfigSource::Topic);
    assert_eq!(setting(&client, &bad).await?, by_default);

    let back = [(ConfigResource::topic(&good), vec![ConfigChange::delete(SETTING)])];
    only(admin.incremental_alter_configs(&back).await?)??;
    while setting(&client, &good).await? != by_default {}
    let missing = [ConfigResource::topic(cx.unique("missing"))];
    let missing = only(admin.describe_configs(&missing).await?)?;
    assert_eq!(code(missing), Some(ErrorCode::UNKNOWN_TOPIC_OR_PARTITION));
    Ok(())
}

async fn setting(client: &Client, topic: &str) -> Result<ConfigEntry, Failed> {
    let entries = only(client.admin().describe_configs(&[ConfigResource::topic(topic)]).await?)??;
    Ok(entries.into_iter().find(|entry| entry.name() == SETTING).ok_or("the setting is missing")?)
}

async fn a_broker_tells_its_own_settings(cx: Context) -> Outcome {
    let client = cx.client()?;
    let cluster = client.admin().describe_cluster().await?;
    let brokers: Vec<_> = cluster.brokers().iter().map(|broker| ConfigResource::broker(broker.id())).collect();
    let described = client.admin().describe_configs(&brokers).await?;
    assert_eq!(described.len(), brokers.len());
    for (resource, entries) in described {
        let entries = entries?;
        let id = entries.iter().find(|entry| entry.name() == "node.id").and_then(ConfigEntry::value);
        assert_eq!(id, Some(resource.name()), "{resource}");
        let secret = entries.iter().find(|entry| entry.is_sensitive()).ok_or("no setting is sensitive")?;
        assert_eq!(secret.value(), None, "{}", secret.name());
    }
    Ok(())
}

async fn log_dirs_show_where_records_are(cx: Context) -> Outcome {
    let client = cx.client()?;
    let topic = cx.topic(&client, "logs", 1).await?;
    let producer = Producer::builder(&client).build()?;
    producer.send(ProducerRecord::to(topic.as_str()).value("x".repeat(1_000))).await?;
    producer.close().await;
    let partition = TopicPartition::new(topic, 0);
    let mut sizes = Vec::new();
    for (broker, dirs) in client.admin().describe_log_dirs(&[]).await? {
        for dir in dirs? {
            assert!(dir.error().is_none(), "broker {broker}: {:?}", dir.error());
            sizes.extend(dir.replicas().get(&partition).map(|replica| (replica.size(), replica.is_future())));
        }
    }
    assert_eq!(sizes.len(), cx.fixture().offers().nodes.min(3), "each copy is in one directory");
    assert!(sizes.iter().any(|(size, future)| *size > 1_000 && !future), "{sizes:?}");
    let nobody = only(client.admin().describe_log_dirs(&[4_711]).await?)?;
    assert_eq!(code(nobody), Some(ErrorCode::BROKER_NOT_AVAILABLE));
    Ok(())
}
