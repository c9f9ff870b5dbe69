//! The docker command, bounded in time.

use std::process::{Command, Output};

use libtest_mimic::Failed;
use serde_json::Value;

/// No command of these tests takes longer where anything works at all.
const LIMIT_SECONDS: &str = "300";

/// What a command said and how it ended.
#[derive(Debug)]
pub(crate) struct Said {
    pub(crate) success: bool,
    pub(crate) out: String,
    pub(crate) all: String,
}

/// Runs `docker ARGS` with these variables.
pub(crate) fn docker_with(args: &[&str], variables: &[(String, String)]) -> Result<Said, Failed> {
    let mut command = Command::new("timeout");
    command.args([LIMIT_SECONDS, "docker"]).args(args).envs(variables.iter().cloned());
    let Output { status, stdout, stderr } = command.output()?;
    let out = String::from_utf8_lossy(&stdout).trim().to_owned();
    let all = format!("docker {}: {status}\n{out}\n{}", args.join(" "), String::from_utf8_lossy(&stderr).trim());
    Ok(Said { success: status.success(), out, all })
}

/// Runs `docker ARGS`.
pub(crate) fn docker(args: &[&str]) -> Result<Said, Failed> {
    docker_with(args, &[])
}

impl Said {
    /// What it printed, if it ended well.
    pub(crate) fn well(self) -> Result<String, Failed> {
        if self.success { Ok(self.out) } else { Err(self.all.into()) }
    }

    /// The same as JSON.
    pub(crate) fn json(self) -> Result<Value, Failed> {
        Ok(serde_json::from_str(&self.well()?)?)
    }
}

/// Containers and volumes that go with the test, however it ends.
#[derive(Debug, Default)]
pub(crate) struct Rubbish {
    containers: Vec<String>,
    volumes: Vec<String>,
}

impl Rubbish {
    pub(crate) fn container(&mut self, name: &str) {
        self.containers.push(name.to_owned());
    }

    pub(crate) fn volume(&mut self, name: &str) {
        self.volumes.push(name.to_owned());
    }
}

impl Drop for Rubbish {
    fn drop(&mut self) {
        // A container that uses another's network goes first.
        for name in self.containers.iter().rev() {
            let _ = docker(&["rm", "--force", "--volumes", name]);
        }
        for name in &self.volumes {
            let _ = docker(&["volume", "rm", "--force", name]);
        }
    }
}
