use std::{
    io,
    path::{Path, PathBuf},
    sync::{PoisonError, RwLock},
};

use redb::{Database, DatabaseError, ReadTransaction, ReadableDatabase, WriteTransaction};

use super::tables;
use crate::store::StoreError;

/// The open file. After a failure of the disk redb trusts it no more until it is opened again, which happens before
/// the next use.
pub(super) struct File {
    path: PathBuf,
    /// Opens the file, and again after a failure; a test puts a disk of its own under it.
    opener: Opener,
    state: RwLock<State>,
}

/// How redb gets at the file.
pub(super) type Opener = Box<dyn Fn(&Path) -> Result<Database, DatabaseError> + Send + Sync>;

enum State {
    Open(Database),
    /// The disk failed: to be opened again.
    Failed,
    /// For good.
    Closed,
}

impl File {
    pub(super) fn open(path: PathBuf, opener: Opener) -> Result<Self, StoreError> {
        let database = open(&path, &opener)?;
        Ok(Self { path, opener, state: RwLock::new(State::Open(database)) })
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    pub(super) fn close(&self) {
        *self.state.write().unwrap_or_else(PoisonError::into_inner) = State::Closed;
    }

    /// Reads in one consistent state.
    pub(super) fn read<T>(
        &self,
        read: impl FnOnce(&ReadTransaction) -> Result<T, redb::Error>,
    ) -> Result<T, StoreError> {
        self.with(|database| {
            let transaction = database.begin_read()?;
            read(&transaction)
        })
    }

    /// Writes and commits. An error means that nothing was written, unless it says otherwise.
    pub(super) fn write<T>(
        &self,
        write: impl FnOnce(&WriteTransaction) -> Result<T, redb::Error>,
    ) -> Result<T, StoreError> {
        let mut committing = false;
        let result = self.with(|database| {
            let transaction = database.begin_write()?;
            let written = write(&transaction)?;
            committing = true;
            transaction.commit()?;
            Ok(written)
        });
        match result {
            // What reached the disk of a commit that failed is not known; a full disk takes none of it.
            Err(StoreError::Io { detail, .. }) => Err(StoreError::Io { detail, maybe_applied: committing }),
            result => result,
        }
    }

    fn with<T>(&self, work: impl FnOnce(&Database) -> Result<T, redb::Error>) -> Result<T, StoreError> {
        self.reopen_if_failed()?;
        let result = match &*self.state.read().unwrap_or_else(PoisonError::into_inner) {
            State::Open(database) => work(database),
            State::Failed => return Err(StoreError::Io { detail: "the file failed".to_owned(), maybe_applied: false }),
            State::Closed => return Err(StoreError::Closed),
        };
        result.map_err(|error| {
            if matches!(error, redb::Error::Io(_) | redb::Error::PreviousIo) {
                let mut state = self.state.write().unwrap_or_else(PoisonError::into_inner);
                if matches!(*state, State::Open(_)) {
                    *state = State::Failed;
                }
            }
            translate(error)
        })
    }

    fn reopen_if_failed(&self) -> Result<(), StoreError> {
        if !matches!(*self.state.read().unwrap_or_else(PoisonError::into_inner), State::Failed) {
            return Ok(());
        }
        let mut state = self.state.write().unwrap_or_else(PoisonError::into_inner);
        if matches!(*state, State::Failed) {
            *state = State::Open(open(&self.path, &self.opener)?);
        }
        Ok(())
    }
}

fn open(path: &Path, opener: &Opener) -> Result<Database, StoreError> {
    let database = opener(path).map_err(|error| match error {
        DatabaseError::DatabaseAlreadyOpen => StoreError::AlreadyOpen { path: path.to_owned() },
        error => named(path, translate(error.into())),
    })?;
    tables::create(&database).map_err(|error| named(path, translate(error)))?;
    Ok(database)
}

/// Says which file it is about.
fn named(path: &Path, error: StoreError) -> StoreError {
    match error {
        StoreError::Io { detail, maybe_applied } => {
            StoreError::Io { detail: format!("{}: {detail}", path.display()), maybe_applied }
        }
        StoreError::Full { detail } => StoreError::Full { detail: format!("{}: {detail}", path.display()) },
        StoreError::Corrupt { detail } => StoreError::Corrupt { detail: format!("{}: {detail}", path.display()) },
        error => error,
    }
}

fn translate(error: redb::Error) -> StoreError {
    let full = [io::ErrorKind::StorageFull, io::ErrorKind::QuotaExceeded, io::ErrorKind::FileTooLarge];
    match error {
        redb::Error::Io(error) if full.contains(&error.kind()) => StoreError::Full { detail: error.to_string() },
        redb::Error::Corrupted(detail) => StoreError::Corrupt { detail },
        redb::Error::DatabaseClosed => StoreError::Closed,
        error => StoreError::Io { detail: error.to_string(), maybe_applied: false },
    }
}
