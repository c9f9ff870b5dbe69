//! No member of any group: the partitions are what the application said, and a coordinator serves commits only.

use super::{
    Membership,
    action::Action,
    state::{Alone, Phase},
};

impl Membership {
    /// Whether it is no member, and reads.
    pub(crate) fn is_alone(&self) -> bool {
        self.phase == Phase::Alone
    }

    /// Without a group to commit for, nobody needs to be found.
    pub(super) fn needs_coordinator(&self) -> bool {
        self.settings.alone.as_ref().is_none_or(|alone| alone.commits)
    }

    /// In no generation, as Kafka wants the commits of who is no member.
    pub(super) fn begin_alone(&mut self, alone: Alone, out: &mut Vec<Action>) {
        self.phase = Phase::Alone;
        self.owns = true;
        out.push(Action::Assigned { generation: self.member.generation, partitions: alone.partitions });
    }
}
