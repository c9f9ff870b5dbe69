//! Members of a group that come, go and die, and what each of them is given.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use libtest_mimic::Failed;
use ottla_consumer_group::{Consumer, ConsumerHandle, Event, OffsetAndMetadata, Records};
use ottla_kafka_core::{Client, TopicPartition};
use ottla_tests::history::History;
use tokio::{
    sync::oneshot,
    task::{AbortHandle, JoinError, JoinSet},
};

use super::progress::Progress;
use crate::harness::Outcome;

/// The shortest that Kafka allows by default: a member that died is missed this long.
pub(super) const SESSION_TIMEOUT: Duration = Duration::from_secs(6);

/// The members of one group; each reads, and commits what it read before it reads on.
pub(super) struct Members {
    client: Client,
    group: String,
    topic: String,
    seen: Seen,
    next: u32,
    running: BTreeMap<u32, Running>,
    tasks: JoinSet<Outcome>,
}

struct Running {
    task: AbortHandle,
    stop: oneshot::Sender<()>,
    handle: ConsumerHandle,
}

/// What all members together have seen.
#[derive(Clone, Default)]
struct Seen {
    history: History,
    /// Who read a partition in a generation.
    owners: Arc<Mutex<BTreeMap<(i32, TopicPartition), u32>>>,
    progress: Progress,
}

impl Members {
    /// No members yet.
    pub(super) fn new(client: &Client, group: &str, topic: &str, history: &History) -> Self {
        Self {
            client: client.clone(),
            group: group.to_owned(),
            topic: topic.to_owned(),
            seen: Seen { history: history.clone(), ..Seen::default() },
            next: 0,
            running: BTreeMap::new(),
            tasks: JoinSet::new(),
        }
    }

    /// They go on where others of their group have come to.
    pub(super) fn after(mut self, progress: &Progress) -> Self {
        self.seen.progress = progress.clone();
        self
    }

    /// How far all of them together have come.
    pub(super) fn progress(&self) -> Progress {
        self.seen.progress.clone()
    }

    /// How many read.
    pub(super) fn len(&self) -> usize {
        self.running.len()
    }

    /// Starts another member.
    pub(super) fn join(&mut self) -> Result<(), Failed> {
        self.join_by(self.client.clone())
    }

    /// Starts another member that is a client of its own, as a process is.
    pub(super) fn join_by(&mut self, client: Client) -> Result<(), Failed> {
        let process = self.next;
        self.next += 1;
        let consumer = Consumer::builder(&client, self.group.as_str())
            .topics([self.topic.as_str()])
            .session_timeout(SESSION_TIMEOUT)
            .heartbeat_interval(Duration::from_millis(500))
            .build()?;
        let (stop, stopped) = oneshot::channel();
        let handle = consumer.handle();
        let task = self.tasks.spawn(read(consumer, process, self.seen.clone(), stopped));
        self.running.insert(process, Running { task, stop, handle });
        Ok(())
    }

    /// Lets the oldest member leave the group.
    pub(super) fn leave(&mut self) {
        if let Some((_, member)) = self.running.pop_first() {
            // Its end may have come already; then its task says why.
            let _ = member.stop.send(());
        }
    }

    /// Ends the oldest member without a word to the group.
    pub(super) fn kill(&mut self) {
        if let Some((_, member)) = self.running.pop_first() {
            member.task.abort();
        }
    }

    /// Lets all leave, and says whether any of them ever failed.
    pub(super) async fn close(mut self) -> Outcome {
        while !self.running.is_empty() {
            self.leave();
        }
        while let Some(ended) = self.tasks.join_next().await {
            verdict(ended)?;
        }
        Ok(())
    }

    /// Where each member stands.
    pub(super) fn describe(&self) -> String {
        let one = |(process, member): (&u32, &Running)| {
            let assignment: Vec<String> = member.handle.assignment().iter().map(ToString::to_string).collect();
            format!("\nmember {process}: {:?}, has {}", member.handle.status(), assignment.join(" "))
        };
        self.running.iter().map(one).collect()
    }

    /// Whether a member has failed so far.
    pub(super) fn check(&mut self) -> Outcome {
        while let Some(ended) = self.tasks.try_join_next() {
            verdict(ended)?;
        }
        Ok(())
    }
}

fn verdict(ended: Result<Outcome, JoinError>) -> Outcome {
    match ended {
        Ok(outcome) => outcome,
        Err(error) if error.is_cancelled() => Ok(()),
        Err(error) => Err(error.into()),
    }
}

async fn read(mut consumer: Consumer, process: u32, seen: Seen, mut stopped: oneshot::Receiver<()>) -> Outcome {
    let handle = consumer.handle();
    loop {
        let event = tokio::select! {
            biased;
            _ = &mut stopped => break,
            event = consumer.recv() => event?,
        };
        match event {
            Event::Assigned(_) => seen.history.assigned(process),
            Event::Records(records) => {
                seen.records(process, &records)?;
                let offset = OffsetAndMetadata::new(records.next_offset()).with_leader_epoch(records.leader_epoch());
                // If it is refused, the partition is somebody else's now, who reads the same records again.
                handle.commit([(records.topic_partition().clone(), offset)]).await?;
            }
            Event::Revoking(guard) => guard.release(),
            _ => {}
        }
    }
    Ok(consumer.close().await?)
}

impl Seen {
    fn records(&self, process: u32, records: &Records) -> Outcome {
        let of = records.topic_partition();
        for record in records.iter() {
            let value = String::from_utf8_lossy(record.value().unwrap_or_default()).into_owned();
            self.history.polled(process, of.partition(), record.offset(), value);
        }
        let first = records.iter().next().map_or(records.next_offset(), |record| record.offset());
        self.progress.handled(of.partition(), first, records.next_offset())?;
        let mut owners = self.owners.lock().unwrap_or_else(PoisonError::into_inner);
        let owner = *owners.entry((records.generation(), of.clone())).or_insert(process);
        if owner == process {
            return Ok(());
        }
        Err(format!("members {owner} and {process} both read {of} in generation {}", records.generation()).into())
    }
}
