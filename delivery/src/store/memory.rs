use std::{
    collections::BTreeMap,
    ops::Bound,
    sync::{Mutex, MutexGuard, PoisonError},
};

use bytes::Bytes;
use ottla_kafka_core::BoxFuture;

use super::{Op, Row, Store, StoreError, StreamEntry, Unit};

/// A store that forgets everything with the process. For tests and demos.
#[derive(Debug, Default)]
pub struct MemoryStore {
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    rows: BTreeMap<(String, Bytes), Row>,
    streams: BTreeMap<String, Vec<Bytes>>,
    last_version: u64,
}

impl MemoryStore {
    /// An empty store.
    pub fn new() -> Self {
        Self::default()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // No code of ours panics while it holds the lock, and half a unit is never in it.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Store for MemoryStore {
    fn get<'a>(&'a self, table: &'a str, key: &'a [u8]) -> BoxFuture<'a, Result<Option<Row>, StoreError>> {
        let row = self.state().rows.get(&row_key(table, key)).cloned();
        Box::pin(async move { Ok(row) })
    }

    fn scan<'a>(
        &'a self,
        table: &'a str,
        after: Option<&'a [u8]>,
        limit: usize,
    ) -> BoxFuture<'a, Result<Vec<(Bytes, Row)>, StoreError>> {
        let from = match after {
            Some(after) => Bound::Excluded(row_key(table, after)),
            None => Bound::Included(row_key(table, &[])),
        };
        let rows = self
            .state()
            .rows
            .range((from, Bound::Unbounded))
            .take_while(|((of, _), _)| of == table)
            .take(limit)
            .map(|((_, key), row)| (key.clone(), row.clone()))
            .collect();
        Box::pin(async move { Ok(rows) })
    }

    fn read<'a>(
        &'a self,
        stream: &'a str,
        from: u64,
        limit: usize,
    ) -> BoxFuture<'a, Result<Vec<StreamEntry>, StoreError>> {
        let state = self.state();
        let entries = state.streams.get(stream).map_or(&[][..], Vec::as_slice);
        let entries = (1_u64..)
            .zip(entries)
            .skip_while(|(sequence, _)| *sequence < from)
            .take(limit)
            .map(|(sequence, value)| StreamEntry { sequence, value: value.clone() })
            .collect();
        Box::pin(async move { Ok(entries) })
    }

    fn apply(&self, unit: Unit) -> BoxFuture<'_, Result<(), StoreError>> {
        let result = self.state().apply(&unit);
        Box::pin(async move { result })
    }
}

impl State {
    fn apply(&mut self, unit: &Unit) -> Result<(), StoreError> {
        for (table, key, expected) in unit.ops().iter().filter_map(Op::expectation) {
            let version = self.rows.get(&row_key(table, key)).map(|row| row.version);
            if !expected.holds(version) {
                return Err(StoreError::Conflict { table: table.to_owned(), key: key.to_vec() });
            }
        }
        for op in unit.ops() {
            match op {
                Op::Expect { .. } => {}
                Op::Put { table, key, value, .. } => {
                    self.last_version += 1;
                    let row = Row { version: self.last_version, value: value.clone() };
                    self.rows.insert((table.clone(), key.clone()), row);
                }
                Op::Delete { table, key, .. } => {
                    self.rows.remove(&row_key(table, key));
                }
                Op::Append { stream, value } => self.streams.entry(stream.clone()).or_default().push(value.clone()),
            }
        }
        Ok(())
    }
}

fn row_key(table: &str, key: &[u8]) -> (String, Bytes) {
    (table.to_owned(), Bytes::copy_from_slice(key))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    #[tokio::test]
    async fn it_does_what_every_store_does() {
        crate::store::suite::run(Arc::new(MemoryStore::new())).await;
    }
}
