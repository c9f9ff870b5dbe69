use std::collections::BTreeMap;

use futures_util::future::join_all;
use kafka_protocol::messages::{DeleteGroupsRequest, DeleteGroupsResponse};

use super::coordinator::by_coordinator;
use crate::{
    admin::{
        Admin,
        asking::Asking,
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
        let groups = groups.iter().map(|group| (*group).to_owned());
        let mut asking = Asking::new::<DeleteGroupsRequest>(self.client, groups);
        while let Some(asked) = asking.next().await {
            let limit = asking.limit();
            let sorted = match by_coordinator(self.client, &asked, limit).await {
                Ok(sorted) => sorted,
                Err(error) => {
                    asking.answer(&asked, Err(error));
                    continue;
                }
            };
            let calls = sorted.found.into_iter().map(async |(coordinator, groups)| {
                let request = DeleteGroupsRequest::default()
                    .with_groups_names(groups.iter().map(|group| group_id(group)).collect());
                let target = Target::Address(coordinator);
                let answer = self.client.call(target, ConnectionKind::Control, &request, limit).await;
                (groups, answer.map(read))
            });
            for (groups, answer) in join_all(calls).await {
                asking.answer(&groups, answer);
            }
            let failed: Vec<_> = sorted.failed.keys().cloned().collect();
            asking.answer(&failed, Ok(sorted.failed));
        }
        asking.into_results()
    }
}

fn read(answer: DeleteGroupsResponse) -> Results<String, ()> {
    let groups = answer.results.into_iter();
    groups.map(|group| (group.group_id.to_string(), verdict(group.error_code, "DeleteGroups", None))).collect()
}
