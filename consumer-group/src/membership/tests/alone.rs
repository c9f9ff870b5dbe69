use super::*;

fn alone(commits: bool) -> Member {
    let alone = Alone { partitions: vec![TopicPartition::new("t", 3)], commits };
    let mut m = member();
    m.state.settings.alone = Some(alone);
    m
}

#[test]
fn it_has_its_partitions_at_once_and_asks_nobody() {
    let mut m = alone(false);
    assert_eq!(m.resume(), "assigned -1: t-3");
    assert_eq!(m.after(10_000_000), "", "no heartbeat, no session, no poll interval");
    assert_eq!(m.state.deadline(), None);
    assert_eq!(m.give(Input::Close), "closed");
}

#[test]
fn it_finds_a_coordinator_for_its_commits_and_follows_it() {
    let mut m = alone(true);
    assert_eq!(m.resume(), "assigned -1: t-3, find");
    assert_eq!(m.find_failed(Failure::Unreachable), "");
    assert_eq!(m.next(), "find");
    assert_eq!(m.found(1), "");
    assert_eq!(m.commit_failed(-1, code(NOT_COORDINATOR)), "");
    assert_eq!(m.next(), "find");
    assert_eq!(m.found(2), "");
    assert_eq!(m.state.coordinator(), Some(&broker(2)));
}

#[test]
fn nothing_that_a_group_says_takes_its_partitions_away() {
    for code in [ILLEGAL_GENERATION, UNKNOWN_MEMBER, REBALANCE, FENCED, UNAUTHORIZED] {
        let mut m = alone(true);
        m.resume();
        m.found(1);
        assert_eq!(m.commit_failed(-1, Failure::Code(code)), "", "{code:?}");
        assert!(m.state.is_alone());
    }
}
