//! The TLS handshake on a connection's stream.

use std::io;

use rustls::pki_types::ServerName;
use tokio_rustls::TlsConnector;

use crate::{
    connector::{BrokerAddr, Io},
    error::{Error, ErrorKind},
    security::{Tls, tls_fault},
};

/// Secures `io`, if at its other end is who is called `broker`.
///
/// # Errors
/// The broker's certificate or ours is not trusted, or it does not speak TLS; or the network failed.
pub(super) async fn handshake(tls: &Tls, broker: &BrokerAddr, io: Io) -> Result<Io, Error> {
    let untrusted = |detail| Error::new(ErrorKind::Tls { broker: broker.clone(), detail });
    // The zone of a link-local address, as in fe80::1%eth0, is in no certificate.
    let host = broker.host().split('%').next().unwrap_or_default().to_owned();
    let name = ServerName::try_from(host)
        .map_err(|_| untrusted("its host is neither a name nor an address that a certificate can hold".to_owned()))?;
    match TlsConnector::from(tls.config()).connect(name, io).await {
        Ok(stream) => Ok(Box::new(stream)),
        Err(error) => Err(match tls_fault(&error) {
            Some(detail) => untrusted(detail),
            None => Error::new(ErrorKind::Connect { broker: broker.clone() }).with_source(cut_short(&error)),
        }),
    }
}

/// The network failed, or a plaintext listener did not like what it read.
fn cut_short(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::UnexpectedEof | io::ErrorKind::ConnectionReset | io::ErrorKind::BrokenPipe => {
            format!("it closed the connection in the TLS handshake; does it speak TLS? ({error})")
        }
        _ => format!("the TLS handshake failed: {error}"),
    }
}
