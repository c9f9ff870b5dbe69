//! Which PostgreSQL the suites use.

use std::str::FromStr;

/// A server for the suites, as `OTTLA_TEST_POSTGRES` names it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DatabaseLane {
    /// A server that somebody else runs: `external:URL`. Its user may make databases.
    External(String),
    /// A container: `docker`.
    Docker,
    /// A process of this machine's own PostgreSQL: `local`.
    Local,
    /// No server; what needs one is ignored and counted: `none`.
    None,
}

impl FromStr for DatabaseLane {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.split_once(':') {
            Some(("external", url)) if !url.is_empty() => Ok(Self::External(url.to_owned())),
            _ => match text {
                "docker" => Ok(Self::Docker),
                "local" => Ok(Self::Local),
                "none" => Ok(Self::None),
                _ => Err("it is none of external:URL, docker, local, none".to_owned()),
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lanes_are_read() {
        for (text, lane) in [
            ("external:postgres://u@h/d", Some(DatabaseLane::External("postgres://u@h/d".into()))),
            ("docker", Some(DatabaseLane::Docker)),
            ("local", Some(DatabaseLane::Local)),
            ("none", Some(DatabaseLane::None)),
            ("external:", None),
            ("local:15", None),
            ("", None),
        ] {
            assert_eq!(text.parse().ok(), lane, "{text}");
        }
    }
}
