use std::path::PathBuf;

use clap::Args;
use ottla_embedded_broker::{EmbeddedBroker, StartError};

use super::{Exit, Problem, signals};

pub(super) const EXAMPLES: &str = "\
Example:
  ottla broker --listen 127.0.0.1:9092 --nodes 3 --data-dir broker-data";

const MIB: usize = 1 << 20;

/// What `ottla broker` takes.
#[derive(Args, Clone, Debug)]
pub(super) struct BrokerArgs {
    /// Where it listens: this machine only.
    #[arg(long, default_value = "127.0.0.1:9092", value_name = "HOST:PORT")]
    listen: String,
    /// Nodes of the cluster, 1 to 9: the others listen on the ports after the first's. They share one memory.
    #[arg(long, default_value_t = 1, value_name = "N")]
    nodes: usize,
    /// What all records together take, in MiB; the longest partitions' oldest give way first.
    #[arg(long, default_value_t = 1_024, value_name = "MIB", value_parser = clap::value_parser!(u32).range(1..))]
    memory: u32,
    /// Keeps topics, records and offsets in this directory for the next start; without it nothing is kept.
    #[arg(long, value_name = "PATH")]
    data_dir: Option<PathBuf>,
}

pub(super) async fn run(args: BrokerArgs) -> Result<Exit, Problem> {
    let interrupted = signals::first().map_err(signals::unheard)?;
    let memory = usize::try_from(args.memory).unwrap_or(usize::MAX).saturating_mul(MIB);
    let builder = EmbeddedBroker::builder().listen(args.listen).nodes(args.nodes).max_memory_bytes(memory);
    let builder = args.data_dir.into_iter().fold(builder, |builder, dir| builder.data_dir(dir));
    let broker = builder.start().await.map_err(refused)?;
    let addrs: Vec<String> = broker.addrs().map(|addr| addr.to_string()).collect();
    super::print_line(&format!("listening on {}", addrs.join(",")));
    interrupted.clone().wait().await;
    broker.stop().await;
    Ok(Exit::Done)
}

/// Settings that are not valid are wrong arguments; the rest is the machine's doing.
fn refused(error: StartError) -> Problem {
    let exit = if matches!(error, StartError::Settings(_)) { Exit::Usage } else { Exit::Failed };
    Problem::new(exit, error.to_string())
}
