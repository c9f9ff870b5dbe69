//! The repository's own checks: rules that a program can keep are kept by a program, not by prose.
#![allow(clippy::print_stdout, reason = "a command line tool reports on standard output")]

mod deps;
mod soak;
mod source;
mod tidy;
mod workspace;

use std::{env, path::PathBuf, process::ExitCode};

const USAGE: &str = "\
usage: cargo xtask COMMAND
  tidy [--final]   crate and module arrows, `biased;`, lengths, docs/seeds.md, docs/acceptance; --final: no figure pending
  soak [TESTS]     the long tests in their full size; the figures go to docs/soak.md
  deps             no C in the default build, licences, the advisories named in deny.toml, duplicates";

fn main() -> ExitCode {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let outcome = match arguments.as_slice() {
        ["tidy"] => tidy::run(&root(), tidy::Figures::MayBePending),
        ["tidy", "--final"] => tidy::run(&root(), tidy::Figures::Final),
        ["deps"] => deps::run(&root()),
        ["soak"] => soak::run(&root(), None),
        ["soak", tests] => soak::run(&root(), Some(tests)),
        _ => {
            println!("{USAGE}");
            return ExitCode::from(2);
        }
    };
    match outcome {
        Ok(problems) if problems.is_empty() => ExitCode::SUCCESS,
        Ok(problems) => {
            for problem in &problems {
                println!("{problem}");
            }
            println!("{} problem(s)", problems.len());
            ExitCode::FAILURE
        }
        Err(error) => {
            println!("xtask: {error}");
            ExitCode::from(2)
        }
    }
}

/// The workspace's folder: the parent of this package's.
fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).parent().map(PathBuf::from).unwrap_or_default()
}
