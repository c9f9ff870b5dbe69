use std::{fmt, path::Path, sync::Arc};

use super::setting::Setting;

/// Where a value comes from, the first going before the second, and so on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Source {
    /// A flag, by its name.
    Flag(&'static str),
    /// A variable, by its name.
    Variable(&'static str),
    /// A line of a file.
    File(Arc<Path>, usize),
    /// Nobody said anything.
    Default,
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Flag(flag) => write!(f, "flag {flag}"),
            Self::Variable(name) => write!(f, "variable {name}"),
            Self::File(path, line) => write!(f, "file {}:{line}", path.display()),
            Self::Default => f.write_str("default"),
        }
    }
}

/// What somebody says that a setting is.
#[derive(Clone)]
pub(crate) struct Value {
    setting: &'static Setting,
    text: String,
    source: Source,
}

impl Value {
    pub(super) fn new(setting: &'static Setting, text: String, source: Source) -> Self {
        Self { setting, text, source }
    }

    pub(crate) fn setting(&self) -> &'static Setting {
        self.setting
    }

    /// The value as it was given, secrets too.
    pub(super) fn text(&self) -> &str {
        &self.text
    }

    /// The value without secrets.
    pub(crate) fn shown(&self) -> String {
        self.setting.shown(&self.text)
    }

    pub(crate) fn source(&self) -> &Source {
        &self.source
    }

    /// What its user calls it.
    pub(super) fn called(&self) -> String {
        match &self.source {
            Source::Flag(flag) => (*flag).to_owned(),
            Source::Variable(_) | Source::Default => self.setting.name().to_owned(),
            Source::File(path, line) => format!("{}:{line}: {}", path.display(), self.setting.key()),
        }
    }
}

impl fmt::Debug for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}={:?} ({})", self.setting.name(), self.shown(), self.source)
    }
}
