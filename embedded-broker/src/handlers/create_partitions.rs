//! CreatePartitions.

use kafka_protocol::messages::{
    CreatePartitionsRequest, CreatePartitionsResponse, create_partitions_request::CreatePartitionsTopic,
    create_partitions_response::CreatePartitionsTopicResult,
};

use super::text;
use crate::{
    dispatch::{Cx, Handler},
    log::Refusal,
};

impl Handler for CreatePartitionsRequest {
    async fn answer(&self, cx: &Cx<'_>) -> CreatePartitionsResponse {
        let mut topics = cx.node.topics();
        each(self, |wanted| topics.grow(&wanted.name, wanted.count, self.validate_only))
    }

    fn refused(&self, _version: i16, refusal: Refusal) -> CreatePartitionsResponse {
        each(self, |_| Err((refusal, String::new())))
    }
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
