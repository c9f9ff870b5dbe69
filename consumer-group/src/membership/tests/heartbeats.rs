use super::*;

#[test]
fn heartbeats_go_out_at_the_interval_one_at_a_time() {
    let mut m = stable();
    assert_eq!(m.after(2_999), "");
    assert_eq!(m.after(1), "beat 1 as 'm' in 1");
    assert_eq!(m.after(5_000), "", "the first has no answer yet");
    assert_eq!(m.beat_ok(), "beat 1 as 'm' in 1", "the second is overdue");
    m.beat_ok();
    assert_eq!(m.after(3_000), "beat 1 as 'm' in 1");
}

/// What a heartbeat's failure leads to in a stable member that owns a partition.
#[test]
fn heartbeat_failures() {
    let check = |failure: Failure, expected: &str| {
        let mut m = stable();
        m.next();
        let first = m.beat_failed(failure);
        let got = if first.is_empty() { m.next() } else { first };
        assert_eq!(got, expected, "{failure:?}");
    };
    check(code(REBALANCE), "revoke");
    check(code(ILLEGAL_GENERATION), "lost by 22, join 1 as 'm'");
    check(code(UNKNOWN_MEMBER), "lost by 25, join 1 as ''");
    check(code(FENCED), "lost by 82, fenced");
    check(code(NOT_COORDINATOR), "find");
    check(code(NOT_AVAILABLE), "find");
    check(Failure::Unreachable, "find");
    check(code(LOADING), "beat 1 as 'm' in 1");
    check(code(ErrorCode::UNKNOWN_SERVER_ERROR), "beat 1 as 'm' in 1");
    check(Failure::Broken, "beat 1 as 'm' in 1");
    check(code(UNAUTHORIZED), "lost: SessionExpired, report");
}

#[test]
fn a_stable_member_stays_one_while_the_coordinator_moves() {
    let mut m = stable();
    m.next();
    m.beat_failed(code(NOT_COORDINATOR));
    assert_eq!(m.next(), "find");
    assert!(m.state.is_settled());
    assert_eq!(m.found(2), "beat 2 as 'm' in 1", "the new one hears of it at once");
    assert_eq!(m.beat_ok(), "");
    assert!(m.state.is_settled());
}

#[test]
fn partitions_are_lost_when_no_heartbeat_is_answered_for_the_session_timeout() {
    let mut m = stable();
    m.next();
    m.beat_ok();
    let confirmed = m.now;
    let mut lost = String::new();
    for _ in 0..1000 {
        m.find_failed(Failure::Unreachable);
        m.beat_failed(Failure::Unreachable);
        lost = m.next();
        if lost.contains("lost") {
            break;
        }
    }
    assert_eq!(lost, "lost: SessionExpired, find");
    assert_eq!(m.now - confirmed, Duration::from_secs(45));
    assert_eq!(m.found(1), "join 1 as 'm'");
    assert_eq!(m.join_failed(code(UNKNOWN_MEMBER)), "");
    assert_eq!(m.next(), "join 1 as ''");
}

#[test]
fn a_coordinator_that_never_answers_costs_the_session_not_more() {
    let mut m = stable();
    assert_eq!(m.next(), "beat 1 as 'm' in 1");
    assert_eq!(m.next(), "lost: SessionExpired, find");
    assert_eq!(m.now, Duration::from_secs(45));
}

#[test]
fn a_session_counts_from_when_the_confirmed_heartbeat_was_sent() {
    let mut m = stable();
    assert_eq!(m.after(3_000), "beat 1 as 'm' in 1");
    m.after(10_000);
    m.beat_ok();
    m.find_failed(Failure::Unreachable);
    assert_eq!(m.after(34_999), "");
    assert_eq!(m.after(1), "lost: SessionExpired, find");
}

#[test]
fn a_late_answer_about_an_old_generation_changes_nothing() {
    let mut m = stable();
    m.next();
    let old = m.beat;
    m.commit_failed(1, code(ILLEGAL_GENERATION));
    m.join_ok(2, false);
    assert_eq!(m.sync_ok(&[0]), "assigned 2: t-0");
    let answer = Err(code(UNKNOWN_MEMBER));
    assert_eq!(m.give(Input::HeartbeatAnswered { attempt: old, answer }), "");
    assert!(m.state.is_settled());
}

/// What a commit's failure leads to.
#[test]
fn commit_failures() {
    let check = |generation: i32, failure: Failure, expected: &str| {
        assert_eq!(stable().commit_failed(generation, failure), expected, "{failure:?} in {generation}");
    };
    check(1, code(REBALANCE), "revoke");
    check(1, code(ILLEGAL_GENERATION), "lost by 22, join 1 as 'm'");
    check(1, code(UNKNOWN_MEMBER), "lost by 25, join 1 as ''");
    check(1, code(FENCED), "lost by 82, fenced");
    check(1, code(UNAUTHORIZED), "");
    check(1, code(LOADING), "");
    check(0, code(ILLEGAL_GENERATION), "");
    check(0, code(UNKNOWN_MEMBER), "");
}

#[test]
fn a_commit_that_finds_the_coordinator_gone_starts_the_search() {
    let mut m = stable();
    assert_eq!(m.commit_failed(1, code(NOT_COORDINATOR)), "");
    assert_eq!(m.state.coordinator(), None);
    assert_eq!(m.next(), "find");
    m.found(2);
    assert_eq!(m.commit_failed(1, code(NOT_COORDINATOR)), "", "that was the old coordinator's answer");
    assert_eq!(m.state.coordinator(), Some(&broker(2)));
}
