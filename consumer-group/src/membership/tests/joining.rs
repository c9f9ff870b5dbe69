use super::*;

#[test]
fn nothing_happens_before_the_application_asks() {
    let mut m = member();
    assert_eq!(m.after(1_000_000), "");
    assert_eq!(m.state.deadline(), None);
    assert!(m.state.is_parked());
    assert_eq!(m.resume(), "find");
}

#[test]
fn a_follower_joins_in_two_steps_and_syncs() {
    let mut m = member();
    m.resume();
    assert_eq!(m.found(1), "join 1 as ''");
    assert_eq!(m.member_id_required("m"), "join 1 as 'm'");
    assert_eq!(m.join_ok(7, false), "sync 1 as 'm' in 7 leading []");
    assert_eq!(m.sync_ok(&[0, 2]), "assigned 7: t-0 t-2");
    assert!(!m.state.leads());
    assert!(m.state.is_settled());
}

#[test]
fn the_leader_assigns() {
    let mut m = member();
    m.resume();
    m.found(1);
    assert_eq!(m.join_ok(1, true), "sync 1 as 'm' in 1 leading [m n]");
    assert!(!m.state.leads(), "not before the group is stable");
    assert_eq!(m.sync_ok(&[]), "assigned 1: ");
    assert!(m.state.leads());
}

#[test]
fn a_member_id_is_asked_for_once_only() {
    let mut m = member();
    m.resume();
    m.found(1);
    m.member_id_required("m");
    assert_eq!(m.member_id_required("n"), "", "a coordinator that asks again and again must not make it spin");
    assert_eq!(m.after(100), "join 1 as 'm'");
}

#[test]
fn an_empty_member_id_is_no_id() {
    let mut m = member();
    m.resume();
    m.found(1);
    assert_eq!(m.member_id_required(""), "");
    assert_eq!(m.after(100), "join 1 as ''");
}

/// What follows when JoinGroup fails, over the next deadlines.
#[test]
fn join_failures() {
    let check = |failure: Failure, expected: &str| {
        let mut m = member();
        m.resume();
        m.found(1);
        m.member_id_required("m");
        let first = m.join_failed(failure);
        let got = if first.is_empty() { m.next() } else { first };
        assert_eq!(got, expected, "{failure:?}");
    };
    check(code(LOADING), "join 1 as 'm'");
    check(code(REBALANCE), "join 1 as 'm'");
    check(code(ILLEGAL_GENERATION), "join 1 as 'm'");
    check(code(UNKNOWN_MEMBER), "join 1 as ''");
    check(code(NOT_AVAILABLE), "find");
    check(code(NOT_COORDINATOR), "find");
    check(Failure::Unreachable, "find");
    check(code(INCONSISTENT_PROTOCOL), "report");
    check(code(GROUP_FULL), "report");
    check(code(UNAUTHORIZED), "report");
    check(code(ErrorCode::UNKNOWN_SERVER_ERROR), "report");
    check(Failure::Broken, "report");
    check(code(FENCED), "fenced");
}

#[test]
fn sync_failures() {
    let check = |failure: Failure, expected: &str| {
        let mut m = member();
        m.resume();
        m.found(1);
        m.join_ok(1, true);
        let first = m.sync_failed(failure);
        let got = if first.is_empty() { m.next() } else { first };
        assert_eq!(got, expected, "{failure:?}");
    };
    check(code(LOADING), "join 1 as 'm'");
    check(code(REBALANCE), "join 1 as 'm'");
    check(code(ILLEGAL_GENERATION), "join 1 as 'm'");
    check(code(UNKNOWN_MEMBER), "join 1 as ''");
    check(code(NOT_COORDINATOR), "find");
    check(Failure::Unreachable, "find");
    check(code(UNAUTHORIZED), "report");
    check(Failure::Broken, "report");
    check(code(FENCED), "fenced");
}

#[test]
fn find_failures() {
    let check = |failure: Failure, expected: &str| {
        let mut m = member();
        m.resume();
        let first = m.find_failed(failure);
        let got = if first.is_empty() { m.next() } else { first };
        assert_eq!(got, expected, "{failure:?}");
    };
    check(code(NOT_AVAILABLE), "find");
    check(code(LOADING), "find");
    check(Failure::Unreachable, "find");
    check(code(UNAUTHORIZED), "report");
    check(Failure::Broken, "report");
}

#[test]
fn a_refused_member_tries_again_when_the_application_polls_again() {
    let mut m = member();
    m.resume();
    m.found(1);
    assert_eq!(m.join_failed(code(GROUP_FULL)), "report");
    assert_eq!(m.after(60_000), "");
    assert!(m.state.is_parked());
    assert_eq!(m.resume(), "", "not in a spin");
    assert_eq!(m.next(), "join 1 as ''");
}

#[test]
fn a_fenced_member_never_comes_back() {
    let mut m = static_member();
    m.resume();
    m.found(1);
    assert_eq!(m.join_failed(code(FENCED)), "fenced");
    assert_eq!(m.resume(), "");
    assert_eq!(m.next(), "");
}

#[test]
fn tries_are_delayed_longer_and_longer_up_to_a_second() {
    let mut m = member();
    m.resume();
    let mut delays = Vec::new();
    for _ in 0..7 {
        m.find_failed(Failure::Unreachable);
        let before = m.now;
        assert_eq!(m.next(), "find");
        delays.push((m.now - before).as_millis());
    }
    assert_eq!(delays, [100, 200, 400, 800, 1000, 1000, 1000]);
}

#[test]
fn only_the_answer_to_the_last_request_counts() {
    let mut m = member();
    m.resume();
    m.found(1);
    let old = m.join;
    m.join_failed(code(LOADING));
    m.after(100);
    let round = Round { assignor: Assignor::Range, members: Vec::new(), keeps_assignment: false };
    let answer = JoinAnswer::Joined { generation: 1, member_id: "old".to_owned(), leads: false, round };
    assert_ne!(old, m.join);
    assert_eq!(m.give(Input::Joined { attempt: old, answer: Ok(answer) }), "");
    assert_eq!(m.join_ok(2, false), "sync 1 as 'm' in 2 leading []");
}

#[test]
fn a_silent_coordinator_is_found_out_while_joining() {
    let mut m = member();
    m.resume();
    m.found(1);
    m.member_id_required("m");
    assert_eq!(m.next(), "beat 1 as 'm' in -1");
    assert_eq!(m.beat_failed(Failure::Unreachable), "");
    assert_eq!(m.next(), "find");
    assert_eq!(m.found(2), "join 2 as 'm'");
}

#[test]
fn a_heartbeat_during_the_join_only_shows_that_the_coordinator_lives() {
    for failure in [code(REBALANCE), code(ILLEGAL_GENERATION), code(UNKNOWN_MEMBER), code(FENCED)] {
        let mut m = member();
        m.resume();
        m.found(1);
        m.member_id_required("m");
        m.next();
        assert_eq!(m.beat_failed(failure), "");
        assert_eq!(m.join_ok(1, false), "sync 1 as 'm' in 1 leading []", "{failure:?}");
    }
}
