//! The journal: one record batch for each change, whose CRC tells a whole one from half a one.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, Write},
    path::{Path, PathBuf},
};

use bytes::Bytes;
use ottla_kafka_core::record::{self, BatchBuilder, Compression, Decompression};

use super::{DataError, Event, State, segments};

#[derive(Debug)]
pub(super) struct Journal {
    path: PathBuf,
    file: File,
    length: u64,
    /// What it amounts to.
    state: State,
    /// From this length on it is written anew, without what was changed again.
    too_long: u64,
}

/// What it may always grow by, in bytes.
const GROWTH: u64 = 8 * 1024 * 1024;

impl Journal {
    /// Opens it, and reads what it has. Half a change at its end was never acknowledged, and is cut off.
    pub(super) fn open(path: &Path) -> Result<Self, DataError> {
        let failed = |error: io::Error| DataError::new(path, error);
        let mut state = State::default();
        let file = OpenOptions::new().create(true).append(true).open(path).map_err(failed)?;
        let bytes = Bytes::from(fs::read(path).map_err(failed)?);
        let whole = segments::batches(path, &bytes, true, |batch| {
            let wrong = || DataError::new(path, "it was written by another version of this broker");
            for batch in record::batches(batch.clone()) {
                let batch = batch.map_err(|error| DataError::new(path, error))?;
                let records = batch.records(Decompression::default());
                let records = records.map_err(|error| DataError::new(path, error))?;
                for record in &records {
                    let record = record.map_err(|error| DataError::new(path, error))?;
                    let value = record.value().map(Bytes::copy_from_slice).ok_or_else(wrong)?;
                    state.apply(Event::decode(value).ok_or_else(wrong)?);
                }
            }
            Ok(())
        })?;
        file.set_len(whole).map_err(failed)?;
        let mut journal = Self { path: path.to_owned(), file, length: whole, state, too_long: 0 };
        journal.rewrite().map_err(failed)?;
        Ok(journal)
    }

    pub(super) fn append(&mut self, event: &Event) -> io::Result<()> {
        let bytes = batch(event)?;
        if let Err(error) = self.file.write_all(&bytes) {
            // Half a change would hide all that come after it.
            self.file.set_len(self.length)?;
            return Err(error);
        }
        self.length += u64::try_from(bytes.len()).unwrap_or(0);
        self.state.apply(event.clone());
        if self.length >= self.too_long {
            self.rewrite()?;
        }
        Ok(())
    }

    pub(super) fn state(&self) -> &State {
        &self.state
    }

    /// Writes it anew, and takes it into use at once.
    fn rewrite(&mut self) -> io::Result<()> {
        let next = self.path.with_extension("next");
        let mut file = File::create(&next)?;
        for event in self.state.events() {
            file.write_all(&batch(&event)?)?;
        }
        file.sync_all()?;
        fs::rename(&next, &self.path)?;
        self.file = OpenOptions::new().append(true).open(&self.path)?;
        self.length = self.file.metadata()?.len();
        self.too_long = self.length.saturating_mul(2).saturating_add(GROWTH);
        Ok(())
    }

    pub(super) fn sync(&self) -> io::Result<()> {
        self.file.sync_all()
    }
}

fn batch(event: &Event) -> io::Result<Bytes> {
    let mut batch = BatchBuilder::new();
    batch.push(0, None, Some(&event.encode()), &[]);
    batch.finish(None, Compression::NONE).map_err(io::Error::other)
}
