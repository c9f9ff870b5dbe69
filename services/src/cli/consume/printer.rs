//! Standard output: formatted into large pieces, written off the event loop, counted by the byte.

use std::{
    collections::BTreeMap,
    fs::File,
    io::{self, ErrorKind, Write},
    sync::Arc,
};

use ottla::{Env, TopicPartition, kafka::record::RecordView};
use tokio::time::timeout;

use super::{GRACE, format::Layout, marks::Marks};
use crate::cli::{Exit, Problem, signals::Interrupted};

/// The buffer is written when it is as large as this, or when nothing more is there to print.
const FULL: usize = 256 << 10;

/// Formats records, and knows which were printed.
#[derive(Debug)]
pub(super) struct Printer {
    layout: Layout,
    left: Option<u64>,
    buffer: Vec<u8>,
    /// In a group, what is to be committed.
    marks: Option<Marks>,
    output: Stdout,
}

/// What became of a flush.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Flushed {
    /// Everything is written.
    All,
    /// Nobody reads any more.
    Closed,
    /// A signal came, and whoever reads did not take it in time.
    Stuck,
}

impl Printer {
    /// Prints at most `count` records to `output`, and remembers their offsets if it `commits`.
    pub(super) fn new(layout: Layout, count: Option<u64>, commits: bool, output: Stdout) -> Self {
        Self { layout, left: count, buffer: Vec::new(), marks: commits.then(Marks::default), output }
    }

    /// Whether the count is reached.
    pub(super) fn is_done(&self) -> bool {
        self.left == Some(0)
    }

    /// Whether it should be flushed before more is printed.
    pub(super) fn is_full(&self) -> bool {
        self.buffer.len() >= FULL
    }

    /// Whether nothing waits to be flushed.
    pub(super) fn is_empty(&self) -> bool {
        self.buffer.is_empty()
    }

    /// Formats a record.
    pub(super) fn print(&mut self, of: &TopicPartition, record: &RecordView<'_>) {
        self.layout.print(&mut self.buffer, of, record);
        self.left = self.left.map(|left| left.saturating_sub(1));
        self.passed(of, record.offset().saturating_add(1));
    }

    /// Everything of the partition before `offset` is printed, or nothing to print.
    pub(super) fn passed(&mut self, of: &TopicPartition, offset: i64) {
        if let Some(marks) = &mut self.marks {
            marks.push(of, self.buffer.len(), offset);
        }
    }

    /// The partition is another member's: nothing of it is committed any more.
    pub(super) fn forget(&mut self, of: &TopicPartition) {
        if let Some(marks) = &mut self.marks {
            marks.forget(of);
        }
    }

    /// The offsets behind what is written out since this was last asked.
    pub(super) fn take_printed(&mut self) -> BTreeMap<TopicPartition, i64> {
        self.marks.as_mut().map(Marks::take).unwrap_or_default()
    }

    /// Whether anything is written out that [`take_printed`](Self::take_printed) would give.
    pub(super) fn has_printed(&self) -> bool {
        self.marks.as_ref().is_some_and(|marks| !marks.is_empty())
    }

    /// Writes everything out. After a signal it waits no longer than [`GRACE`].
    pub(super) async fn flush(&mut self, interrupted: &Interrupted) -> Result<Flushed, Problem> {
        let mut written = (0, Ok(()));
        if !self.buffer.is_empty() {
            let mut writing = Box::pin(self.output.write(std::mem::take(&mut self.buffer)));
            let done = tokio::select! {
                biased;
                () = interrupted.clone().wait() => timeout(GRACE, writing).await.ok(),
                done = &mut writing => Some(done),
            };
            let Some((buffer, count, result)) = done else { return Ok(Flushed::Stuck) };
            self.buffer = buffer;
            written = (count, result);
        }
        if let Some(marks) = &mut self.marks {
            marks.written(written.0);
        }
        match written.1 {
            Ok(()) => Ok(Flushed::All),
            Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(Flushed::Closed),
            Err(error) => Err(unwritable(&error)),
        }
    }
}

/// Standard output cannot be written.
pub(super) fn unwritable(error: &io::Error) -> Problem {
    Problem::new(Exit::Failed, format!("cannot write standard output: {error}"))
}

/// Standard output without a buffer of its own, which would hide how much was written.
#[derive(Debug)]
pub(super) struct Stdout {
    env: Env,
    file: Arc<File>,
}

impl Stdout {
    pub(super) fn new(env: &Env) -> io::Result<Self> {
        #[cfg(unix)]
        let owned = std::os::fd::AsFd::as_fd(&io::stdout()).try_clone_to_owned()?;
        #[cfg(windows)]
        let owned = std::os::windows::io::AsHandle::as_handle(&io::stdout()).try_clone_to_owned()?;
        Ok(Self { env: env.clone(), file: Arc::new(File::from(owned)) })
    }

    /// Writes `bytes`; gives back their memory, how many were written, and why not all.
    async fn write(&self, mut bytes: Vec<u8>) -> (Vec<u8>, usize, io::Result<()>) {
        let file = Arc::clone(&self.file);
        let work = move || {
            let (count, result) = write_all(&*file, &bytes);
            bytes.clear();
            (bytes, count, result)
        };
        let lost = || (Vec::new(), 0, Err(io::Error::other("the writing thread has panicked")));
        self.env.run_blocking(work).await.unwrap_or_else(lost)
    }
}

/// Writes `bytes`, and says how many were taken even if it fails.
fn write_all(mut to: impl Write, bytes: &[u8]) -> (usize, io::Result<()>) {
    let mut rest = bytes;
    while !rest.is_empty() {
        match to.write(rest) {
            Ok(0) => return (bytes.len().saturating_sub(rest.len()), Err(ErrorKind::WriteZero.into())),
            Ok(count) => rest = rest.get(count..).unwrap_or_default(),
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return (bytes.len().saturating_sub(rest.len()), Err(error)),
        }
    }
    (bytes.len(), Ok(()))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Takes five bytes at a time, and breaks after twelve.
    struct Short(usize);

    impl Write for Short {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            let count = bytes.len().min(5).min(12 - self.0);
            self.0 += count;
            if count == 0 { Err(ErrorKind::BrokenPipe.into()) } else { Ok(count) }
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn what_was_written_before_a_failure_is_counted() {
        let (count, result) = write_all(Short(0), &[b'x'; 12]);
        assert_eq!((count, result.is_ok()), (12, true));
        let (count, result) = write_all(Short(0), &[b'x'; 20]);
        assert_eq!((count, result.map_err(|error| error.kind())), (12, Err(ErrorKind::BrokenPipe)));
    }
}
