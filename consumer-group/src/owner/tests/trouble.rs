//! "Consumption always resumes": what the coordinator may do to a member.

use super::*;

/// Fails the next heartbeat this way; returns the events until partitions are assigned again, or the member has
/// shown that it stayed.
async fn after_heartbeat(fault: Fault) -> Vec<String> {
    let group = group().assigned().await;
    group.fake.fail("heartbeat", fault);
    let beats = group.fake.count("heartbeat");
    let mut events = Vec::new();
    loop {
        let stayed = group.until("three more heartbeats", |group| group.fake.count("heartbeat") >= beats + 4);
        tokio::select! {
            biased;
            event = group.next() => events.push(event),
            () = stayed => break,
        }
    }
    group.fake.deliver_position(1, 3);
    assert_eq!(group.next().await, "position t-1@3", "{fault:?}");
    assert_eq!(group.commit(3).await, "committed", "{fault:?}");
    events
}

#[tokio::test(start_paused = true)]
async fn a_member_stays_while_its_coordinator_moves_restarts_or_loads() {
    for fault in [
        Fault::Code(ErrorCode::NOT_COORDINATOR),
        Fault::Code(ErrorCode::COORDINATOR_NOT_AVAILABLE),
        Fault::Code(ErrorCode::COORDINATOR_LOAD_IN_PROGRESS),
        Fault::Disconnect,
        Fault::Silence(Duration::from_secs(15)),
    ] {
        assert_eq!(after_heartbeat(fault).await, Vec::<String>::new(), "{fault:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn an_expelled_member_loses_its_partitions_and_comes_back() {
    for code in [ErrorCode::UNKNOWN_MEMBER_ID, ErrorCode::ILLEGAL_GENERATION] {
        assert_eq!(after_heartbeat(Fault::Code(code)).await, ["lost t-0 t-1", "assigned t-0@0 t-1@0"]);
    }
}

#[tokio::test(start_paused = true)]
async fn partitions_are_lost_when_the_coordinator_is_away_longer_than_the_session() {
    let group = group().assigned().await;
    let began = group.shared.now();
    for _ in 0..200 {
        group.fake.fail("heartbeat", Fault::Disconnect);
        group.fake.fail("find", Fault::Disconnect);
    }
    assert_eq!(group.next().await, "lost t-0 t-1");
    assert_eq!((group.shared.now() - began).as_secs(), 45);
    assert!(group.commit(1).await.contains("not sent"), "nothing is committed for lost partitions");
    assert_eq!(group.handle.status().state, crate::GroupState::Joining);
    assert!(group.handle.status().last_error.is_some());
    assert_eq!(group.next().await, "assigned t-0@0 t-1@0");
    assert!(group.handle.status().last_error.is_none());
}

#[tokio::test(start_paused = true)]
async fn a_coordinator_that_falls_silent_during_a_join_is_given_up() {
    for call in ["join", "sync"] {
        let group = group();
        // The first JoinGroup only brings the member id.
        if call == "join" {
            group.fake.fail("join", Fault::Code(ErrorCode::COORDINATOR_LOAD_IN_PROGRESS));
        }
        group.fake.fail(call, Fault::Silence(Duration::from_secs(305)));
        for _ in 0..2 {
            group.fake.fail("heartbeat", Fault::Silence(Duration::from_secs(15)));
        }
        let began = group.shared.now();
        assert_eq!(group.next().await, "assigned t-0@0 t-1@0");
        let took = (group.shared.now() - began).as_secs();
        assert!(took < if call == "sync" { 30 } else { 310 }, "{call} took {took} s");
    }
}

#[tokio::test(start_paused = true)]
async fn lookups_survive_a_coordinator_that_moves_and_a_leader_that_is_away() {
    let group = group();
    group.fake.fail("committed", Fault::Code(ErrorCode::NOT_COORDINATOR));
    group.fake.fail("committed", Fault::Code(ErrorCode::UNSTABLE_OFFSET_COMMIT));
    group.fake.fail("log_offsets", Fault::Disconnect);
    assert_eq!(group.next().await, "assigned t-0@0 t-1@0");
    assert_eq!(group.fake.count("join"), 2, "and the member stayed");
}

#[tokio::test(start_paused = true)]
async fn a_lookup_without_rights_is_reported_and_tried_again() {
    let group = group();
    group.fake.fail("committed", Fault::Code(ErrorCode::TOPIC_AUTHORIZATION_FAILED));
    assert!(group.next().await.contains("TOPIC_AUTHORIZATION_FAILED"));
    assert_eq!(group.next().await, "assigned t-0@0 t-1@0");
}

#[tokio::test(start_paused = true)]
async fn a_refusal_is_reported_and_the_next_recv_tries_again() {
    let group = group();
    group.fake.fail("join", Fault::Code(ErrorCode::GROUP_MAX_SIZE_REACHED));
    assert!(group.next().await.contains("GROUP_MAX_SIZE_REACHED"));
    assert_eq!(group.next().await, "assigned t-0@0 t-1@0");
}

#[tokio::test(start_paused = true)]
async fn a_fenced_member_ends_and_says_why_every_time() {
    let group = group_with(|config| config.instance_id = Some("i".to_owned())).assigned().await;
    group.fake.fail("heartbeat", Fault::Code(ErrorCode::FENCED_INSTANCE_ID));
    assert_eq!(group.next().await, "lost t-0 t-1");
    for _ in 0..3 {
        assert!(group.next().await.contains("FENCED_INSTANCE_ID"));
    }
    assert_eq!(group.handle.status().state, crate::GroupState::Closed);
}

#[tokio::test(start_paused = true)]
async fn a_member_that_nobody_polls_leaves_and_comes_back_when_polled() {
    let group = group().assigned().await;
    group.until("it leaves", |group| group.fake.count("leave") == 1).await;
    assert_eq!(group.shared.now().as_secs(), 300);
    assert_eq!(group.handle.status().state, crate::GroupState::Outside);
    tokio::time::sleep(Duration::from_secs(1000)).await;
    assert_eq!(group.fake.count("join"), 2, "it stays outside");
    assert_eq!(group.next().await, "lost t-0 t-1");
    assert_eq!(group.next().await, "assigned t-0@0 t-1@0");
}

#[tokio::test(start_paused = true)]
async fn commits_and_touches_count_as_polls_and_so_does_waiting() {
    let group = group().assigned().await;
    for offset in 0..5 {
        tokio::time::sleep(Duration::from_secs(200)).await;
        group.commit(offset).await;
        tokio::time::sleep(Duration::from_secs(200)).await;
        group.handle.touch();
    }
    assert_eq!(group.fake.count("leave"), 0);
    let idle = timeout(Duration::from_secs(3000), group.shared.recv()).await;
    assert!(idle.is_err(), "nothing to receive");
    assert_eq!(group.fake.count("leave"), 0);
}
