//! What a failed handshake means, in the words of who configured it.

use std::io;

use rustls::{AlertDescription, CertificateError, Error};

/// What TLS says is wrong, if `error` is its; other errors are the network's.
pub(crate) fn tls_fault(error: &io::Error) -> Option<String> {
    error.get_ref()?.downcast_ref::<Error>().map(explain)
}

fn explain(error: &Error) -> String {
    match error {
        Error::InvalidCertificate(certificate) => explain_certificate(certificate),
        Error::InvalidMessage(_) => "what it answers is not TLS; is this a plaintext listener?".to_owned(),
        Error::AlertReceived(alert) => explain_alert(*alert),
        Error::PeerIncompatible(_) => format!("no common version or cipher suite: {error}"),
        other => other.to_string(),
    }
}

fn explain_certificate(error: &CertificateError) -> String {
    match error {
        CertificateError::UnknownIssuer => "none of the trusted roots issued its certificate (wrong CA?)".to_owned(),
        CertificateError::NotValidForName => "its certificate is for another host name".to_owned(),
        CertificateError::NotValidForNameContext { expected, presented } => {
            format!("its certificate is not for {} but for {}", expected.to_str(), names(presented))
        }
        CertificateError::Expired => "its certificate has expired".to_owned(),
        CertificateError::ExpiredContext { time, not_after } => {
            format!("its certificate expired {} s ago", time.as_secs().saturating_sub(not_after.as_secs()))
        }
        CertificateError::NotValidYet => "its certificate is not valid yet".to_owned(),
        CertificateError::NotValidYetContext { time, not_before } => {
            format!("its certificate is valid in {} s only", not_before.as_secs().saturating_sub(time.as_secs()))
        }
        other => format!("its certificate is not valid: {other}"),
    }
}

/// Names as webpki spells them, such as `DnsName("localhost")`.
fn names(presented: &[String]) -> String {
    let name = |spelled: &String| spelled.split('"').nth(1).unwrap_or(spelled).escape_debug().to_string();
    match presented {
        [] => "no name".to_owned(),
        names => names.iter().take(10).map(name).collect::<Vec<_>>().join(", "),
    }
}

fn explain_alert(alert: AlertDescription) -> String {
    match alert {
        AlertDescription::CertificateRequired => "it wants a certificate of ours, and none is configured".to_owned(),
        AlertDescription::BadCertificate
        | AlertDescription::CertificateExpired
        | AlertDescription::CertificateRevoked
        | AlertDescription::CertificateUnknown
        | AlertDescription::UnknownCA
        | AlertDescription::UnsupportedCertificate => {
            format!("it refuses our certificate, or misses one ({alert:?})")
        }
        other => format!("it refuses the handshake ({other:?})"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_told_as_people_write_them() {
        assert_eq!(
            names(&[r#"DnsName("localhost")"#.to_owned(), "IpAddress(127.0.0.1)".to_owned()]),
            "localhost, IpAddress(127.0.0.1)"
        );
        assert_eq!(names(&[]), "no name");
    }

    #[test]
    fn what_is_wrong_is_said_so_that_it_can_be_mended() {
        let certificate = |error| Error::InvalidCertificate(error);
        for (error, says) in [
            (certificate(CertificateError::UnknownIssuer), "wrong CA?"),
            (certificate(CertificateError::NotValidForName), "another host name"),
            (certificate(CertificateError::Expired), "expired"),
            (certificate(CertificateError::NotValidYet), "not valid yet"),
            (Error::InvalidMessage(rustls::InvalidMessage::InvalidContentType), "plaintext listener?"),
            (Error::AlertReceived(AlertDescription::CertificateRequired), "wants a certificate"),
            (Error::AlertReceived(AlertDescription::UnknownCA), "refuses our certificate"),
        ] {
            let text = tls_fault(&io::Error::new(io::ErrorKind::InvalidData, error)).unwrap_or_default();
            assert!(text.contains(says), "'{says}' is missing from: {text}");
        }
        assert_eq!(tls_fault(&io::Error::from(io::ErrorKind::ConnectionReset)), None);
    }
}
