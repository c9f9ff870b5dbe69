use std::{fmt, path::PathBuf, sync::Arc};

use rustls::{ClientConfig, RootCertStore, crypto::CryptoProvider};

use super::{
    Tls, cpu,
    material::{Pem, add_roots, add_system_roots},
};
use crate::{error::Error, security::Secret};

/// TLS settings, checked together by [`TlsBuilder::build`].
#[derive(Default)]
#[must_use]
pub struct TlsBuilder {
    system_roots: bool,
    authorities: Vec<Pem>,
    client_auth: Option<(Pem, Pem)>,
    provider: Option<Arc<CryptoProvider>>,
}

impl TlsBuilder {
    /// Trusts the operating system's roots, beside any others that are named. It is the default where none are.
    pub fn system_roots(mut self) -> Self {
        self.system_roots = true;
        self
    }

    /// Trusts the certificates in this PEM file, and not the system's unless asked. Kafka: `ssl.truststore.location`.
    pub fn ca_file(mut self, path: impl Into<PathBuf>) -> Self {
        self.authorities.push(Pem::File(path.into()));
        self
    }

    /// Trusts the certificates in this PEM text. Kafka: `ssl.truststore.certificates`.
    pub fn ca_pem(mut self, pem: impl Into<Vec<u8>>) -> Self {
        self.authorities.push(Pem::Text(pem.into()));
        self
    }

    /// Shows brokers that ask for one (mutual TLS) the certificate chain in the first PEM file, ours first, and proves
    /// it by the unencrypted key (PKCS#8, PKCS#1 or SEC1) in the second; both may be one file. Kafka: `ssl.keystore.location`.
    pub fn client_auth_files(mut self, certificates: impl Into<PathBuf>, key: impl Into<PathBuf>) -> Self {
        self.client_auth = Some((Pem::File(certificates.into()), Pem::File(key.into())));
        self
    }

    /// The same from PEM texts. Kafka: `ssl.keystore.certificate.chain` and `ssl.keystore.key`.
    pub fn client_auth_pem(mut self, certificates: impl Into<Vec<u8>>, key: Secret) -> Self {
        self.client_auth = Some((Pem::Text(certificates.into()), Pem::Secret(key)));
        self
    }

    /// Who does the cryptography; default `rustls_graviola::default_provider()`, which is pure Rust and wants a
    /// processor with adx, aes, avx2, bmi and pclmulqdq (2014 or later), on ARM aes and sha2. Any other of rustls 0.23
    /// will do: `.provider(Arc::new(rustls::crypto::aws_lc_rs::default_provider()))`.
    pub fn provider(mut self, provider: Arc<CryptoProvider>) -> Self {
        self.provider = Some(provider);
        self
    }

    /// Reads the files and the system's roots, and checks them together.
    ///
    /// # Errors
    /// Everything that is wrong, named together: a file that cannot be read or holds no PEM, a key that is not its
    /// certificate's, a processor without what the default provider needs.
    pub fn build(self) -> Result<Tls, Error> {
        let mut problems = Vec::new();
        if self.provider.is_none() && !cpu::missing().is_empty() {
            let missing = cpu::missing().join(", ");
            problems.push(format!(
                "this processor lacks {missing}, which the default provider rustls-graviola needs: name another \
                 provider of rustls"
            ));
        }
        let mut roots = RootCertStore::empty();
        if self.system_roots || self.authorities.is_empty() {
            problems.extend(add_system_roots(&mut roots).err());
        }
        problems.extend(self.authorities.iter().filter_map(|authority| add_roots(&mut roots, authority).err()));
        let client_auth = match &self.client_auth {
            None => None,
            Some((certificates, key)) => match (certificates.certificates(), key.key()) {
                (Ok(certificates), Ok(key)) => Some((certificates, key)),
                (certificates, key) => {
                    problems.extend([certificates.err(), key.err()].into_iter().flatten());
                    None
                }
            },
        };
        if !problems.is_empty() {
            return Err(invalid(&problems.join("; ")));
        }
        let provider = self.provider.unwrap_or_else(|| Arc::new(rustls_graviola::default_provider()));
        let config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(|error| invalid(&format!("the provider offers neither TLS 1.2 nor 1.3: {error}")))?
            .with_root_certificates(roots);
        let config = match client_auth {
            None => config.with_no_client_auth(),
            Some((certificates, key)) => config
                .with_client_auth_cert(certificates, key)
                .map_err(|error| invalid(&format!("the client's certificate and key do not fit: {error}")))?,
        };
        Ok(Tls { config: Arc::new(config) })
    }
}

fn invalid(detail: &str) -> Error {
    Error::invalid(format!("TLS: {detail}"))
}

impl fmt::Debug for TlsBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TlsBuilder")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_problem_is_named_together() {
        let built = Tls::builder()
            .ca_file("/nonexistent/ca.pem")
            .ca_pem("no PEM at all")
            .client_auth_pem("", Secret::new("hunter2"))
            .build();
        let text = built.map(drop).expect_err("nothing of this is valid").to_string();
        for problem in ["/nonexistent/ca.pem cannot be read", "holds no certificate", "no unencrypted private key"] {
            assert!(text.contains(problem), "'{problem}' is missing from: {text}");
        }
        assert!(!text.contains("hunter2"), "{text}");
    }
}
