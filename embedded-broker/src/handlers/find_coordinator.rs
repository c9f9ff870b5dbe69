//! FindCoordinator, for groups only.

use kafka_protocol::messages::{
    BrokerId, FindCoordinatorRequest, FindCoordinatorResponse, find_coordinator_response::Coordinator,
};
use ottla_kafka_core::BrokerAddr;

use super::{code, text};
use crate::{
    dispatch::{Cx, Handler},
    log::Refusal,
};

/// Kafka's numbers of what is coordinated.
const GROUP: i8 = 0;
const TRANSACTION: i8 = 1;

/// From this version on, many coordinators are asked for at once (KIP-699).
const FIRST_WITH_BATCHES: i16 = 4;

/// A node's id and address, or why there is none.
type Found = Result<(i32, BrokerAddr), Refusal>;

impl Handler for FindCoordinatorRequest {
    async fn answer(&self, cx: &Cx<'_>) -> FindCoordinatorResponse {
        each(self, cx.version, |group| match self.key_type {
            GROUP => {
                let nodes = cx.cluster.nodes();
                let id = nodes.coordinator(group).ok_or(Refusal::CoordinatorNotAvailable)?;
                Ok((id, nodes.addr(id).ok_or(Refusal::CoordinatorNotAvailable)?.clone()))
            }
            // There is no transaction coordinator: refused as by an ACL, which clients treat as fatal.
            TRANSACTION => Err(Refusal::TransactionalIdAuthorizationFailed),
            _ => Err(Refusal::InvalidRequest),
        })
    }

    fn refused(&self, version: i16, refusal: Refusal) -> FindCoordinatorResponse {
        each(self, version, |_| Err(refusal))
    }
}

fn each(request: &FindCoordinatorRequest, version: i16, decide: impl Fn(&str) -> Found) -> FindCoordinatorResponse {
    if version < FIRST_WITH_BATCHES {
        let found = decide(&request.key);
        let (id, host, port) = parts(&found);
        return FindCoordinatorResponse::default()
            .with_error_code(code(&found))
            .with_node_id(id)
            .with_host(text(host))
            .with_port(port);
    }
    let coordinators = request.coordinator_keys.iter().map(|key| {
        let found = decide(key);
        let (id, host, port) = parts(&found);
        Coordinator::default()
            .with_key(key.clone())
            .with_error_code(code(&found))
            .with_node_id(id)
            .with_host(text(host))
            .with_port(port)
    });
    FindCoordinatorResponse::default().with_coordinators(coordinators.collect())
}

fn parts(found: &Found) -> (BrokerId, &str, i32) {
    match found {
        Ok((id, addr)) => (BrokerId(*id), addr.host(), i32::from(addr.port())),
        Err(_) => (BrokerId(-1), "", -1),
    }
}
