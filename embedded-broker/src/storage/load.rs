//! What a data directory has, when a broker starts with it.

use std::{collections::BTreeMap, fs, path::Path};

use bytes::Bytes;
use uuid::Uuid;

use super::{DataError, Segments, State, state::StoredTopic};
use crate::{
    log::{Limits, PartitionLog},
    topics::{Partition, TopicConfig, Topics},
};

/// What a data directory has.
#[derive(Debug)]
pub(crate) struct Loaded {
    pub(crate) state: State,
    /// By topic, the partitions in order.
    logs: BTreeMap<Uuid, Vec<(PartitionLog, Segments)>>,
}

impl Loaded {
    pub(super) fn read(dir: &Path, state: State) -> Result<Self, DataError> {
        let mut loaded = Self { state, logs: BTreeMap::new() };
        loaded.remove_leftovers(dir)?;
        for stored in loaded.state.topics.values() {
            let logs = (0..).take(stored.replicas.len()).map(|index| load_partition(dir, stored, index));
            loaded.logs.insert(stored.id, logs.collect::<Result<_, _>>()?);
        }
        Ok(loaded)
    }

    /// A topic was deleted and the process ended before its records were.
    fn remove_leftovers(&self, dir: &Path) -> Result<(), DataError> {
        for entry in fs::read_dir(dir).map_err(|error| DataError::new(dir, error))? {
            let entry = entry.map_err(|error| DataError::new(dir, error))?;
            let id = entry.file_name().to_str().and_then(|name| Uuid::parse_str(name).ok());
            if id.is_some_and(|id| self.state.topics.values().all(|stored| stored.id != id)) {
                fs::remove_dir_all(entry.path()).map_err(|error| DataError::new(&entry.path(), error))?;
            }
        }
        Ok(())
    }

    /// The topics, each partition led by the first of its nodes that there is, in a new epoch.
    pub(crate) fn topics(&mut self, broker: Limits, nodes: i32) -> Result<Topics, (String, String)> {
        let mut topics = Topics::default();
        for (name, stored) in &self.state.topics {
            let config = TopicConfig::new(stored.config.iter().cloned().collect(), broker);
            let config = config.map_err(|why| (name.clone(), why))?;
            let logs = self.logs.remove(&stored.id).unwrap_or_default();
            let partitions = stored.replicas.iter().zip(logs).map(|(replicas, (log, segments))| {
                // With fewer nodes than before, what has lost all of its own goes to the first.
                let known: Vec<i32> = replicas.iter().copied().filter(|node| *node <= nodes).collect();
                Partition::restored(if known.is_empty() { vec![1] } else { known }, log, segments)
            });
            topics.create(name, stored.id, partitions.collect(), config).map_err(|(_, why)| (name.clone(), why))?;
        }
        Ok(topics)
    }
}

fn load_partition(dir: &Path, stored: &StoredTopic, index: i32) -> Result<(PartitionLog, Segments), DataError> {
    let mut log = PartitionLog::default();
    let restore =
        |batch: &Bytes| log.restore(batch).map_err(|refusal| format!("a batch does not follow the last: {refusal}"));
    let segments = Segments::load(dir.join(stored.id.to_string()).join(index.to_string()), restore)?;
    if let Some((start, epoch)) = stored.starts.get(&index) {
        log.resume_at(*start, *epoch);
    }
    Ok((log, segments))
}
