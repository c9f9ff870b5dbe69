use std::collections::BTreeMap;

use futures_util::future::join_all;
use kafka_protocol::messages::{DescribeGroupsRequest, DescribeGroupsResponse};
use tokio::time::Instant;

use super::{GroupDescription, coordinator::by_coordinator, modern};
use crate::{
    admin::{Admin, asking::Asking, items::Results, wire::group_id},
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
        let groups = groups.iter().map(|group| (*group).to_owned());
        let mut asking = Asking::new::<DescribeGroupsRequest>(self.client, groups);
        while let Some(asked) = asking.next().await {
            let limit = asking.limit();
            let sorted = match by_coordinator(self.client, &asked, limit).await {
                Ok(sorted) => sorted,
                Err(error) => {
                    asking.answer(&asked, Err(error));
                    continue;
                }
            };
            let deadline = Instant::now() + limit;
            let calls = sorted.found.into_iter().map(async |(coordinator, groups)| {
                let request =
                    DescribeGroupsRequest::default().with_groups(groups.iter().map(|group| group_id(group)).collect());
                let target = Target::Address(coordinator.clone());
                let answer = self.client.call(target, ConnectionKind::Control, &request, limit).await;
                let mut results = match answer {
                    Ok(answer) => read(answer, &coordinator),
                    Err(error) => return (groups, Err(error)),
                };
                // What the classic protocol does not know may be a group of the newer one.
                let unknown = |(_, result): &(&String, &Result<_, Error>)| {
                    result.as_ref().is_err_and(|error| error.code() == Some(ErrorCode::GROUP_ID_NOT_FOUND))
                };
                let unknown: Vec<_> = results.iter().filter(unknown).map(|(group, _)| group.clone()).collect();
                results.extend(modern::describe(self.client, &coordinator, &unknown, deadline).await);
                (groups, Ok(results))
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

fn read(answer: DescribeGroupsResponse, coordinator: &BrokerAddr) -> Results<String, GroupDescription> {
    let groups = answer.groups.into_iter();
    groups.map(|group| (group.group_id.to_string(), GroupDescription::read(group, coordinator))).collect()
}
