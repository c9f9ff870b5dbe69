//! How rows and streams stand in redb's tables.

use bytes::Bytes;
use redb::{Database, ReadTransaction, ReadableTable, Table, TableDefinition, WriteTransaction};

use crate::store::{Op, Row, StoreError, StreamEntry, Unit};

/// A row's place: table and key.
type Place = (&'static str, &'static [u8]);
/// What stands there: version and value.
type Content = (u64, &'static [u8]);

const ROWS: TableDefinition<Place, Content> = TableDefinition::new("rows");
/// (stream, sequence) → value.
const STREAMS: TableDefinition<(&str, u64), &[u8]> = TableDefinition::new("streams");
/// The last version that was given to a row, under [`LAST_VERSION`].
const COUNTERS: TableDefinition<&str, u64> = TableDefinition::new("counters");
const LAST_VERSION: &str = "last-version";

/// Makes the tables, so that readers find them.
pub(super) fn create(database: &Database) -> Result<(), redb::Error> {
    let transaction = database.begin_write()?;
    transaction.open_table(ROWS)?;
    transaction.open_table(STREAMS)?;
    transaction.open_table(COUNTERS)?;
    transaction.commit()?;
    Ok(())
}

pub(super) fn get(transaction: &ReadTransaction, table: &str, key: &[u8]) -> Result<Option<Row>, redb::Error> {
    let rows = transaction.open_table(ROWS)?;
    let found = rows.get((table, key))?;
    Ok(found.map(|found| row(found.value())))
}

pub(super) fn scan(
    transaction: &ReadTransaction,
    table: &str,
    after: Option<&[u8]>,
    limit: usize,
) -> Result<Vec<(Bytes, Row)>, redb::Error> {
    let rows = transaction.open_table(ROWS)?;
    let mut found = Vec::new();
    for entry in rows.range((table, after.unwrap_or_default())..)? {
        let (place, value) = entry?;
        let (of, key) = place.value();
        if of != table || found.len() >= limit {
            break;
        }
        if Some(key) != after {
            found.push((Bytes::copy_from_slice(key), row(value.value())));
        }
    }
    Ok(found)
}

pub(super) fn read(
    transaction: &ReadTransaction,
    stream: &str,
    from: u64,
    limit: usize,
) -> Result<Vec<StreamEntry>, redb::Error> {
    let streams = transaction.open_table(STREAMS)?;
    let mut entries = Vec::new();
    for entry in streams.range((stream, from.max(1))..=(stream, u64::MAX))?.take(limit) {
        let (place, value) = entry?;
        entries.push(StreamEntry { sequence: place.value().1, value: Bytes::copy_from_slice(value.value()) });
    }
    Ok(entries)
}

/// Applies each unit that finds its rows as it expects them, in order; the others are conflicts.
pub(super) fn apply(
    transaction: &WriteTransaction,
    units: &[Unit],
) -> Result<Vec<Result<(), StoreError>>, redb::Error> {
    let mut writing = Writing {
        rows: transaction.open_table(ROWS)?,
        streams: transaction.open_table(STREAMS)?,
        counters: transaction.open_table(COUNTERS)?,
    };
    units.iter().map(|unit| writing.apply(unit)).collect()
}

struct Writing<'t> {
    rows: Table<'t, Place, Content>,
    streams: Table<'t, (&'static str, u64), &'static [u8]>,
    counters: Table<'t, &'static str, u64>,
}

impl Writing<'_> {
    fn apply(&mut self, unit: &Unit) -> Result<Result<(), StoreError>, redb::Error> {
        for (table, key, expected) in unit.ops().iter().filter_map(Op::expectation) {
            let version = self.rows.get((table, &**key))?.map(|row| row.value().0);
            if !expected.holds(version) {
                return Ok(Err(StoreError::Conflict { table: table.to_owned(), key: key.to_vec() }));
            }
        }
        for op in unit.ops() {
            match op {
                Op::Expect { .. } => {}
                Op::Put { table, key, value, .. } => {
                    let version = self.next_version()?;
                    self.rows.insert((table.as_str(), &**key), (version, &**value))?;
                }
                Op::Delete { table, key, .. } => {
                    self.rows.remove((table.as_str(), &**key))?;
                }
                Op::Append { stream, value } => {
                    let sequence = self.next_sequence(stream)?;
                    self.streams.insert((stream.as_str(), sequence), &**value)?;
                }
            }
        }
        Ok(Ok(()))
    }

    fn next_version(&mut self) -> Result<u64, redb::Error> {
        let last = self.counters.get(LAST_VERSION)?.map_or(0, |last| last.value());
        self.counters.insert(LAST_VERSION, last + 1)?;
        Ok(last + 1)
    }

    fn next_sequence(&self, stream: &str) -> Result<u64, redb::Error> {
        let last = self.streams.range((stream, 0)..=(stream, u64::MAX))?.next_back().transpose()?;
        Ok(last.map_or(0, |(place, _)| place.value().1) + 1)
    }
}

fn row((version, value): (u64, &[u8])) -> Row {
    Row { version, value: Bytes::copy_from_slice(value) }
}
