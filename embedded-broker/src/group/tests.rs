use std::time::Duration;

use bytes::Bytes;
use tokio::time::Instant;

use super::{Action, Actions, Group, JoinGroup, Joined, Refusal, Sender, SyncGroup, Ticket};

const SESSION: Duration = Duration::from_secs(10);
const REBALANCE: Duration = Duration::from_secs(60);

/// A group, its time, and what it answered.
struct Scene {
    group: Group,
    now: Instant,
    tickets: u64,
    actions: Actions,
}

impl Scene {
    fn new() -> Self {
        Self::with_initial_delay(Duration::ZERO)
    }

    fn with_initial_delay(delay: Duration) -> Self {
        Self { group: Group::new(delay), now: Instant::now(), tickets: 0, actions: Vec::new() }
    }

    fn ticket(&mut self) -> Ticket {
        self.tickets += 1;
        Ticket(self.tickets)
    }

    /// A dynamic member joins; `id` is empty the first time, when `fresh` becomes its id.
    fn join(&mut self, id: &str, fresh: &str) -> Ticket {
        self.join_as(request(id, fresh))
    }

    fn join_as(&mut self, join: JoinGroup) -> Ticket {
        let ticket = self.ticket();
        self.group.join(self.now, join, ticket, &mut self.actions);
        ticket
    }

    fn sync(&mut self, id: &str, generation: i32, assignments: &[(&str, &'static [u8])]) -> Ticket {
        let ticket = self.ticket();
        let assignments = assignments.iter().map(|(id, a)| ((*id).to_owned(), Bytes::from_static(a))).collect();
        let sender = Sender { member_id: id, instance_id: None };
        let sync = SyncGroup { sender, generation, protocol_type: None, protocol: None, assignments };
        self.group.sync(self.now, sync, ticket, &mut self.actions);
        ticket
    }

    fn heartbeat(&mut self, id: &str, generation: i32) -> Result<(), Refusal> {
        self.group.heartbeat(self.now, Sender { member_id: id, instance_id: None }, generation)
    }

    fn commit(&mut self, id: &str, generation: i32) -> Result<(), Refusal> {
        self.group.may_commit(self.now, Sender { member_id: id, instance_id: None }, generation)
    }

    fn leave(&mut self, id: &str) -> Result<(), Refusal> {
        self.group.leave(self.now, Sender { member_id: id, instance_id: None }, &mut self.actions)
    }

    /// Lets time pass as the timer does: deadline by deadline.
    fn pass(&mut self, time: Duration) {
        let until = self.now + time;
        while let Some(deadline) = self.group.next_deadline().filter(|deadline| *deadline <= until) {
            self.now = self.now.max(deadline);
            self.group.tick(self.now, &mut self.actions);
        }
        self.now = until;
    }

    /// The answer to a JoinGroup, if there is one.
    fn joined(&mut self, ticket: Ticket) -> Option<Result<Joined, Refusal>> {
        let of = |action: &Action| matches!(action, Action::AnswerJoin(of, _) if *of == ticket);
        let at = self.actions.iter().position(of)?;
        let Action::AnswerJoin(_, answer) = self.actions.remove(at) else { return None };
        Some(answer.map_err(|refused| refused.refusal))
    }

    /// The answer to a SyncGroup, if there is one.
    fn synced(&mut self, ticket: Ticket) -> Option<Result<Bytes, Refusal>> {
        let of = |action: &Action| matches!(action, Action::AnswerSync(of, _) if *of == ticket);
        let at = self.actions.iter().position(of)?;
        let Action::AnswerSync(_, answer) = self.actions.remove(at) else { return None };
        Some(answer.map(|synced| synced.assignment))
    }

    /// Members a and b in generation 2, led by a.
    fn stable_pair() -> Self {
        let mut scene = Self::new();
        scene.join("", "a");
        let b = scene.join("", "b");
        let a = scene.join("a", "");
        assert_eq!(scene.joined(a).unwrap().unwrap().members.len(), 2);
        assert_eq!(scene.joined(b).unwrap().unwrap().generation, 2);
        scene.sync("b", 2, &[]);
        scene.sync("a", 2, &[("a", b"1"), ("b", b"2")]);
        scene.actions.clear();
        scene
    }
}

fn request(id: &str, fresh: &str) -> JoinGroup {
    JoinGroup {
        member_id: id.to_owned(),
        instance_id: None,
        fresh_id: fresh.to_owned(),
        id_required: false,
        can_skip_assignment: false,
        client_id: "client".to_owned(),
        client_host: "host".to_owned(),
        session_timeout: SESSION,
        rebalance_timeout: REBALANCE,
        protocol_type: "consumer".to_owned(),
        protocols: vec![("range".to_owned(), Bytes::from_static(b"topics"))],
    }
}

fn fixed(id: &str, instance: &str, fresh: &str) -> JoinGroup {
    JoinGroup { instance_id: Some(instance.to_owned()), ..request(id, fresh) }
}

fn with_protocols(mut join: JoinGroup, protocols: &[&str]) -> JoinGroup {
    join.protocols = protocols.iter().map(|name| ((*name).to_owned(), Bytes::new())).collect();
    join
}

#[test]
fn a_rebalance_waits_for_every_member() {
    let mut scene = Scene::new();
    let a = scene.join("", "a");
    assert_eq!(scene.joined(a).unwrap().unwrap().leader, "a");
    let b = scene.join("", "b");
    assert_eq!(scene.joined(b), None, "a has not joined again yet");
    assert_eq!(scene.heartbeat("a", 1), Err(Refusal::RebalanceInProgress));
    let a = scene.join("a", "");
    let (a, b) = (scene.joined(a).unwrap().unwrap(), scene.joined(b).unwrap().unwrap());
    assert_eq!((a.generation, a.leader.as_str(), a.members.len()), (2, "a", 2));
    assert_eq!((b.generation, b.leader.as_str(), b.members.len()), (2, "a", 0));
}

#[test]
fn members_get_what_the_leader_assigned() {
    let mut scene = Scene::stable_pair();
    let again = scene.sync("b", 2, &[]);
    assert_eq!(scene.synced(again), Some(Ok(Bytes::from_static(b"2"))), "a lost answer can be asked for again");
    let stale = scene.sync("b", 1, &[]);
    assert_eq!(scene.synced(stale), Some(Err(Refusal::IllegalGeneration)));
}

#[test]
fn who_does_not_join_in_time_is_left_out() {
    let mut scene = Scene::stable_pair();
    let c = scene.join("", "c");
    let a = scene.join("a", "");
    // b still sends heartbeats, but does not join.
    for _ in 0..12 {
        scene.pass(Duration::from_secs(5));
        let _ = scene.heartbeat("b", 2);
    }
    assert_eq!(scene.joined(a).unwrap().unwrap().members.len(), 2);
    assert_eq!(scene.joined(c).unwrap().unwrap().generation, 3);
    assert_eq!(scene.heartbeat("b", 2), Err(Refusal::UnknownMemberId));
}

#[test]
fn a_silent_member_loses_its_session_and_its_partitions() {
    let mut scene = Scene::stable_pair();
    scene.pass(SESSION - Duration::from_millis(1));
    assert_eq!(scene.heartbeat("a", 2), Ok(()));
    scene.pass(Duration::from_millis(1));
    assert_eq!(scene.heartbeat("a", 2), Err(Refusal::RebalanceInProgress));
    assert_eq!(scene.commit("b", 2), Err(Refusal::UnknownMemberId));
    let a = scene.join("a", "");
    assert_eq!(scene.joined(a).unwrap().unwrap().members.len(), 1);
}

#[test]
fn who_does_not_sync_in_time_is_removed() {
    let mut scene = Scene::new();
    let a = scene.join("", "a");
    assert_eq!(scene.joined(a).unwrap().unwrap().generation, 1);
    for _ in 0..12 {
        scene.pass(Duration::from_secs(5));
        let _ = scene.heartbeat("a", 1);
    }
    assert!(scene.group.is_empty());
    assert_eq!(scene.heartbeat("a", 1), Err(Refusal::UnknownMemberId));
}

#[test]
fn a_leaving_member_is_missed_at_once() {
    let mut scene = Scene::stable_pair();
    assert_eq!(scene.leave("b"), Ok(()));
    assert_eq!(scene.leave("b"), Err(Refusal::UnknownMemberId));
    assert_eq!(scene.heartbeat("a", 2), Err(Refusal::RebalanceInProgress));
    assert_eq!(scene.leave("a"), Ok(()));
    assert!(scene.group.is_forgettable());
    assert_eq!(scene.group.next_deadline(), None);
}

#[test]
fn commits_are_taken_from_members_of_this_generation_only() {
    let mut scene = Scene::stable_pair();
    for (id, generation, expected) in [
        ("a", 2, Ok(())),
        ("a", 1, Err(Refusal::IllegalGeneration)),
        ("z", 2, Err(Refusal::UnknownMemberId)),
        ("", -1, Err(Refusal::UnknownMemberId)),
    ] {
        assert_eq!(scene.commit(id, generation), expected, "{id} {generation}");
    }
    scene.join("", "c");
    assert_eq!(scene.commit("a", 2), Ok(()), "while the others join, work may be finished");
    scene.join("a", "");
    scene.join("b", "");
    assert_eq!(scene.commit("a", 3), Err(Refusal::RebalanceInProgress), "not assigned yet");
    assert_eq!(Scene::new().commit("", -1), Ok(()), "no members: whoever assigns partitions itself");
}

#[test]
fn a_new_member_must_come_again_with_its_id() {
    let mut scene = Scene::new();
    let first = scene.join_as(JoinGroup { id_required: true, ..request("", "a") });
    assert_eq!(scene.joined(first), Some(Err(Refusal::MemberIdRequired)));
    let second = scene.join("a", "");
    assert_eq!(scene.joined(second).unwrap().unwrap().member_id, "a");
    let stranger = scene.join("z", "");
    assert_eq!(scene.joined(stranger), Some(Err(Refusal::UnknownMemberId)));
}

#[test]
fn an_id_nobody_comes_back_with_is_waited_for_one_session() {
    let mut scene = Scene::stable_pair();
    scene.join_as(JoinGroup { id_required: true, ..request("", "c") });
    scene.leave("b").unwrap();
    let a = scene.join("a", "");
    assert_eq!(scene.joined(a), None);
    scene.pass(SESSION);
    assert_eq!(scene.joined(a).unwrap().unwrap().members.len(), 1);
}

#[test]
fn a_static_member_returns_to_its_partitions_without_a_rebalance() {
    let mut scene = Scene::new();
    scene.join_as(fixed("", "one", "one-1"));
    scene.sync("one-1", 1, &[("one-1", b"mine")]);
    let back = scene.join_as(fixed("", "one", "one-2"));
    let joined = scene.joined(back).unwrap().unwrap();
    assert_eq!((joined.generation, joined.member_id.as_str()), (1, "one-2"));
    assert_eq!(joined.leader, "one-1", "an old leader must not assign anew");
    let sync = scene.sync("one-2", 1, &[]);
    assert_eq!(scene.synced(sync), Some(Ok(Bytes::from_static(b"mine"))));
    let old = Sender { member_id: "one-1", instance_id: Some("one") };
    assert_eq!(scene.group.heartbeat(scene.now, old, 1), Err(Refusal::FencedInstanceId));
    let newer = scene.join_as(JoinGroup { can_skip_assignment: true, ..fixed("", "one", "one-3") });
    let joined = scene.joined(newer).unwrap().unwrap();
    assert_eq!((joined.leader.as_str(), joined.skip_assignment, joined.members.len()), ("one-3", true, 1));
}

#[test]
fn the_first_rebalance_waits_for_more_members_but_not_for_ever() {
    let second = Duration::from_secs(1);
    let mut scene = Scene::with_initial_delay(3 * second);
    let a = scene.join("", "a");
    scene.pass(2 * second);
    let b = scene.join("", "b");
    scene.pass(second);
    assert_eq!(scene.joined(a), None, "b came meanwhile: another delay");
    scene.pass(3 * second);
    assert_eq!(scene.joined(a).unwrap().unwrap().members.len(), 2);
    assert_eq!(scene.joined(b).unwrap().unwrap().generation, 1);
}

#[test]
fn a_protocol_must_be_spoken_by_all_and_the_one_most_like_best_is_taken() {
    let mut scene = Scene::new();
    scene.join_as(with_protocols(request("", "a"), &["range", "sticky"]));
    let stranger = scene.join_as(with_protocols(request("", "x"), &["other"]));
    assert_eq!(scene.joined(stranger), Some(Err(Refusal::InconsistentGroupProtocol)));
    scene.join_as(with_protocols(request("", "b"), &["sticky", "range"]));
    scene.join_as(with_protocols(request("", "c"), &["other", "sticky", "range"]));
    let a = scene.join_as(with_protocols(request("a", ""), &["range", "sticky"]));
    assert_eq!(scene.joined(a).unwrap().unwrap().protocol, "sticky");
}

#[test]
fn a_join_that_was_lost_is_answered_again() {
    let mut scene = Scene::stable_pair();
    let follower = scene.join("b", "");
    assert_eq!(scene.joined(follower).unwrap().unwrap().generation, 2, "nothing has changed");
    let leader = scene.join("a", "");
    assert_eq!(scene.joined(leader), None, "a leader that joins wants a rebalance");
    let first = scene.join("b", "");
    assert_eq!(scene.joined(first).unwrap().unwrap().generation, 3);
}

#[test]
fn after_an_outage_sessions_begin_anew() {
    let mut scene = Scene::stable_pair();
    scene.now += 100 * SESSION;
    scene.group.relocate(scene.now, &mut Vec::new());
    scene.pass(SESSION / 2);
    assert_eq!((scene.heartbeat("a", 2), scene.heartbeat("b", 2)), (Ok(()), Ok(())));
}
