//! The optional data directory: what was acknowledged is there again after the process has ended.
//!
//! ```text
//! lock                            held while a broker uses the directory
//! journal                         topics, settings, commits, log starts and epochs, one record batch for each change
//! <topic id>/<partition>/<offset>.log   record batches as they were acknowledged, the same bytes as in Kafka's segments
//! ```
//! Everything is written before it is acknowledged, and left to the operating system to bring to the disk, as Kafka
//! does by default: it survives the end of the process, not the loss of power. Stopping the broker syncs it.

mod event;
mod journal;
mod load;
mod segments;
mod state;

use std::{
    fmt,
    fs::{self, File},
    io,
    path::{Path, PathBuf},
    sync::{Mutex, MutexGuard, PoisonError},
};

use uuid::Uuid;

pub(crate) use event::Event;
use journal::Journal;
pub(crate) use load::Loaded;
pub(crate) use segments::Segments;
pub(crate) use state::State;

use crate::log::Refusal;

/// Why a data directory cannot be used.
#[derive(Debug)]
pub(crate) struct DataError {
    path: PathBuf,
    why: String,
}

impl DataError {
    fn new(path: &Path, why: impl fmt::Display) -> Self {
        Self { path: path.to_owned(), why: why.to_string() }
    }
}

impl fmt::Display for DataError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.path.display(), self.why)
    }
}

/// A data directory in use.
#[derive(Debug)]
pub(crate) struct Storage {
    dir: PathBuf,
    journal: Mutex<Journal>,
    _lock: File,
}

impl Storage {
    /// Takes a directory into use, and reads what it has.
    pub(crate) fn open(dir: &Path) -> Result<(Self, Loaded), DataError> {
        fs::create_dir_all(dir).map_err(|error| DataError::new(dir, error))?;
        let path = dir.join("lock");
        let lock = File::create(&path).map_err(|error| DataError::new(&path, error))?;
        lock.try_lock().map_err(|error| DataError::new(&path, format!("another broker uses it: {error}")))?;
        let journal = Journal::open(&dir.join("journal"))?;
        let loaded = Loaded::read(dir, journal.state().clone())?;
        Ok((Self { dir: dir.to_owned(), journal: Mutex::new(journal), _lock: lock }, loaded))
    }

    /// Writes a change down before it is made.
    pub(crate) fn record(&self, event: &Event) -> Result<(), Refusal> {
        self.journal().append(event).map_err(|error| {
            tracing::error!(dir = %self.dir.display(), %error, "a change cannot be written down");
            Refusal::KafkaStorageError
        })
    }

    /// Where a new partition's batches go.
    pub(crate) fn segments(&self, topic: Uuid, partition: usize) -> Segments {
        Segments::new(self.dir.join(topic.to_string()).join(partition.to_string()))
    }

    /// Removes a deleted topic's batches.
    pub(crate) fn remove_topic(&self, topic: Uuid) {
        let dir = self.dir.join(topic.to_string());
        match fs::remove_dir_all(&dir) {
            // What stays is removed at the next start.
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                tracing::warn!(dir = %dir.display(), %error, "a deleted topic's records cannot be removed");
            }
            _ => {}
        }
    }

    /// Brings the journal to the disk.
    pub(crate) fn sync(&self) -> io::Result<()> {
        self.journal().sync()
    }

    /// The directory, as DescribeLogDirs names it.
    pub(crate) fn dir(&self) -> &Path {
        &self.dir
    }

    fn journal(&self) -> MutexGuard<'_, Journal> {
        self.journal.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
