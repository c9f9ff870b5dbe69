//! FindCoordinator: it is always this broker, and only for groups.

use kafka_protocol::messages::{
    BrokerId, FindCoordinatorRequest, FindCoordinatorResponse, find_coordinator_response::Coordinator,
};

use super::text;
use crate::{
    dispatch::{Cx, Handler},
    log::Refusal,
    node::{NODE_ID, Node},
};

/// Kafka's numbers of what is coordinated.
const GROUP: i8 = 0;
const TRANSACTION: i8 = 1;

/// From this version on, many coordinators are asked for at once (KIP-699).
const FIRST_WITH_BATCHES: i16 = 4;

impl Handler for FindCoordinatorRequest {
    async fn answer(&self, cx: &Cx<'_>) -> FindCoordinatorResponse {
        match self.key_type {
            GROUP => found(self, cx.version, Ok(cx.node)),
            TRANSACTION => found(self, cx.version, Err(Refusal::TransactionalIdAuthorizationFailed)),
            _ => found(self, cx.version, Err(Refusal::InvalidRequest)),
        }
    }

    fn refused(&self, version: i16, refusal: Refusal) -> FindCoordinatorResponse {
        found(self, version, Err(refusal))
    }
}

fn found(request: &FindCoordinatorRequest, version: i16, result: Result<&Node, Refusal>) -> FindCoordinatorResponse {
    let error_code = super::code(&result);
    let (id, host, port) = match result {
        Ok(node) => (BrokerId(NODE_ID), node.addr().host(), i32::from(node.addr().port())),
        Err(_) => (BrokerId(-1), "", -1),
    };
    if version < FIRST_WITH_BATCHES {
        return FindCoordinatorResponse::default()
            .with_error_code(error_code)
            .with_node_id(id)
            .with_host(text(host))
            .with_port(port);
    }
    let coordinator = |key: &kafka_protocol::protocol::StrBytes| {
        Coordinator::default()
            .with_key(key.clone())
            .with_error_code(error_code)
            .with_node_id(id)
            .with_host(text(host))
            .with_port(port)
    };
    FindCoordinatorResponse::default().with_coordinators(request.coordinator_keys.iter().map(coordinator).collect())
}
