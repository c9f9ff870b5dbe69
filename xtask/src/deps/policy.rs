//! deny.toml, as far as this tool reads it.

use std::{fs, path::Path};

use serde::Deserialize;

use crate::workspace::Outcome;

/// What may be depended on.
#[derive(Debug, Default, Deserialize)]
pub(crate) struct Policy {
    licenses: Licences,
    bans: Bans,
    advisories: Advisories,
}

#[derive(Debug, Default, Deserialize)]
struct Licences {
    allow: Vec<String>,
}

#[derive(Debug, Default, Deserialize)]
struct Bans {
    deny: Vec<Ban>,
}

/// A crate that must not be built in.
#[derive(Debug, Default, Deserialize)]
struct Ban {
    #[serde(rename = "crate")]
    name: String,
    #[serde(default)]
    reason: String,
}

#[derive(Debug, Default, Deserialize)]
struct Advisories {
    ignore: Vec<Advisory>,
}

/// A known weakness that is accepted.
#[derive(Debug, Default, Deserialize)]
struct Advisory {
    id: String,
    #[serde(default)]
    reason: String,
}

impl Policy {
    /// Reads deny.toml.
    pub(crate) fn read(root: &Path) -> Outcome<Self> {
        Self::parse(&fs::read_to_string(root.join("deny.toml"))?)
    }

    /// The same from memory.
    pub(crate) fn parse(text: &str) -> Outcome<Self> {
        Ok(toml::from_str(text)?)
    }

    /// Exceptions that give no reason.
    pub(crate) fn problems(&self) -> Vec<String> {
        let bans = self.bans.deny.iter().map(|ban| (&ban.name, &ban.reason));
        let advisories = self.advisories.ignore.iter().map(|advisory| (&advisory.id, &advisory.reason));
        let unreasoned = bans.chain(advisories).filter(|(_, reason)| reason.is_empty());
        unreasoned.map(|(name, _)| format!("deny.toml: {name} has no reason")).collect()
    }

    /// Whether a licence's identifier is on the list.
    pub(crate) fn allows_licence(&self, id: &str) -> bool {
        self.licenses.allow.iter().any(|allowed| allowed == id)
    }

    /// Why a crate is banned, if it is.
    pub(crate) fn ban(&self, name: &str) -> Option<&str> {
        self.bans.deny.iter().find(|ban| ban.name == name).map(|ban| ban.reason.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_repositorys_own_list_is_read_and_gives_its_reasons() {
        let policy = Policy::read(&crate::root()).expect("deny.toml");
        assert_eq!(policy.problems(), Vec::<String>::new());
        assert!(policy.ban("ring").is_some() && policy.allows_licence("MIT"));
        assert!(policy.ban("tokio").is_none() && !policy.allows_licence("GPL-3.0"));
    }

    #[test]
    fn an_exception_without_a_reason_is_found() {
        let text = "[licenses]\nallow = []\n[bans]\ndeny = [{ crate = 'ring' }]\n[advisories]\nignore = [{ id = 'RUSTSEC-1' }]";
        assert_eq!(Policy::parse(text).expect("valid").problems().len(), 2);
    }
}
