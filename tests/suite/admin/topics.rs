use std::time::Duration;

use libtest_mimic::Failed;
use ottla_kafka_core::{BrokerDescription, Client, ErrorCode, NewTopic};
use ottla_tests::lane::Needs;
use tokio::time::sleep;

use super::{code, only};
use crate::harness::{Context, Outcome, Suite};

pub(super) fn tests(suite: &mut Suite) {
    suite.test("admin::a_topic_is_created_once_and_as_asked", Needs::ANY, a_topic_is_created_once_and_as_asked);
    suite.test("admin::a_topic_grows_and_goes", Needs::ANY, a_topic_grows_and_goes);
    suite.test("admin::the_cluster_is_described", Needs::ANY, the_cluster_is_described);
}

async fn a_topic_is_created_once_and_as_asked(cx: Context) -> Outcome {
    let client = cx.client()?;
    let name = cx.topic(&client, "created", 2).await?;
    assert_eq!(client.admin().partition_count(&name).await?, 2);
    let topics = [NewTopic::new(&name, 1, 1), NewTopic::new("no/such name", 1, 1)];
    let mut results = client.admin().create_topics(&topics).await?;
    let codes = [results.remove(&name), results.remove("no/such name")].map(|result| result.and_then(code));
    assert_eq!(codes, [Some(ErrorCode::TOPIC_ALREADY_EXISTS), Some(ErrorCode::INVALID_TOPIC_EXCEPTION)]);
    assert_eq!(client.admin().partition_count(&name).await?, 2, "it is as it was");
    let missing = client.admin().partition_count(&cx.unique("missing")).await;
    assert_eq!(code(missing), Some(ErrorCode::UNKNOWN_TOPIC_OR_PARTITION));
    assert!(client.admin().group_offsets(&cx.unique("nobody")).await?.is_empty());
    Ok(())
}

async fn a_topic_grows_and_goes(cx: Context) -> Outcome {
    let client = cx.client()?;
    let admin = client.admin();
    let (name, missing) = (cx.topic(&client, "grows", 1).await?, cx.unique("missing"));
    let mut described = admin.describe_topics(&[&name, &missing]).await?;
    assert_eq!(described.remove(&missing).and_then(code), Some(ErrorCode::UNKNOWN_TOPIC_OR_PARTITION));
    let topic = described.remove(&name).ok_or("it is not described")??;
    let partition = topic.partitions().get(&0).ok_or("it has no partition 0")?;
    assert_eq!((topic.partitions().len(), topic.is_internal(), topic.id().is_nil()), (1, false, false));
    assert!(partition.leader.is_some_and(|leader| partition.isr.contains(&leader)), "{partition:?}");
    assert_eq!(topic.replication_factor(), partition.replicas.len());

    only(admin.create_partitions(&[(&name, 3)]).await?)??;
    let again = only(admin.create_partitions(&[(&name, 3)]).await?)?;
    assert_eq!(code(again), Some(ErrorCode::INVALID_PARTITIONS));
    until(&client, &name, Some(3)).await?;

    let mut deleted = admin.delete_topics(&[&name, &missing]).await?;
    assert_eq!(deleted.remove(&missing).and_then(code), Some(ErrorCode::UNKNOWN_TOPIC_OR_PARTITION));
    deleted.remove(&name).ok_or("no result")??;
    until(&client, &name, None).await
}

/// Waits until every broker may have learned of it: the list shows the topic with so many partitions, or not at all.
async fn until(client: &Client, name: &str, partitions: Option<usize>) -> Result<(), Failed> {
    loop {
        let listed = client.admin().list_topics().await?.remove(name).transpose()?;
        if listed.map(|topic| topic.partitions().len()) == partitions {
            return Ok(());
        }
        sleep(Duration::from_millis(50)).await;
    }
}

async fn the_cluster_is_described(cx: Context) -> Outcome {
    let cluster = cx.client()?.admin().describe_cluster().await?;
    let advertised: Vec<_> = cluster.brokers().iter().map(BrokerDescription::address).cloned().collect();
    assert_eq!(advertised.len(), cx.fixture().offers().nodes.max(advertised.len()));
    if cx.fixture().offers().tools {
        assert_eq!(advertised, cx.bootstrap()?);
    }
    assert!(!cluster.cluster_id().is_empty());
    let controller = cluster.controller().ok_or("there is no controller")?;
    assert!(cluster.brokers().iter().any(|broker| broker.id() == controller));
    Ok(())
}
