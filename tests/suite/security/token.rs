use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD as BASE64};
use ottla_kafka_core::{Env, Secret};

/// A token that Kafka's validator for tests takes: a JSON Web Token without a signature.
pub(crate) fn unsecured(subject: &str, seconds: i64) -> Secret {
    let now = Env::system().now_ms() / 1_000;
    let claims = format!(r#"{{"sub":"{subject}","iat":{now},"exp":{}}}"#, now + seconds);
    Secret::new(format!("{}.{}.", BASE64.encode(r#"{"alg":"none"}"#), BASE64.encode(claims)))
}
