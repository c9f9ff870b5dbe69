//! What the application asks of the owner.

use ottla_kafka_core::TopicPartition;
use tokio::sync::{mpsc, oneshot};

use super::commits::Outcomes;
use crate::offsets::Offsets;

/// How many commits wait to be taken, beside as many that were.
pub(crate) const COMMITS_MAX: usize = 64;

/// How many commands wait to be taken; each has a caller that waits for its reply.
const COMMANDS_MAX: usize = 64;

/// A commit in the generation in which it was asked for; in none there is nothing to commit.
#[derive(Debug)]
pub(crate) struct Commit {
    pub(crate) generation: Option<i32>,
    pub(crate) offsets: Offsets,
    pub(crate) reply: oneshot::Sender<Outcomes>,
}

/// A request of the consumer or a handle.
#[derive(Debug)]
pub(crate) enum Command {
    /// Read on at another offset; answers whether the partition is assigned.
    Seek { topic_partition: TopicPartition, offset: i64, reply: oneshot::Sender<bool> },
    /// Finish the commits, leave the group, end.
    Close { reply: oneshot::Sender<()> },
}

/// The application's ends of the two queues. Commits have their own: while a coordinator is away they wait, and what
/// waits may not keep a seek or a close from being heard.
#[derive(Clone, Debug)]
pub(crate) struct Asks {
    pub(crate) commits: mpsc::Sender<Commit>,
    pub(crate) commands: mpsc::Sender<Command>,
}

/// The owner's ends.
#[derive(Debug)]
pub(crate) struct Asked {
    pub(crate) commits: mpsc::Receiver<Commit>,
    pub(crate) commands: mpsc::Receiver<Command>,
}

impl Asks {
    pub(crate) fn new() -> (Self, Asked) {
        let (commits, asked_commits) = mpsc::channel(COMMITS_MAX);
        let (commands, asked_commands) = mpsc::channel(COMMANDS_MAX);
        (Self { commits, commands }, Asked { commits: asked_commits, commands: asked_commands })
    }
}
