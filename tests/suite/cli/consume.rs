use ottla_tests::lane::Needs;
use serde_json::Value;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, BufReader};

use super::run::signal;
use crate::harness::{Context, Outcome, Suite};

pub(super) fn tests(suite: &mut Suite) {
    suite.test("cli::consume_ends_at_the_ends_as_they_stood", Needs::ANY, consume_ends_at_the_ends_as_they_stood);
    suite.test("cli::consume_begins_where_it_is_told", Needs::ANY, consume_begins_where_it_is_told);
    suite.test("cli::json_lines_hold_every_byte", Needs::ANY, json_lines_hold_every_byte);
    suite.test("cli::what_is_there_is_shown_at_once", Needs::ANY, what_is_there_is_shown_at_once);
    suite.test("cli::a_closed_pipe_ends_silently", Needs::ANY, a_closed_pipe_ends_silently);
    suite.test(
        "cli::what_cannot_be_read_ends_with_its_own_code",
        Needs::ANY,
        what_cannot_be_read_ends_with_its_own_code,
    );
}

async fn consume_ends_at_the_ends_as_they_stood(cx: Context) -> Outcome {
    let client = cx.client()?;
    let (first, second) = (cx.topic(&client, "first", 3).await?, cx.topic(&client, "second", 1).await?);
    let both = format!("{first},{second}");
    assert_eq!(cx.ottla(&["consume", "-t", &both, "-e"]).await?.ended(0)?.text(), "", "nothing is there");
    // Partition 2 stays empty.
    cx.ottla_on(&["produce", "-t", &first, "-p", "0"], b"a\nb\n").await?.ended(0)?;
    cx.ottla_on(&["produce", "-t", &first, "-p", "1"], b"c\n").await?.ended(0)?;
    cx.ottla_on(&["produce", "-t", &second], b"d\n").await?.ended(0)?;
    let read = cx.ottla(&["consume", "-t", &both, "-e", "-f", "%t %p %o %s\\n"]).await?.ended(0)?;
    let mut lines: Vec<String> = read.text().lines().map(str::to_owned).collect();
    lines.sort();
    let mut expected =
        [format!("{first} 0 0 a"), format!("{first} 0 1 b"), format!("{first} 1 0 c"), format!("{second} 0 0 d")];
    expected.sort();
    assert_eq!(lines, expected);
    assert_eq!(cx.ottla(&["consume", "-t", &first, "-e", "-p", "1"]).await?.ended(0)?.text(), "c\n");
    client.close().await;
    Ok(())
}

async fn consume_begins_where_it_is_told(cx: Context) -> Outcome {
    let client = cx.client()?;
    let topic = cx.topic(&client, "offsets", 1).await?;
    cx.ottla_on(&["produce", "-t", &topic], b"a\nb\nc\nd\n").await?.ended(0)?;
    let stamps = cx.ottla(&["consume", "-t", &topic, "-e", "-f", "%T\\n"]).await?.ended(0)?.text();
    let first: i64 = stamps.lines().next().ok_or("no line")?.parse()?;
    let (at_first, long_after) = (format!("@{first}"), format!("@{}", first + 3_600_000));
    for (offset, expected) in [
        ("earliest", "a\nb\nc\nd\n"),
        ("latest", ""),
        ("2", "c\nd\n"),
        ("4", ""),
        ("-1", "d\n"),
        ("-100", "a\nb\nc\nd\n"),
        (at_first.as_str(), "a\nb\nc\nd\n"),
        ("@-1h", "a\nb\nc\nd\n"),
        (long_after.as_str(), ""),
    ] {
        let read = cx.ottla(&["consume", "-t", &topic, "-e", "-o", offset]).await?.ended(0)?;
        assert_eq!(read.text(), expected, "-o {offset}");
    }
    let read = cx.ottla(&["consume", "-t", &topic, "-c", "2", "-o", "1"]).await?.ended(0)?;
    assert_eq!(read.text(), "b\nc\n");
    assert_eq!(cx.ottla(&["consume", "-t", &topic, "-c", "0"]).await?.ended(0)?.text(), "");
    client.close().await;
    Ok(())
}

async fn json_lines_hold_every_byte(cx: Context) -> Outcome {
    let client = cx.client()?;
    let topic = cx.topic(&client, "json", 1).await?;
    let args = ["produce", "-t", &topic, "-K", ":", "-Z", "-H", "h=\"x\"", "-H", "n"];
    cx.ottla_on(&args, b"k:\n\xff:\xfe\x00\nno key\n").await?.ended(0)?;
    let read = cx.ottla(&["consume", "-t", &topic, "-e", "-J"]).await?.ended(0)?;
    let lines: Vec<Value> = read.text().lines().map(serde_json::from_str).collect::<Result<_, _>>()?;
    let pairs: Vec<(&Value, &Value)> = lines.iter().map(|line| (&line["key"], &line["payload"])).collect();
    let (bytes, more) = (serde_json::json!({"base64": "/w=="}), serde_json::json!({"base64": "/gA="}));
    let expected = [(&Value::from("k"), &Value::Null), (&bytes, &more), (&Value::Null, &Value::from("no key"))];
    assert_eq!(pairs, expected);
    for (offset, line) in lines.iter().enumerate() {
        assert_eq!(line["headers"], serde_json::json!(["h", "\"x\"", "n", null]));
        assert_eq!(
            (&line["topic"], &line["partition"], &line["offset"]),
            (&topic.as_str().into(), &0.into(), &offset.into())
        );
        assert!(line["tstype"] == "create" && line["ts"].as_i64() > Some(1_600_000_000_000), "{line}");
    }
    client.close().await;
    Ok(())
}

async fn what_is_there_is_shown_at_once(cx: Context) -> Outcome {
    let client = cx.client()?;
    let topic = cx.topic(&client, "tail", 1).await?;
    let mut child = cx.ottla_started(&["consume", "-t", &topic])?;
    let mut lines = BufReader::new(child.stdout.take().ok_or("no standard output")?).lines();
    for line in ["one", "two"] {
        cx.ottla_on(&["produce", "-t", &topic], line.as_bytes()).await?.ended(0)?;
        assert_eq!(lines.next_line().await?.as_deref(), Some(line), "although the pipe is not full");
    }
    signal(&child, "-INT").await?;
    assert_eq!(child.wait().await?.code(), Some(130));
    assert_eq!(lines.next_line().await?, None);
    client.close().await;
    Ok(())
}

async fn a_closed_pipe_ends_silently(cx: Context) -> Outcome {
    let client = cx.client()?;
    let topic = cx.topic(&client, "pipe", 1).await?;
    let input = "a line that is somewhat longer than nothing\n".repeat(50_000);
    cx.ottla_on(&["produce", "-t", &topic], input.as_bytes()).await?.ended(0)?;
    let mut child = cx.ottla_started(&["consume", "-t", &topic])?;
    let mut some = [0; 100];
    child.stdout.take().ok_or("no standard output")?.read_exact(&mut some).await?;
    let output = child.wait_with_output().await?;
    assert_eq!((output.status.code(), output.stderr.as_slice()), (Some(0), b"".as_slice()));
    client.close().await;
    Ok(())
}

async fn what_cannot_be_read_ends_with_its_own_code(cx: Context) -> Outcome {
    let client = cx.client()?;
    let topic = cx.topic(&client, "there", 1).await?;
    let missing = cx.unique("missing");
    for group in [&[][..], &["-g", "nobody"]] {
        let ran = cx.ottla(&[&["consume", "-t", &missing, "-e"], group].concat()).await?;
        ran.told(3, &[&missing, "does not exist", "next: "])?;
    }
    cx.ottla(&["consume", "-t", &topic, "-p", "3"]).await?.told(3, &["no partition 3"])?;
    cx.ottla(&["consume", "-t", &topic, "-o", "99", "-c", "1"])
        .await?
        .told(1, &["99", "out of range", "-o earliest"])?;
    for wrong in [["-f", "%x"], ["-o", "tomorrow"], ["-c", "many"], ["--instance-id", "i"], ["--isolation", "none"]] {
        cx.ottla(&[&["consume", "-t", &topic], &wrong[..]].concat()).await?.ended(2)?;
    }
    client.close().await;
    Ok(())
}
