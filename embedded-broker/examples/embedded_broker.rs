//! A broker to play with: `cargo run -p ottla-embedded-broker --example embedded_broker 127.0.0.1:9092`.
//! It ends with the process, and its records with it.

use ottla_embedded_broker::{EmbeddedBroker, StartError};

#[tokio::main]
#[allow(clippy::print_stdout, reason = "an example speaks to whoever started it")]
async fn main() -> Result<(), StartError> {
    let listen = std::env::args().nth(1).unwrap_or_else(|| "127.0.0.1:0".to_owned());
    let broker = EmbeddedBroker::builder().listen(listen).start().await?;
    println!("{}", broker.addr());
    std::future::pending().await
}
