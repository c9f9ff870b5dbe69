//! The protocol, step by step: what goes in, and which actions come out.

mod alone;
mod heartbeats;
mod joining;
mod leaving;
mod revoking;

use std::time::Duration;

use ottla_kafka_core::{BrokerAddr, ErrorCode, TopicPartition};

use super::{Action, Alone, Attempt, Failure, Input, JoinAnswer, JoinedMember, Loss, Membership, Round, Settings};
use crate::assignor::Assignor;

const LOADING: ErrorCode = ErrorCode::COORDINATOR_LOAD_IN_PROGRESS;
const NOT_AVAILABLE: ErrorCode = ErrorCode::COORDINATOR_NOT_AVAILABLE;
const NOT_COORDINATOR: ErrorCode = ErrorCode::NOT_COORDINATOR;
const ILLEGAL_GENERATION: ErrorCode = ErrorCode::ILLEGAL_GENERATION;
const INCONSISTENT_PROTOCOL: ErrorCode = ErrorCode::INCONSISTENT_GROUP_PROTOCOL;
const UNKNOWN_MEMBER: ErrorCode = ErrorCode::UNKNOWN_MEMBER_ID;
const REBALANCE: ErrorCode = ErrorCode::REBALANCE_IN_PROGRESS;
const UNAUTHORIZED: ErrorCode = ErrorCode::GROUP_AUTHORIZATION_FAILED;
const GROUP_FULL: ErrorCode = ErrorCode::GROUP_MAX_SIZE_REACHED;
const FENCED: ErrorCode = ErrorCode::FENCED_INSTANCE_ID;

/// A member with a session of 45 s, heartbeats each 3 s, a poll interval of 300 s and a drain of 10 s.
/// Each method gives it one input and returns its actions as words.
struct Member {
    state: Membership,
    now: Duration,
    /// The last attempt of each kind of request.
    find: Attempt,
    join: Attempt,
    sync: Attempt,
    beat: Attempt,
}

fn member() -> Member {
    with(false)
}

fn static_member() -> Member {
    with(true)
}

fn with(is_static: bool) -> Member {
    let none = Attempt(0);
    let state = Membership::new(Settings {
        session_timeout: Duration::from_secs(45),
        heartbeat_interval: Duration::from_secs(3),
        max_poll_interval: Duration::from_secs(300),
        revoke_drain: Duration::from_secs(10),
        is_static,
        alone: None,
    });
    Member { state, now: Duration::ZERO, find: none, join: none, sync: none, beat: none }
}

/// A stable member `m` of generation 1 at coordinator 1, with one partition.
fn stable() -> Member {
    settle(member())
}

fn settle(mut m: Member) -> Member {
    m.resume();
    m.found(1);
    m.join_ok(1, false);
    assert_eq!(m.sync_ok(&[0]), "assigned 1: t-0");
    m
}

impl Member {
    fn give(&mut self, input: Input) -> String {
        let actions = self.state.handle(self.now, input);
        let words: Vec<String> = actions.iter().map(|action| self.note(action)).collect();
        let next = self.state.deadline();
        assert!(next.is_none_or(|next| next > self.now), "a deadline that has passed would spin: {next:?}");
        words.join(", ")
    }

    fn note(&mut self, action: &Action) -> String {
        match action {
            Action::FindCoordinator { attempt } => {
                self.find = *attempt;
                "find".to_owned()
            }
            Action::Join { attempt, coordinator, member_id } => {
                self.join = *attempt;
                format!("join {} as '{member_id}'", coordinator.port())
            }
            Action::Sync { attempt, coordinator, member, round } => {
                self.sync = *attempt;
                let lead: Vec<&str> = round.members.iter().map(|m| m.member_id.as_str()).collect();
                format!(
                    "sync {} as '{}' in {} leading [{}]",
                    coordinator.port(),
                    member.id,
                    member.generation,
                    lead.join(" ")
                )
            }
            Action::Heartbeat { attempt, coordinator, member } => {
                self.beat = *attempt;
                format!("beat {} as '{}' in {}", coordinator.port(), member.id, member.generation)
            }
            Action::Leave { coordinator, member } => format!("leave {} as '{}'", coordinator.port(), member.id),
            Action::Revoke => "revoke".to_owned(),
            Action::Lost(Loss::Expelled(code)) => format!("lost by {}", code.0),
            Action::Lost(loss) => format!("lost: {loss:?}"),
            Action::Assigned { generation, partitions } => {
                let partitions: Vec<String> = partitions.iter().map(ToString::to_string).collect();
                format!("assigned {generation}: {}", partitions.join(" "))
            }
            Action::Report => "report".to_owned(),
            Action::Fenced => "fenced".to_owned(),
            Action::Closed => "closed".to_owned(),
        }
    }

    /// Lets `ms` pass, without a poll.
    fn after(&mut self, ms: u64) -> String {
        self.now += Duration::from_millis(ms);
        self.give(Input::Tick)
    }

    /// Goes from deadline to deadline until something happens.
    fn next(&mut self) -> String {
        for _ in 0..10 {
            let Some(next) = self.state.deadline() else { return String::new() };
            self.now = next;
            let words = self.give(Input::Tick);
            if !words.is_empty() {
                return words;
            }
        }
        panic!("ten deadlines without an action");
    }

    fn resume(&mut self) -> String {
        self.give(Input::Resume)
    }

    fn polled(&mut self) -> String {
        self.give(Input::Polled { at: self.now })
    }

    fn found(&mut self, port: u16) -> String {
        self.give(Input::CoordinatorFound { attempt: self.find, answer: Ok(broker(port)) })
    }

    fn find_failed(&mut self, failure: Failure) -> String {
        self.give(Input::CoordinatorFound { attempt: self.find, answer: Err(failure) })
    }

    fn member_id_required(&mut self, id: &str) -> String {
        self.give(Input::Joined { attempt: self.join, answer: Ok(JoinAnswer::MemberIdRequired(id.to_owned())) })
    }

    fn join_ok(&mut self, generation: i32, leads: bool) -> String {
        let member = |id: &str| JoinedMember { member_id: id.to_owned(), instance_id: None, metadata: "".into() };
        let members = if leads { vec![member("m"), member("n")] } else { vec![] };
        let round = Round { assignor: Assignor::Range, members, keeps_assignment: false };
        let answer = Ok(JoinAnswer::Joined { generation, member_id: "m".to_owned(), leads, round });
        self.give(Input::Joined { attempt: self.join, answer })
    }

    fn join_failed(&mut self, failure: Failure) -> String {
        self.give(Input::Joined { attempt: self.join, answer: Err(failure) })
    }

    fn sync_ok(&mut self, partitions: &[i32]) -> String {
        let partitions = partitions.iter().map(|p| TopicPartition::new("t", *p)).collect();
        self.give(Input::Synced { attempt: self.sync, answer: Ok(partitions) })
    }

    fn sync_failed(&mut self, failure: Failure) -> String {
        self.give(Input::Synced { attempt: self.sync, answer: Err(failure) })
    }

    fn beat_ok(&mut self) -> String {
        self.give(Input::HeartbeatAnswered { attempt: self.beat, answer: Ok(()) })
    }

    fn beat_failed(&mut self, failure: Failure) -> String {
        self.give(Input::HeartbeatAnswered { attempt: self.beat, answer: Err(failure) })
    }

    fn commit_failed(&mut self, generation: i32, failure: Failure) -> String {
        self.give(Input::RequestFailed { coordinator: broker(1), generation, failure })
    }
}

/// The broker that the words call by its port.
fn broker(port: u16) -> BrokerAddr {
    BrokerAddr::new("broker", port)
}

fn code(code: ErrorCode) -> Failure {
    Failure::Code(code)
}
