//! `ottla serve`: the services against a cluster.

mod store;

use std::{net::SocketAddr, time::Duration};

use clap::{Args, ValueEnum};
use ottla::{Compression, Env};

use self::store::{Opened, StoreAt};
use super::{
    Exit, Problem, connection, connection::ConnectionArgs, logging::TelemetryArgs, produce::compression, signals,
};
use crate::{
    config::Settings,
    pubsub::{Part, PubSub, topics::Layout},
};

pub(super) const EXAMPLES: &str = "\
Examples:
  KAFKA_BROKERS=localhost:9092 ottla serve pubsub --store redb:orders.redb
  DATABASE_URL=postgres://ottla@localhost/orders ottla serve pubsub.producer
  DATABASE_URL=postgres://ottla@localhost/orders ottla serve pubsub.consumer";

/// What `ottla serve` takes.
#[derive(Args, Clone, Debug)]
pub(super) struct ServeArgs {
    /// What to run.
    #[arg(required = true, value_name = "SERVICE")]
    services: Vec<Service>,
    #[command(flatten)]
    connection: ConnectionArgs,
    /// Where HTTP is served [default: 127.0.0.1:3010, pubsub.consumer alone 127.0.0.1:3011].
    #[arg(long, value_name = "HOST:PORT")]
    listen: Option<SocketAddr>,
    /// Where rows are kept: `postgres://USER@HOST/DATABASE`, which several services share, `redb:PATH`, a file that one
    /// process opens, or `memory` until the process ends [env: DATABASE_URL] [default: redb:orders.redb for pubsub].
    #[arg(long, value_name = "postgres://…|redb:PATH|memory")]
    store: Option<StoreAt>,
    /// How records are compressed: none, gzip, snappy, lz4 or zstd, gzip and zstd with a level such as `zstd:9`. Kafka:
    /// `compression.type`.
    #[arg(short = 'z', long, value_name = "CODEC", default_value = "lz4", value_parser = compression)]
    compression: Compression,
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
    #[command(flatten)]
    pub(super) telemetry: TelemetryArgs,
}

/// A service that can be served.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Service {
    /// The orders system: both services in one process.
    #[value(name = "pubsub")]
    PubSub,
    /// Takes orders and users over HTTP and publishes them.
    #[value(name = "pubsub.producer")]
    Producer,
    /// Stores what is published, and keeps customers and stock.
    #[value(name = "pubsub.consumer")]
    Consumer,
}

impl ServeArgs {
    pub(super) fn connection(&self) -> &ConnectionArgs {
        &self.connection
    }
}

fn seconds(text: &str) -> Result<Duration, String> {
    let seconds: u16 = text.parse().map_err(|_| "whole seconds, at most 65535")?;
    Ok(Duration::from_secs(seconds.into()))
}

/// What `services` come to in one process.
fn part(services: &[Service]) -> Part {
    let has = |service| services.contains(&service);
    match (has(Service::PubSub), has(Service::Producer), has(Service::Consumer)) {
        (false, true, false) => Part::Producer,
        (false, false, true) => Part::Consumer,
        _ => Part::Both,
    }
}

pub(super) async fn run(args: ServeArgs, settings: &Settings) -> Result<Exit, Problem> {
    let interrupted = signals::first().map_err(signals::unheard)?;
    let env = Env::system();
    let failed = |error: &dyn std::fmt::Display| Problem::new(Exit::Failed, error.to_string());
    let part = part(&args.services);
    let at = store::choose(args.store, settings.database_url().map(str::to_owned), part)?;
    let Opened { store, instance_id, records_at_once, connections } =
        at.open(&env).await.map_err(|error| failed(&error))?;
    let client = connection::client(settings, &env, "orders")?;
    let mut builder = PubSub::builder(client.clone()).part(part).store(store).configured(settings.clone());
    builder = builder.connections(connections);
    builder = builder.compression(args.compression).grace(args.grace);
    if let Some(listen) = args.listen {
        builder = builder.listen(listen);
    }
    if let Some(layout) = args.layout {
        builder = builder.layout(layout);
    }
    if let Some(id) = args.instance_id.or(instance_id) {
        builder = builder.instance_id(id);
    }
    if let Some(records) = records_at_once {
        builder = builder.records_at_once(records);
    }
    let service = builder.start().await.map_err(|error| failed(&error))?;
    super::print_line(&format!("listening on http://{}", service.addr()));
    interrupted.clone().wait().await;
    tracing::info!(grace = ?args.grace, "ending in order; a second signal ends at once");
    let report = service.shutdown(args.grace).await;
    client.close().await;
    tracing::info!(requests_ended = report.requests_ended, drained = report.drained, "ended");
    Ok(if report.requests_ended && report.drained { Exit::Done } else { Exit::Failed })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn services_named_together_run_in_one_process() {
        use Service::{Consumer, Producer, PubSub};
        for (services, expected) in [
            (&[PubSub][..], Part::Both),
            (&[Producer], Part::Producer),
            (&[Consumer], Part::Consumer),
            (&[Consumer, Producer], Part::Both),
            (&[Consumer, PubSub], Part::Both),
        ] {
            assert_eq!(part(services), expected, "{services:?}");
        }
    }
}
