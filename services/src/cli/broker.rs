use clap::Args;
use ottla_embedded_broker::EmbeddedBroker;

use super::{Exit, Problem, signals};

pub(super) const EXAMPLES: &str = "\
Example:
  ottla broker --listen 127.0.0.1:9092";

/// What `ottla broker` takes.
#[derive(Args, Clone, Debug)]
pub(super) struct BrokerArgs {
    /// Where it listens: this machine only.
    #[arg(long, default_value = "127.0.0.1:9092", value_name = "HOST:PORT")]
    listen: String,
}

pub(super) async fn run(args: BrokerArgs) -> Result<Exit, Problem> {
    let interrupted = signals::first().map_err(signals::unheard)?;
    let broker = EmbeddedBroker::builder().listen(args.listen).start().await;
    let broker = broker.map_err(|error| Problem::new(Exit::Failed, error.to_string()))?;
    super::print_line(&format!("listening on {}", broker.addr()));
    interrupted.clone().wait().await;
    broker.stop().await;
    Ok(Exit::Done)
}
