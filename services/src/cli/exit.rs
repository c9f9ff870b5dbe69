use std::process::ExitCode;

/// What `ottla --help` says of them.
pub(super) const HELP: &str = "\
Exit codes:
    0  all was done
    1  something failed
    2  wrong arguments or settings; nothing was done
    3  a topic, partition or group does not exist
    4  the cluster refuses: no rights, wrong credentials, a policy
    5  time ran out, or the outcome is not known: it may have been done
    6  a part was done, another was not
  130  interrupted by a signal, and ended in order

A closed pipe ends a command silently, with 0.";

/// The exit codes that `ottla --help` promises.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Exit {
    /// All went well.
    Done,
    /// Something failed, or the demo's account is not clean.
    Failed,
    /// The arguments or the settings are wrong; nothing was done.
    Usage,
    /// A topic, partition or group does not exist.
    NotFound,
    /// The cluster refuses: no rights, wrong credentials, a policy.
    Refused,
    /// Time ran out, or nobody knows: what was asked for may have been done.
    Unknown,
    /// A part was done, another was not.
    Partial,
    /// A signal ended it in order.
    Interrupted,
}

impl Exit {
    /// What the shell sees.
    pub(crate) fn code(self) -> u8 {
        match self {
            Self::Done => 0,
            Self::Failed => 1,
            Self::Usage => 2,
            Self::NotFound => 3,
            Self::Refused => 4,
            Self::Unknown => 5,
            Self::Partial => 6,
            Self::Interrupted => 130,
        }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit.code())
    }
}
