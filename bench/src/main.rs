//! Ottla as one of several Kafka clients under the same measurement.
//!
//! `ottla-bench produce|consume|latency|idle|null` takes the options of the runner, ignores those it does not know,
//! and prints one line of JSON. It uses what `ottla` gives its users and nothing else. docs/bench.md has the results.

mod arguments;
mod consume;
mod idle;
mod latency;
mod null;
mod payload;
mod produce;
mod report;

use std::{error::Error, process::ExitCode, time::Duration};

use arguments::Arguments;
use ottla::{BrokerAddr, Client, Producer};

type Outcome = Result<(), Box<dyn Error + Send + Sync>>;

fn main() -> ExitCode {
    let mut words = std::env::args().skip(1);
    let operation = words.next().unwrap_or_default();
    let arguments = Arguments::read(words);
    let outcome = match operation.as_str() {
        "produce" => produce::run(&arguments),
        "consume" => consume::run(&arguments),
        "latency" => latency::run(&arguments),
        "idle" => idle::run(&arguments),
        "null" => null::run(&arguments),
        other => Err(format!("'{other}' is none of produce, consume, latency, idle, null").into()),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("ottla-bench {operation}: {error}");
            ExitCode::FAILURE
        }
    }
}

/// One thread, as a service on one core would choose: the runner gives each contender one.
fn one_thread() -> std::io::Result<tokio::runtime::Runtime> {
    tokio::runtime::Builder::new_current_thread().enable_all().build()
}

fn client(arguments: &Arguments) -> Result<Client, Box<dyn Error + Send + Sync>> {
    let bootstrap: BrokerAddr = arguments.text("bootstrap", "127.0.0.1:29092").parse()?;
    Ok(Client::builder().bootstrap([bootstrap]).client_id("ottla-bench").build()?)
}

/// A producer with the settings that every contender has. `acks=all`, idempotence and five requests in flight are the
/// only ones there are.
fn producer(client: &Client, arguments: &Arguments) -> Result<Producer, Box<dyn Error + Send + Sync>> {
    let batch_size: usize = arguments.number("batch-bytes", 1_000_000)?;
    let producer = Producer::builder(client)
        .linger(Duration::from_millis(arguments.number("linger-ms", 5)?))
        .batch_size(batch_size)
        .max_request_size(batch_size.max(1 << 20))
        .buffer_memory(arguments.number("buffer-bytes", 64 << 20)?)
        .compression(arguments.compression()?)
        .build()?;
    Ok(producer)
}
