//! Every setting there is: what is read, shown and documented comes from here.

use super::setting::{
    Kind::{Brokers, Bytes, Count, File, Flag, Level, Mechanism, Millis, Text, Url},
    Setting,
};

const MOST: u32 = i32::MAX as u32;

/// All settings, as they are shown.
pub(crate) const SETTINGS: &[Setting] = &[
    Setting::new("KAFKA_BROKERS", Brokers, "localhost:9092", "brokers to ask first, separated by commas")
        .flag("--bootstrap")
        .kafka("bootstrap.servers"),
    Setting::new(
        "KAFKA_CLIENT_ID",
        Text,
        "",
        "the name that brokers log and quotas count; unset it is the command's (`ottla`) or the service's (`orders`)",
    )
    .flag("--client-id")
    .kafka("client.id"),
    Setting::new("KAFKA_SSL", Flag, "false", "encrypts and checks whom it talks to (TLS)")
        .flag("--ssl")
        .kafka("security.protocol"),
    Setting::new("KAFKA_SSL_CA", File, "", "certificates to trust instead of the system's, a PEM file")
        .flag("--ssl-ca")
        .kafka("ssl.truststore.location"),
    Setting::new("KAFKA_SSL_CERT", File, "", "our certificate for mutual TLS, a PEM file")
        .flag("--ssl-cert")
        .kafka("ssl.keystore.location"),
    Setting::new("KAFKA_SSL_KEY", File, "", "our certificate's key, a PEM file")
        .flag("--ssl-key")
        .kafka("ssl.keystore.key"),
    Setting::new("KAFKA_SASL_USERNAME", Text, "", "the user; SASL is on when it is set")
        .flag("--sasl-username")
        .kafka("sasl.jaas.config"),
    Setting::new(
        "KAFKA_SASL_PASSWORD",
        Text,
        "",
        "the password, or with `oauthbearer` the token; it has no flag, which every process could read",
    )
    .kafka("sasl.jaas.config")
    .secret(),
    Setting::new(
        "KAFKA_SASL_MECHANISM",
        Mechanism,
        "plain",
        "`plain`, `scram-sha-256`, `scram-sha-512`, `oauthbearer`",
    )
    .flag("--sasl-mechanism")
    .kafka("sasl.mechanism"),
    Setting::new("KAFKA_SASL_ALLOW_PLAINTEXT", Flag, "false", "lets `plain` and `oauthbearer` go without TLS")
        .flag("--sasl-allow-plaintext"),
    Setting::new("KAFKA_CONNECTION_TIMEOUT", Millis(1, MOST), "10000", "for a connection to open")
        .kafka("socket.connection.setup.timeout.ms"),
    Setting::new("KAFKA_REQUEST_TIMEOUT", Millis(1, MOST), "30000", "for a request, its repetitions included")
        .kafka("request.timeout.ms"),
    Setting::new(
        "KAFKA_SESSION_TIMEOUT",
        Millis(1, MOST),
        "30000",
        "without a heartbeat until a group does without a member",
    )
    .kafka("session.timeout.ms"),
    Setting::new(
        "KAFKA_HEARTBEAT_INTERVAL",
        Millis(1, MOST),
        "3000",
        "between heartbeats; at most a third of the session timeout",
    )
    .kafka("heartbeat.interval.ms"),
    Setting::new("KAFKA_MAX_BYTES_PER_PARTITION", Bytes(1, MOST), "1048576", "of a partition in an answer")
        .kafka("max.partition.fetch.bytes"),
    Setting::new("KAFKA_MIN_BYTES", Bytes(0, MOST), "1", "that a broker waits for").kafka("fetch.min.bytes"),
    Setting::new("KAFKA_MAX_BYTES", Bytes(1024, MOST), "10485760", "of an answer").kafka("fetch.max.bytes"),
    Setting::new("KAFKA_MAX_WAIT_TIME", Millis(0, 300_000), "5000", "that a broker waits for the least bytes")
        .kafka("fetch.max.wait.ms"),
    Setting::new(
        "KAFKA_AUTO_CREATE_TOPICS",
        Flag,
        "true",
        "whether `ottla serve` creates its missing topics; no other command creates any unasked",
    ),
    Setting::new("KAFKA_TRANSACTION_TIMEOUT", Millis(1, MOST), "60000", "checked, until there are transactions")
        .kafka("transaction.timeout.ms"),
    Setting::new("KAFKA_IDEMPOTENT", Flag, "true", "`false` is refused: the producer never writes a record twice")
        .kafka("enable.idempotence"),
    Setting::new("KAFKA_MAX_IN_FLIGHT_REQUESTS", Count(1, 5), "5", "requests on their way to a broker, 1 to 5")
        .kafka("max.in.flight.requests.per.connection"),
    Setting::new(
        "KAFKA_LOG_LEVEL",
        Level,
        "info",
        "`error`, `warn`, `info`, `debug`, `trace`, `off`; commands that end by themselves log from `warn` on unless it \
         is set",
    ),
    Setting::new("KAFKA_SCHEMA_REGISTRY_URL", Url, "", "kept for a schema registry; nothing asks one yet"),
    Setting::new(
        "DATABASE_URL",
        Url,
        "",
        "where the services keep their rows: `postgres://USER:PASSWORD@HOST/DATABASE`",
    )
    .flag("--store"),
];

/// The setting of this name.
pub(super) fn setting(name: &str) -> Option<&'static Setting> {
    SETTINGS.iter().find(|setting| setting.name() == name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_defaults_are_the_documents() {
        let documents = [
            ("KAFKA_BROKERS", "localhost:9092"),
            ("KAFKA_SSL", "false"),
            ("KAFKA_SASL_USERNAME", ""),
            ("KAFKA_SASL_PASSWORD", ""),
            ("KAFKA_SASL_MECHANISM", "plain"),
            ("KAFKA_CONNECTION_TIMEOUT", "10000"),
            ("KAFKA_REQUEST_TIMEOUT", "30000"),
            ("KAFKA_SESSION_TIMEOUT", "30000"),
            ("KAFKA_HEARTBEAT_INTERVAL", "3000"),
            ("KAFKA_MAX_BYTES_PER_PARTITION", "1048576"),
            ("KAFKA_MIN_BYTES", "1"),
            ("KAFKA_MAX_BYTES", "10485760"),
            ("KAFKA_MAX_WAIT_TIME", "5000"),
            ("KAFKA_AUTO_CREATE_TOPICS", "true"),
            ("KAFKA_TRANSACTION_TIMEOUT", "60000"),
            ("KAFKA_IDEMPOTENT", "true"),
            ("KAFKA_MAX_IN_FLIGHT_REQUESTS", "5"),
            ("KAFKA_LOG_LEVEL", "info"),
        ];
        for (name, default) in documents {
            assert_eq!(setting(name).map(Setting::default), Some(default), "{name}");
        }
    }

    #[test]
    fn every_default_is_valid_and_every_name_is_there_once() {
        for setting in SETTINGS {
            let default = setting.default();
            assert!(default.is_empty() || setting.kind().check(default).is_ok(), "{setting:?}");
            assert_eq!(SETTINGS.iter().filter(|other| other.name() == setting.name()).count(), 1, "{setting:?}");
        }
    }
}
