//! The batches of a fetch, one after the other.

use std::iter::FusedIterator;

use bytes::Bytes;

use super::{
    Batch, RecordError, RecordErrorKind,
    batch::claimed_len,
    fields::{MAGIC, MAGIC_AT},
};

/// Reads the batches in what a fetch returned for one partition.
///
/// Brokers cut the last batch where the fetch's limit is: a batch that is not all there ends the iterator without an
/// error. After an error it ends too, because nothing behind a broken batch can be found.
pub fn batches(records: Bytes) -> Batches {
    Batches { rest: records }
}

/// The iterator of [`batches`].
#[derive(Clone, Debug)]
pub struct Batches {
    rest: Bytes,
}

impl Iterator for Batches {
    type Item = Result<Batch, RecordError>;

    fn next(&mut self) -> Option<Self::Item> {
        let bytes = std::mem::take(&mut self.rest);
        let magic = *bytes.get(MAGIC_AT)?;
        let base_offset = i64::from_be_bytes(*bytes.first_chunk()?);
        let fail = |kind| Some(Err(RecordError::new(base_offset, None, kind)));
        if magic != MAGIC {
            return fail(RecordErrorKind::Magic(magic));
        }
        match claimed_len(&bytes)? {
            Err(length) => fail(RecordErrorKind::Length(length)),
            Ok(len) if len > bytes.len() => None,
            Ok(len) => {
                let batch = Batch::open(bytes.slice(..len));
                if batch.is_ok() {
                    self.rest = bytes.slice(len..);
                }
                Some(batch)
            }
        }
    }
}

impl FusedIterator for Batches {}
