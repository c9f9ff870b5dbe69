//! The rules.

use std::{collections::BTreeMap, fmt};

use super::{Events, Outcome, Place};

/// A rule that was broken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Violation {
    /// Acknowledged, but not in the log.
    Lost(String),
    /// In the log more than once.
    Duplicated(String, Vec<Place>),
    /// In the log, but not where the acknowledgement said.
    Misplaced(String),
    /// In the log although the client said that it is not applied.
    NotFailed(String),
    /// In the log, but nobody sent it.
    Invented(String),
    /// Two records of one process in one partition, the later one first.
    Reordered(String, String),
    /// In the log, but given to no reader.
    Unread(String),
    /// Given to a reader with another value than the log holds.
    Disagrees(Place),
    /// A reader went back without a new assignment.
    Backwards(Place),
    /// A reader was not given the record at this place, but a later one of the same assignment.
    Skipped(Place),
}

/// What was counted and what was wrong.
#[derive(Clone, Debug, Default)]
pub struct Report {
    /// Sends that were acknowledged.
    pub acked: usize,
    /// Sends that the client declared not applied.
    pub failed: usize,
    /// Sends whose fate the client did not know.
    pub unknown: usize,
    /// Records in the log.
    pub logged: usize,
    /// Records given to readers, repeats included.
    pub polled: usize,
    /// Every broken rule.
    pub violations: Vec<Violation>,
}

impl Report {
    /// The report, if no rule was broken.
    ///
    /// # Errors
    /// What was broken, in words: the counts and the first few violations.
    pub fn clean(self) -> Result<Self, String> {
        if self.violations.is_empty() { Ok(self) } else { Err(self.to_string()) }
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { acked, failed, unknown, logged, polled, violations } = self;
        write!(f, "{acked} acked, {failed} failed, {unknown} unknown, {logged} in the log, {polled} polled; ")?;
        write!(f, "{} violations", violations.len())?;
        violations.iter().take(10).try_for_each(|violation| write!(f, "\n  {violation:?}"))
    }
}

pub(super) fn sends(events: &Events) -> Report {
    let mut report = counts(events);
    let mut places: BTreeMap<&str, Vec<Place>> = BTreeMap::new();
    for (place, value) in &events.log {
        places.entry(value).or_default().push(*place);
    }
    // The last record of each process in each partition, for the order.
    let mut last: BTreeMap<(u32, i32), (Place, &str)> = BTreeMap::new();
    for send in &events.sends {
        let value = send.value.as_str();
        let found = places.remove(value).unwrap_or_default();
        match (send.outcome, found.as_slice()) {
            (Outcome::Acked(..), []) => report.violations.push(Violation::Lost(value.to_owned())),
            (Outcome::Acked(partition, offset), found) => {
                let told = |place: &Place| place.0 == partition && offset.is_none_or(|offset| place.1 == offset);
                if !found.iter().any(told) {
                    report.violations.push(Violation::Misplaced(value.to_owned()));
                }
            }
            (Outcome::Failed, [_, ..]) => report.violations.push(Violation::NotFailed(value.to_owned())),
            _ => {}
        }
        if let Some(place) = found.first() {
            match last.insert((send.process, place.0), (*place, value)) {
                Some((before, earlier)) if before > *place => {
                    report.violations.push(Violation::Reordered(earlier.to_owned(), value.to_owned()));
                }
                _ => {}
            }
        }
        if found.len() > 1 {
            report.violations.push(Violation::Duplicated(value.to_owned(), found));
        }
    }
    report.violations.extend(places.into_keys().map(|value| Violation::Invented(value.to_owned())));
    report
}

pub(super) fn polls(events: &Events) -> Report {
    let mut report = counts(events);
    let mut unread = events.log.clone();
    // Where each process stands in each partition, and under which assignment.
    let mut positions: BTreeMap<(u32, i32), (u32, i64)> = BTreeMap::new();
    for poll in &events.polls {
        unread.remove(&poll.place);
        if events.log.get(&poll.place) != Some(&poll.value) {
            report.violations.push(Violation::Disagrees(poll.place));
        }
        let (partition, offset) = poll.place;
        match positions.insert((poll.process, partition), (poll.assignment, offset)) {
            Some((assignment, before)) if assignment == poll.assignment => {
                if offset <= before {
                    report.violations.push(Violation::Backwards(poll.place));
                } else if let Some((skipped, _)) = events.log.range((partition, before + 1)..poll.place).next() {
                    report.violations.push(Violation::Skipped(*skipped));
                }
            }
            _ => {}
        }
    }
    report.violations.extend(unread.into_values().map(Violation::Unread));
    report
}

fn counts(events: &Events) -> Report {
    let count = |wanted: fn(&Outcome) -> bool| events.sends.iter().filter(|send| wanted(&send.outcome)).count();
    Report {
        acked: count(|outcome| matches!(outcome, Outcome::Acked(..))),
        failed: count(|outcome| matches!(outcome, Outcome::Failed)),
        unknown: count(|outcome| matches!(outcome, Outcome::Unknown)),
        logged: events.log.len(),
        polled: events.polls.len(),
        violations: Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::{super::History, *};

    /// Three sends of one process to partition 0, told by their outcomes: `a` acked at 0, `b` failed, `c` unknown.
    fn sent() -> History {
        let history = History::new();
        history.send(1, "a").acked(0, Some(0));
        history.send(1, "b").gave_up(false);
        history.send(1, "c").gave_up(true);
        history
    }

    fn check_sends(log: &[(i32, i64, &str)], expected: &[Violation]) {
        let history = sent();
        for (partition, offset, value) in log {
            history.logged(*partition, *offset, *value);
        }
        assert_eq!(history.check_sends().violations, expected, "{log:?}");
    }

    #[test]
    fn logs_that_keep_the_promises_are_clean() {
        check_sends(&[(0, 0, "a")], &[]);
        check_sends(&[(0, 0, "a"), (0, 1, "c")], &[]);
        check_sends(&[(0, 0, "a"), (1, 0, "c")], &[]);
    }

    #[test]
    fn every_broken_promise_of_a_send_is_found() {
        let text = str::to_owned;
        check_sends(&[], &[Violation::Lost(text("a"))]);
        check_sends(&[(0, 0, "a"), (0, 7, "a")], &[Violation::Duplicated(text("a"), vec![(0, 0), (0, 7)])]);
        check_sends(&[(0, 3, "a")], &[Violation::Misplaced(text("a"))]);
        check_sends(&[(0, 0, "a"), (0, 1, "b")], &[Violation::NotFailed(text("b"))]);
        check_sends(&[(0, 0, "a"), (0, 1, "x")], &[Violation::Invented(text("x"))]);
        let reordered = Violation::Reordered(text("a"), text("c"));
        check_sends(&[(0, 0, "c"), (0, 1, "a")], &[Violation::Misplaced(text("a")), reordered]);
    }

    #[test]
    fn a_send_without_an_outcome_is_unknown() {
        let history = History::new();
        drop(history.send(1, "a"));
        assert_eq!(history.check_sends().unknown, 1);
        history.logged(0, 0, "a");
        assert!(history.check_sends().clean().is_ok(), "unknown may be in the log");
    }

    #[test]
    fn an_acknowledgement_without_an_offset_still_names_the_partition() {
        let history = History::new();
        history.send(1, "a").acked(2, None);
        history.logged(2, 9, "a");
        assert!(history.check_sends().clean().is_ok());
        let history = History::new();
        history.send(1, "a").acked(2, None);
        history.logged(0, 9, "a");
        assert_eq!(history.check_sends().violations, [Violation::Misplaced("a".to_owned())]);
    }

    enum Step {
        Assigned,
        Polled(i64, &'static str),
    }

    fn check_polls(steps: &[Step], expected: &[Violation]) {
        let history = History::new();
        for (offset, value) in [(0, "a"), (1, "b"), (5, "c")] {
            history.logged(0, offset, value);
        }
        for step in steps {
            match step {
                Step::Assigned => history.assigned(1),
                Step::Polled(offset, value) => history.polled(1, 0, *offset, *value),
            }
        }
        assert_eq!(history.check_polls().violations, expected);
    }

    #[test]
    fn readers_may_repeat_only_under_a_new_assignment() {
        use Step::{Assigned, Polled};
        // Offsets 2 to 4 hold no record: markers, or compacted away.
        check_polls(&[Assigned, Polled(0, "a"), Polled(1, "b"), Polled(5, "c")], &[]);
        check_polls(&[Polled(0, "a"), Polled(1, "b"), Assigned, Polled(1, "b"), Polled(5, "c")], &[]);
        let again = [Polled(0, "a"), Polled(1, "b"), Polled(1, "b"), Polled(5, "c")];
        check_polls(&again, &[Violation::Backwards((0, 1))]);
    }

    #[test]
    fn every_gap_in_the_reading_is_found() {
        use Step::{Assigned, Polled};
        let unread = |value: &str| Violation::Unread(value.to_owned());
        check_polls(&[Polled(0, "a"), Polled(1, "b")], &[unread("c")]);
        check_polls(&[Polled(0, "a"), Polled(5, "c")], &[Violation::Skipped((0, 1)), unread("b")]);
        // Another assignment may start elsewhere, but what nobody read stays unread.
        check_polls(&[Polled(0, "a"), Assigned, Polled(5, "c")], &[unread("b")]);
        check_polls(&[Polled(0, "a"), Polled(1, "x"), Polled(5, "c")], &[Violation::Disagrees((0, 1))]);
    }
}
