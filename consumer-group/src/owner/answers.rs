//! What the answers to the owner's requests lead to.

use ottla_kafka_core::{BrokerAddr, Error, ErrorCode, TopicPartition};

use std::sync::Arc;

use super::{Owner, lookups::Located};
use crate::{
    coordinator::{Requests, Surroundings, Synced},
    fetching::Fetching,
    membership::{Attempt, Failure, Input, JoinAnswer},
};

/// A request that has ended.
pub(super) enum Done {
    Found(Attempt, Result<BrokerAddr, Error>),
    /// With what it subscribed to.
    Joined(Attempt, Result<(JoinAnswer, Vec<Arc<str>>), Error>),
    Synced(Attempt, Result<Synced, Error>),
    Beat(Attempt, Result<(), Error>),
    Left(Result<(), Error>),
    Committed(To, Result<std::collections::BTreeMap<TopicPartition, ErrorCode>, Error>),
    Located(To, Located),
    LookedAround(Result<Surroundings, Error>),
}

/// Whom a request went to, and as a member of which generation.
pub(super) struct To {
    pub(super) coordinator: Option<BrokerAddr>,
    pub(super) generation: i32,
}

impl<R: Requests, F: Fetching> Owner<R, F> {
    pub(super) fn done(&mut self, done: Done) {
        match done {
            Done::Found(attempt, answer) => {
                let answer = answer.map_err(|error| self.failure(&error));
                self.input(Input::CoordinatorFound { attempt, answer });
            }
            Done::Joined(attempt, answer) => {
                let answer = answer.map_err(|error| self.failure(&error)).map(|(answer, subscription)| {
                    self.watch.subscribed(subscription);
                    answer
                });
                self.input(Input::Joined { attempt, answer });
            }
            Done::Synced(attempt, answer) => self.synced(attempt, answer),
            Done::Beat(attempt, answer) => {
                let answer = answer.map_err(|error| self.failure(&error));
                self.input(Input::HeartbeatAnswered { attempt, answer });
            }
            Done::Left(answer) => {
                if let Err(error) = answer {
                    self.note(&error);
                }
            }
            Done::Committed(asked, answer) => {
                let learned = self.commits.answered(self.now(), answer);
                self.shared.outbox().commit(learned.committed);
                self.learn(asked, learned.trouble);
            }
            Done::Located(asked, located) => self.located(asked, located),
            Done::LookedAround(around) => self.looked_around(around),
        }
    }

    /// What a failure means for the membership; the error itself is kept for the application.
    fn failure(&mut self, error: &Error) -> Failure {
        self.note(error);
        Failure::from(error)
    }

    /// A request of a settled member may have learned that it is none any more, or that the coordinator is gone.
    pub(super) fn learn(&mut self, asked: To, trouble: Option<Error>) {
        if let Some(error) = trouble {
            let failure = self.failure(&error);
            if let To { coordinator: Some(coordinator), generation } = asked {
                self.input(Input::RequestFailed { coordinator, generation, failure });
            }
        }
    }

    fn synced(&mut self, attempt: Attempt, answer: Result<Synced, Error>) {
        let answer = match answer {
            Ok(Synced { partitions, led }) => {
                self.watch.reset(self.now(), led);
                self.last_error = None;
                Ok(partitions)
            }
            Err(error) => Err(self.failure(&error)),
        };
        self.input(Input::Synced { attempt, answer });
    }

    fn looked_around(&mut self, around: Result<Surroundings, Error>) {
        self.watch.looked(self.now());
        match around {
            Ok(around) if self.watch.has_changed(&around) => {
                tracing::info!(group = self.config.group_id, "topics or partitions have changed: rebalancing");
                self.input(Input::PartitionsChanged);
            }
            Ok(_) => {}
            Err(error) => self.note(&error),
        }
    }
}
