use std::collections::BTreeMap;

use libtest_mimic::Failed;
use ottla_kafka_core::Client;
use ottla_tests::lane::Needs;
use serde_json::Value;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, BufReader};

use super::run::signal;
use crate::harness::{Context, Outcome, Suite};

/// What is read tells where it comes from.
const WHERE: &str = "%p %o\\n";

pub(super) fn tests(suite: &mut Suite) {
    suite.test("cli::the_count_is_exact_and_committed", Needs::ANY, the_count_is_exact_and_committed);
    suite.test("cli::a_signal_commits_all_that_was_printed", Needs::ANY, a_signal_commits_all_that_was_printed);
    suite.test(
        "cli::a_closed_pipe_commits_no_more_than_was_taken",
        Needs::ANY,
        a_closed_pipe_commits_no_more_than_was_taken,
    );
    suite.test(
        "cli::killed_it_has_committed_no_more_than_it_printed",
        Needs::ANY,
        killed_it_has_committed_no_more_than_it_printed,
    );
    suite.test("cli::a_static_member_stays", Needs::ANY, a_static_member_stays);
    suite.test("cli::an_offset_is_for_what_is_not_committed", Needs::ANY, an_offset_is_for_what_is_not_committed);
}

/// A topic of three partitions with so many lines.
async fn filled(cx: &Context, client: &Client, lines: usize) -> Result<String, Failed> {
    let topic = cx.topic(client, "group", 3).await?;
    let share = lines.div_ceil(3);
    for partition in ["0", "1", "2"] {
        let input: String = (0..share).map(|line| format!("{line}\n")).collect();
        cx.ottla_on(&["produce", "-t", &topic, "-p", partition], input.as_bytes()).await?.ended(0)?;
    }
    Ok(topic)
}

/// By partition, the offset behind the last whole line of `printed`; every line must follow the one before.
fn behind(printed: &[u8]) -> Result<BTreeMap<i32, i64>, Failed> {
    let mut behind = BTreeMap::new();
    let whole = printed.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
    for line in String::from_utf8_lossy(&printed[..whole]).lines() {
        let (partition, offset) = line.split_once(' ').ok_or_else(|| format!("no such line: {line}"))?;
        let (partition, offset): (i32, i64) = (partition.parse()?, offset.parse()?);
        let before = behind.insert(partition, offset + 1);
        if before.is_some_and(|before| before != offset) {
            return Err(format!("partition {partition}: {offset} follows {before:?}").into());
        }
    }
    Ok(behind)
}

async fn committed(client: &Client, group: &str) -> Result<BTreeMap<i32, i64>, Failed> {
    let offsets = client.admin().group_offsets(group).await?;
    Ok(offsets.into_iter().map(|(partition, offset)| (partition.partition(), offset)).collect())
}

async fn the_count_is_exact_and_committed(cx: Context) -> Outcome {
    let client = cx.client()?;
    let topic = filled(&cx, &client, 300).await?;
    let group = cx.unique("count");
    let mut all = Vec::new();
    for count in ["7", "100", "1"] {
        let read = cx.ottla(&["consume", "-t", &topic, "-g", &group, "-c", count, "-f", WHERE]).await?.ended(0)?;
        assert_eq!(read.text().lines().count().to_string(), count);
        all.extend(read.out);
        assert_eq!(committed(&client, &group).await?, behind(&all)?, "after {count} more");
    }
    let rest = cx.ottla(&["consume", "-t", &topic, "-g", &group, "-e", "-f", WHERE]).await?.ended(0)?;
    assert_eq!(rest.text().lines().count(), 300 - 108);
    assert_eq!(committed(&client, &group).await?, BTreeMap::from([(0, 100), (1, 100), (2, 100)]));
    assert_eq!(cx.ottla(&["consume", "-t", &topic, "-g", &group, "-e"]).await?.ended(0)?.text(), "");
    client.close().await;
    Ok(())
}

async fn a_signal_commits_all_that_was_printed(cx: Context) -> Outcome {
    let client = cx.client()?;
    let topic = filled(&cx, &client, 3_000).await?;
    for name in ["-TERM", "-INT"] {
        let group = cx.unique("signal");
        let mut child = cx.ottla_started(&["consume", "-t", &topic, "-g", &group, "-f", WHERE])?;
        let mut stdout = child.stdout.take().ok_or("no standard output")?;
        let mut printed = vec![0; 500];
        stdout.read_exact(&mut printed).await?;
        signal(&child, name).await?;
        stdout.read_to_end(&mut printed).await?;
        let output = child.wait_with_output().await?;
        assert_eq!(output.status.code(), Some(130), "{}", String::from_utf8_lossy(&output.stderr));
        assert_eq!(committed(&client, &group).await?, behind(&printed)?, "{name}");
    }
    client.close().await;
    Ok(())
}

async fn a_closed_pipe_commits_no_more_than_was_taken(cx: Context) -> Outcome {
    let client = cx.client()?;
    let topic = filled(&cx, &client, 300_000).await?;
    let group = cx.unique("pipe");
    let mut child = cx.ottla_started(&["consume", "-t", &topic, "-g", &group, "-f", WHERE])?;
    let mut stdout = child.stdout.take().ok_or("no standard output")?;
    let mut printed = vec![0; 100];
    stdout.read_exact(&mut printed).await?;
    drop(stdout);
    let output = child.wait_with_output().await?;
    assert_eq!((output.status.code(), output.stderr.as_slice()), (Some(0), b"".as_slice()));
    // What is in the pipe was printed, though nobody reads it: 64 KiB, and a line has 4 bytes at least.
    let committed: i64 = committed(&client, &group).await?.values().sum();
    assert!(committed > 0 && committed <= (100 + (64 << 10)) / 4, "{committed} were committed");
    client.close().await;
    Ok(())
}

async fn killed_it_has_committed_no_more_than_it_printed(cx: Context) -> Outcome {
    let client = cx.client()?;
    let topic = filled(&cx, &client, 300_000).await?;
    let group = cx.unique("killed");
    let mut child = cx.ottla_started(&["consume", "-t", &topic, "-g", &group, "-f", WHERE])?;
    let mut stdout = BufReader::new(child.stdout.take().ok_or("no standard output")?);
    let mut printed = Vec::new();
    // Read on until there is a commit in the middle, then kill it there.
    while committed(&client, &group).await?.is_empty() {
        for _ in 0..200 {
            stdout.read_until(b'\n', &mut printed).await?;
        }
    }
    child.start_kill()?;
    stdout.read_to_end(&mut printed).await?;
    child.wait().await?;
    let (printed, committed) = (behind(&printed)?, committed(&client, &group).await?);
    for (partition, offset) in &committed {
        let printed = printed.get(partition).copied().unwrap_or_default();
        assert!(*offset <= printed, "partition {partition}: {offset} is committed, {printed} printed");
    }
    assert!(!committed.is_empty());
    client.close().await;
    Ok(())
}

async fn a_static_member_stays(cx: Context) -> Outcome {
    let client = cx.client()?;
    let topic = filled(&cx, &client, 30).await?;
    let group = cx.unique("static");
    let args = ["consume", "-t", &topic, "-g", &group, "-c", "3", "--instance-id", "one"];
    for _ in 0..2 {
        cx.ottla(&args).await?.ended(0)?;
        let described = cx.ottla(&["groups", "describe", &group, "--json"]).await?.ended(0)?;
        let described: Value = serde_json::from_slice(&described.out)?;
        assert_eq!(described[0]["members"][0]["instance_id"], "one", "{described}");
        assert_eq!(described[0]["members"].as_array().map(Vec::len), Some(1), "{described}");
    }
    assert_eq!(committed(&client, &group).await?.values().sum::<i64>(), 6);
    client.close().await;
    Ok(())
}

async fn an_offset_is_for_what_is_not_committed(cx: Context) -> Outcome {
    let client = cx.client()?;
    let topic = filled(&cx, &client, 30).await?;
    let group = cx.unique("offset");
    let read = cx.ottla(&["consume", "-t", &topic, "-g", &group, "-o", "-2", "-e", "-f", WHERE]).await?.ended(0)?;
    assert_eq!(behind(&read.out)?, BTreeMap::from([(0, 10), (1, 10), (2, 10)]));
    assert_eq!(read.text().lines().count(), 6, "the last two of each partition");
    let again = cx.ottla(&["consume", "-t", &topic, "-g", &group, "-o", "0", "-e", "-f", WHERE]).await?.ended(0)?;
    assert_eq!(again.text(), "", "what is committed goes first");
    client.close().await;
    Ok(())
}
