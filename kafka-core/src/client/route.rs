//! Whom a request goes to, and over which connection.

use std::time::Duration;

use tokio::time::Instant;

use super::Client;
use crate::{
    connector::BrokerAddr,
    error::{Error, ErrorKind},
    network::ConnectionKind,
    protocol::{Api, ErrorCode, api_name},
};

/// Whom a request is for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target {
    /// Any broker: the first that a connection can be had to.
    Any,
    /// The broker that administrative requests go to.
    Controller,
    /// The broker with this id.
    Broker(i32),
    /// The broker at this address, such as a coordinator that metadata does not name yet.
    Address(BrokerAddr),
}

pub(super) async fn call<A: Api>(
    client: &Client,
    target: Target,
    kind: ConnectionKind,
    request: &A,
    limit: Duration,
) -> Result<A::Answer, Error> {
    let deadline = Instant::now() + limit;
    let connection = match address(client, &target)? {
        Some(address) => client.shared.connections.get(&address, kind, client.holder(), deadline).await?,
        None => any(client, kind, deadline).await?,
    };
    let left = deadline.saturating_duration_since(Instant::now());
    if left.is_zero() {
        let what = format!("{} before it was sent", api_name(A::KEY));
        return Err(Error::new(ErrorKind::Timeout { what, after: limit }));
    }
    connection.call(request, left).await
}

/// The target's address; `None` for any broker.
fn address(client: &Client, target: &Target) -> Result<Option<BrokerAddr>, Error> {
    let cluster = client.cluster();
    let broker = match target {
        Target::Any => return Ok(None),
        Target::Address(address) => return Ok(Some(address.clone())),
        Target::Broker(id) => Some(*id),
        Target::Controller => cluster.controller(),
    };
    match broker.and_then(|id| cluster.brokers().get(&id)) {
        Some(address) => Ok(Some(address.clone())),
        None if *target == Target::Controller => Ok(None),
        None => Err(Error::broker(ErrorCode::LEADER_NOT_AVAILABLE, "Metadata")),
    }
}

/// A connection to any broker: those that need no wait first, then the others, then the configured list again
/// (KIP-1102: a cluster may have moved away entirely).
async fn any(
    client: &Client,
    kind: ConnectionKind,
    deadline: Instant,
) -> Result<std::sync::Arc<crate::network::Connection>, Error> {
    let connections = &client.shared.connections;
    let mut brokers: Vec<BrokerAddr> = client.cluster().brokers().values().cloned().collect();
    let start = usize::try_from(client.env().random_u64() % 1024).unwrap_or(0);
    let count = brokers.len().max(1);
    brokers.rotate_left(start % count);
    brokers.extend(client.bootstrap().iter().filter(|broker| !client.cluster().addresses().contains(broker)).cloned());
    brokers.sort_by_key(|broker| !connections.is_ready(broker, kind, client.holder()));
    let mut last = Error::invalid("bootstrap.servers names no broker");
    for broker in &brokers {
        match connections.get(broker, kind, client.holder(), deadline).await {
            Ok(connection) => return Ok(connection),
            Err(error) if *error.kind() == ErrorKind::Closed => return Err(error),
            Err(error) => last = error,
        }
    }
    Err(last)
}
