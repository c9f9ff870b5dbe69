//! Every variable by its effect.

mod limits;
mod requests;
mod secured;
mod tap;

use ottla_tests::lane::Needs;

use super::run::{Ran, run_with};
use crate::harness::{Context, Outcome, Suite};

pub(super) fn tests(suite: &mut Suite) {
    suite.test("cli::bad_variables_are_named_at_once", Needs::ANY, bad_variables_are_named_at_once);
    suite.test("cli::a_flag_goes_before_a_variable", Needs::ANY, a_flag_goes_before_a_variable);
    suite.test("cli::the_demo_does_not_read_the_brokers", Needs::ANY, the_demo_does_not_read_the_brokers);
    suite.test("cli::settings_are_shown_with_their_sources", Needs::ANY, settings_are_shown_with_their_sources);
    limits::tests(suite);
    requests::tests(suite);
    secured::tests(suite);
}

async fn bad_variables_are_named_at_once(cx: Context) -> Outcome {
    let bad = [("KAFKA_REQUEST_TIMEOUT", "soon"), ("KAFKA_BROKERS", "nowhere"), ("KAFKA_SASL_PASSWORD", "canary")];
    let commands: [&[&str]; 6] = [
        &["produce", "-t", "t"],
        &["consume", "-t", "t"],
        &["topics", "list"],
        &["topics", "delete", "t"],
        &["groups", "list"],
        &["serve", "pubsub", "--store", "memory"],
    ];
    for command in commands {
        let ran = run_with(command, b"", &bad).await?;
        let ran = ran.told(2, &["KAFKA_REQUEST_TIMEOUT", "KAFKA_BROKERS", "KAFKA_SASL_USERNAME"])?;
        assert!(!ran.err.contains("canary") && ran.out.is_empty(), "{}", ran.err);
    }
    drop(cx);
    Ok(())
}

async fn a_flag_goes_before_a_variable(cx: Context) -> Outcome {
    let brokers = cx.brokers();
    let variables =
        |address| [("KAFKA_BROKERS", address), ("KAFKA_REQUEST_TIMEOUT", "1000"), ("KAFKA_PORT", "tcp://x:1")];
    let ran = run_with(&["topics", "list"], b"", &variables(brokers.as_str())).await?;
    ran.told(0, &["warning", "KAFKA_PORT"])?;
    let ran = run_with(&["topics", "list", "-q"], b"", &variables(brokers.as_str())).await?.ended(0)?;
    assert_eq!(ran.err, "");
    run_with(&["topics", "list"], b"", &variables("127.0.0.1:1")).await?.told(1, &["127.0.0.1:1"])?;
    run_with(&["topics", "list", "-b", &brokers], b"", &variables("127.0.0.1:1")).await?.ended(0)?;
    Ok(())
}

async fn the_demo_does_not_read_the_brokers(cx: Context) -> Outcome {
    let ran = run_with(&["demo", "--orders", "20", "--exit"], b"", &[("KAFKA_BROKERS", "127.0.0.1:1")]).await?;
    ran.ended(0)?;
    // With a cluster it reads the others, and the flag goes before the variable.
    let brokers = cx.brokers();
    let one = brokers.split(',').next().unwrap_or_default();
    let elsewhere = ["demo", "--exit", "--bootstrap", one];
    run_with(&elsewhere, b"", &[("KAFKA_SSL_CA", "ca.pem")]).await?.told(2, &["KAFKA_SSL_CA", "KAFKA_SSL"])?;
    Ok(())
}

async fn settings_are_shown_with_their_sources(cx: Context) -> Outcome {
    let dir = cx.fixture().dir("settings")?;
    let file = dir.join("ottla.toml");
    std::fs::write(
        &file,
        "[kafka]\nbrokers = ['file:1', 'file:2']\nclient_id = 'file'\nmin_bytes = 3\nsasl.password = 'canary-file'\n",
    )?;
    let path = file.display().to_string();
    let variables = [
        ("OTTLA_CONFIG", path.as_str()),
        ("KAFKA_CLIENT_ID", "variable"),
        ("KAFKA_SASL_USERNAME", "alice"),
        ("KAFKA_SASL_MECHANISM", "scram-sha-512"),
        ("DATABASE_URL", "postgres://ottla:canary-url@db/orders"),
    ];
    let show = ["config", "show", "--client-id", "flag"];
    let shown = run_with(&show, b"", &variables).await?.told(0, &["chmod 600"])?;
    for (name, value, source) in [
        ("KAFKA_BROKERS", "file:1,file:2", format!("file {path}:2")),
        ("KAFKA_CLIENT_ID", "flag", "flag --client-id".to_owned()),
        ("KAFKA_MIN_BYTES", "3", format!("file {path}:4")),
        ("KAFKA_SASL_USERNAME", "alice", "variable KAFKA_SASL_USERNAME".to_owned()),
        ("KAFKA_SASL_PASSWORD", "***", format!("file {path}:5")),
        ("DATABASE_URL", "postgres://***@db/orders", "variable DATABASE_URL".to_owned()),
        ("KAFKA_MAX_WAIT_TIME", "5000", "default".to_owned()),
        ("KAFKA_SSL_CA", "-", "default".to_owned()),
    ] {
        let text = shown.text();
        let line = text.lines().find(|line| line.split_whitespace().next() == Some(name)).ok_or(name)?;
        let cells: Vec<&str> = line.splitn(3, "  ").map(str::trim).collect();
        let rest = cells.get(1..).unwrap_or_default().join(" ");
        assert!(rest.contains(value) && line.ends_with(&source), "{line}");
    }
    let json = run_with(&[&show[..], &["--json"]].concat(), b"", &variables).await?.ended(0)?;
    let rows: Vec<serde_json::Value> = serde_json::from_slice(&json.out)?;
    let row = rows.iter().find(|row| row["setting"] == "KAFKA_SASL_PASSWORD").ok_or("no password")?;
    assert_eq!((&row["value"], &row["source"]), (&"***".into(), &format!("file {path}:5").into()));
    let told = |ran: &Ran| format!("{}{}", ran.text(), ran.err).contains("canary");
    assert!(!told(&shown) && !told(&json), "a secret is shown");
    std::fs::write(&file, "kafka_broker = 'x:1'\n\nkafka_min_bytes = 'few'\n")?;
    let wrong = [format!("{path}:1: kafka_broker is not known"), format!("{path}:3: kafka_min_bytes")];
    let ran = run_with(&["topics", "list"], b"", &[("OTTLA_CONFIG", path.as_str()), ("KAFKA_SSL", "perhaps")]).await?;
    ran.told(2, &[&wrong[0], &wrong[1], "KAFKA_SSL"])?;
    Ok(())
}
