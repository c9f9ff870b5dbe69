//! The page about the settings, which is written from their table.

use crate::config::{setting::Setting, table::SETTINGS};

const PAGE: &str = "../docs/guide/configuration.md";

/// Writes the page instead of comparing it.
const UPDATE: &str = "OTTLA_UPDATE_DOCS";

const HEAD: &str = "\
# Configuration

A flag goes before a variable, a variable before the file, the file before the default. `ottla config show` shows every
setting, its value and where it comes from, with `***` for what is secret; `--json` prints the same for programs.

What is not valid ends a command with 2 before it does anything, all of it named at once, each with its flag, variable or
`FILE:LINE`. An empty value is none. A variable that begins with `KAFKA_` and is not known is warned of; an unknown key in the file
is an error.

`--config FILE` or `OTTLA_CONFIG` names the file (`ottla topics create` and `alter`, where `--config` is a topic's setting,
take `--config-file`). It is TOML; a key is the variable's name in lower case, and a table spells a part of it:

```toml
database_url = \"postgres://ottla@db/orders\"

[kafka]
brokers = [\"kafka-1:9092\", \"kafka-2:9092\"]
ssl = true

[kafka.sasl]
mechanism = \"scram-sha-512\"
username = \"orders\"
```

A file that holds a secret belongs to its user alone (`chmod 600`); otherwise there is a warning. `ottla broker` reads no
settings, and `ottla demo` none unless `--bootstrap` names a cluster.

`SASL` is on when there is a user. `plain` and `oauthbearer` show the secret to the network: without TLS they are refused
unless `KAFKA_SASL_ALLOW_PLAINTEXT` is `true`.

| Variable | Default | Flag | Means | Kafka |
|---|---|---|---|---|
";

fn row(setting: &Setting) -> String {
    let code = |text: &str| if text.is_empty() { String::new() } else { format!("`{text}`") };
    let unit = setting.unit().map(|unit| format!("{unit} ")).unwrap_or_default();
    let cells = [
        code(setting.name()),
        code(setting.default()),
        code(setting.flag_name().unwrap_or_default()),
        format!("{unit}{}", setting.about()),
        code(setting.kafka_name().unwrap_or_default()),
    ];
    format!("| {} |\n", cells.join(" | "))
}

#[test]
fn the_page_is_written_from_the_table() {
    let page = format!("{HEAD}{}", SETTINGS.iter().map(row).collect::<String>());
    if std::env::var_os(UPDATE).is_some() {
        std::fs::write(PAGE, &page).expect("the page can be written");
    }
    let written = std::fs::read_to_string(PAGE).unwrap_or_default();
    assert!(page == written, "{PAGE} is old: {UPDATE}=1 cargo test -p ottla-services the_page_is_written writes it");
}
