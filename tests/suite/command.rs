//! The `ottla` command, as a process of its own.

use std::{io, path::Path};

use crate::fixture::child::Child;

/// Makes this test binary behave as the command: no second build, and a real process to kill.
const AS_COMMAND: &str = "OTTLA_SUITE_AS_COMMAND";

/// Whether this process was started to be the command.
pub(crate) fn is_asked_for() -> bool {
    std::env::var_os(AS_COMMAND).is_some()
}

/// Starts the command: the binary that `OTTLA_TEST_BINARY` names, else this one in its role. Its output goes to `log`.
pub(crate) fn start(args: &[&str], dir: &Path, log: &Path) -> io::Result<Child> {
    let args: Vec<String> = args.iter().map(|arg| (*arg).to_owned()).collect();
    match std::env::var_os("OTTLA_TEST_BINARY") {
        Some(binary) => Child::start(&std::path::absolute(binary)?, &args, &[], dir, log),
        None => Child::start(&std::env::current_exe()?, &args, &[(AS_COMMAND, "1")], dir, log),
    }
}
