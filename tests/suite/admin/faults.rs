use libtest_mimic::Failed;
use ottla_embedded_broker::{Api, EmbeddedBroker, Fault};
use ottla_kafka_core::{Client, ErrorCode, NewTopic, OffsetSpec, TopicPartition};
use ottla_tests::lane::Needs;

use super::{code, only};
use crate::harness::{Context, Outcome, Suite};

pub(super) fn tests(suite: &mut Suite) {
    let body = what_a_lost_answer_leaves_open_is_said_of_the_repeated_request;
    suite.test("admin::what_a_lost_answer_leaves_open_is_said_of_the_repeated_request", Needs::ANY, body);
    let heals = "admin::a_request_is_repeated_where_a_controller_coordinator_or_leader_has_moved";
    suite.test(heals, Needs::ANY, a_request_is_repeated_where_a_controller_coordinator_or_leader_has_moved);
}

async fn broker() -> Result<(EmbeddedBroker, Client), Failed> {
    let broker = EmbeddedBroker::builder().listen("127.0.0.1:0").start().await?;
    let client = Client::builder().bootstrap([broker.addr()]).build()?;
    Ok((broker, client))
}

async fn what_a_lost_answer_leaves_open_is_said_of_the_repeated_request(_: Context) -> Outcome {
    let (broker, client) = broker().await?;
    let admin = client.admin();
    let lost = || Fault::Disconnect.after_applying();

    broker.faults().add(Api::CreateTopics, lost());
    let created = only(admin.create_topics(&[NewTopic::new("orders", 1, 1)]).await?)?;
    let error = created.err().ok_or("a repeated creation finds the topic")?;
    assert_eq!((error.code(), error.maybe_applied()), (Some(ErrorCode::TOPIC_ALREADY_EXISTS), true));
    let again = only(admin.create_topics(&[NewTopic::new("orders", 1, 1)]).await?)?;
    assert!(again.is_err_and(|error| !error.maybe_applied()), "this call did not create it");

    broker.faults().add(Api::CreatePartitions, lost());
    let grown = only(admin.create_partitions(&[("orders", 2)]).await?)?;
    assert!(grown.is_err_and(|error| error.code() == Some(ErrorCode::INVALID_PARTITIONS) && error.maybe_applied()));

    broker.faults().add(Api::DeleteTopics, lost());
    let deleted = only(admin.delete_topics(&["orders"]).await?)?;
    let error = deleted.err().ok_or("a repeated deletion misses the topic")?;
    assert_eq!((error.code(), error.maybe_applied()), (Some(ErrorCode::UNKNOWN_TOPIC_OR_PARTITION), true));
    broker.stop().await;
    Ok(())
}

async fn a_request_is_repeated_where_a_controller_coordinator_or_leader_has_moved(_: Context) -> Outcome {
    let (broker, client) = broker().await?;
    let admin = client.admin();
    let faults = broker.faults();
    let next = |api, code| faults.add(api, Fault::Error(code));

    next(Api::CreateTopics, ErrorCode::NOT_CONTROLLER);
    only(admin.create_topics(&[NewTopic::new("orders", 1, 1)]).await?)??;
    let partition = TopicPartition::new("orders", 0);

    next(Api::FindCoordinator, ErrorCode::COORDINATOR_NOT_AVAILABLE);
    next(Api::OffsetCommit, ErrorCode::NOT_COORDINATOR);
    only(admin.alter_group_offsets("group", &[(partition.clone(), 0)]).await?)??;
    next(Api::OffsetFetch, ErrorCode::COORDINATOR_LOAD_IN_PROGRESS);
    assert_eq!(admin.group_offsets("group").await?.len(), 1);
    next(Api::ListGroups, ErrorCode::COORDINATOR_LOAD_IN_PROGRESS);
    assert_eq!(admin.list_groups().await?.groups().len(), 1);
    next(Api::DescribeGroups, ErrorCode::NOT_COORDINATOR);
    only(admin.describe_groups(&["group"]).await?)??;
    next(Api::OffsetDelete, ErrorCode::NOT_COORDINATOR);
    only(admin.delete_group_offsets("group", std::slice::from_ref(&partition)).await?)??;
    next(Api::DeleteGroups, ErrorCode::NOT_COORDINATOR);
    let deleted = only(admin.delete_groups(&["group"]).await?)?;
    assert!(deleted.is_ok() || code(deleted) == Some(ErrorCode::GROUP_ID_NOT_FOUND), "its last offset is gone");

    next(Api::ListOffsets, ErrorCode::NOT_LEADER_OR_FOLLOWER);
    assert_eq!(only(admin.list_offsets(&[(partition.clone(), OffsetSpec::Latest)]).await?)??.offset, 0);
    next(Api::DeleteRecords, ErrorCode::NOT_LEADER_OR_FOLLOWER);
    only(admin.delete_records(&[(partition, -1)]).await?)??;
    assert_eq!([Api::ListOffsets, Api::DeleteRecords].map(|api| faults.remaining(api)), [0, 0], "they were met");
    broker.stop().await;
    Ok(())
}
