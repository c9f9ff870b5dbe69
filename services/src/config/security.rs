use std::path::PathBuf;

use ottla::{
    Error,
    kafka::{ClientBuilder, Sasl, Secret, Tls},
};

use super::{reader::Reader, setting::Mechanism};

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

impl Security {
    /// What all settings say together; what contradicts itself is the reader's problem.
    pub(super) fn read(reader: &mut Reader) -> Self {
        let ssl = reader.flag("KAFKA_SSL");
        for name in ["KAFKA_SSL_CA", "KAFKA_SSL_CERT", "KAFKA_SSL_KEY"] {
            if !ssl && reader.is_set(name) {
                let called = reader.called(name);
                reader.problem(format!("{called} is set, but KAFKA_SSL is not true"));
            }
        }
        let certificate_and_key = pair(reader, "KAFKA_SSL_CERT", "KAFKA_SSL_KEY");
        let tls = ssl.then(|| TlsFiles {
            authority: reader.text("KAFKA_SSL_CA").map(PathBuf::from),
            certificate_and_key: certificate_and_key.map(|(certificate, key)| (certificate.into(), key.into())),
        });
        Self { tls, sasl: sasl(ssl, reader) }
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

/// Both or neither.
fn pair(reader: &mut Reader, first: &'static str, second: &'static str) -> Option<(String, String)> {
    match (reader.text(first), reader.text(second)) {
        (Some(one), Some(other)) => return Some((one, other)),
        (Some(_), None) => {
            let called = reader.called(first);
            reader.problem(format!("{second} is not set, but {called} is"));
        }
        (None, Some(_)) => {
            let called = reader.called(second);
            reader.problem(format!("{first} is not set, but {called} is"));
        }
        (None, None) => {}
    }
    None
}

/// SASL is on when there is a user, or a token.
fn sasl(ssl: bool, reader: &mut Reader) -> Option<Sasl> {
    let mechanism: Mechanism =
        reader.text("KAFKA_SASL_MECHANISM").and_then(|name| name.parse().ok()).unwrap_or_default();
    let allowed = reader.flag("KAFKA_SASL_ALLOW_PLAINTEXT");
    let token = reader.text("KAFKA_SASL_PASSWORD").filter(|_| mechanism == Mechanism::OAuthBearer);
    let (user, password) = match token {
        Some(token) => (String::new(), token),
        None => pair(reader, "KAFKA_SASL_USERNAME", "KAFKA_SASL_PASSWORD")?,
    };
    let password = Secret::new(password);
    let readable = matches!(mechanism, Mechanism::Plain | Mechanism::OAuthBearer);
    if readable && !ssl && !allowed {
        let called = reader.called("KAFKA_SASL_MECHANISM");
        reader.problem(format!(
            "{called}: plain and oauthbearer show the secret to the whole network without TLS: set KAFKA_SSL=true, use \
             scram-sha-512, or allow it by KAFKA_SASL_ALLOW_PLAINTEXT=true",
        ));
    }
    let sasl = match mechanism {
        Mechanism::Plain => Sasl::plain(user, password),
        Mechanism::ScramSha256 => Sasl::scram_sha_256(user, password),
        Mechanism::ScramSha512 => Sasl::scram_sha_512(user, password),
        Mechanism::OAuthBearer => Sasl::oauthbearer_token(password),
    };
    Some(if allowed { sasl.allow_plaintext() } else { sasl })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Given;

    fn reader(variables: &[(&str, &str)]) -> Reader {
        let variables = variables.iter().map(|(name, value)| ((*name).into(), (*value).into()));
        Reader::new(Given::default(), variables.collect(), None)
    }

    /// The first words of each problem.
    fn problems(variables: &[(&str, &str)]) -> Vec<String> {
        let mut reader = reader(variables);
        let _ = Security::read(&mut reader);
        let problems = reader.finish().err().unwrap_or_default();
        problems.iter().map(|problem| problem.split([' ', ':']).next().unwrap_or_default().to_owned()).collect()
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
        let mut reader = reader(&[("KAFKA_SASL_USERNAME", "alice"), ("KAFKA_SASL_PASSWORD", "canary")]);
        let security = Security::read(&mut reader);
        let text = format!("{security:?} {reader:?}");
        let text = format!("{text} {:?}", reader.finish());
        assert!(!text.contains("canary"), "{text}");
    }
}
