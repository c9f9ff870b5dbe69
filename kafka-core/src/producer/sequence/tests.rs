use super::*;

const ID: Identity = Identity { producer_id: 7, epoch: 0 };
const LEADER: i32 = 1;

fn answered(code: ErrorCode) -> Outcome {
    Outcome::Answered { code, log_start_offset: 0, base_offset: 40 }
}

/// A sequence whose leader has acknowledged three records (0, 1, 2), with `batches` of ten behind them in flight.
fn proven(batches: usize) -> (Sequence, Vec<ProducerStamp>) {
    let mut sequence = Sequence::default();
    let first = sequence.stamp(ID, LEADER, 3, Duration::ZERO);
    assert_eq!(sequence.decide(first, answered(ErrorCode::NONE)), Verdict::Acknowledged { base_offset: Some(40) });
    let stamps = (0..batches).map(|_| sequence.stamp(ID, LEADER, 10, Duration::ZERO)).collect();
    (sequence, stamps)
}

#[test]
fn rule_1_a_retry_keeps_its_stamp_and_none_is_used_twice() {
    let (mut sequence, stamps) = proven(1);
    assert_eq!(stamps[0].base_sequence, 3);
    let unanswered = Outcome::Unanswered { maybe_written: true };
    assert_eq!(sequence.decide(stamps[0], unanswered), Verdict::Retry);
    assert_eq!(sequence.decide(stamps[0], answered(ErrorCode::NOT_LEADER_OR_FOLLOWER)), Verdict::Retry);
    assert_eq!(sequence.decide(stamps[0], answered(ErrorCode::NONE)), Verdict::Acknowledged { base_offset: Some(40) });
    assert_eq!(sequence.stamp(ID, LEADER, 1, Duration::ZERO).base_sequence, 13);
}

#[test]
fn rule_2_a_duplicate_is_an_acknowledgement_without_an_offset() {
    let (mut sequence, stamps) = proven(1);
    let verdict = sequence.decide(stamps[0], answered(ErrorCode::DUPLICATE_SEQUENCE_NUMBER));
    assert_eq!(verdict, Verdict::Acknowledged { base_offset: None });
    assert_eq!(sequence.spent(), None);
}

#[test]
fn rule_3_out_of_order_waits_behind_the_head_and_restamps_at_it() {
    let (mut sequence, stamps) = proven(3);
    let out_of_order = answered(ErrorCode::OUT_OF_ORDER_SEQUENCE_NUMBER);
    assert_eq!(sequence.decide(stamps[1], out_of_order), Verdict::Retry);
    assert_eq!(sequence.spent(), None);
    assert_eq!(sequence.decide(stamps[0], out_of_order), Verdict::Restamp);
    assert_eq!(sequence.spent(), Some(ID));
}

#[test]
fn rule_3_a_batch_that_a_later_one_overtook_is_lost_and_says_so() {
    let (mut sequence, stamps) = proven(2);
    sequence.decide(stamps[1], answered(ErrorCode::NONE));
    let verdict = sequence.decide(stamps[0], answered(ErrorCode::OUT_OF_ORDER_SEQUENCE_NUMBER));
    assert_eq!(verdict, Verdict::Failed { maybe_applied: false });
    assert_eq!(sequence.spent(), Some(ID));
}

#[test]
fn rule_3_a_batch_that_may_be_in_the_log_is_not_stamped_anew() {
    let (mut sequence, stamps) = proven(2);
    assert_eq!(sequence.decide(stamps[0], Outcome::Unanswered { maybe_written: true }), Verdict::Retry);
    let verdict = sequence.decide(stamps[0], answered(ErrorCode::OUT_OF_ORDER_SEQUENCE_NUMBER));
    assert_eq!(verdict, Verdict::Failed { maybe_applied: true });
    assert_eq!(sequence.spent(), Some(ID));
}

#[test]
fn rule_3_batches_behind_lost_state_get_a_new_stamp_unless_they_may_be_in_the_log() {
    for maybe_written in [false, true] {
        let (mut sequence, stamps) = proven(2);
        sequence.decide(stamps[1], Outcome::Unanswered { maybe_written });
        assert!(!sequence.release(stamps[1]), "the identity is not spent");
        sequence.decide(stamps[0], answered(ErrorCode::OUT_OF_ORDER_SEQUENCE_NUMBER));
        assert_eq!(sequence.release(stamps[1]), !maybe_written);
        assert_eq!(sequence.has_room(LEADER, 5), !maybe_written, "the old epoch drains before the new one begins");
    }
}

#[test]
fn rule_4_an_unknown_producer_id_is_retried_unless_the_log_moved_on() {
    let code = ErrorCode::UNKNOWN_PRODUCER_ID;
    let (mut sequence, stamps) = proven(1);
    let no_start = Outcome::Answered { code, log_start_offset: -1, base_offset: -1 };
    assert_eq!(sequence.decide(stamps[0], no_start), Verdict::Retry);
    let moved_on = Outcome::Answered { code, log_start_offset: 100, base_offset: -1 };
    assert_eq!(sequence.decide(stamps[0], moved_on), Verdict::Restamp);
    assert_eq!(sequence.spent(), Some(ID));
}

#[test]
fn rule_5_a_batch_given_up_says_whether_it_may_be_in_the_log_and_spends_the_epoch() {
    for maybe_written in [true, false] {
        let (mut sequence, stamps) = proven(1);
        sequence.decide(stamps[0], Outcome::Unanswered { maybe_written });
        assert_eq!(sequence.give_up(stamps[0]), Verdict::Failed { maybe_applied: maybe_written });
        assert_eq!(sequence.spent(), Some(ID));
        let next = Identity { epoch: 1, ..ID };
        let stamp = sequence.stamp(next, LEADER, 1, Duration::ZERO);
        assert_eq!((stamp.producer_epoch, stamp.base_sequence), (1, 0));
        assert_eq!(sequence.spent(), None);
    }
}

#[test]
fn rule_5_nothing_new_is_stamped_while_older_batches_are_unanswered_under_a_spent_epoch() {
    let (mut sequence, stamps) = proven(2);
    sequence.give_up(stamps[0]);
    assert!(!sequence.has_room(LEADER, 5));
    sequence.decide(stamps[1], answered(ErrorCode::DUPLICATE_SEQUENCE_NUMBER));
    assert!(sequence.has_room(LEADER, 5));
}

#[test]
fn rule_6_epochs_end_before_the_last() {
    assert_eq!(ID.bumped(), Some(Identity { epoch: 1, ..ID }));
    let last = Identity { epoch: i16::MAX - 1, ..ID };
    assert_eq!(last.bumped(), None);
}

#[test]
fn rule_7_a_new_leader_waits_for_the_answers_of_the_old_one() {
    let (mut sequence, stamps) = proven(1);
    assert!(sequence.has_room(LEADER, 5));
    assert!(!sequence.has_room(2, 5));
    sequence.decide(stamps[0], answered(ErrorCode::NONE));
    assert!(sequence.has_room(2, 5));
}

#[test]
fn rule_8_sequences_wrap_to_zero() {
    for (from, count, to) in [(0, 5, 5), (i32::MAX, 1, 0), (i32::MAX - 1, 3, 1), (i32::MAX, 0, i32::MAX)] {
        assert_eq!(advance(from, count), to, "{from} + {count}");
    }
    assert!(is_after(0, i32::MAX) && !is_after(i32::MAX, 0) && is_after(5, 4) && !is_after(4, 4));
}

#[test]
fn rule_9_one_in_flight_until_the_leader_is_proven_and_after_each_error() {
    let mut sequence = Sequence::default();
    let first = sequence.stamp(ID, LEADER, 1, Duration::ZERO);
    assert!(!sequence.has_room(LEADER, 5), "before the first acknowledgement");
    sequence.decide(first, answered(ErrorCode::NONE));
    let second = sequence.stamp(ID, LEADER, 1, Duration::ZERO);
    assert!(sequence.has_room(LEADER, 5), "proven");
    sequence.decide(second, Outcome::Unanswered { maybe_written: true });
    assert!(!sequence.has_room(LEADER, 5), "after an error");
    sequence.decide(second, answered(ErrorCode::NONE));
    sequence.stamp(ID, LEADER, 1, LONG_IDLE);
    assert!(!sequence.has_room(LEADER, 5), "after a long idle");
}

#[test]
fn an_error_says_truthfully_whether_the_batch_may_be_in_the_log() {
    for (code, verdict) in [
        (ErrorCode::MESSAGE_TOO_LARGE, Verdict::Failed { maybe_applied: false }),
        (ErrorCode::TOPIC_AUTHORIZATION_FAILED, Verdict::Failed { maybe_applied: false }),
        (ErrorCode::UNKNOWN_SERVER_ERROR, Verdict::Failed { maybe_applied: true }),
        (ErrorCode::NOT_ENOUGH_REPLICAS, Verdict::Retry),
        (ErrorCode::NOT_ENOUGH_REPLICAS_AFTER_APPEND, Verdict::Retry),
    ] {
        let (mut sequence, stamps) = proven(1);
        assert_eq!(sequence.decide(stamps[0], answered(code)), verdict, "{code}");
    }
    let (mut sequence, stamps) = proven(1);
    sequence.decide(stamps[0], answered(ErrorCode::NOT_ENOUGH_REPLICAS_AFTER_APPEND));
    let verdict = sequence.decide(stamps[0], answered(ErrorCode::TOPIC_AUTHORIZATION_FAILED));
    assert_eq!(verdict, Verdict::Failed { maybe_applied: true }, "an earlier attempt may have been written");
}
