//! The alerts, judged by Prometheus's own tool. Without it the unit tests of `alerts` and `promql` read them.

use std::{path::Path, process::Command};

use crate::harness::{Context, Outcome};

const RULES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../deploy/prometheus");

pub(super) async fn promtool_takes_the_rules_and_their_tests(cx: Context) -> Outcome {
    let promtool = cx.fixture().foreign().promtool().ok_or("promtool is gone")?;
    for arguments in [["check", "rules", "ottla.rules.yml"], ["test", "rules", "ottla.rules.test.yml"]] {
        let output = Command::new(promtool).args(arguments).current_dir(Path::new(RULES)).output()?;
        let said = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
        assert!(output.status.success(), "promtool {}: {said}", arguments.join(" "));
    }
    Ok(())
}
