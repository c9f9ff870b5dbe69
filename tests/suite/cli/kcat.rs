//! The same records through kcat, where it is installed.

use std::process::{Command, Stdio};

use ottla_tests::lane::Needs;

use crate::harness::{Context, Outcome, Suite};

pub(super) fn tests(suite: &mut Suite) {
    let installed = Command::new("kcat").arg("-V").stdout(Stdio::null()).stderr(Stdio::null()).status();
    if installed.is_ok_and(|status| status.success()) {
        suite.test("cli::kcat_prints_the_same", Needs::ANY, kcat_prints_the_same);
    } else {
        eprintln!("kcat is not installed: nothing is compared with it");
    }
}

async fn kcat_prints_the_same(cx: Context) -> Outcome {
    let client = cx.client()?;
    let topic = cx.topic(&client, "kcat", 1).await?;
    let input = "k:v\n:\nno key\nq:\"quo\\te\"/\ttab\u{1}\u{1f} é\u{2028}</script>\n\n";
    let args = ["produce", "-t", &topic, "-K", ":", "-H", "a=1", "-H", "b=", "-H", "c"];
    cx.ottla_on(&args, input.as_bytes()).await?.ended(0)?;
    cx.ottla_on(&["produce", "-t", &topic, "-K", ":", "-Z"], b"deleted:\n").await?.ended(0)?;
    const FORMAT: &str = "%t %p %o k=%k(%K) s=%s(%S) h=%h ts=%T R=%R %% \\x41\\t|\\n";
    let brokers = cx.brokers();
    for how in [&["-J"][..], &["-f", FORMAT], &[]] {
        let kcat = [&["-C", "-q", "-e", "-b", &brokers, "-t", &topic], how].concat();
        let kcat = tokio::process::Command::new("kcat").args(kcat).kill_on_drop(true).output().await?;
        let ours = cx.ottla(&[&["consume", "-e", "-t", &topic], how].concat()).await?.ended(0)?;
        assert_eq!(ours.text(), without_broker(&String::from_utf8_lossy(&kcat.stdout)), "{how:?}");
        assert!(!ours.out.is_empty());
    }
    client.close().await;
    Ok(())
}

/// kcat also says which broker answered.
fn without_broker(text: &str) -> String {
    let mut parts = text.split("\"broker\":");
    let mut rest: String = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        rest.push_str(part.split_once(',').map_or(part, |(_, behind)| behind));
    }
    rest
}
