//! Standard input, line by line: read by a thread of its own, in pieces of whole lines, so many at a time.

use std::io::{self, BufRead, Read};

use bytes::{Bytes, BytesMut};
use ottla::{Env, Task};
use tokio::sync::mpsc;

/// How much is read at a time.
const PIECE: usize = 256 << 10;
/// How many pieces wait to be taken.
const WAITING: usize = 2;

/// The lines that come in. Dropping it stops the reading behind the piece that is being waited for.
#[derive(Debug)]
pub(super) struct Lines {
    pieces: mpsc::Receiver<Result<Piece, Unreadable>>,
    _reader: Task,
}

/// Whole lines.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Piece(Bytes);

/// Why no more lines come.
#[derive(Debug)]
pub(super) enum Unreadable {
    /// Reading failed.
    Io(io::Error),
    /// The line behind those that were read is longer than a record may be.
    TooLong {
        /// The limit in bytes.
        limit: usize,
    },
}

impl Lines {
    /// Reads `input`, whose lines have at most `limit` bytes.
    pub(super) fn read(env: &Env, input: impl Read + Send + 'static, limit: usize) -> Self {
        let (sender, pieces) = mpsc::channel(WAITING);
        let blocking = env.clone();
        let reader = env.spawn("input", async move {
            let send = move |piece| sender.blocking_send(piece).is_ok();
            blocking.run_blocking(move || read_all(input, limit, send)).await;
        });
        Self { pieces, _reader: reader }
    }

    /// The next lines; `None` at the end.
    ///
    /// # Cancel safety
    /// Safe: nothing is lost.
    pub(super) async fn next(&mut self) -> Option<Result<Piece, Unreadable>> {
        self.pieces.recv().await
    }
}

impl Piece {
    /// The lines without their newlines, as slices of the piece.
    pub(super) fn lines(&self) -> impl Iterator<Item = Bytes> {
        let mut at = 0;
        std::iter::from_fn(move || {
            let mut rest = self.0.get(at..)?;
            // It finds newlines a word at a time.
            let len = rest.skip_until(b'\n').ok().filter(|len| *len > 0)?;
            let line = self.0.slice(at..at.saturating_add(len));
            at = at.saturating_add(len);
            let end = line.len().saturating_sub(usize::from(line.ends_with(b"\n")));
            Some(line.slice(..end))
        })
    }

    /// The lines before the first that is longer than `limit`.
    fn up_to_longer_than(&self, limit: usize) -> Self {
        if self.0.len() <= limit {
            return Self(self.0.clone());
        }
        let len = |line: Bytes| line.len().saturating_add(1);
        let fine: usize = self.lines().take_while(|line| line.len() <= limit).map(len).sum();
        // The last line of all may have no newline.
        Self(self.0.slice(..fine.min(self.0.len())))
    }
}

/// Sends pieces until the end, an error, or `send` says that nobody wants more.
fn read_all(mut input: impl Read, limit: usize, send: impl Fn(Result<Piece, Unreadable>) -> bool) {
    let mut buffer = BytesMut::new();
    loop {
        let begun = buffer.len();
        buffer.resize(begun.saturating_add(PIECE), 0);
        let read = input.read(buffer.get_mut(begun..).unwrap_or_default());
        buffer.truncate(begun.saturating_add(*read.as_ref().unwrap_or(&0)));
        let ended = match read {
            Ok(count) => count == 0,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => {
                send(Err(Unreadable::Io(error)));
                return;
            }
        };
        let whole = if ended { buffer.len() } else { end_of_last_line(&buffer, begun) };
        let piece = Piece(buffer.split_to(whole).freeze());
        let fine = piece.up_to_longer_than(limit);
        let too_long = fine.0.len() < piece.0.len() || buffer.len() > limit;
        if !fine.0.is_empty() && !send(Ok(fine)) {
            return;
        }
        if too_long {
            send(Err(Unreadable::TooLong { limit }));
        }
        if too_long || ended {
            return;
        }
    }
}

/// Where the last whole line of `buffer` ends; before `begun` there is no newline.
fn end_of_last_line(buffer: &[u8], begun: usize) -> usize {
    let new = buffer.get(begun..).unwrap_or_default();
    new.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| begun.saturating_add(at).saturating_add(1))
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;

    use proptest::prelude::*;

    use super::*;

    /// Gives what it has in reads of these lengths, in turn.
    struct Dribble<'a>(&'a [u8], Vec<usize>);

    impl Read for Dribble<'_> {
        fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
            self.1.rotate_left(1);
            let most = self.1.first().copied().unwrap_or(usize::MAX).clamp(1, into.len());
            let len = most.min(self.0.len());
            self.0.read(&mut into[..len])
        }
    }

    /// The lines, and whether one behind them is too long.
    fn read(input: &[u8], reads: Vec<usize>, limit: usize) -> (Vec<Vec<u8>>, bool) {
        let (lines, too_long) = (RefCell::new(Vec::new()), RefCell::new(false));
        read_all(Dribble(input, reads), limit, |piece| {
            match piece {
                Ok(piece) => lines.borrow_mut().extend(piece.lines().map(|line| line.to_vec())),
                Err(Unreadable::TooLong { .. }) => *too_long.borrow_mut() = true,
                Err(Unreadable::Io(error)) => panic!("{error}"),
            }
            true
        });
        (lines.into_inner(), too_long.into_inner())
    }

    #[test]
    fn lines_are_bytes_between_newlines() {
        for (input, lines) in [
            (b"".as_slice(), vec![]),
            (b"\n", vec![b"".as_slice()]),
            (b"a\n\nb", vec![b"a", b"", b"b"]),
            (b"a\r\n\xff\x00\n", vec![b"a\r", b"\xff\x00"]),
        ] {
            let (read, too_long) = read(input, vec![1], 10);
            assert_eq!((read, too_long), (lines.into_iter().map(<[u8]>::to_vec).collect(), false), "{input:?}");
        }
    }

    #[test]
    fn what_stands_before_a_line_that_is_too_long_is_read() {
        let lines = vec![b"a".to_vec(), b"bb".to_vec()];
        for reads in [vec![1], vec![100], vec![5]] {
            assert_eq!(read(b"a\nbb\ncccc\nd\n", reads.clone(), 3), (lines.clone(), true), "{reads:?}");
            assert_eq!(read(b"a\nbb\ncccc", reads, 3), (lines.clone(), true));
        }
    }

    #[test]
    fn a_line_without_end_does_not_fill_the_memory() {
        struct Endless(usize);
        impl Read for Endless {
            fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
                self.0 += into.len();
                assert!(self.0 < 4 << 20, "it reads on and on");
                into.fill(b'x');
                Ok(into.len())
            }
        }
        let failed = RefCell::new(false);
        read_all(Endless(0), 1 << 20, |piece| {
            *failed.borrow_mut() = matches!(piece, Err(Unreadable::TooLong { .. }));
            true
        });
        assert!(failed.into_inner());
    }

    proptest! {
        #[test]
        fn lines_do_not_depend_on_how_they_arrive(
            input in prop::collection::vec(prop_oneof![Just(b'\n'), any::<u8>()], 0..200),
            reads in prop::collection::vec(1..50_usize, 1..5),
        ) {
            let mut expected: Vec<Vec<u8>> = input.split(|byte| *byte == b'\n').map(<[u8]>::to_vec).collect();
            // What follows the last newline is a line only if it is not empty.
            if expected.last().is_some_and(Vec::is_empty) {
                expected.pop();
            }
            prop_assert_eq!(read(&input, reads, 1000), (expected, false));
        }
    }
}
