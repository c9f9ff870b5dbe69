//! Whom a request goes to, and over which connection.

use std::{sync::Arc, time::Duration};

use tokio::time::Instant;

use super::Client;
use crate::{
    connector::BrokerAddr,
    error::{Error, ErrorKind},
    network::{Connection, ConnectionKind},
    protocol::{Api, ErrorCode, api_name},
    race::first_success,
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

/// How long one broker may be silent before the next is asked as well.
const PATIENCE: Duration = Duration::from_secs(1);
/// Brokers end connections that nobody uses, and nobody may notice before the next request.
const IDLE: Duration = Duration::from_secs(1);

pub(super) async fn call<A: Api>(
    client: &Client,
    target: Target,
    kind: ConnectionKind,
    request: &A,
    limit: Duration,
) -> Result<A::Answer, Error> {
    let deadline = Instant::now() + limit;
    loop {
        let connection = connection(client, &target, kind, deadline).await?;
        let idle = connection.touch();
        let left = deadline.saturating_duration_since(Instant::now());
        if left.is_zero() {
            let what = format!("{} before it was sent", api_name(A::KEY));
            return Err(Error::new(ErrorKind::Timeout { what, after: limit }));
        }
        match connection.call(request, left).await {
            // It ended as it lay idle: not this request's failure, unless the request may have arrived.
            Err(error) if idle >= IDLE && ended(&error) && !error.maybe_applied() => {
                tracing::debug!(%error, "an idle connection had ended; another is opened");
            }
            Err(error) if connection.is_unwelcome() => {
                let known = client.shared.connections.unwelcome(&connection, kind, deadline).await;
                return Err(known.unwrap_or(error));
            }
            answered => return answered,
        }
    }
}

/// Waits until there is a connection to the target.
pub(super) async fn connected(
    client: &Client,
    target: &Target,
    kind: ConnectionKind,
    limit: Duration,
) -> Result<(), Error> {
    connection(client, target, kind, Instant::now() + limit).await.map(drop)
}

fn ended(error: &Error) -> bool {
    matches!(error.kind(), ErrorKind::Disconnected { .. })
}

async fn connection(
    client: &Client,
    target: &Target,
    kind: ConnectionKind,
    deadline: Instant,
) -> Result<Arc<Connection>, Error> {
    let cluster = client.cluster();
    let id = match target {
        Target::Any => return any(client, kind, deadline).await,
        Target::Address(address) => {
            return client.shared.connections.get(address, kind, client.holder(), deadline).await;
        }
        Target::Broker(id) => Some(*id),
        Target::Controller => cluster.controller(),
    };
    match id.and_then(|id| Some((id, cluster.brokers().get(&id)?))) {
        Some((id, address)) => {
            let connection = client.shared.connections.get(address, kind, client.holder(), deadline).await;
            connection.map_err(|error| error.advertised_by(id))
        }
        None if *target == Target::Controller => any(client, kind, deadline).await,
        None => Err(Error::broker(ErrorCode::LEADER_NOT_AVAILABLE, "Metadata")),
    }
}

/// A connection to any broker: those that failed least first, then the configured list again (KIP-899, KIP-1102: a
/// cluster may have moved away entirely). One that is silent does not keep us from asking the next.
async fn any(client: &Client, kind: ConnectionKind, deadline: Instant) -> Result<Arc<Connection>, Error> {
    let (connections, cluster, holder) = (&client.shared.connections, client.cluster(), client.holder());
    let mut brokers: Vec<(Option<i32>, BrokerAddr)> =
        cluster.brokers().iter().map(|(id, address)| (Some(*id), address.clone())).collect();
    let start = usize::try_from(client.env().random_u64() % 1024).unwrap_or(0);
    let count = brokers.len().max(1);
    brokers.rotate_left(start % count);
    let known = cluster.addresses();
    brokers.extend(client.bootstrap().iter().filter(|address| !known.contains(address)).map(|a| (None, a.clone())));
    brokers.sort_by_cached_key(|(_, address)| connections.failures(address, kind, holder));
    let attempts = brokers.into_iter().map(|(id, address)| async move {
        let connection = connections.get(&address, kind, holder, deadline).await;
        connection.map_err(|error| id.map_or(error.clone(), |id| error.advertised_by(id)))
    });
    first_success(attempts, PATIENCE, concerns_all).await.map_err(most_telling)
}

/// Whether the other brokers would say the same.
fn concerns_all(error: &Error) -> bool {
    matches!(error.kind(), ErrorKind::Closed | ErrorKind::Authentication { .. })
}

/// What a person can mend, rather than a network that may come back.
fn most_telling(errors: Vec<Error>) -> Error {
    let none = || Error::invalid("bootstrap.servers names no broker");
    let telling = errors.iter().rev().find(|error| !error.is_retriable()).or(errors.last()).cloned();
    telling.unwrap_or_else(none)
}
