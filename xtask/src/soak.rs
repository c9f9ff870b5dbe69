//! `cargo xtask soak`: the long tests in the sizes that are promised, and their figures in docs/soak.md.

use std::{
    env, fs,
    io::{BufRead, BufReader},
    path::{self, Path, PathBuf},
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
    binary: Binary,
}

/// What the tests start as a process of its own.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Binary {
    /// Themselves.
    Tests,
    /// What users run: only this reaches the rates that are promised.
    Release,
}

const RUNS: &[Run] = &[
    Run { lane: "jvm:3", tests: "chaos::", binary: Binary::Tests },
    Run { lane: "jvm:3", tests: "dropped::", binary: Binary::Tests },
    Run { lane: "jvm:3", tests: "group::", binary: Binary::Tests },
    Run { lane: "jvm:1", tests: "security::", binary: Binary::Tests },
    Run { lane: "jvm:1", tests: "observability::brokers_that", binary: Binary::Tests },
    Run { lane: "jvm:1", tests: "load::", binary: Binary::Release },
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
    let mut command = Command::new("cargo");
    command
        .args(["test", "--locked", "-p", "ottla-tests", "--test", "suite", "--", run.tests])
        .envs([("OTTLA_TEST_BROKER", run.lane), ("OTTLA_TEST_SIZE", "soak")]);
    if run.binary == Binary::Release {
        command.env("OTTLA_TEST_BINARY", release_binary(root)?);
    }
    let mut child = command.current_dir(root).stderr(Stdio::piped()).spawn()?;
    let mut figures = Vec::new();
    for line in child.stderr.take().into_iter().flat_map(|stderr| BufReader::new(stderr).lines()) {
        let line = line?;
        eprintln!("{line}");
        figures.extend(line.strip_prefix("figure ").map(str::to_owned));
    }
    Ok(child.wait()?.success().then_some(figures))
}

/// The command's binary: the one that `OTTLA_TEST_BINARY` names, else one that is built here.
fn release_binary(root: &Path) -> Outcome<PathBuf> {
    if let Some(binary) = env::var_os("OTTLA_TEST_BINARY") {
        return Ok(path::absolute(binary)?);
    }
    let built = Command::new("cargo").args(["build", "--locked", "--release"]).current_dir(root).status()?;
    if !built.success() {
        return Err("the release build failed".into());
    }
    let target = env::var_os("CARGO_TARGET_DIR").map_or_else(|| root.join("target"), |dir| root.join(dir));
    Ok(target.join("release/ottla"))
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
