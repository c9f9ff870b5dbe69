use std::path::PathBuf;

use ottla::{
    Error,
    kafka::{ClientBuilder, Sasl, Secret, Tls},
};

use super::{Given, reader::Reader};

/// How connections are secured.
#[derive(Clone, Debug, Default)]
pub(super) struct Security {
    tls: Option<TlsFiles>,
    sasl: Option<Sasl>,
}

#[derive(Clone, Debug)]
struct TlsFiles {
    authority: Option<PathBuf>,
    certificate_and_key: Option<(PathBuf, PathBuf)>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mechanism {
    Plain,
    ScramSha256,
    ScramSha512,
    OAuthBearer,
}

impl Security {
    /// What flags and variables say together; what contradicts itself is the reader's problem.
    pub(super) fn read(given: &Given, reader: &mut Reader) -> Self {
        let ssl = reader.flag("KAFKA_SSL").unwrap_or(false) || given.ssl;
        let mut path = |given: &Option<PathBuf>, name| given.clone().or(reader.text(name).map(PathBuf::from));
        let authority = path(&given.ssl_ca, "KAFKA_SSL_CA");
        let certificate = path(&given.ssl_cert, "KAFKA_SSL_CERT");
        let key = path(&given.ssl_key, "KAFKA_SSL_KEY");
        let named = [("KAFKA_SSL_CA", &authority), ("KAFKA_SSL_CERT", &certificate), ("KAFKA_SSL_KEY", &key)];
        for (name, _) in named.iter().filter(|(_, path)| path.is_some() && !ssl) {
            reader.problem(format!("{name} is set, but KAFKA_SSL is not true"));
        }
        let certificate_and_key = match (certificate, key) {
            (Some(certificate), Some(key)) => Some((certificate, key)),
            (None, None) => None,
            (Some(_), None) => {
                reader.problem("KAFKA_SSL_KEY is not set, but KAFKA_SSL_CERT is");
                None
            }
            (None, Some(_)) => {
                reader.problem("KAFKA_SSL_CERT is not set, but KAFKA_SSL_KEY is");
                None
            }
        };
        let tls = ssl.then_some(TlsFiles { authority, certificate_and_key });
        Self { tls, sasl: sasl(given, ssl, reader) }
    }

    /// Secures the client that is built.
    ///
    /// # Errors
    /// A file that cannot be read or is not what it should be.
    pub(super) fn apply(&self, mut builder: ClientBuilder) -> Result<ClientBuilder, Error> {
        if let Some(files) = &self.tls {
            let mut tls = Tls::builder();
            tls = match &files.authority {
                Some(authority) => tls.ca_file(authority),
                None => tls.system_roots(),
            };
            if let Some((certificate, key)) = &files.certificate_and_key {
                tls = tls.client_auth_files(certificate, key);
            }
            builder = builder.tls(tls.build()?);
        }
        Ok(match &self.sasl {
            Some(sasl) => builder.sasl(sasl.clone()),
            None => builder,
        })
    }
}

/// SASL is on when there is a user, or a token.
fn sasl(given: &Given, ssl: bool, reader: &mut Reader) -> Option<Sasl> {
    let user = given.sasl_username.clone().or(reader.text("KAFKA_SASL_USERNAME"));
    let password = reader.text("KAFKA_SASL_PASSWORD").map(Secret::new);
    let named = reader.take("KAFKA_SASL_MECHANISM", mechanism);
    let given_mechanism = given.sasl_mechanism.as_deref().map(mechanism).and_then(Result::ok);
    let mechanism = given_mechanism.or(named).unwrap_or(Mechanism::Plain);
    let allowed = reader.flag("KAFKA_SASL_ALLOW_PLAINTEXT").unwrap_or(false) || given.sasl_allow_plaintext;
    let (user, password) = match (user, password) {
        (Some(user), Some(password)) => (user, password),
        (None, Some(password)) if mechanism == Mechanism::OAuthBearer => (String::new(), password),
        (Some(_), None) => {
            reader.problem("KAFKA_SASL_PASSWORD is not set, but KAFKA_SASL_USERNAME is");
            return None;
        }
        (None, Some(_)) => {
            reader.problem("KAFKA_SASL_USERNAME is not set, but KAFKA_SASL_PASSWORD is");
            return None;
        }
        (None, None) => return None,
    };
    let readable = matches!(mechanism, Mechanism::Plain | Mechanism::OAuthBearer);
    if readable && !ssl && !allowed {
        reader.problem(
            "KAFKA_SASL_MECHANISM: plain and oauthbearer show the secret to the whole network without TLS: set \
             KAFKA_SSL=true, use scram-sha-512, or allow it by KAFKA_SASL_ALLOW_PLAINTEXT=true",
        );
    }
    let sasl = match mechanism {
        Mechanism::Plain => Sasl::plain(user, password),
        Mechanism::ScramSha256 => Sasl::scram_sha_256(user, password),
        Mechanism::ScramSha512 => Sasl::scram_sha_512(user, password),
        Mechanism::OAuthBearer => Sasl::oauthbearer_token(password),
    };
    Some(if allowed { sasl.allow_plaintext() } else { sasl })
}

/// A mechanism's name, whatever its case.
fn mechanism(name: &str) -> Result<Mechanism, String> {
    match name.trim().to_ascii_lowercase().as_str() {
        "plain" => Ok(Mechanism::Plain),
        "scram-sha-256" => Ok(Mechanism::ScramSha256),
        "scram-sha-512" => Ok(Mechanism::ScramSha512),
        "oauthbearer" => Ok(Mechanism::OAuthBearer),
        _ => Err(format!("'{}' is not one of plain, scram-sha-256, scram-sha-512, oauthbearer", name.escape_debug())),
    }
}

/// The same name, if it is one; clap's parser.
pub(crate) fn mechanism_name(name: &str) -> Result<String, String> {
    mechanism(name).map(|_| name.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The first words of each problem.
    fn problems(variables: &[(&str, &str)]) -> Vec<String> {
        let variables = variables.iter().map(|(name, value)| ((*name).into(), (*value).into()));
        let mut reader = Reader::new(variables);
        let _ = Security::read(&Given::default(), &mut reader);
        reader
            .finish()
            .0
            .iter()
            .map(|problem| problem.split([' ', ':']).next().unwrap_or_default().to_owned())
            .collect()
    }

    #[test]
    fn what_contradicts_itself_is_named() {
        let user = ("KAFKA_SASL_USERNAME", "alice");
        let password = ("KAFKA_SASL_PASSWORD", "secret");
        let scram = ("KAFKA_SASL_MECHANISM", "Scram-SHA-512");
        for (variables, expected) in [
            (vec![], vec![]),
            (vec![("KAFKA_SSL", "true")], vec![]),
            (vec![("KAFKA_SSL_CA", "ca.pem")], vec!["KAFKA_SSL_CA"]),
            (vec![("KAFKA_SSL", "true"), ("KAFKA_SSL_CERT", "c.pem")], vec!["KAFKA_SSL_KEY"]),
            (vec![("KAFKA_SSL", "true"), ("KAFKA_SSL_KEY", "k.pem")], vec!["KAFKA_SSL_CERT"]),
            (vec![user], vec!["KAFKA_SASL_PASSWORD"]),
            (vec![password], vec!["KAFKA_SASL_USERNAME"]),
            (vec![password, ("KAFKA_SASL_MECHANISM", "oauthbearer"), ("KAFKA_SSL", "true")], vec![]),
            (vec![user, password], vec!["KAFKA_SASL_MECHANISM"]),
            (vec![user, password, scram], vec![]),
            (vec![user, password, ("KAFKA_SASL_ALLOW_PLAINTEXT", "true")], vec![]),
            (vec![user, password, ("KAFKA_SSL", "true")], vec![]),
            (
                vec![("KAFKA_SASL_MECHANISM", "gssapi"), ("KAFKA_SSL", "perhaps")],
                vec!["KAFKA_SSL", "KAFKA_SASL_MECHANISM"],
            ),
        ] {
            assert_eq!(problems(&variables), expected, "{variables:?}");
        }
    }

    #[test]
    fn a_password_is_shown_nowhere() {
        let variables = [("KAFKA_SASL_USERNAME", "alice"), ("KAFKA_SASL_PASSWORD", "canary")];
        let mut reader = Reader::new(variables.map(|(name, value)| (name.into(), value.into())));
        let security = Security::read(&Given::default(), &mut reader);
        let text = format!("{security:?} {:?}", reader.finish());
        assert!(!text.contains("canary"), "{text}");
    }
}
