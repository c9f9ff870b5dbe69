//! InitProducerId, for idempotent producers.

use kafka_protocol::messages::{InitProducerIdRequest, InitProducerIdResponse, ProducerId};

use crate::{
    dispatch::{Cx, Handler},
    log::Refusal,
};

impl Handler for InitProducerIdRequest {
    async fn answer(&self, cx: &Cx<'_>) -> InitProducerIdResponse {
        // There is no transaction coordinator: refused as by an ACL, which clients treat as fatal.
        if self.transactional_id.is_some() {
            return self.refused(cx.version, Refusal::TransactionalIdAuthorizationFailed);
        }
        // As Kafka does: without a transactional id, a producer that wants a new epoch (KIP-360) gets a new id.
        match cx.cluster.new_producer_id() {
            Ok(id) => InitProducerIdResponse::default().with_producer_id(ProducerId(id)).with_producer_epoch(0),
            Err(refusal) => self.refused(cx.version, refusal),
        }
    }

    fn refused(&self, _version: i16, refusal: Refusal) -> InitProducerIdResponse {
        InitProducerIdResponse::default()
            .with_error_code(refusal.code())
            .with_producer_id(ProducerId(-1))
            .with_producer_epoch(-1)
    }
}
