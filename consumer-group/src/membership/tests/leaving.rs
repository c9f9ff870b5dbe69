use super::*;

#[test]
fn nobody_polls_for_the_max_poll_interval_so_it_leaves() {
    let mut m = stable();
    let mut last = String::new();
    for _ in 0..1000 {
        last = m.next();
        if last.contains("leave") {
            break;
        }
        m.beat_ok();
    }
    assert_eq!(last, "lost: PollIntervalExceeded, leave 1 as 'm'");
    assert_eq!(m.now, Duration::from_secs(300));
    assert_eq!(m.after(600_000), "", "it stays outside");
    assert_eq!(m.resume(), "join 1 as ''", "until it is polled again");
}

#[test]
fn a_settlement_counts_as_a_poll() {
    let mut m = stable();
    for _ in 0..200 {
        m.polled();
        let words = m.next();
        assert!(words.starts_with("beat"), "{words}");
        m.beat_ok();
    }
    assert_eq!(m.now, Duration::from_secs(600));
}

#[test]
fn a_static_member_that_is_not_polled_keeps_its_place() {
    let mut m = settle(static_member());
    m.now = Duration::from_secs(44);
    m.give(Input::Tick);
    m.beat_ok();
    m.now = Duration::from_secs(300);
    assert_eq!(m.give(Input::Tick), "lost: PollIntervalExceeded");
    assert_eq!(m.resume(), "join 1 as 'm'");
}

#[test]
fn close_leaves_the_group() {
    let mut m = stable();
    assert_eq!(m.give(Input::Close), "leave 1 as 'm', closed");
    assert_eq!(m.give(Input::Tick), "");
    assert_eq!(m.resume(), "");
    assert_eq!(m.state.deadline(), None);
}

#[test]
fn close_of_a_static_member_does_not_leave() {
    assert_eq!(settle(static_member()).give(Input::Close), "closed");
}

#[test]
fn close_during_a_join_leaves_if_there_is_a_member_to_leave() {
    let mut m = member();
    assert_eq!(m.give(Input::Close), "closed");
    let mut m = member();
    m.resume();
    assert_eq!(m.give(Input::Close), "closed");
    let mut m = member();
    m.resume();
    m.found(1);
    assert_eq!(m.give(Input::Close), "closed", "it has no id to leave with");
    let mut m = member();
    m.resume();
    m.found(1);
    m.member_id_required("m");
    assert_eq!(m.give(Input::Close), "leave 1 as 'm', closed");
}
