//! `cargo xtask soak`: the long tests in the sizes that are promised, and their figures in docs/soak.md.

use std::{
    fs,
    io::{BufRead, BufReader},
    path::Path,
    process::{Command, Stdio},
    time::{SystemTime, UNIX_EPOCH},
};

use crate::workspace::Outcome;

const DOCUMENT: &str = "docs/soak.md";
/// Where the figures begin; what stands above is prose.
const HEAD: &str = "| Date | Commit | Command | Minutes | Figure |\n|---|---|---|---|---|\n";

/// A lane and the tests that are run on it.
struct Run {
    lane: &'static str,
    tests: &'static str,
}

const RUNS: &[Run] = &[
    Run { lane: "jvm:3", tests: "chaos::" },
    Run { lane: "jvm:3", tests: "dropped::" },
    Run { lane: "jvm:3", tests: "group::" },
    Run { lane: "jvm:1", tests: "security::" },
    Run { lane: "jvm:1", tests: "load::" },
];

/// Runs all soaks, or those whose tests' names contain `chosen`. The problems are the runs that failed.
pub(crate) fn run(root: &Path, chosen: Option<&str>) -> Outcome<Vec<String>> {
    let mut problems = Vec::new();
    for run in RUNS.iter().filter(|run| chosen.is_none_or(|chosen| run.tests.contains(chosen))) {
        let began = now()?;
        let figures = figures(root, run)?;
        let minutes = format!("{:.1}", f64::from(u32::try_from(now()?.saturating_sub(began))?) / 60.0);
        let command = format!("`cargo xtask soak {}` on {}", run.tests, run.lane);
        match figures {
            Some(figures) => {
                let row = |figure: &String| {
                    let (date, commit) =
                        (output(root, "date", &["+%F"])?, output(root, "git", &["rev-parse", "--short", "HEAD"])?);
                    Ok::<_, Box<dyn std::error::Error>>(format!(
                        "| {date} | {commit} | {command} | {minutes} | {figure} |\n"
                    ))
                };
                let rows: String = figures.iter().map(row).collect::<Result<_, _>>()?;
                keep(&root.join(DOCUMENT), &rows)?;
            }
            None => problems.push(format!("{command}: failed")),
        }
    }
    Ok(problems)
}

/// What the tests measured, each on a line that begins with `figure`; nothing if one failed.
fn figures(root: &Path, run: &Run) -> Outcome<Option<Vec<String>>> {
    let mut child = Command::new("cargo")
        .args(["test", "--locked", "-p", "ottla-tests", "--test", "suite", "--", run.tests])
        .envs([("OTTLA_TEST_BROKER", run.lane), ("OTTLA_TEST_SIZE", "soak")])
        .current_dir(root)
        .stderr(Stdio::piped())
        .spawn()?;
    let mut figures = Vec::new();
    for line in child.stderr.take().into_iter().flat_map(|stderr| BufReader::new(stderr).lines()) {
        let line = line?;
        eprintln!("{line}");
        figures.extend(line.strip_prefix("figure ").map(str::to_owned));
    }
    Ok(child.wait()?.success().then_some(figures))
}

/// Adds rows at the table's end, which is the document's.
fn keep(document: &Path, rows: &str) -> Outcome<()> {
    let text = fs::read_to_string(document).unwrap_or_default();
    let text = if text.contains(HEAD) { text } else { format!("{text}{HEAD}") };
    fs::write(document, format!("{}\n{rows}", text.trim_end()))?;
    Ok(())
}

fn output(root: &Path, program: &str, arguments: &[&str]) -> Outcome<String> {
    let output = Command::new(program).args(arguments).current_dir(root).output()?;
    Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

fn now() -> Outcome<u64> {
    #[allow(clippy::disallowed_methods, reason = "a tool's own stopwatch")]
    let now = SystemTime::now();
    Ok(now.duration_since(UNIX_EPOCH)?.as_secs())
}
