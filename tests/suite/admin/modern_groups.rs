use std::time::Duration;

use libtest_mimic::Failed;
use ottla_kafka_core::{
    Client, ConnectionKind, ErrorCode, GroupState, GroupType, Target, TopicPartition,
    protocol::{
        kafka_protocol::protocol::StrBytes,
        messages::{ConsumerGroupHeartbeatRequest, GroupId, TopicName},
    },
};
use ottla_tests::lane::Needs;

use super::{code, only};
use crate::harness::{Context, Outcome, Suite};

pub(super) fn tests(suite: &mut Suite) {
    let name = "admin::a_group_of_the_newer_protocol_is_shown_in_the_same_words";
    suite.test(name, Needs::ANY.real_kafka(), a_group_of_the_newer_protocol_is_shown_in_the_same_words);
}

/// A member of a group by KIP-848, by hand: our consumer does not speak it yet.
struct Member<'a> {
    client: &'a Client,
    group: &'a str,
    topic: &'a str,
}

const LEAVES: i32 = -1;

impl Member<'_> {
    async fn heartbeat(&self, epoch: i32) -> Result<i32, Failed> {
        let text = |text: &str| StrBytes::from_string(text.to_owned());
        let request = ConsumerGroupHeartbeatRequest::default()
            .with_group_id(GroupId(text(self.group)))
            .with_member_id(text("by-hand"))
            .with_member_epoch(epoch)
            .with_rebalance_timeout_ms(30_000)
            .with_subscribed_topic_names(Some(vec![TopicName(text(self.topic))]))
            .with_topic_partitions(Some(Vec::new()));
        let limit = Duration::from_secs(10);
        // Any broker but the coordinator refuses.
        for broker in self.client.metadata().topics(&[self.topic]).await?.brokers().keys() {
            let target = Target::Broker(*broker);
            let answer = self.client.call(target, ConnectionKind::Control, &request, limit).await?;
            match ErrorCode(answer.error_code) {
                ErrorCode::NONE => return Ok(answer.member_epoch),
                ErrorCode::NOT_COORDINATOR | ErrorCode::COORDINATOR_NOT_AVAILABLE => {}
                code => return Err(format!("{code}: {:?}", answer.error_message).into()),
            }
        }
        Err("no broker coordinates the group".into())
    }
}

async fn a_group_of_the_newer_protocol_is_shown_in_the_same_words(cx: Context) -> Outcome {
    let client = cx.client()?;
    let admin = client.admin();
    let (topic, group) = (cx.topic(&client, "orders", 2).await?, cx.unique("group"));
    // The group's offsets are none; asking for them brings its coordinator up.
    admin.group_offsets(&group).await?;
    let member = Member { client: &client, group: &group, topic: &topic };
    let mut epoch = member.heartbeat(0).await?;
    let shown = loop {
        let shown = only(admin.describe_groups(&[&group]).await?)??;
        let [only_member] = shown.members() else { return Err("one member is expected".into()) };
        if shown.state() == GroupState::Stable && only_member.assignment().is_some_and(|assigned| !assigned.is_empty())
        {
            break shown;
        }
        epoch = member.heartbeat(epoch).await?;
    };
    assert_eq!((shown.group_type(), shown.protocol_type()), (GroupType::Consumer, "consumer"));
    let assigned = shown.members().first().and_then(|member| member.assignment()).unwrap_or_default();
    assert_eq!(assigned.iter().map(TopicPartition::partition).collect::<Vec<_>>(), [0, 1]);
    let listing = admin.list_groups().await?;
    let listed = listing.groups().iter().find(|listed| listed.group_id() == group).ok_or("it is not listed")?;
    assert_eq!((listed.group_type(), listed.state()), (GroupType::Consumer, GroupState::Stable));
    assert_eq!(code(only(admin.delete_groups(&[&group]).await?)?), Some(ErrorCode::NON_EMPTY_GROUP));
    member.heartbeat(LEAVES).await?;
    Ok(only(admin.delete_groups(&[&group]).await?)??)
}
