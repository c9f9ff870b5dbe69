use std::collections::BTreeMap;

use kafka_protocol::messages::{DescribeGroupsRequest, DescribeGroupsResponse};
use tokio::time::Instant;

use super::{GroupDescription, coordinator::ask_coordinators, modern};
use crate::{
    admin::{Admin, items::Results, wire::group_id},
    client::{ConnectionKind, Target},
    connector::BrokerAddr,
    error::Error,
    protocol::ErrorCode,
};

impl Admin<'_> {
    /// Describes groups of either protocol, with their members' assignments. A group that does not exist is the error
    /// `GROUP_ID_NOT_FOUND`; so is one of a type that is not for consumers and not classic.
    ///
    /// # Errors
    /// No broker answered in time.
    ///
    /// # Cancel safety
    /// Safe: it only reads.
    pub async fn describe_groups(
        &self,
        groups: &[&str],
    ) -> Result<BTreeMap<String, Result<GroupDescription, Error>>, Error> {
        ask_coordinators::<DescribeGroupsRequest, _, _>(self.client, groups, |coordinator, groups, limit| async move {
            let deadline = Instant::now() + limit;
            let names = groups.iter().map(|group| group_id(group)).collect();
            let request = DescribeGroupsRequest::default().with_groups(names);
            let target = Target::Address(coordinator.clone());
            let answer = self.client.call(target, ConnectionKind::Control, &request, limit).await?;
            let mut results = read(answer, &coordinator);
            // What the classic protocol does not know may be a group of the newer one.
            let unknown = |(_, result): &(&String, &Result<_, Error>)| {
                result.as_ref().is_err_and(|error| error.code() == Some(ErrorCode::GROUP_ID_NOT_FOUND))
            };
            let unknown: Vec<_> = results.iter().filter(unknown).map(|(group, _)| group.clone()).collect();
            results.extend(modern::describe(self.client, &coordinator, &unknown, deadline).await);
            Ok(results)
        })
        .await
    }
}

fn read(answer: DescribeGroupsResponse, coordinator: &BrokerAddr) -> Results<String, GroupDescription> {
    let groups = answer.groups.into_iter();
    groups.map(|group| (group.group_id.to_string(), GroupDescription::read(group, coordinator))).collect()
}
