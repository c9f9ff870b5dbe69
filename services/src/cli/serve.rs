use std::{net::SocketAddr, path::PathBuf, str::FromStr, sync::Arc, time::Duration};

use clap::Args;
use ottla::{
    Env,
    delivery::{MemoryStore, RedbStore, Store, StoreError, Unit},
};

use super::{Exit, Problem, connection, connection::ConnectionArgs, signals};
use crate::{
    config::Settings,
    pubsub::{PubSub, topics::Layout},
};

pub(super) const EXAMPLES: &str = "\
Example:
  KAFKA_BROKERS=localhost:9092 ottla serve pubsub --store redb:orders.redb";

/// What `ottla serve` takes.
#[derive(Args, Clone, Debug)]
pub(super) struct ServeArgs {
    /// What to run: `pubsub`, the orders system.
    #[arg(required = true, value_name = "SYSTEM", value_parser = service)]
    services: Vec<String>,
    #[command(flatten)]
    connection: ConnectionArgs,
    /// Where HTTP is served.
    #[arg(long, default_value = "127.0.0.1:3010", value_name = "HOST:PORT")]
    listen: SocketAddr,
    /// Where rows are kept: `redb:PATH` in a file that one process opens, `memory` until the process ends.
    #[arg(long, default_value = "redb:orders.redb", value_name = "redb:PATH|memory")]
    store: StoreAt,
    /// How missing topics are created: `development` (3 partitions, 1 copy) or `production` (12 partitions, 3 copies);
    /// without it as the number of brokers allows.
    #[arg(long, value_name = "LAYOUT")]
    layout: Option<Layout>,
    /// Makes this instance a static member of its groups: restarted within the session timeout, it has its partitions
    /// back at once. Each instance needs its own; a redb store keeps one for whoever opens it. Kafka:
    /// `group.instance.id`.
    #[arg(long, value_name = "ID")]
    instance_id: Option<String>,
    /// Seconds after SIGTERM or SIGINT in which requests are answered, and records handled and committed; what is not
    /// done by then comes again after the next start.
    #[arg(long, default_value = "25", value_name = "SECONDS", value_parser = seconds)]
    grace: Duration,
}

impl ServeArgs {
    pub(super) fn connection(&self) -> &ConnectionArgs {
        &self.connection
    }
}

/// Which store.
#[derive(Clone, Debug, PartialEq, Eq)]
enum StoreAt {
    Redb(PathBuf),
    Memory,
}

impl FromStr for StoreAt {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.split_once(':') {
            Some(("redb", path)) if !path.is_empty() => Ok(Self::Redb(path.into())),
            _ if text == "memory" => Ok(Self::Memory),
            _ => Err(format!("'{text}' is neither redb:PATH nor memory")),
        }
    }
}

fn seconds(text: &str) -> Result<Duration, String> {
    let seconds: u16 = text.parse().map_err(|_| "whole seconds, at most 65535")?;
    Ok(Duration::from_secs(seconds.into()))
}

fn service(name: &str) -> Result<String, String> {
    match name {
        "pubsub" => Ok(name.to_owned()),
        "pubsub.producer" | "pubsub.consumer" => {
            Err("a redb file opens in one process, so both run together: serve pubsub".to_owned())
        }
        _ => Err(format!("no service '{name}': pubsub")),
    }
}

pub(super) async fn run(args: ServeArgs, settings: &Settings) -> Result<Exit, Problem> {
    let interrupted = signals::first().map_err(signals::unheard)?;
    let env = Env::system();
    let failed = |error: &dyn std::fmt::Display| Problem::new(Exit::Failed, error.to_string());
    let store: Arc<dyn Store> = match &args.store {
        StoreAt::Memory => Arc::new(MemoryStore::new()),
        StoreAt::Redb(path) => Arc::new(RedbStore::open(&env, path).await.map_err(|error| failed(&error))?),
    };
    let instance_id = match (args.instance_id, &args.store) {
        (Some(given), _) => Some(given),
        // One process has the file at a time, so the member that has it is always the same one.
        (None, StoreAt::Redb(_)) => Some(kept_instance_id(&*store, &env).await.map_err(|error| failed(&error))?),
        (None, StoreAt::Memory) => None,
    };
    let client = connection::client(settings, &env, "orders")?;
    let mut builder = PubSub::builder(client.clone()).store(store).listen(args.listen).fetch(settings.fetch());
    builder = builder.create_topics(settings.auto_create_topics());
    builder = builder.session(settings.session_timeout(), settings.heartbeat_interval());
    if let Some(layout) = args.layout {
        builder = builder.layout(layout);
    }
    if let Some(id) = instance_id {
        builder = builder.instance_id(id);
    }
    let service = builder.start().await.map_err(|error| failed(&error))?;
    super::print_line(&format!("listening on http://{}", service.addr()));
    interrupted.clone().wait().await;
    tracing::info!("ending in order; a second signal ends at once");
    let report = service.shutdown(args.grace).await;
    client.close().await;
    tracing::info!(requests_ended = report.requests_ended, drained = report.drained, "ended");
    Ok(if report.requests_ended && report.drained { Exit::Done } else { Exit::Failed })
}

/// The instance id that is kept in the store; a new one in a new store.
async fn kept_instance_id(store: &dyn Store, env: &Env) -> Result<String, StoreError> {
    const TABLE: &str = "service";
    const KEY: &[u8] = b"instance-id";
    if let Some(row) = store.get(TABLE, KEY).await? {
        return Ok(String::from_utf8_lossy(&row.value).into_owned());
    }
    let id = format!("orders-{}", env.uuid());
    store.apply(Unit::new().put(TABLE, KEY, id.clone())).await?;
    Ok(id)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_store_keeps_its_members_id() {
        let (env, store, other) = (Env::system(), MemoryStore::new(), MemoryStore::new());
        let first = kept_instance_id(&store, &env).await.expect("kept");
        assert_eq!(kept_instance_id(&store, &env).await.expect("read back"), first);
        assert_ne!(kept_instance_id(&other, &env).await.expect("kept"), first);
    }

    #[test]
    fn a_store_is_named_by_its_kind() {
        for (text, store) in [
            ("redb:data/orders.redb", Some(StoreAt::Redb("data/orders.redb".into()))),
            ("memory", Some(StoreAt::Memory)),
            ("redb:", None),
            ("sqlite:x", None),
        ] {
            assert_eq!(text.parse().ok(), store, "{text}");
        }
    }
}
