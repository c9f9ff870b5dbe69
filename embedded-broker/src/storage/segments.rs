//! A partition's batches in files, each named by its first offset as in Kafka.

use std::{
    collections::BTreeMap,
    fs::{self, File, OpenOptions},
    io::{self, Write},
    path::{Path, PathBuf},
};

use bytes::{Buf, Bytes};
use ottla_kafka_core::record;

use super::DataError;

/// When a file is full. Kafka: `log.segment.bytes`, 1 GiB; here what is forgotten shall leave the disk soon.
const FULL: u64 = 16 * 1024 * 1024;

/// A batch's base offset and length, which are before what its length counts.
const PREFIX: usize = 12;

/// A partition's files.
#[derive(Debug)]
pub(crate) struct Segments {
    dir: PathBuf,
    /// By first offset.
    files: BTreeMap<i64, PathBuf>,
    active: Option<Active>,
}

#[derive(Debug)]
struct Active {
    file: File,
    length: u64,
    /// Half a batch is at its end and could not be removed: nothing may follow.
    broken: bool,
}

impl Segments {
    /// None yet.
    pub(crate) fn new(dir: PathBuf) -> Self {
        Self { dir, files: BTreeMap::new(), active: None }
    }

    /// Reads every batch there is. A batch at the very end that is not whole was never acknowledged, and is cut off.
    pub(super) fn load(dir: PathBuf, mut take: impl FnMut(&Bytes) -> Result<(), String>) -> Result<Self, DataError> {
        let mut segments = Self::new(dir);
        segments.find()?;
        let last = segments.files.last_key_value().map(|(offset, _)| *offset);
        for (offset, path) in &segments.files {
            let failed = |error: io::Error| DataError::new(path, error);
            let bytes = Bytes::from(fs::read(path).map_err(failed)?);
            let is_last = Some(*offset) == last;
            let whole = batches(path, &bytes, is_last, |batch| take(batch).map_err(|why| DataError::new(path, why)))?;
            if is_last {
                let file = OpenOptions::new().append(true).open(path).map_err(failed)?;
                file.set_len(whole).map_err(failed)?;
                segments.active = Some(Active { file, length: whole, broken: false });
            }
        }
        Ok(segments)
    }

    fn find(&mut self) -> Result<(), DataError> {
        let entries = match fs::read_dir(&self.dir) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            entries => entries.map_err(|error| DataError::new(&self.dir, error))?,
        };
        for entry in entries {
            let path = entry.map_err(|error| DataError::new(&self.dir, error))?.path();
            let name = path.file_name().and_then(|name| name.to_str()).and_then(|name| name.strip_suffix(".log"));
            match name.and_then(|name| name.parse().ok()) {
                Some(offset) => self.files.insert(offset, path),
                None => return Err(DataError::new(&path, "this is no file of the embedded broker")),
            };
        }
        Ok(())
    }

    /// Writes a batch down before it is acknowledged.
    pub(crate) fn append(&mut self, base_offset: i64, batch: &[u8]) -> io::Result<()> {
        if self.active.as_ref().is_none_or(|active| active.length >= FULL) {
            fs::create_dir_all(&self.dir)?;
            let path = self.dir.join(format!("{base_offset:020}.log"));
            let file = OpenOptions::new().create(true).append(true).open(&path)?;
            self.files.insert(base_offset, path);
            self.active = Some(Active { file, length: 0, broken: false });
        }
        let active = self.active.as_mut().filter(|active| !active.broken);
        let active = active.ok_or_else(|| io::Error::other("half a batch is at the end of the file"))?;
        if let Err(error) = active.file.write_all(batch) {
            active.broken = active.file.set_len(active.length).is_err();
            return Err(error);
        }
        active.length += u64::try_from(batch.len()).unwrap_or(0);
        Ok(())
    }

    /// Removes files that end before `start`. The last stays: it tells where the log ends.
    pub(crate) fn forget_before(&mut self, start: i64) {
        while let Some(next) = self.files.keys().nth(1).copied().filter(|next| *next <= start) {
            let Some((offset, path)) = self.files.pop_first() else { return };
            if let Err(error) = fs::remove_file(&path) {
                tracing::warn!(path = %path.display(), %error, next, "forgotten records cannot be removed");
                self.files.insert(offset, path);
                return;
            }
        }
    }

    /// Brings what was written to the disk.
    pub(crate) fn sync(&self) -> io::Result<()> {
        self.active.as_ref().map_or(Ok(()), |active| active.file.sync_all())
    }
}

/// Gives each whole batch of a file to `take`, and returns how long the file is with those. Only at the end of the last
/// file (`may_end_early`) may a batch be cut off or torn; anywhere else it is a loss, and an error.
pub(super) fn batches(
    path: &Path,
    bytes: &Bytes,
    may_end_early: bool,
    mut take: impl FnMut(&Bytes) -> Result<(), DataError>,
) -> Result<u64, DataError> {
    let mut rest = bytes.clone();
    while !rest.is_empty() {
        let at = bytes.len() - rest.len();
        let length = rest.get(8..PREFIX).map(|mut length| length.get_i32());
        let length = length.and_then(|length| usize::try_from(length).ok()).map(|length| length.saturating_add(PREFIX));
        let Some(length) = length.filter(|length| *length <= rest.len()) else {
            if may_end_early {
                tracing::warn!(path = %path.display(), at, bytes = rest.len(), "a batch that was cut off is removed");
                return Ok(u64::try_from(at).unwrap_or(0));
            }
            return Err(DataError::new(path, format!("the batch at byte {at} is cut off")));
        };
        let batch = rest.split_to(length);
        let is_whole = record::batches(batch.clone()).next().is_some_and(|batch| batch.is_ok());
        match (is_whole, may_end_early && rest.is_empty()) {
            (true, _) => take(&batch)?,
            (false, true) => {
                tracing::warn!(path = %path.display(), at, "a batch that was torn is removed");
                return Ok(u64::try_from(at).unwrap_or(0));
            }
            (false, false) => return Err(DataError::new(path, format!("the batch at byte {at} is damaged"))),
        }
    }
    Ok(u64::try_from(bytes.len()).unwrap_or(u64::MAX))
}
