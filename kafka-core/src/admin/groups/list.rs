use std::collections::BTreeMap;

use kafka_protocol::messages::{ListGroupsRequest, ListGroupsResponse};

use super::{GroupState, GroupType};
use crate::{
    admin::{Admin, items::Results, wire::verdict},
    client::ConnectionKind,
    error::Error,
};

/// The groups of the cluster, as far as their coordinators answered.
#[derive(Clone, Debug, Default)]
pub struct GroupListing {
    groups: Vec<ListedGroup>,
    failures: BTreeMap<i32, Error>,
}

/// A group of the list. Kafka: `GroupListing`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ListedGroup {
    group_id: String,
    protocol_type: String,
    state: GroupState,
    group_type: GroupType,
}

impl GroupListing {
    /// The groups, by id.
    pub fn groups(&self) -> &[ListedGroup] {
        &self.groups
    }

    /// The brokers that did not answer, and why: the groups that they coordinate are missing from the list.
    pub fn failures(&self) -> &BTreeMap<i32, Error> {
        &self.failures
    }

    fn of(answers: Results<i32, Vec<ListedGroup>>) -> Self {
        let mut listing = Self::default();
        for (broker, answer) in answers {
            match answer {
                Ok(groups) => listing.groups.extend(groups),
                Err(error) => drop(listing.failures.insert(broker, error)),
            }
        }
        // A group that moves from one coordinator to the other is listed by both.
        listing.groups.sort();
        listing.groups.dedup_by(|a, b| a.group_id == b.group_id);
        listing
    }
}

impl ListedGroup {
    /// Its id. Kafka: `group.id`.
    pub fn group_id(&self) -> &str {
        &self.group_id
    }

    /// What its members use it for: `consumer`, `connect`…; empty if it has had no members.
    pub fn protocol_type(&self) -> &str {
        &self.protocol_type
    }

    /// Its state.
    pub fn state(&self) -> GroupState {
        self.state
    }

    /// By which protocol it works; brokers say so from Kafka 3.8 on.
    pub fn group_type(&self) -> GroupType {
        self.group_type
    }
}

impl Admin<'_> {
    /// Every group of the cluster that the client may see, asked of every broker.
    ///
    /// # Errors
    /// No broker answered in time. If some did not, [`GroupListing::failures`] names them.
    ///
    /// # Cancel safety
    /// Safe: it only reads.
    pub async fn list_groups(&self) -> Result<GroupListing, Error> {
        let request = ListGroupsRequest::default();
        self.ask_each(&[], ConnectionKind::Control, &request, read).await.map(GroupListing::of)
    }
}

fn read(answer: ListGroupsResponse) -> Result<Vec<ListedGroup>, Error> {
    verdict(answer.error_code, "ListGroups", None)?;
    let groups = answer.groups.into_iter().map(|group| ListedGroup {
        group_id: group.group_id.to_string(),
        protocol_type: group.protocol_type.to_string(),
        state: GroupState::named(&group.group_state),
        group_type: GroupType::named(&group.group_type),
    });
    Ok(groups.collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::ErrorCode;

    #[test]
    fn a_list_is_sorted_names_each_group_once_and_says_who_is_missing() {
        let group = |id: &str| ListedGroup {
            group_id: id.to_owned(),
            protocol_type: "consumer".to_owned(),
            state: GroupState::Stable,
            group_type: GroupType::Classic,
        };
        let silent = Error::broker(ErrorCode::COORDINATOR_LOAD_IN_PROGRESS, "ListGroups");
        let answers =
            Results::from([(1, Ok(vec![group("b"), group("a")])), (2, Ok(vec![group("a")])), (3, Err(silent))]);
        let listing = GroupListing::of(answers);
        assert_eq!(listing.groups().iter().map(ListedGroup::group_id).collect::<Vec<_>>(), ["a", "b"]);
        assert_eq!(listing.failures().keys().collect::<Vec<_>>(), [&3]);
    }
}
