use std::collections::BTreeMap;

use kafka_protocol::messages::{DeleteGroupsRequest, DeleteGroupsResponse};

use super::coordinator::ask_coordinators;
use crate::{
    admin::{
        Admin,
        items::Results,
        wire::{group_id, verdict},
    },
    client::{ConnectionKind, Target},
    error::Error,
};

impl Admin<'_> {
    /// Deletes groups that have no members, with their offsets. A group with members is the error `NON_EMPTY_GROUP`,
    /// one that does not exist `GROUP_ID_NOT_FOUND`; if an earlier attempt of this call may have deleted it, its
    /// [`Error::maybe_applied`] is true.
    ///
    /// # Errors
    /// No broker answered in time; [`Error::maybe_applied`] says whether groups may have been deleted.
    ///
    /// # Cancel safety
    /// Dropping it may delete the groups or not.
    pub async fn delete_groups(&self, groups: &[&str]) -> Result<BTreeMap<String, Result<(), Error>>, Error> {
        ask_coordinators::<DeleteGroupsRequest, _, _>(self.client, groups, |coordinator, groups, limit| async move {
            let names = groups.iter().map(|group| group_id(group)).collect();
            let request = DeleteGroupsRequest::default().with_groups_names(names);
            let target = Target::Address(coordinator);
            self.client.call(target, ConnectionKind::Control, &request, limit).await.map(read)
        })
        .await
    }
}

fn read(answer: DeleteGroupsResponse) -> Results<String, ()> {
    let groups = answer.results.into_iter();
    groups.map(|group| (group.group_id.to_string(), verdict(group.error_code, "DeleteGroups", None))).collect()
}
