use super::*;
use crate::commit::CommitAck;

#[tokio::test(start_paused = true)]
async fn a_commit_is_retried_while_the_coordinator_loads_or_moves() {
    for fault in [
        Fault::Code(ErrorCode::COORDINATOR_LOAD_IN_PROGRESS),
        Fault::Code(ErrorCode::NOT_COORDINATOR),
        Fault::Code(ErrorCode::COORDINATOR_NOT_AVAILABLE),
        Fault::Code(ErrorCode::REQUEST_TIMED_OUT),
        Fault::Disconnect,
        Fault::Silence(Duration::from_secs(15)),
    ] {
        let group = group().assigned().await;
        group.fake.fail("commit", fault);
        assert_eq!(group.commit(4).await, "committed", "{fault:?}");
        assert_eq!(group.fake.committed(0), Some(4));
        assert_eq!(group.handle.committed(&tp(0)), Some(OffsetAndMetadata::new(4)));
        assert_eq!(group.handle.generation(), Some(1), "the member stays: {fault:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_commit_gives_up_when_its_time_is_up() {
    let group = group().assigned().await;
    for _ in 0..1000 {
        group.fake.fail("commit", Fault::Code(ErrorCode::COORDINATOR_LOAD_IN_PROGRESS));
    }
    let began = group.shared.now();
    let polling = async { while group.shared.recv().await.is_ok() {} };
    tokio::select! {
        biased;
        outcome = group.commit(4) => assert_eq!(outcome, "no answer within 30s: OffsetCommit"),
        () = polling => {}
    }
    assert_eq!((group.shared.now() - began).as_secs(), 30);
}

#[tokio::test(start_paused = true)]
async fn a_retried_commit_never_lands_after_a_newer_one() {
    let group = group().assigned().await;
    group.fake.fail("commit", Fault::Code(ErrorCode::COORDINATOR_LOAD_IN_PROGRESS));
    group.fake.fail("commit", Fault::Disconnect);
    let (first, second) = tokio::join!(group.commit(1), group.commit(2));
    assert_eq!((first.as_str(), second.as_str()), ("committed", "committed"));
    let commits: Vec<String> = group.fake.calls().into_iter().filter(|call| call.starts_with("commit t")).collect();
    assert_eq!(commits, ["commit t-0@1", "commit t-0@1", "commit t-0@1", "commit t-0@2"]);
}

#[tokio::test(start_paused = true)]
async fn what_is_not_this_members_is_refused_without_being_sent() {
    let group = group();
    assert!(group.commit(1).await.contains("ILLEGAL_GENERATION"), "it has not joined");
    let group = group.assigned().await;
    let both = [(tp(0), OffsetAndMetadata::new(1)), (tp(9), OffsetAndMetadata::new(1))];
    let outcomes = group.handle.commit(both).await.expect("an outcome");
    assert!(outcomes.get(&tp(0)).is_some_and(Result::is_ok));
    let refused = outcomes.get(&tp(9)).and_then(|outcome| outcome.as_ref().err()).expect("an error");
    assert!(refused.to_string().contains("does not own"), "{refused}");
    assert_eq!(group.fake.calls().last().map(String::as_str), Some("commit t-0@1"));
}

#[tokio::test(start_paused = true)]
async fn nothing_of_an_old_generation_is_committed() {
    let group = group().assigned().await;
    group.fake.rebalance();
    assert_eq!(group.next().await, "revoking t-0 t-1");
    assert_eq!(group.next().await, "assigned t-0@0 t-1@0");
    let old = group.handle.commit_in(1, [(tp(0), OffsetAndMetadata::new(1))]).await;
    assert!(outcome(old).contains("ILLEGAL_GENERATION"));
    assert_eq!(group.fake.count("commit"), 0);
    let new = group.handle.commit_in(2, [(tp(0), OffsetAndMetadata::new(1))]).await;
    assert_eq!(outcome(new), "committed");
}

#[tokio::test(start_paused = true)]
async fn a_commit_that_a_loss_overtakes_is_refused_and_not_sent_in_the_next_generation() {
    let group = group().assigned().await;
    group.fake.fail("commit", Fault::Code(ErrorCode::COORDINATOR_LOAD_IN_PROGRESS));
    let (outcome, lost) = tokio::join!(group.commit(9), async {
        group.until("the first try", |group| group.fake.count("commit") == 1).await;
        group.fake.fail("heartbeat", Fault::Code(ErrorCode::UNKNOWN_MEMBER_ID));
        // The next tries meet a coordinator that still loads, until the heartbeat has told.
        for _ in 0..100 {
            group.fake.fail("commit", Fault::Code(ErrorCode::COORDINATOR_LOAD_IN_PROGRESS));
        }
        group.next().await
    });
    assert_eq!(lost, "lost t-0 t-1");
    assert!(outcome.contains("its generation is over"), "{outcome}");
    assert_eq!(group.fake.committed(0), None);
}

#[tokio::test(start_paused = true)]
async fn a_rebalance_that_a_commit_meets_is_its_error_and_is_joined() {
    let group = group().assigned().await;
    group.fake.fail("commit", Fault::Code(ErrorCode::REBALANCE_IN_PROGRESS));
    assert!(group.commit(4).await.contains("REBALANCE_IN_PROGRESS"));
    assert_eq!(group.next().await, "revoking t-0 t-1");
    assert_eq!(group.next().await, "assigned t-0@0 t-1@0");
    assert_eq!(group.commit(4).await, "committed");
}

#[tokio::test(start_paused = true)]
async fn a_commit_that_learns_of_the_expulsion_loses_the_partitions() {
    for code in [ErrorCode::UNKNOWN_MEMBER_ID, ErrorCode::ILLEGAL_GENERATION] {
        let group = group().assigned().await;
        group.fake.fail("commit", Fault::Code(code));
        assert!(group.commit(4).await.contains(code.name().unwrap_or_default()));
        assert_eq!(group.next().await, "lost t-0 t-1");
        assert_eq!(group.next().await, "assigned t-0@0 t-1@0");
    }
}

#[tokio::test(start_paused = true)]
async fn an_error_of_one_commit_does_not_hold_up_the_next() {
    let group = group().assigned().await;
    for code in [ErrorCode::OFFSET_METADATA_TOO_LARGE, ErrorCode::UNKNOWN_TOPIC_OR_PARTITION] {
        group.fake.fail("commit", Fault::Code(code));
        assert!(group.commit(4).await.contains(code.name().unwrap_or_default()));
        assert_eq!(group.commit(5).await, "committed");
    }
}

/// The outcome of each, in words; fails if one of them never comes.
async fn outcomes(acks: impl IntoIterator<Item = CommitAck>) -> Vec<String> {
    let mut words = Vec::new();
    for ack in acks {
        words.push(outcome(timeout(Duration::from_secs(600), ack).await.expect("it always resolves")));
    }
    words
}

impl Group {
    fn commit_async(&self, offset: i64) -> CommitAck {
        self.handle.commit_async([(tp(0), OffsetAndMetadata::new(offset))])
    }
}

#[tokio::test(start_paused = true)]
async fn asynchronous_commits_are_sent_in_order_with_the_others() {
    let group = group().assigned().await;
    group.fake.fail("commit", Fault::Code(ErrorCode::COORDINATOR_LOAD_IN_PROGRESS));
    let acks = [group.commit_async(1), group.commit_async(2)];
    assert_eq!(group.commit(3).await, "committed");
    assert_eq!(outcomes(acks).await, ["committed", "committed"]);
    let commits: Vec<String> = group.fake.calls().into_iter().filter(|call| call.starts_with("commit t")).collect();
    assert_eq!(commits, ["commit t-0@1", "commit t-0@1", "commit t-0@2", "commit t-0@3"]);
}

#[tokio::test(start_paused = true)]
async fn an_asynchronous_commit_that_nobody_awaits_is_sent_all_the_same() {
    let group = group().assigned().await;
    drop(group.commit_async(5));
    group.until("it is committed", |group| group.fake.committed(0) == Some(5)).await;
}

#[tokio::test(start_paused = true)]
async fn asynchronous_commits_resolve_when_partitions_are_lost_the_consumer_ends_or_there_are_too_many() {
    let lost = group().assigned().await;
    lost.fake.fail("commit", Fault::Code(ErrorCode::UNKNOWN_MEMBER_ID));
    let [first, second] = &outcomes([lost.commit_async(1), lost.commit_async(2)]).await[..] else { panic!("two") };
    assert!(first.contains("UNKNOWN_MEMBER_ID"), "{first}");
    assert!(second.contains("ILLEGAL_GENERATION"), "{second}");
    assert_eq!(lost.fake.count("commit"), 1, "the second was not sent");

    let dropped = group().assigned().await;
    dropped.fake.fail("commit", Fault::Silence(Duration::from_secs(30)));
    let acks = [dropped.commit_async(1), dropped.commit_async(2)];
    dropped.owner.abort();
    let unknown = "failed: closed (it may have been applied)";
    assert_eq!(outcomes(acks).await, [unknown, unknown]);

    let closed = group().assigned().await;
    closed.handle.close(Duration::from_secs(20)).await;
    assert_eq!(outcomes([closed.commit_async(1)]).await, ["failed: closed"]);

    let full = group().assigned().await;
    let acks: Vec<CommitAck> = (0..1000).map(|offset| full.commit_async(offset)).collect();
    let words = outcomes(acks).await;
    let refused = words.iter().filter(|word| word.contains("failed")).count();
    assert_eq!((words.len() - refused, words.first().map(String::as_str)), (COMMITS_MAX, Some("committed")));
}

#[tokio::test(start_paused = true)]
async fn a_seek_is_heard_while_commits_wait_for_a_coordinator_that_is_away() {
    let group = group().assigned().await;
    for _ in 0..1000 {
        group.fake.fail("commit", Fault::Code(ErrorCode::COORDINATOR_LOAD_IN_PROGRESS));
    }
    let mut acks: Vec<CommitAck> = (0..64).map(|offset| group.commit_async(offset)).collect();
    group.until("all are taken", |group| group.fake.count("commit") > 0).await;
    acks.extend((0..64).map(|offset| group.commit_async(offset)));
    let began = group.shared.now();
    group.handle.seek(&tp(0), 7).await.expect("it is assigned");
    assert!(group.shared.now() - began < Duration::from_secs(1));
    assert_eq!(outcomes(acks).await.len(), 128);
}

#[tokio::test(start_paused = true)]
async fn what_was_read_before_a_loss_is_not_committed_in_the_next_assignment() {
    let group = group().assigned().await;
    group.fake.fail("heartbeat", Fault::Code(ErrorCode::UNKNOWN_MEMBER_ID));
    group.until("it is back", |group| group.handle.generation() == Some(2)).await;
    // The application has not heard of it: what it commits now, it read when the partition was its own before.
    assert!(group.commit(9).await.contains("does not own"));
    assert_eq!(group.next().await, "lost t-0 t-1");
    assert!(group.commit(9).await.contains("does not own"));
    assert_eq!(group.next().await, "assigned t-0@0 t-1@0");
    assert_eq!(group.commit(1).await, "committed");
    assert_eq!(group.fake.count("commit"), 1);
}
