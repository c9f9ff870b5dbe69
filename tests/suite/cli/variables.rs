use ottla_tests::lane::Needs;

use super::run::run_with;
use crate::harness::{Context, Outcome, Suite};

pub(super) fn tests(suite: &mut Suite) {
    suite.test("cli::bad_variables_are_named_at_once", Needs::ANY, bad_variables_are_named_at_once);
    suite.test("cli::a_flag_goes_before_a_variable", Needs::ANY, a_flag_goes_before_a_variable);
    suite.test("cli::the_demo_does_not_read_the_brokers", Needs::ANY, the_demo_does_not_read_the_brokers);
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
