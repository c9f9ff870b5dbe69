use super::*;

fn revoking() -> Member {
    let mut m = stable();
    m.next();
    assert_eq!(m.beat_failed(code(REBALANCE)), "revoke");
    m
}

#[test]
fn a_rebalance_waits_until_the_partitions_are_given_back() {
    let mut m = revoking();
    assert_eq!(m.after(2_000), "");
    assert_eq!(m.give(Input::Released), "join 1 as 'm'");
    assert_eq!(m.join_ok(2, false), "sync 1 as 'm' in 2 leading []");
    assert_eq!(m.sync_ok(&[1]), "assigned 2: t-1");
}

#[test]
fn heartbeats_go_on_while_partitions_are_given_back() {
    let mut m = revoking();
    assert_eq!(m.next(), "beat 1 as 'm' in 1");
    assert_eq!(m.beat_failed(code(REBALANCE)), "", "it knows");
    assert_eq!(m.next(), "beat 1 as 'm' in 1");
}

#[test]
fn partitions_that_are_not_given_back_in_time_are_lost() {
    let mut m = revoking();
    let began = m.now;
    let mut last = String::new();
    for _ in 0..9 {
        last = m.next();
        if last.contains("lost") {
            break;
        }
        m.beat_failed(code(REBALANCE));
    }
    assert_eq!(last, "lost: DrainExceeded, join 1 as 'm'");
    assert_eq!(m.now - began, Duration::from_secs(10));
    assert_eq!(m.give(Input::Released), "", "too late");
}

#[test]
fn a_member_that_owns_nothing_rejoins_at_once() {
    let mut m = member();
    m.resume();
    m.found(1);
    m.join_ok(1, false);
    m.sync_ok(&[]);
    m.next();
    assert_eq!(m.beat_failed(code(REBALANCE)), "join 1 as 'm'");
}

#[test]
fn an_expelled_member_loses_what_it_was_giving_back() {
    let mut m = revoking();
    m.next();
    assert_eq!(m.beat_failed(code(UNKNOWN_MEMBER)), "lost by 25, join 1 as ''");
    assert_eq!(m.give(Input::Released), "");
}

#[test]
fn changed_partition_counts_rebalance_the_group() {
    let mut m = stable();
    assert_eq!(m.give(Input::PartitionsChanged), "revoke");
    assert_eq!(m.give(Input::PartitionsChanged), "", "once");
    assert_eq!(m.give(Input::Released), "join 1 as 'm'");
    assert_eq!(m.give(Input::PartitionsChanged), "", "the join sees them anyway");
}

#[test]
fn the_coordinator_may_move_while_partitions_are_given_back() {
    let mut m = revoking();
    m.next();
    m.beat_failed(code(NOT_COORDINATOR));
    assert_eq!(m.next(), "find");
    assert_eq!(m.found(2), "beat 2 as 'm' in 1");
    assert_eq!(m.give(Input::Released), "join 2 as 'm'");
}
