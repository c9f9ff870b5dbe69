use std::collections::BTreeMap;

use libtest_mimic::Failed;
use ottla_consumer_group::{Consumer, Event};
use ottla_kafka_core::{Client, ErrorCode, GroupDescription, GroupState, GroupType, ListedGroup, TopicPartition};
use ottla_tests::lane::Needs;

use super::{code, only};
use crate::harness::{Context, Outcome, Suite};

pub(super) fn tests(suite: &mut Suite) {
    suite.test(
        "admin::a_group_with_members_is_shown_and_protected",
        Needs::ANY,
        a_group_with_members_is_shown_and_protected,
    );
    suite.test(
        "admin::an_empty_groups_offsets_are_altered_and_deleted",
        Needs::ANY,
        an_empty_groups_offsets_are_altered_and_deleted,
    );
}

/// A consumer that has its partitions.
async fn member(client: &Client, group: &str, topic: &str) -> Result<Consumer, Failed> {
    let mut consumer = Consumer::builder(client, group).topics([topic]).build()?;
    loop {
        if let Event::Assigned(_) = consumer.recv().await? {
            return Ok(consumer);
        }
    }
}

async fn described(client: &Client, group: &str) -> Result<Result<GroupDescription, ottla_kafka_core::Error>, Failed> {
    only(client.admin().describe_groups(&[group]).await?)
}

async fn listed(client: &Client, group: &str) -> Result<Option<ListedGroup>, Failed> {
    let listing = client.admin().list_groups().await?;
    assert!(listing.failures().is_empty(), "{:?}", listing.failures());
    Ok(listing.groups().iter().find(|listed| listed.group_id() == group).cloned())
}

async fn a_group_with_members_is_shown_and_protected(cx: Context) -> Outcome {
    let client = cx.client()?;
    let admin = client.admin();
    let (topic, group) = (cx.topic(&client, "orders", 3).await?, cx.unique("group"));
    let consumer = member(&client, &group, &topic).await?;

    let shown = listed(&client, &group).await?.ok_or("the group is not listed")?;
    assert_eq!(
        (shown.protocol_type(), shown.state(), shown.group_type()),
        ("consumer", GroupState::Stable, GroupType::Classic)
    );
    let group_shown = described(&client, &group).await??;
    assert_eq!((group_shown.state(), group_shown.assignor()), (GroupState::Stable, "range"));
    let [shown] = group_shown.members() else { return Err("one member is expected".into()) };
    let assigned: Vec<_> = shown.assignment().ok_or("no assignment")?.iter().map(TopicPartition::partition).collect();
    assert_eq!((shown.client_id(), assigned), (client.client_id(), vec![0, 1, 2]));
    assert!(!shown.host().is_empty() && !shown.member_id().is_empty());

    let deleted = only(admin.delete_groups(&[&group]).await?)?;
    assert_eq!(code(deleted), Some(ErrorCode::NON_EMPTY_GROUP));
    let partition = TopicPartition::new(topic, 0);
    let altered = only(admin.alter_group_offsets(&group, &[(partition.clone(), 0)]).await?)?;
    assert_eq!(code(altered), Some(ErrorCode::UNKNOWN_MEMBER_ID));
    let forgotten = only(admin.delete_group_offsets(&group, &[partition]).await?)?;
    assert_eq!(code(forgotten), Some(ErrorCode::GROUP_SUBSCRIBED_TO_TOPIC));
    Ok(consumer.close().await?)
}

async fn an_empty_groups_offsets_are_altered_and_deleted(cx: Context) -> Outcome {
    let client = cx.client()?;
    let admin = client.admin();
    let (topic, group) = (cx.topic(&client, "orders", 2).await?, cx.unique("group"));
    let [first, second] = [0, 1].map(|index| TopicPartition::new(topic.as_str(), index));
    member(&client, &group, &topic).await?.close().await?;

    let altered = admin.alter_group_offsets(&group, &[(first.clone(), 7), (second.clone(), 8)]).await?;
    altered.into_values().collect::<Result<(), _>>()?;
    assert_eq!(described(&client, &group).await??.state(), GroupState::Empty);
    let offsets = BTreeMap::from([(first.clone(), 7), (second.clone(), 8)]);
    assert_eq!(admin.group_offsets(&group).await?, offsets);
    only(admin.delete_group_offsets(&group, &[first]).await?)??;
    assert_eq!(admin.group_offsets(&group).await?, BTreeMap::from([(second, 8)]));

    let mut deleted = admin.delete_groups(&[&group, "no-such-group"]).await?;
    assert_eq!(deleted.remove("no-such-group").and_then(code), Some(ErrorCode::GROUP_ID_NOT_FOUND));
    deleted.remove(&group).ok_or("no result")??;
    assert_eq!(code(described(&client, &group).await?), Some(ErrorCode::GROUP_ID_NOT_FOUND));
    assert_eq!(listed(&client, &group).await?, None);
    Ok(())
}
