//! The one task of a group: it owns membership, commits and fetching, and nothing else touches them.
//!
//! The task sleeps until something happens ([`Owner::run`]), lets the pure parts decide, and acts on it. The
//! application's side is the [`Shared`] outbox and the [`Command`] channel.

mod answers;
mod command;
mod commits;
mod flights;
mod lookups;
mod outbox;
mod partitions;
mod reading;
mod shared;
#[cfg(test)]
mod tests;
mod watch;

use std::{sync::Arc, time::Duration};

use ottla_kafka_core::{BrokerAddr, Error, ErrorCode};
use tokio::{sync::oneshot, time::sleep_until};

use answers::Done;
pub(crate) use command::{Asked, Asks, COMMITS_MAX, Command, Commit};
use commits::Commits;
pub(crate) use commits::Outcomes;
use flights::{Flight, Flights};
use lookups::Lookups;
use reading::Reading;
pub(crate) use shared::Shared;
use watch::Watch;

use crate::{
    config::GroupConfig,
    coordinator::Requests,
    fetching::Fetching,
    membership::{Action, Input, JoinAnswer, Membership},
    revoke::Revocation,
};

/// How long close waits for commits that were asked for before it.
const CLOSE_COMMITS_LIMIT: Duration = Duration::from_secs(10);

/// With nothing to wait for, the owner looks around all the same.
const IDLE: Duration = Duration::from_secs(60);

pub(crate) struct Owner<R, F> {
    config: Arc<GroupConfig>,
    requests: Arc<R>,
    reading: Reading<F>,
    shared: Arc<Shared>,
    asked: Asked,
    membership: Membership,
    flights: Flights<Done>,
    commits: Commits,
    lookups: Lookups,
    watch: Watch,
    /// The guard that the application holds, or will find in its outbox.
    revocation: Option<Revocation>,
    /// The guard is gone; what remains are commits on their way.
    is_released: bool,
    last_error: Option<Error>,
    closing: Option<Closing>,
    is_closed: bool,
}

struct Closing {
    deadline: Duration,
    _reply: oneshot::Sender<()>,
}

impl<R: Requests, F: Fetching> Owner<R, F> {
    pub(crate) fn new(config: Arc<GroupConfig>, requests: R, fetcher: F, shared: Arc<Shared>, asked: Asked) -> Self {
        Self {
            membership: Membership::new(config.membership()),
            watch: Watch::new(config.metadata_max_age),
            config,
            requests: Arc::new(requests),
            reading: Reading::new(fetcher),
            shared,
            asked,
            flights: Flights::new(),
            commits: Commits::default(),
            lookups: Lookups::default(),
            revocation: None,
            is_released: false,
            last_error: None,
            closing: None,
            is_closed: false,
        }
    }

    /// Runs until it is closed, or fenced.
    pub(crate) async fn run(mut self) {
        loop {
            self.catch_up();
            if self.is_closed && !self.flights.is_flying(Flight::Leave) {
                break;
            }
            let deadline = self.shared.instant(self.deadline());
            let takes_commits = self.commits.len() < COMMITS_MAX;
            let takes_records = !self.shared.outbox().is_full();
            tokio::select! {
                biased;
                () = sleep_until(deadline) => self.tick(),
                done = self.flights.next() => self.done(done),
                Some(command) = self.asked.commands.recv() => self.command(command),
                Some(commit) = self.asked.commits.recv(), if takes_commits => self.commit(commit),
                () = Revocation::released(&mut self.revocation) => {
                    self.revocation = None;
                    self.is_released = true;
                }
                () = self.shared.woken() => {}
                fetched = self.reading.next(takes_records) => self.fetched(fetched),
            }
        }
        self.shared.tell(|outbox| outbox.finish(Error::closed()));
    }

    fn now(&self) -> Duration {
        self.shared.now()
    }

    /// Tells the membership what happened, and does what it says.
    fn input(&mut self, input: Input) {
        for action in self.membership.handle(self.now(), input) {
            self.act(action);
        }
    }

    fn tick(&mut self) {
        self.input(Input::Polled { at: self.shared.last_poll() });
        self.input(Input::Tick);
    }

    /// The generation in which commits are sent and positions looked up, while there is one.
    fn generation(&self) -> Option<i32> {
        self.membership.is_settled().then(|| self.membership.member().generation)
    }

    /// Whether requests can be sent to the coordinator as a member.
    fn can_send(&self) -> bool {
        self.membership.is_settled() && self.membership.coordinator().is_some()
    }

    /// Whether positions can be looked up: those of a member begin with the coordinator.
    fn can_look_up(&self) -> bool {
        self.can_send() || self.membership.is_alone()
    }

    fn deadline(&self) -> Duration {
        let can_send = self.can_send();
        let lookups = self.lookups.due().filter(|_| self.can_look_up());
        let watch = Some(self.watch.due()).filter(|_| self.watches());
        let closing = self.closing.as_ref().filter(|_| !self.is_closed).map(|closing| closing.deadline);
        [self.membership.deadline(), self.commits.due(can_send), lookups, watch, closing]
            .into_iter()
            .flatten()
            .min()
            .unwrap_or_else(|| self.now().saturating_add(IDLE))
    }

    fn watches(&self) -> bool {
        let is_concerned = self.membership.leads() || (self.membership.is_stable() && self.config.pattern().is_some());
        is_concerned && !self.flights.is_flying(Flight::Metadata)
    }

    /// Starts what is due, and finishes what has become possible.
    fn catch_up(&mut self) {
        let now = self.now();
        if self.shared.wants_more() && self.membership.is_parked() {
            self.input(Input::Resume);
        }
        self.commits.expire(now, self.generation());
        if self.is_released && self.commits.is_empty() {
            self.is_released = false;
            self.shared.tell(|outbox| outbox.release());
            self.input(Input::Released);
        }
        self.reading.reconcile(&self.shared.outbox());
        self.send_commit(now);
        self.look_up(now);
        self.look_around(now);
        let is_due = |closing: &Closing| self.commits.is_empty() || closing.deadline <= now;
        if !self.is_closed && self.closing.as_ref().is_some_and(is_due) {
            self.input(Input::Close);
        }
        self.shared.outbox().set_status(self.membership.state(), self.last_error.as_ref());
    }

    fn command(&mut self, command: Command) {
        match command {
            Command::Seek { topic_partition, offset, reply } => {
                let _ = reply.send(self.seek(&topic_partition, offset));
            }
            Command::Close { reply } => {
                self.reading.stop_all();
                self.take_last_commits();
                let deadline = self.now().saturating_add(CLOSE_COMMITS_LIMIT);
                self.closing = Some(Closing { deadline, _reply: reply });
            }
        }
    }

    /// Remembers why something failed, for the status and for [`Action::Report`].
    fn note(&mut self, error: &Error) {
        tracing::debug!(group = self.config.group_id, %error, "a request of the group failed");
        self.last_error = Some(error.clone());
    }

    fn act(&mut self, action: Action) {
        let requests = Arc::clone(&self.requests);
        match action {
            Action::FindCoordinator { attempt } => self
                .flights
                .start(Flight::Membership, async move { Done::Found(attempt, requests.find_coordinator().await) }),
            Action::Join { attempt, coordinator, member_id } => self.flights.start(Flight::Membership, async move {
                Done::Joined(attempt, subscribe(requests, coordinator, member_id).await)
            }),
            Action::Sync { attempt, coordinator, member, round } => {
                self.flights.start(Flight::Membership, async move {
                    Done::Synced(attempt, requests.sync(coordinator, member, round).await)
                });
            }
            Action::Heartbeat { attempt, coordinator, member } => {
                self.flights.start(Flight::Heartbeat, async move {
                    Done::Beat(attempt, requests.heartbeat(coordinator, member).await)
                });
            }
            Action::Leave { coordinator, member } => {
                self.flights.start(Flight::Leave, async move { Done::Left(requests.leave(coordinator, member).await) })
            }
            Action::Revoke => self.revoke(),
            Action::Lost(loss) => self.lost(loss),
            Action::Assigned { generation, partitions } => self.assigned(generation, partitions),
            Action::Report => {
                let error = self.last_error();
                self.shared.tell(|outbox| outbox.push_error(error));
            }
            Action::Fenced => {
                let error = self.last_error();
                self.shared.tell(|outbox| outbox.finish(error));
                self.is_closed = true;
            }
            Action::Closed => self.is_closed = true,
        }
    }

    fn last_error(&self) -> Error {
        self.last_error.clone().unwrap_or_else(|| Error::broker(ErrorCode::UNKNOWN_SERVER_ERROR, "JoinGroup"))
    }
}

/// Joins with what there is to subscribe to now.
async fn subscribe<R: Requests>(
    requests: Arc<R>,
    coordinator: BrokerAddr,
    member_id: String,
) -> Result<(JoinAnswer, Vec<Arc<str>>), Error> {
    let topics = requests.subscription().await?;
    Ok((requests.join(coordinator, member_id, topics.clone()).await?, topics))
}
