use std::process::Stdio;

use libtest_mimic::Failed;
use tokio::{
    io::AsyncWriteExt,
    process::{Child, Command},
};

use crate::{command, harness::Context};

/// How a command ended and what it said.
#[derive(Debug)]
pub(super) struct Ran {
    pub(super) code: Option<i32>,
    pub(super) out: Vec<u8>,
    pub(super) err: String,
}

impl Ran {
    /// Standard output as text.
    pub(super) fn text(&self) -> String {
        String::from_utf8_lossy(&self.out).into_owned()
    }

    /// Fails unless it ended with `code`.
    pub(super) fn ended(self, code: i32) -> Result<Self, Failed> {
        if self.code == Some(code) {
            return Ok(self);
        }
        Err(format!("exit {:?} instead of {code}: {}", self.code, self.err).into())
    }

    /// Fails unless it ended with `code` and standard error names each of `parts`.
    pub(super) fn told(self, code: i32, parts: &[&str]) -> Result<Self, Failed> {
        let ran = self.ended(code)?;
        match parts.iter().find(|part| !ran.err.contains(**part)) {
            Some(part) => Err(format!("'{part}' is missing from: {}", ran.err).into()),
            None => Ok(ran),
        }
    }
}

/// The command, with no `KAFKA_*` variables but these.
fn program(args: &[&str], variables: &[(&str, &str)]) -> std::io::Result<Command> {
    let (program, role) = command::program()?;
    let mut command = Command::new(program);
    for (name, _) in std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("KAFKA_")) {
        command.env_remove(name);
    }
    command.args(args).envs(role).envs(variables.iter().copied()).kill_on_drop(true);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    Ok(command)
}

/// Starts it, its three streams in our hands.
pub(super) fn start(args: &[&str], variables: &[(&str, &str)]) -> std::io::Result<Child> {
    program(args, variables)?.spawn()
}

/// Runs it to its end on `input`.
pub(super) async fn run_with(args: &[&str], input: &[u8], variables: &[(&str, &str)]) -> Result<Ran, Failed> {
    let mut child = start(args, variables)?;
    let mut stdin = child.stdin.take().ok_or("no standard input")?;
    let feed = async move {
        // It may have ended before it read all.
        let _ = stdin.write_all(input).await;
    };
    let ((), output) = tokio::join!(feed, child.wait_with_output());
    let output = output?;
    let err = String::from_utf8_lossy(&output.stderr).into_owned();
    Ok(Ran { code: output.status.code(), out: output.stdout, err })
}

impl Context {
    /// The lane's brokers, as `-b` takes them.
    pub(super) fn brokers(&self) -> String {
        self.fixture().addresses().join(",")
    }

    /// Runs `ottla ARGS -b BROKERS` to its end on `input`.
    pub(super) async fn ottla_on(&self, args: &[&str], input: &[u8]) -> Result<Ran, Failed> {
        run_with(&[args, &["-b", &self.brokers()]].concat(), input, &[]).await
    }

    /// The same without input.
    pub(super) async fn ottla(&self, args: &[&str]) -> Result<Ran, Failed> {
        self.ottla_on(args, b"").await
    }

    /// Starts the same.
    pub(super) fn ottla_started(&self, args: &[&str]) -> Result<Child, Failed> {
        Ok(start(&[args, &["-b", &self.brokers()]].concat(), &[])?)
    }
}

/// Sends `signal`, such as `-TERM`.
pub(super) async fn signal(child: &Child, signal: &str) -> Result<(), Failed> {
    let pid = child.id().ok_or("it has ended already")?;
    let sent = Command::new("kill").args([signal, &pid.to_string()]).status().await?;
    if sent.success() { Ok(()) } else { Err("kill failed".into()) }
}
