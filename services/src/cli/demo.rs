use clap::Args;
use ottla::BrokerAddr;
use tokio::time::Instant;

use super::{
    Exit, Problem,
    connection::{FileArgs, comma_separated},
    logging::TelemetryArgs,
    signals,
};
use crate::{
    config::{Given, Settings},
    demo::{self, Options},
};

pub(super) const EXAMPLES: &str = "\
Examples:
  ottla demo --orders 10000 --poison 1 --exit
  ottla demo --bootstrap localhost:9092

KAFKA_BROKERS is not read: only --bootstrap leaves the embedded broker. The other variables say how its cluster is reached.";

/// What `ottla demo` takes.
#[derive(Args, Clone, Debug)]
pub(super) struct DemoArgs {
    /// How many orders are posted over HTTP.
    #[arg(long, default_value_t = 1_000, value_name = "N")]
    orders: usize,
    /// Orders a second; without it as fast as they are accepted.
    #[arg(long, value_name = "R", value_parser = positive)]
    rate: Option<f64>,
    /// Bad records written straight to the topic, in percent of the orders.
    #[arg(long, default_value_t = 0.0, value_name = "PERCENT", value_parser = percent)]
    poison: f64,
    /// Orders whose handler fails once, in percent.
    #[arg(long, default_value_t = 0.5, value_name = "PERCENT", value_parser = percent)]
    flaky: f64,
    /// Ends after the account instead of serving on.
    #[arg(long)]
    exit: bool,
    /// A real cluster instead of the embedded broker: brokers to ask first, separated by commas.
    #[arg(short, long, value_delimiter = ',', value_name = "HOST:PORT")]
    bootstrap: Vec<BrokerAddr>,
    #[command(flatten)]
    file: FileArgs,
    /// Prints the account as one JSON object, the last line.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    pub(super) telemetry: TelemetryArgs,
}

impl DemoArgs {
    /// How the cluster is reached, if it is another than the embedded broker.
    pub(super) fn given(&self) -> Option<Given> {
        let brokers = comma_separated(&self.bootstrap)?;
        Some(self.file.given().with("KAFKA_BROKERS", Some(brokers)))
    }
}

pub(super) async fn run(args: DemoArgs, cluster: Option<Settings>, started: Instant) -> Result<Exit, Problem> {
    let options = Options {
        orders: args.orders,
        rate: args.rate,
        poison_percent: args.poison,
        flaky_percent: args.flaky,
        cluster,
        exit: args.exit,
        started,
    };
    let failed = |why: String| Problem::new(Exit::Failed, why);
    let interrupted = signals::first().map_err(signals::unheard)?;
    let summary = demo::run(options, interrupted.clone().wait()).await.map_err(|error| failed(error.to_string()))?;
    if args.json {
        let line = serde_json::to_string(&summary).map_err(|error| failed(format!("no summary: {error}")))?;
        super::print_line(&line);
    }
    Ok(if summary.is_clean() { Exit::Done } else { Exit::Failed })
}

fn percent(text: &str) -> Result<f64, String> {
    text.parse().ok().filter(|percent| (0.0..=100.0).contains(percent)).ok_or_else(|| "0 to 100".to_owned())
}

fn positive(text: &str) -> Result<f64, String> {
    text.parse().ok().filter(|rate: &f64| rate.is_finite() && *rate > 0.0).ok_or_else(|| "a rate above 0".to_owned())
}
