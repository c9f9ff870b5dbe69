//! Whose turn it is: which record of a partition may be handled now. Pure.

use std::collections::{BTreeMap, VecDeque, btree_map::Entry};

use bytes::Bytes;

use super::concurrency::{Concurrency, Line};

/// The records of one partition that are not settled, each with its `T`.
///
/// The lowest offset goes first: it is what the commit waits for.
#[derive(Debug)]
pub(super) struct Turns<T> {
    concurrency: Concurrency,
    /// The first of each line that is neither handled nor waits, by offset.
    ready: BTreeMap<i64, (Line, T)>,
    /// Every line that has a first, and what stands behind it.
    lines: BTreeMap<Line, VecDeque<(i64, T)>>,
    /// Turns that are given and not ended.
    handled: usize,
    /// From this offset on nothing starts any more.
    end: i64,
}

/// The right to handle one record now.
#[derive(Debug)]
#[must_use = "a turn that is not given back holds its line for ever"]
pub(super) struct Turn {
    offset: i64,
    line: Line,
}

/// A record between two attempts: it takes no room, and its line stands behind it.
#[derive(Debug)]
#[must_use = "a record that waits holds its line for ever"]
pub(super) struct Waiting(Turn);

impl<T> Turns<T> {
    pub(super) fn new(concurrency: Concurrency) -> Self {
        Self { concurrency, ready: BTreeMap::new(), lines: BTreeMap::new(), handled: 0, end: i64::MAX }
    }

    /// Takes a record. Offsets come in their order.
    pub(super) fn push(&mut self, offset: i64, key: Option<&Bytes>, item: T) {
        match self.lines.entry(self.concurrency.line(offset, key)) {
            Entry::Occupied(mut line) => line.get_mut().push_back((offset, item)),
            Entry::Vacant(line) => {
                self.ready.insert(offset, (line.key().clone(), item));
                line.insert(VecDeque::new());
            }
        }
    }

    /// The next record that may be handled now.
    pub(super) fn next(&mut self) -> Option<(Turn, T)> {
        if self.handled >= self.concurrency.limit() {
            return None;
        }
        let first = self.ready.first_entry().filter(|first| *first.key() < self.end)?;
        let (offset, (line, item)) = first.remove_entry();
        self.handled += 1;
        Some((Turn { offset, line }, item))
    }

    /// The record is settled: the next of its line is ready.
    pub(super) fn settled(&mut self, turn: Turn) {
        self.handled -= 1;
        if let Entry::Occupied(mut line) = self.lines.entry(turn.line) {
            match line.get_mut().pop_front() {
                Some((offset, item)) => drop(self.ready.insert(offset, (line.key().clone(), item))),
                None => drop(line.remove()),
            }
        }
    }

    /// The record waits for its next attempt.
    pub(super) fn wait(&mut self, turn: Turn) -> Waiting {
        self.handled -= 1;
        Waiting(turn)
    }

    /// Its wait is over: it is ready again.
    pub(super) fn again(&mut self, Waiting(turn): Waiting, item: T) {
        self.ready.insert(turn.offset, (turn.line, item));
    }

    /// The record goes back unsettled, and with it all behind it that has not started: no commit could cover that.
    pub(super) fn give_back(&mut self, turn: Turn) {
        let waiting = self.wait(turn);
        self.give_back_waiting(waiting);
    }

    /// The same of a record that waits.
    pub(super) fn give_back_waiting(&mut self, Waiting(turn): Waiting) {
        self.end = self.end.min(turn.offset);
    }

    /// Nothing starts any more.
    pub(super) fn close(&mut self) {
        self.end = i64::MIN;
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Records with one letter for a key each, `-` for none, from offset 0.
    fn turns(concurrency: Concurrency, keys: &str) -> Turns<i64> {
        let mut turns = Turns::new(concurrency);
        for (offset, key) in (0..).zip(keys.chars()) {
            turns.push(offset, (key != '-').then(|| Bytes::from(key.to_string())).as_ref(), offset);
        }
        turns
    }

    fn started(turns: &mut Turns<i64>) -> (Vec<i64>, Vec<Turn>) {
        let (given, offsets): (Vec<_>, Vec<_>) = std::iter::from_fn(|| turns.next()).unzip();
        (offsets, given)
    }

    #[test]
    fn what_starts_at_once() {
        for (concurrency, keys, expected) in [
            (Concurrency::per_partition(), "abc", &[0][..]),
            (Concurrency::per_key(8), "aabac-b-", &[0, 2, 4, 5]),
            (Concurrency::per_key(2), "aabac", &[0, 2]),
            (Concurrency::per_key(8), "----", &[0]),
            (Concurrency::unordered(8), "aaa--", &[0, 1, 2, 3, 4]),
            (Concurrency::unordered(3), "aaaaa", &[0, 1, 2]),
        ] {
            assert_eq!(started(&mut turns(concurrency, keys)).0, expected, "{concurrency:?} {keys}");
        }
    }

    #[test]
    fn a_record_that_waits_holds_its_key_and_takes_no_room() {
        let mut turns = turns(Concurrency::per_key(1), "aab");
        let (a, _) = turns.next().expect("the first");
        let waiting = turns.wait(a);
        let (b, offset) = turns.next().expect("another key");
        assert_eq!(offset, 2);
        turns.again(waiting, 0);
        assert!(turns.next().is_none(), "one at a time");
        turns.settled(b);
        let (a, offset) = turns.next().expect("its next attempt");
        assert_eq!(offset, 0, "before the record behind it");
        turns.settled(a);
        assert_eq!(turns.next().map(|(_, offset)| offset), Some(1));
    }

    #[test]
    fn what_goes_back_takes_all_behind_it_and_nothing_before_it() {
        let mut turns = turns(Concurrency::per_key(2), "aabcb");
        let (_, mut given) = started(&mut turns);
        // Offset 2 goes back; offset 1 is before it, 3 is another key's and behind it.
        turns.give_back(given.remove(1));
        turns.settled(given.remove(0));
        let (offsets, given) = started(&mut turns);
        assert_eq!(offsets, [1]);
        given.into_iter().for_each(|turn| turns.settled(turn));
        assert!(turns.next().is_none());
    }

    #[test]
    fn nothing_starts_once_it_is_closed() {
        let mut turns = turns(Concurrency::unordered(2), "abc");
        let (_, given) = started(&mut turns);
        turns.close();
        given.into_iter().for_each(|turn| turns.settled(turn));
        assert!(turns.next().is_none());
    }

    fn any_concurrency() -> impl Strategy<Value = Concurrency> {
        let limit = 1_usize..6;
        prop_oneof![
            Just(Concurrency::per_partition()),
            limit.clone().prop_map(Concurrency::per_key),
            limit.prop_map(Concurrency::unordered),
        ]
    }

    /// Turns under a program of choices, with what may be true of them only.
    struct Trial {
        concurrency: Concurrency,
        keys: Vec<Option<Bytes>>,
        turns: Turns<usize>,
        pushed: usize,
        handled: Vec<(Turn, usize)>,
        waiting: Vec<(Waiting, usize)>,
        settled: BTreeMap<Line, Vec<usize>>,
    }

    impl Trial {
        fn line(&self, offset: usize) -> Line {
            self.concurrency.line(offset as i64, self.keys[offset].as_ref())
        }

        fn push(&mut self) -> bool {
            let Some(key) = self.keys.get(self.pushed) else { return false };
            self.turns.push(self.pushed as i64, key.as_ref(), self.pushed);
            self.pushed += 1;
            true
        }

        fn settle(&mut self, which: usize) -> bool {
            let Some(index) = which.checked_rem(self.handled.len()) else { return false };
            let (turn, offset) = self.handled.swap_remove(index);
            let line = self.line(offset);
            let before = self.settled.entry(line).or_default();
            assert!(before.last().is_none_or(|last| *last < offset), "{offset} after {before:?}");
            before.push(offset);
            self.turns.settled(turn);
            true
        }

        fn wait(&mut self, which: usize) -> bool {
            let Some(index) = which.checked_rem(self.handled.len()) else { return false };
            let (turn, offset) = self.handled.swap_remove(index);
            self.waiting.push((self.turns.wait(turn), offset));
            true
        }

        fn again(&mut self, which: usize) -> bool {
            let Some(index) = which.checked_rem(self.waiting.len()) else { return false };
            let (waiting, offset) = self.waiting.swap_remove(index);
            self.turns.again(waiting, offset);
            true
        }

        /// Starts what may start, and looks at all that has.
        fn start(&mut self) {
            self.handled.extend(std::iter::from_fn(|| self.turns.next()));
            assert!(self.handled.len() <= self.concurrency.limit());
            let handled = self.handled.iter().map(|(_, offset)| *offset);
            let started = handled.chain(self.waiting.iter().map(|(_, offset)| *offset));
            let mut lines: Vec<_> = started.map(|offset| self.line(offset)).collect();
            lines.sort();
            assert!(lines.is_sorted_by(|left, right| left < right), "two of one line: {lines:?}");
        }
    }

    proptest! {
        /// Whatever comes, ends and waits in whatever order: never more at once than may be, never two of one line, in
        /// each line the order of offsets, and in the end everything was handled.
        #[test]
        fn nothing_overtakes_in_its_line_and_nothing_is_left_behind(
            concurrency in any_concurrency(),
            keys in prop::collection::vec(prop::option::of(0_u8..4), 0..80),
            choices in prop::collection::vec((0_u8..4, any::<usize>()), 0..400),
        ) {
            let keys: Vec<_> = keys.into_iter().map(|key| key.map(|key| Bytes::from(vec![key]))).collect();
            let count = keys.len();
            let (turns, settled) = (Turns::new(concurrency), BTreeMap::new());
            let (handled, waiting) = (Vec::new(), Vec::new());
            let mut trial = Trial { concurrency, keys, turns, pushed: 0, handled, waiting, settled };
            for (choice, which) in choices {
                match choice {
                    0 => trial.push(),
                    1 => trial.settle(which),
                    2 => trial.wait(which),
                    _ => trial.again(which),
                };
                trial.start();
            }
            while trial.push() || trial.again(0) || trial.settle(0) {
                trial.start();
            }
            prop_assert_eq!(trial.settled.values().map(Vec::len).sum::<usize>(), count);
            prop_assert!(trial.turns.lines.is_empty() && trial.turns.ready.is_empty(), "what is done is kept");
        }
    }
}
