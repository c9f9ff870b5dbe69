//! The `ottla` command, as a process of its own.

use std::{
    io,
    path::{Path, PathBuf},
};

use crate::fixture::child::Child;

/// Makes this test binary behave as the command: no second build, and a real process to kill.
const AS_COMMAND: &str = "OTTLA_SUITE_AS_COMMAND";

/// Whether this process was started to be the command.
pub(crate) fn is_asked_for() -> bool {
    std::env::var_os(AS_COMMAND).is_some()
}

/// Names a build of the command to be used instead of this one: a release build.
const BINARY: &str = "OTTLA_TEST_BINARY";

/// Whether the command is another build than this one.
pub(crate) fn names_a_binary() -> bool {
    std::env::var_os(BINARY).is_some()
}

/// The command's binary and the variable that gives it its role: the one that `OTTLA_TEST_BINARY` names, else this one.
pub(crate) fn program() -> io::Result<(PathBuf, Option<(&'static str, &'static str)>)> {
    match std::env::var_os(BINARY) {
        Some(binary) => Ok((std::path::absolute(binary)?, None)),
        None => Ok((std::env::current_exe()?, Some((AS_COMMAND, "1")))),
    }
}

/// Starts the command. Its output goes to `log`.
pub(crate) fn start(args: &[&str], dir: &Path, log: &Path) -> io::Result<Child> {
    start_limited(args, None, dir, log)
}

/// The same with so many files open at most.
pub(crate) fn start_limited(args: &[&str], descriptors: Option<usize>, dir: &Path, log: &Path) -> io::Result<Child> {
    let args: Vec<String> = args.iter().map(|arg| (*arg).to_owned()).collect();
    let (program, role) = program()?;
    let Some(most) = descriptors else { return Child::start(&program, &args, role.as_slice(), dir, log) };
    let limited = format!("ulimit -n {most} && exec \"$@\"");
    let shell = ["-c", &limited, "sh", &program.to_string_lossy()].map(str::to_owned);
    Child::start(Path::new("sh"), &[&shell[..], &args].concat(), role.as_slice(), dir, log)
}
