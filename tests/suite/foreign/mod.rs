//! Other people's clients and Kafka's own tools against the lane's broker: on the embedded broker they show that it
//! speaks their protocol and not only ours, on Apache Kafka that these tests expect what Kafka does.

mod kafka_tools;
mod orders;

pub(crate) use kafka_tools::{GROUPS, Tools};

use std::{
    path::Path,
    process::{Output, Stdio},
    time::Duration,
};

use ottla_tests::lane::Needs;
use tokio::{io::AsyncWriteExt, process::Command};

use crate::harness::{Context, Outcome, Suite};

/// How long one of them may take on a busy machine.
const LIMIT: Duration = Duration::from_secs(180);

const CONFLUENT: &str = include_str!("confluent.py");
const KAFKA_PYTHON: &str = include_str!("kafka_python.py");

pub(crate) fn tests(suite: &mut Suite) {
    let kcat = kcat_writes_and_reads_every_codec;
    suite.long_test("foreign::kcat_writes_and_reads_every_codec", Needs::ANY.kcat(), LIMIT, kcat);
    let confluent = confluent_kafka_runs_its_round;
    suite.long_test("foreign::confluent_kafka_runs_its_round", Needs::ANY.python(), LIMIT, confluent);
    let python = kafka_python_runs_its_round;
    suite.long_test("foreign::kafka_python_runs_its_round", Needs::ANY.python(), LIMIT, python);
    kafka_tools::tests(suite);
    orders::tests(suite);
}

async fn kcat_writes_and_reads_every_codec(cx: Context) -> Outcome {
    let kcat = cx.fixture().foreign().kcat().ok_or("kcat is gone")?;
    let (topic, group) = (cx.unique("kcat"), cx.unique("kcat-group"));
    cx.create_topic(&cx.client()?, &topic, 2, &[]).await?;
    let brokers = cx.fixture().addresses().join(",");
    let mut sent = Vec::new();
    for codec in ["none", "gzip", "snappy", "lz4", "zstd"] {
        let lines: Vec<String> = (0..3).map(|n| format!("key-{codec}-{n}:value of {codec} {n}")).collect();
        let input = format!("{}\n", lines.join("\n"));
        let write = ["-P", "-b", &brokers, "-t", &topic, "-p", "1", "-K:", "-z", codec, "-H", "codec=some"];
        run(kcat, &write, &input).await?;
        sent.extend(lines);
    }
    let read = ["-C", "-b", &brokers, "-t", &topic, "-p", "1", "-o", "beginning", "-e", "-q", "-f", "%o %k:%s %h\\n"];
    let expected: Vec<String> = sent.iter().enumerate().map(|(n, line)| format!("{n} {line} codec=some")).collect();
    assert_eq!(run(kcat, &read, "").await?.lines().collect::<Vec<_>>(), expected);
    let member =
        ["-b", &brokers, "-G", &group, "-q", "-e", "-X", "auto.offset.reset=earliest", "-f", "%k:%s\\n", &topic];
    assert_eq!(run(kcat, &member, "").await?.lines().collect::<Vec<_>>(), sent, "as a member of a group");
    assert_eq!(run(kcat, &member, "").await?, "", "it has committed");
    let at = format!("{topic}:1:0");
    let found = run(kcat, &["-Q", "-b", &brokers, "-t", &at], "").await?;
    assert_eq!(found.trim(), format!("{topic} [1] offset 0"));
    let listed = run(kcat, &["-L", "-b", &brokers, "-t", &topic], "").await?;
    assert!(listed.contains("with 2 partitions"), "{listed}");
    Ok(())
}

async fn confluent_kafka_runs_its_round(cx: Context) -> Outcome {
    // It makes its own topic.
    let topic = cx.unique("python");
    run_python(&cx, CONFLUENT, &topic, "confluent-kafka: 1000 records in 5 codecs").await
}

async fn kafka_python_runs_its_round(cx: Context) -> Outcome {
    let topic = cx.unique("python");
    cx.create_topic(&cx.client()?, &topic, 3, &[]).await?;
    run_python(&cx, KAFKA_PYTHON, &topic, "kafka-python: 400 records in 2 codecs").await
}

async fn run_python(cx: &Context, script: &str, topic: &str, expected: &str) -> Outcome {
    let python = cx.fixture().foreign().python().ok_or("Python is gone")?;
    let brokers = cx.fixture().addresses().join(",");
    let said = run(python, &["-c", script, &brokers, topic, &cx.unique("python-group")], "").await?;
    assert_eq!(said.trim(), expected);
    Ok(())
}

/// Runs a program to its end and gives its standard output.
async fn run(program: &Path, arguments: &[&str], input: &str) -> Result<String, String> {
    let failed = |error: std::io::Error| format!("{}: {error}", program.display());
    let mut command = Command::new(program);
    command.args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
    let mut child = command.spawn().map_err(failed)?;
    let mut stdin = child.stdin.take().ok_or("no standard input")?;
    stdin.write_all(input.as_bytes()).await.map_err(failed)?;
    drop(stdin);
    let Output { status, stdout, stderr } = child.wait_with_output().await.map_err(failed)?;
    let stdout = String::from_utf8_lossy(&stdout).into_owned();
    if status.success() {
        return Ok(stdout);
    }
    Err(format!("{}: {status}\n{stdout}{}", program.display(), String::from_utf8_lossy(&stderr)))
}
