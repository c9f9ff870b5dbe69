use std::str::FromStr;

use ottla::kafka::BrokerAddr;

/// What a setting is: its names, what it may be, and what it does.
#[derive(Debug)]
pub(crate) struct Setting {
    name: &'static str,
    flag: Option<&'static str>,
    kind: Kind,
    default: &'static str,
    kafka: Option<&'static str>,
    about: &'static str,
    secrecy: Secrecy,
}

/// What a setting's value may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Text,
    /// A file's path.
    File,
    Url,
    /// `HOST:PORT`, several separated by commas.
    Brokers,
    /// `true` or `false`.
    Flag,
    /// Milliseconds.
    Millis(u32, u32),
    /// Bytes.
    Bytes(u32, u32),
    /// A number without a unit.
    Count(u32, u32),
    Mechanism,
    Level,
}

/// How much of a value may be shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Secrecy {
    Open,
    /// A URL, which may hold a password.
    Url,
    Secret,
}

/// What stands for a secret.
const REDACTED: &str = "***";

impl Setting {
    pub(super) const fn new(name: &'static str, kind: Kind, default: &'static str, about: &'static str) -> Self {
        let secrecy = if matches!(kind, Kind::Url) { Secrecy::Url } else { Secrecy::Open };
        Self { name, flag: None, kind, default, kafka: None, about, secrecy }
    }

    /// With a flag.
    pub(super) const fn flag(self, flag: &'static str) -> Self {
        Self { flag: Some(flag), ..self }
    }

    /// With Kafka's name for it.
    pub(super) const fn kafka(self, name: &'static str) -> Self {
        Self { kafka: Some(name), ..self }
    }

    /// Its value is shown nowhere.
    pub(super) const fn secret(self) -> Self {
        Self { secrecy: Secrecy::Secret, ..self }
    }

    /// The variable.
    pub(crate) fn name(&self) -> &'static str {
        self.name
    }

    /// The flag, if there is one.
    pub(super) fn flag_name(&self) -> Option<&'static str> {
        self.flag
    }

    /// The key in a file.
    pub(super) fn key(&self) -> String {
        self.name.to_ascii_lowercase()
    }

    pub(super) fn kind(&self) -> Kind {
        self.kind
    }

    /// The unit of its value, if it is a number of something.
    pub(crate) fn unit(&self) -> Option<&'static str> {
        self.kind.unit()
    }

    /// What it is when nobody says; empty for none.
    pub(super) fn default(&self) -> &'static str {
        self.default
    }

    /// Kafka's name for it.
    pub(crate) fn kafka_name(&self) -> Option<&'static str> {
        self.kafka
    }

    /// What it does.
    pub(crate) fn about(&self) -> &'static str {
        self.about
    }

    /// Whether a value may hold a secret.
    pub(super) fn is_secret(&self) -> bool {
        self.secrecy != Secrecy::Open
    }

    /// A value as it may be shown.
    pub(super) fn shown(&self, text: &str) -> String {
        match self.secrecy {
            Secrecy::Open => text.to_owned(),
            Secrecy::Url => without_secrets(text),
            Secrecy::Secret if text.is_empty() => String::new(),
            Secrecy::Secret => REDACTED.to_owned(),
        }
    }
}

/// A URL without its user, its password and its parameters, which may name either.
fn without_secrets(url: &str) -> String {
    let Some((scheme, rest)) = url.split_once("://") else {
        // Not a URL, but perhaps a list of settings.
        return if url.is_empty() { String::new() } else { REDACTED.to_owned() };
    };
    let (user, rest) = rest.rsplit_once('@').map_or(("", rest), |(_, rest)| ("***@", rest));
    match rest.split_once('?') {
        Some((place, _)) => format!("{scheme}://{user}{place}?{REDACTED}"),
        None => format!("{scheme}://{user}{rest}"),
    }
}

impl Kind {
    /// Whether `text` is such a value.
    pub(super) fn check(self, text: &str) -> Result<(), String> {
        match self {
            Self::Text | Self::File | Self::Url => Ok(()),
            Self::Brokers => brokers(text).map(drop),
            Self::Flag => flag(text).map(drop),
            Self::Millis(least, most) | Self::Bytes(least, most) | Self::Count(least, most) => {
                let number = text.trim().parse().ok().filter(|number| (least..=most).contains(number));
                number
                    .map(drop)
                    .ok_or_else(|| format!("'{}' is not a number from {least} to {most}", text.escape_debug()))
            }
            Self::Mechanism => text.parse::<Mechanism>().map(drop),
            Self::Level => level(text).map(drop),
        }
    }

    /// The unit of its numbers.
    fn unit(self) -> Option<&'static str> {
        match self {
            Self::Millis(..) => Some("ms"),
            Self::Bytes(..) => Some("bytes"),
            _ => None,
        }
    }
}

/// SASL's mechanisms.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Mechanism {
    #[default]
    Plain,
    ScramSha256,
    ScramSha512,
    OAuthBearer,
}

impl FromStr for Mechanism {
    type Err = String;

    /// A mechanism's name, whatever its case.
    fn from_str(name: &str) -> Result<Self, String> {
        match name.trim().to_ascii_lowercase().as_str() {
            "plain" => Ok(Self::Plain),
            "scram-sha-256" => Ok(Self::ScramSha256),
            "scram-sha-512" => Ok(Self::ScramSha512),
            "oauthbearer" => Ok(Self::OAuthBearer),
            _ => {
                Err(format!("'{}' is not one of plain, scram-sha-256, scram-sha-512, oauthbearer", name.escape_debug()))
            }
        }
    }
}

/// The same name, if it is one; clap's parser.
pub(crate) fn mechanism_name(name: &str) -> Result<String, String> {
    name.parse::<Mechanism>().map(|_| name.to_owned())
}

/// Brokers separated by commas.
pub(super) fn brokers(text: &str) -> Result<Vec<BrokerAddr>, String> {
    let brokers: Result<Vec<BrokerAddr>, _> =
        text.split(',').filter(|part| !part.trim().is_empty()).map(str::parse).collect();
    match brokers {
        Ok(brokers) if brokers.is_empty() => Err("it names no broker".to_owned()),
        Ok(brokers) => Ok(brokers),
        Err(error) => Err(error.to_string()),
    }
}

/// `true` or `false`, and their synonyms.
pub(super) fn flag(text: &str) -> Result<bool, String> {
    match text.trim().to_ascii_lowercase().as_str() {
        "true" | "1" | "yes" | "on" => Ok(true),
        "false" | "0" | "no" | "off" => Ok(false),
        _ => Err(format!("'{}' is neither true nor false", text.escape_debug())),
    }
}

/// A level as other Kafka clients name it, in tracing's words.
pub(super) fn level(text: &str) -> Result<&'static str, String> {
    match text.trim().to_ascii_lowercase().as_str() {
        "off" | "none" | "nothing" => Ok("off"),
        "error" => Ok("error"),
        "warn" | "warning" => Ok("warn"),
        "info" => Ok("info"),
        "debug" => Ok("debug"),
        "trace" => Ok("trace"),
        _ => Err(format!("'{}' is not one of error, warn, info, debug, trace, off", text.escape_debug())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_secret_is_left_of_a_url() {
        for (url, shown) in [
            ("", ""),
            ("http://registry:8081", "http://registry:8081"),
            ("postgres://ottla:canary@db:5432/orders", "postgres://***@db:5432/orders"),
            ("postgres://ottla:c@n@ry@db/orders?password=canary", "postgres://***@db/orders?***"),
            ("host=db user=ottla password=canary", "***"),
        ] {
            assert_eq!(without_secrets(url), shown, "{url}");
        }
    }

    #[test]
    fn a_value_is_what_its_kind_says() {
        for (kind, good, bad) in [
            (Kind::Flag, &["TRUE", "0", "yes", "off"][..], &["maybe", "2"][..]),
            (Kind::Millis(1, 9), &["1", " 7 ", "9"], &["0", "10", "-1", "1.5", "soon"]),
            (Kind::Brokers, &["a:1", "a:1, [::1]:2,"], &["nowhere", ","]),
            (Kind::Mechanism, &["plain", "Scram-SHA-512"], &["gssapi"]),
            (Kind::Level, &["INFO", "nothing"], &["loud"]),
        ] {
            for text in good {
                assert_eq!(kind.check(text), Ok(()), "{kind:?} {text}");
            }
            for text in bad {
                assert!(kind.check(text).is_err(), "{kind:?} {text}");
            }
        }
    }
}
