//! Administrative requests: whoever was dropped, the same call made again on the same client comes to its end, with the
//! result it has when nothing is dropped.

use ottla_kafka_core::{Client, ConfigChange, ConfigResource, Error, ErrorCode, TopicPartition};

use super::{Failed, Row, calls::again};

pub(super) const ROWS: &[Row] = &[
    ("Admin::alter_group_offsets", |cx| again(cx, |client, topic| Box::pin(alter_group_offsets(client, topic)))),
    ("Admin::create_partitions", |cx| again(cx, |client, topic| Box::pin(create_partitions(client, topic)))),
    ("Admin::delete_group_offsets", |cx| again(cx, |client, topic| Box::pin(delete_group_offsets(client, topic)))),
    ("Admin::delete_groups", |cx| again(cx, |client, topic| Box::pin(delete_groups(client, topic)))),
    ("Admin::delete_records", |cx| again(cx, |client, topic| Box::pin(delete_records(client, topic)))),
    ("Admin::delete_topics", |cx| again(cx, |client, _| Box::pin(delete_topics(client)))),
    ("Admin::describe_cluster", |cx| again(cx, |client, _| Box::pin(describe_cluster(client)))),
    ("Admin::describe_configs", |cx| again(cx, |client, topic| Box::pin(describe_configs(client, topic)))),
    ("Admin::describe_groups", |cx| again(cx, |client, topic| Box::pin(describe_groups(client, topic)))),
    ("Admin::describe_log_dirs", |cx| again(cx, |client, _| Box::pin(describe_log_dirs(client)))),
    ("Admin::describe_topics", |cx| again(cx, |client, topic| Box::pin(describe_topics(client, topic)))),
    ("Admin::incremental_alter_configs", |cx| {
        again(cx, |client, topic| Box::pin(incremental_alter_configs(client, topic)))
    }),
    ("Admin::list_groups", |cx| again(cx, |client, _| Box::pin(list_groups(client)))),
    ("Admin::list_topics", |cx| again(cx, |client, topic| Box::pin(list_topics(client, topic)))),
];

/// Every result must be this refusal, which leaves everything as it is.
fn refused<V>(results: impl IntoIterator<Item = Result<V, Error>>, code: ErrorCode) -> Result<(), Failed> {
    for result in results {
        match result {
            Err(error) if error.code() == Some(code) => {}
            Err(error) => return Err(error.into()),
            Ok(_) => return Err(format!("{code} is expected").into()),
        }
    }
    Ok(())
}

fn done<V>(results: impl IntoIterator<Item = Result<V, Error>>) -> Result<(), Failed> {
    Ok(results.into_iter().try_for_each(|result| result.map(drop))?)
}

async fn alter_group_offsets(client: Client, topic: String) -> Result<(), Failed> {
    let offsets = [(TopicPartition::new(topic.as_str(), 0), 0)];
    done(client.admin().alter_group_offsets(&format!("{topic}-altered"), &offsets).await?.into_values())
}

async fn create_partitions(client: Client, topic: String) -> Result<(), Failed> {
    let results = client.admin().create_partitions(&[(&topic, 1)]).await?;
    refused(results.into_values(), ErrorCode::INVALID_PARTITIONS)
}

async fn delete_group_offsets(client: Client, topic: String) -> Result<(), Failed> {
    let partitions = [TopicPartition::new(topic.as_str(), 0)];
    let results = client.admin().delete_group_offsets(&topic, &partitions).await?;
    refused(results.into_values(), ErrorCode::GROUP_ID_NOT_FOUND)
}

async fn delete_groups(client: Client, topic: String) -> Result<(), Failed> {
    refused(client.admin().delete_groups(&[&topic]).await?.into_values(), ErrorCode::GROUP_ID_NOT_FOUND)
}

async fn delete_records(client: Client, topic: String) -> Result<(), Failed> {
    done(client.admin().delete_records(&[(TopicPartition::new(topic, 0), 0)]).await?.into_values())
}

async fn delete_topics(client: Client) -> Result<(), Failed> {
    let results = client.admin().delete_topics(&["no-such-topic"]).await?;
    refused(results.into_values(), ErrorCode::UNKNOWN_TOPIC_OR_PARTITION)
}

async fn describe_cluster(client: Client) -> Result<(), Failed> {
    let cluster = client.admin().describe_cluster().await?;
    if cluster.brokers().is_empty() { Err("there are no brokers".into()) } else { Ok(()) }
}

async fn describe_configs(client: Client, topic: String) -> Result<(), Failed> {
    done(client.admin().describe_configs(&[ConfigResource::topic(topic)]).await?.into_values())
}

async fn describe_groups(client: Client, topic: String) -> Result<(), Failed> {
    refused(client.admin().describe_groups(&[&topic]).await?.into_values(), ErrorCode::GROUP_ID_NOT_FOUND)
}

async fn describe_log_dirs(client: Client) -> Result<(), Failed> {
    done(client.admin().describe_log_dirs(&[]).await?.into_values())
}

async fn describe_topics(client: Client, topic: String) -> Result<(), Failed> {
    done(client.admin().describe_topics(&[&topic]).await?.into_values())
}

async fn incremental_alter_configs(client: Client, topic: String) -> Result<(), Failed> {
    let changes = [(ConfigResource::topic(topic), vec![ConfigChange::set("retention.ms", "86400000")])];
    done(client.admin().incremental_alter_configs(&changes).await?.into_values())
}

async fn list_groups(client: Client) -> Result<(), Failed> {
    let listing = client.admin().list_groups().await?;
    match listing.failures().values().next() {
        Some(error) => Err(error.clone().into()),
        None => Ok(()),
    }
}

async fn list_topics(client: Client, topic: String) -> Result<(), Failed> {
    let listed = client.admin().list_topics().await?.remove(&topic);
    done([listed.ok_or("the topic is not listed")?])
}
