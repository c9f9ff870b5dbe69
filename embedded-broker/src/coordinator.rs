//! The group coordinator's edge: it gives groups the time, and their answers to those who wait.

use std::{
    collections::BTreeMap,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::{
    sync::{Notify, oneshot},
    time::Instant,
};

use crate::{
    group::{Action, Actions, Group, JoinGroup, JoinRefused, Joined, SyncGroup, Synced, Ticket},
    log::Refusal,
};

type JoinAnswer = Result<Joined, JoinRefused>;
type SyncAnswer = Result<Synced, Refusal>;

/// All groups.
#[derive(Debug)]
pub(crate) struct Coordinator {
    initial_delay: Duration,
    groups: Mutex<Groups>,
    /// Told when some group's deadline is sooner than the one the timer waits for.
    sooner: Notify,
}

#[derive(Debug, Default)]
struct Groups {
    by_id: BTreeMap<String, Group>,
    next_ticket: u64,
    /// No coordinator is up: time does nothing to groups, as nobody could answer their members.
    down: bool,
    joining: BTreeMap<Ticket, oneshot::Sender<JoinAnswer>>,
    syncing: BTreeMap<Ticket, oneshot::Sender<SyncAnswer>>,
    /// What the timer waits for.
    scheduled: Option<Instant>,
}

impl Coordinator {
    pub(crate) fn new(initial_delay: Duration) -> Self {
        Self { initial_delay, groups: Mutex::default(), sooner: Notify::new() }
    }

    /// Has a member join, and waits for the answer.
    pub(crate) async fn join(&self, group_id: &str, join: JoinGroup) -> JoinAnswer {
        let member_id = join.member_id.clone();
        let (sender, answer) = oneshot::channel();
        self.event(|groups, now, actions| {
            let ticket = groups.ticket();
            groups.joining.insert(ticket, sender);
            groups.get_or_create(group_id, self.initial_delay).join(now, join, ticket, actions);
        });
        let gone = JoinRefused { refusal: Refusal::CoordinatorNotAvailable, member_id };
        answer.await.unwrap_or(Err(gone))
    }

    /// Has a member sync, and waits for the answer.
    pub(crate) async fn sync(&self, group_id: &str, sync: SyncGroup<'_>) -> SyncAnswer {
        let (sender, answer) = oneshot::channel();
        self.event(|groups, now, actions| {
            let ticket = groups.ticket();
            groups.syncing.insert(ticket, sender);
            match groups.by_id.get_mut(group_id) {
                Some(group) => group.sync(now, sync, ticket, actions),
                None => actions.push(Action::AnswerSync(ticket, Err(Refusal::UnknownMemberId))),
            }
        });
        answer.await.unwrap_or(Err(Refusal::CoordinatorNotAvailable))
    }

    /// Does something at once with a group, `None` if there is no such group.
    pub(crate) fn with<T>(&self, id: &str, act: impl FnOnce(&mut Group, Instant, &mut Actions) -> T) -> Option<T> {
        self.event(|groups, now, actions| groups.by_id.get_mut(id).map(|group| act(group, now, actions)))
    }

    /// Like `with`, in a group that is created if there is none.
    pub(crate) fn with_new<T>(&self, id: &str, act: impl FnOnce(&mut Group, Instant, &mut Actions) -> T) -> T {
        self.event(|groups, now, actions| act(groups.get_or_create(id, self.initial_delay), now, actions))
    }

    /// Looks at every group.
    pub(crate) fn for_each(&self, mut look: impl FnMut(&str, &mut Group)) {
        self.event(|groups, _, _| groups.by_id.iter_mut().for_each(|(id, group)| look(id, group)));
    }

    /// Removes a group without members.
    pub(crate) fn remove(&self, id: &str) -> Result<(), Refusal> {
        self.event(|groups, _, _| match groups.by_id.get(id) {
            None => Err(Refusal::GroupIdNotFound),
            Some(group) if !group.is_empty() => Err(Refusal::NonEmptyGroup),
            Some(_) => {
                groups.by_id.remove(id);
                Ok(())
            }
        })
    }

    /// Decides anew who coordinates: `decide` gets the ids of all groups, and tells which of them have moved and
    /// whether any coordinator is up. Whoever waits in a group that moved has to ask its new coordinator.
    pub(crate) fn relocate(&self, decide: impl FnOnce(&[String]) -> (Vec<String>, bool)) {
        self.event(|groups, now, actions| {
            let ids: Vec<String> = groups.by_id.keys().cloned().collect();
            let (moved, up) = decide(&ids);
            groups.down = !up;
            for id in moved {
                if let Some(group) = groups.by_id.get_mut(&id) {
                    group.relocate(now, actions);
                }
            }
        });
    }

    /// Tells groups that time has passed, for as long as it is polled.
    pub(crate) async fn run_timer(&self) {
        loop {
            let next = self.schedule();
            let sleep = async {
                match next {
                    Some(deadline) => tokio::time::sleep_until(deadline).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                biased;
                () = self.sooner.notified() => {}
                () = sleep => self.event(|groups, now, actions| {
                    if !groups.down {
                        groups.by_id.values_mut().for_each(|group| group.tick(now, actions));
                    }
                }),
            }
        }
    }

    fn schedule(&self) -> Option<Instant> {
        let mut groups = self.groups();
        groups.scheduled = groups.next_deadline();
        groups.scheduled
    }

    /// One event: it changes groups, then those who wait get their answers.
    fn event<T>(&self, act: impl FnOnce(&mut Groups, Instant, &mut Actions) -> T) -> T {
        let mut actions = Actions::new();
        let mut groups = self.groups();
        let result = act(&mut groups, Instant::now(), &mut actions);
        groups.answer(actions);
        groups.by_id.retain(|_, group| !group.is_forgettable());
        let next = groups.next_deadline();
        if next.is_some_and(|next| groups.scheduled.is_none_or(|scheduled| next < scheduled)) {
            self.sooner.notify_one();
        }
        result
    }

    fn groups(&self) -> MutexGuard<'_, Groups> {
        self.groups.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Groups {
    fn ticket(&mut self) -> Ticket {
        self.next_ticket += 1;
        // Whoever waited and left has no use for an answer.
        self.joining.retain(|_, waiting| !waiting.is_closed());
        self.syncing.retain(|_, waiting| !waiting.is_closed());
        Ticket(self.next_ticket)
    }

    fn get_or_create(&mut self, id: &str, initial_delay: Duration) -> &mut Group {
        self.by_id.entry(id.to_owned()).or_insert_with(|| Group::new(initial_delay))
    }

    fn next_deadline(&self) -> Option<Instant> {
        if self.down {
            return None;
        }
        self.by_id.values().filter_map(Group::next_deadline).min()
    }

    fn answer(&mut self, actions: Actions) {
        for action in actions {
            match action {
                Action::AnswerJoin(ticket, answer) => send(self.joining.remove(&ticket), answer),
                Action::AnswerSync(ticket, answer) => send(self.syncing.remove(&ticket), answer),
            }
        }
    }
}

/// A receiver that is gone belongs to a client that is gone.
fn send<T>(waiting: Option<oneshot::Sender<T>>, answer: T) {
    if let Some(waiting) = waiting {
        let _ = waiting.send(answer);
    }
}
