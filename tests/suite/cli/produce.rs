use std::time::Duration;

use bytes::Bytes;
use ottla_embedded_broker::{Api, EmbeddedBroker, Fault};
use ottla_tests::lane::Needs;
use tokio::io::AsyncWriteExt;

use super::run::{run_with, signal};
use crate::{
    harness::{Context, Outcome, Suite},
    support::{Logged, read_log},
};

pub(super) fn tests(suite: &mut Suite) {
    suite.test("cli::lines_become_records", Needs::ANY, lines_become_records);
    suite.test("cli::a_line_too_long_is_named", Needs::ANY, a_line_too_long_is_named);
    suite.test(
        "cli::what_cannot_be_written_ends_with_its_own_code",
        Needs::ANY,
        what_cannot_be_written_ends_with_its_own_code,
    );
    suite.test("cli::a_signal_writes_what_was_read", Needs::ANY, a_signal_writes_what_was_read);
    suite.test("cli::broken_connections_repeat_no_line", Needs::ANY, broken_connections_repeat_no_line);
}

fn values(records: &[Logged]) -> Vec<Option<&[u8]>> {
    records.iter().map(|record| record.value.as_deref()).collect()
}

async fn lines_become_records(cx: Context) -> Outcome {
    let client = cx.client()?;
    let topic = cx.topic(&client, "lines", 2).await?;
    let args = ["produce", "-t", &topic, "-K", ":", "-H", "a=1", "-H", "null", "-p", "1"];
    cx.ottla_on(&args, b"k1:v1\n\nk2:v:2\r\n:\n\xff\x00:\xfe\nlast").await?.ended(0)?;
    let records = read_log(&cx, &topic).await?;
    let expected: [(Option<&[u8]>, &[u8]); 6] = [
        (Some(b"k1"), b"v1"),
        (None, b""),
        (Some(b"k2"), b"v:2\r"),
        (Some(b""), b""),
        (Some(b"\xff\x00"), b"\xfe"),
        (None, b"last"),
    ];
    let read: Vec<_> = records.iter().map(|r| (r.key.as_deref(), r.value.as_deref().unwrap_or(b"null"))).collect();
    assert_eq!(read, expected);
    for record in &records {
        assert_eq!(record.partition, 1);
        assert_eq!(record.headers, [("a".to_owned(), Some(Bytes::from("1"))), ("null".to_owned(), None)]);
    }
    let args = ["produce", "-t", &topic, "-K", ":", "-Z", "-p", "0"];
    cx.ottla_on(&args, b"gone:\n").await?.ended(0)?;
    let tombstone = read_log(&cx, &topic).await?.into_iter().find(|record| record.partition == 0).ok_or("none")?;
    assert_eq!((tombstone.key, tombstone.value), (Some(Bytes::from("gone")), None));
    cx.ottla_on(&["produce", "-t", &topic], b"").await?.ended(0)?;
    let lines = "the same again and again\n".repeat(2_000);
    for codec in ["gzip", "snappy", "lz4", "zstd:1"] {
        let topic = cx.topic(&client, codec.trim_end_matches(":1"), 1).await?;
        cx.ottla_on(&["produce", "-t", &topic, "-z", codec], lines.as_bytes()).await?.ended(0)?;
        assert_eq!(cx.ottla(&["consume", "-t", &topic, "-e"]).await?.ended(0)?.text(), lines, "{codec}");
    }
    client.close().await;
    Ok(())
}

async fn a_line_too_long_is_named(cx: Context) -> Outcome {
    let client = cx.client()?;
    let topic = cx.topic(&client, "long", 1).await?;
    let long = [b"a\nb\n".as_slice(), &vec![b'x'; 2 << 20], b"\nc\n"].concat();
    let ran = cx.ottla_on(&["produce", "-t", &topic], &long).await?;
    ran.told(6, &["line 3", "1048576", "--max-request-size", "2 are acknowledged"])?;
    assert_eq!(values(&read_log(&cx, &topic).await?), [Some(b"a".as_slice()), Some(b"b")]);
    // Larger than the topic allows: the broker refuses it, and nothing before it was written.
    let refused = vec![b'x'; 3 << 20];
    let ran = cx.ottla_on(&["produce", "-t", &topic, "--max-request-size", "8388608"], &refused).await?;
    ran.told(1, &["MESSAGE_TOO_LARGE", "max.message.bytes", "0 are acknowledged, 1 are not in the log"])?;
    client.close().await;
    Ok(())
}

async fn what_cannot_be_written_ends_with_its_own_code(cx: Context) -> Outcome {
    let client = cx.client()?;
    let topic = cx.topic(&client, "there", 2).await?;
    let missing = cx.unique("missing");
    let ran = cx.ottla_on(&["produce", "-t", &missing], b"x\n").await?;
    ran.told(3, &[&missing, "does not exist", &cx.brokers(), "next: "])?;
    let ran = cx.ottla_on(&["produce", "-t", &topic, "-p", "7"], b"x\n").await?;
    ran.told(3, &["no partition 7", "it has 2"])?;
    cx.ottla_on(&["produce"], b"x\n").await?.told(2, &["--topic"])?;
    cx.ottla_on(&["produce", "-t", &topic, "-H", "=x"], b"x\n").await?.told(2, &["NAME=VALUE"])?;
    let nobody = ["produce", "-t", "t", "-b", "127.0.0.1:1"];
    let ran = run_with(&nobody, b"x\n", &[("KAFKA_REQUEST_TIMEOUT", "1000")]).await?;
    ran.told(1, &["127.0.0.1:1", "refused", "KAFKA_BROKERS"])?;
    assert_eq!(read_log(&cx, &topic).await?, []);
    client.close().await;
    Ok(())
}

async fn a_signal_writes_what_was_read(cx: Context) -> Outcome {
    let client = cx.client()?;
    for name in ["-TERM", "-INT"] {
        let topic = cx.topic(&client, "signal", 1).await?;
        let mut child = cx.ottla_started(&["produce", "-t", &topic])?;
        let mut stdin = child.stdin.take().ok_or("no standard input")?;
        stdin.write_all(b"one\ntwo\nthr").await?;
        while read_log(&cx, &topic).await?.len() < 2 {
            tokio::task::yield_now().await;
        }
        signal(&child, name).await?;
        let output = child.wait_with_output().await?;
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(130), "{said}");
        assert!(said.contains("2 are acknowledged") && said.contains("interrupted"), "{said}");
        assert_eq!(read_log(&cx, &topic).await?.len(), 2, "half a line is none");
        drop(stdin);
    }
    client.close().await;
    Ok(())
}

/// On a broker of the test's own, which drops connections before and after it has written.
async fn broken_connections_repeat_no_line(cx: Context) -> Outcome {
    // Of 16 KiB a batch and three batches a request, more requests than there are faults, however slow the machine.
    const LINES: u64 = 100_000;
    let broker = EmbeddedBroker::builder().listen("127.0.0.1:0").start().await?;
    let address = broker.addr().to_string();
    run_with(&["topics", "create", "lines", "--partitions", "3", "-b", &address], b"", &[]).await?.ended(0)?;
    for fault in [Fault::Disconnect, Fault::Disconnect.after_applying(), Fault::Delay(Duration::from_millis(100))] {
        broker.faults().add(Api::Produce, fault.times(3));
    }
    let input: String = (0..LINES).map(|line| format!("{line}\n")).collect();
    run_with(&["produce", "-t", "lines", "-b", &address], input.as_bytes(), &[]).await?.ended(0)?;
    assert_eq!(broker.faults().remaining(Api::Produce), 0, "every fault was met");
    let read = run_with(&["consume", "-t", "lines", "-e", "-b", &address], b"", &[]).await?.ended(0)?;
    let mut lines: Vec<u64> = read.text().lines().map(str::parse).collect::<Result<_, _>>()?;
    lines.sort_unstable();
    assert!(lines.into_iter().eq(0..LINES), "each exactly once");
    drop(cx);
    broker.stop().await;
    Ok(())
}
