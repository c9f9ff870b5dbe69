use clap::Args;
use ottla_embedded_broker::EmbeddedBroker;

use super::{Exit, complain, logging, signals};

/// What `ottla broker` takes.
#[derive(Args, Clone, Debug)]
pub(super) struct BrokerArgs {
    /// Where it listens: this machine only.
    #[arg(long, default_value = "127.0.0.1:9092", value_name = "HOST:PORT")]
    listen: String,
}

pub(super) async fn run(args: BrokerArgs) -> Exit {
    logging::start("info");
    let interrupted = match signals::first() {
        Ok(interrupted) => interrupted,
        Err(error) => return complain(&format!("signals cannot be heard: {error}")),
    };
    let broker = match EmbeddedBroker::builder().listen(args.listen).start().await {
        Ok(broker) => broker,
        Err(error) => return complain(&error.to_string()),
    };
    super::print_line(&format!("listening on {}", broker.addr()));
    interrupted.clone().wait().await;
    broker.stop().await;
    Exit::Done
}
