//! Certificates and keys, as files or in memory, in PEM.

use std::{fs, path::PathBuf};

use rustls::{
    RootCertStore,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject},
};
use zeroize::Zeroizing;

use crate::security::Secret;

/// Where PEM text comes from.
#[derive(Clone)]
pub(super) enum Pem {
    File(PathBuf),
    Text(Vec<u8>),
    Secret(Secret),
}

impl Pem {
    /// What it is called in an error.
    fn name(&self) -> String {
        match self {
            Self::File(path) => path.display().to_string(),
            Self::Text(_) | Self::Secret(_) => "the PEM given".to_owned(),
        }
    }

    fn read(&self) -> Result<Zeroizing<Vec<u8>>, String> {
        match self {
            Self::File(path) => match fs::read(path) {
                Ok(bytes) => Ok(Zeroizing::new(bytes)),
                Err(error) => Err(format!("{} cannot be read: {error}", path.display())),
            },
            Self::Text(bytes) => Ok(Zeroizing::new(bytes.clone())),
            Self::Secret(secret) => Ok(Zeroizing::new(secret.expose().as_bytes().to_vec())),
        }
    }

    /// The certificates in it, at least one.
    pub(super) fn certificates(&self) -> Result<Vec<CertificateDer<'static>>, String> {
        let bytes = self.read()?;
        let certificates: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&bytes).collect();
        match certificates {
            Ok(certificates) if certificates.is_empty() => Err(format!("{} holds no certificate", self.name())),
            Ok(certificates) => Ok(certificates),
            Err(error) => Err(format!("{} is not PEM: {error}", self.name())),
        }
    }

    /// The private key in it.
    pub(super) fn key(&self) -> Result<PrivateKeyDer<'static>, String> {
        PrivateKeyDer::from_pem_slice(&self.read()?)
            .map_err(|_| format!("{} holds no unencrypted private key in PKCS#8, PKCS#1 or SEC1", self.name()))
    }
}

/// Adds every certificate of `from` to `roots`.
pub(super) fn add_roots(roots: &mut RootCertStore, from: &Pem) -> Result<(), String> {
    for certificate in from.certificates()? {
        roots.add(certificate).map_err(|error| format!("{} holds a broken certificate: {error}", from.name()))?;
    }
    Ok(())
}

/// Adds the operating system's roots to `roots`.
pub(super) fn add_system_roots(roots: &mut RootCertStore) -> Result<(), String> {
    let found = rustls_native_certs::load_native_certs();
    let (added, _) = roots.add_parsable_certificates(found.certs);
    if added > 0 {
        return Ok(());
    }
    let why: Vec<String> = found.errors.iter().map(ToString::to_string).collect();
    Err(format!(
        "the system has no trusted roots ({}); name a CA file, or set SSL_CERT_FILE",
        if why.is_empty() { "none were found".to_owned() } else { why.join(", ") }
    ))
}
