//! What kind of listener it is that ended a connection. One that wants TLS or SASL, or no TLS, just closes; so does a
//! broker that goes down, which is no reason to give up. Asked once in the other kind's words, it shows which it is.

use kafka_protocol::{messages::SaslHandshakeRequest, protocol::StrBytes};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::{connection::Connection, open::Opening};
use crate::{
    error::{Error, ErrorKind},
    protocol::ErrorCode,
};

/// A TLS 1.2 ClientHello with one cipher suite and no extensions: who speaks TLS agrees to it or refuses it, in TLS.
const CLIENT_HELLO: &[u8] = b"\x16\x03\x01\x00\x2d\x01\x00\x00\x29\x03\x03only to see what listener it is!\
                              \x00\x00\x02\xc0\x2f\x01\x00";

impl Opening<'_> {
    /// The error of a handshake that was cut short, if the listener talks to clients without TLS.
    #[cfg(feature = "tls")]
    pub(super) async fn wants_plaintext(&self) -> Option<Error> {
        let io = self.connect().await.ok()?;
        self.finish(&*self.negotiate(io).await.ok()?);
        let detail = "this listener is plaintext; take the broker's TLS listener, or leave TLS out \
                      (security.protocol PLAINTEXT or SASL_PLAINTEXT)";
        Some(self.no_tls(detail))
    }

    /// The error of a connection that ended before its first answer, if the listener talks TLS.
    pub(super) async fn wants_tls(&self) -> Option<Error> {
        let mut io = self.connect().await.ok()?;
        io.write_all(CLIENT_HELLO).await.ok()?;
        io.flush().await.ok()?;
        let mut record = [0; 2];
        io.read_exact(&mut record).await.ok()?;
        let detail = "this listener wants TLS, and none is configured (security.protocol SSL or SASL_SSL)";
        // An alert or a handshake's record, of version 3.
        matches!(record, [21 | 22, 3]).then(|| self.no_tls(detail))
    }

    /// The error of a connection that ended at its first request after ApiVersions, if the listener talks SASL.
    pub(super) async fn wants_sasl(&self) -> Option<Error> {
        let connection = self.without_sasl().await.ok()?;
        // No mechanism has this name: a listener without SASL says ILLEGAL_SASL_STATE instead.
        let request = SaslHandshakeRequest::default().with_mechanism(StrBytes::from_static_str("NONE"));
        let answer = connection.request(&request, true).await.ok()?;
        self.finish(&connection);
        (answer.error_code == ErrorCode::UNSUPPORTED_SASL_MECHANISM.0).then(|| {
            let offered: Vec<String> =
                answer.mechanisms.iter().take(20).map(|mechanism| mechanism.escape_debug().to_string()).collect();
            let offered = offered.join(", ");
            let detail =
                format!("this listener wants SASL, and none is configured (sasl.mechanism); it offers {offered}");
            Error::new(ErrorKind::Authentication { broker: self.broker.clone(), mechanism: "SASL", detail })
        })
    }

    fn no_tls(&self, detail: &str) -> Error {
        Error::new(ErrorKind::Tls { broker: self.broker.clone(), detail: detail.to_owned() })
    }

    fn finish(&self, connection: &Connection) {
        connection.end("it has said what listener it is");
    }
}
