//! The clients of others, as the lines want them.

use std::{
    path::Path,
    process::{Output, Stdio},
};

use libtest_mimic::Failed;
use tokio::{io::AsyncWriteExt, process::Command};

use crate::harness::Context;

/// A client that is not ours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Foreign {
    /// Kafka's own.
    Java,
    /// librdkafka, by confluent-kafka.
    Librdkafka,
    /// franz-go.
    FranzGo,
    /// kafka-python.
    KafkaPython,
}

impl Foreign {
    /// Runs the client's program: `what` is `write` or `read`. Gives what it printed.
    pub(super) async fn run(self, cx: &Context, what: &str, input: String) -> Result<String, Failed> {
        let bootstrap = cx.fixture().addresses().first().cloned().ok_or("no broker")?;
        let here = Path::new(env!("CARGO_MANIFEST_DIR")).join("suite/interop");
        let command = match self {
            Self::Java => {
                let source = here.join("Interop.java").display().to_string();
                cx.fixture().tools()?.command(&source, &[what, &bootstrap])
            }
            Self::Librdkafka | Self::KafkaPython => {
                let client = if self == Self::Librdkafka { "confluent" } else { "kafka-python" };
                let mut command = Command::new(cx.fixture().foreign().python().ok_or("Python is gone")?);
                command.arg(here.join("interop.py")).args([client, what, &bootstrap]);
                command
            }
            Self::FranzGo => {
                let mut command = Command::new(cx.fixture().foreign().franz_go().ok_or("franz-go is gone")?);
                command.args([what, &bootstrap]);
                command
            }
        };
        output(command, input).await
    }
}

/// Runs a program to its end.
async fn output(mut command: Command, input: String) -> Result<String, Failed> {
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
    let name = command.as_std().get_program().display().to_string();
    let mut child = command.spawn().map_err(|error| format!("{name}: {error}"))?;
    let mut stdin = child.stdin.take().ok_or("no pipe")?;
    // Both at once: a program that stops reading before it has printed all would wait for ever.
    let feeding = async move { stdin.write_all(input.as_bytes()).await };
    let (fed, ended) = tokio::join!(feeding, child.wait_with_output());
    let Output { status, stdout, stderr } = ended?;
    if !status.success() {
        return Err(format!("{name}: {status}\n{}", String::from_utf8_lossy(&stderr)).into());
    }
    fed?;
    Ok(String::from_utf8(stdout)?)
}
