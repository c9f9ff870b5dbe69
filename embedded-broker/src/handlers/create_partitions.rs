//! CreatePartitions.

use kafka_protocol::messages::{
    CreatePartitionsRequest, CreatePartitionsResponse, create_partitions_request::CreatePartitionsTopic,
    create_partitions_response::CreatePartitionsTopicResult,
};

use super::text;
use crate::{
    cluster::Cluster,
    dispatch::{Cx, Handler},
    log::Refusal,
    topics::Topics,
};

impl Handler for CreatePartitionsRequest {
    async fn answer(&self, cx: &Cx<'_>) -> CreatePartitionsResponse {
        let mut topics = cx.cluster.topics();
        each(self, |wanted| grow(cx.cluster, &mut topics, wanted, self.validate_only))
    }

    fn refused(&self, _version: i16, refusal: Refusal) -> CreatePartitionsResponse {
        each(self, |_| Err((refusal, String::new())))
    }
}

fn grow(
    cluster: &Cluster,
    topics: &mut Topics,
    wanted: &CreatePartitionsTopic,
    validate_only: bool,
) -> Result<(), (Refusal, String)> {
    let now = topics.check_growth(&wanted.name, wanted.count)?;
    let more = usize::try_from(wanted.count).unwrap_or(now).saturating_sub(now);
    let partitions = match &wanted.assignments {
        None => {
            let first = topics.partition(&wanted.name, 0).map_or(1, |first| first.replicas().len());
            cluster.new_partitions(now, more, first)
        }
        Some(assigned) if assigned.len() != more => {
            let why = format!("{} new partitions, but {} assigned", more, assigned.len());
            return Err((Refusal::InvalidReplicaAssignment, why));
        }
        Some(assigned) => {
            let nodes = assigned.iter().map(|assigned| assigned.broker_ids.iter().map(|id| id.0).collect());
            cluster.assigned_partitions(nodes.collect())?
        }
    };
    if !validate_only {
        cluster.grow_topic(topics, &wanted.name, partitions)?;
    }
    Ok(())
}

fn each(
    request: &CreatePartitionsRequest,
    mut decide: impl FnMut(&CreatePartitionsTopic) -> Result<(), (Refusal, String)>,
) -> CreatePartitionsResponse {
    let results = request.topics.iter().map(|wanted| {
        let answer = CreatePartitionsTopicResult::default().with_name(wanted.name.clone());
        match decide(wanted) {
            Ok(()) => answer,
            Err((refusal, why)) => {
                answer.with_error_code(refusal.code()).with_error_message((!why.is_empty()).then(|| text(why)))
            }
        }
    });
    CreatePartitionsResponse::default().with_results(results.collect())
}
