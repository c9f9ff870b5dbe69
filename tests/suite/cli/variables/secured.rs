//! TLS and SASL by variables, on Apache Kafka, through the commands.

use libtest_mimic::Failed;
use ottla_tests::lane::Needs;
use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, BufReader},
    time::{Duration, Instant, timeout},
};

use super::limits::until_told;
use crate::{
    cli::run::{Ran, run_with, signal, start},
    fixture::{Listener, Secured},
    harness::{Context, Outcome, Suite},
};

/// In which a refusal must be told: less than the limits of a connection and of a request.
const TOLD_WITHIN: Duration = Duration::from_secs(9);
const WRONG: &str = "canary-wrong";

type Variables = Vec<(&'static str, String)>;

pub(super) fn tests(suite: &mut Suite) {
    let kafka = Needs::ANY.real_kafka().tools();
    let limit = Duration::from_secs(180);
    let right = every_command_works_with_tls_and_sasl;
    suite.long_test("cli::every_command_works_with_tls_and_sasl", kafka, limit, right);
    let wrong = what_is_not_trusted_ends_with_4_and_says_what_to_do;
    suite.long_test("cli::what_is_not_trusted_ends_with_4_and_says_what_to_do", kafka, limit, wrong);
    let plain = a_password_is_not_sent_in_the_clear_unasked;
    suite.test("cli::a_password_is_not_sent_in_the_clear_unasked", Needs::ANY, plain);
}

fn tls(secured: &Secured, authority: &str) -> Variables {
    vec![("KAFKA_SSL", "true".to_owned()), file(secured, "KAFKA_SSL_CA", authority)]
}

fn file(secured: &Secured, variable: &'static str, name: &str) -> (&'static str, String) {
    (variable, secured.certificates().file(name).display().to_string())
}

fn sasl(mechanism: &str, password: &str) -> Variables {
    vec![
        ("KAFKA_SASL_MECHANISM", mechanism.to_owned()),
        ("KAFKA_SASL_USERNAME", Secured::USER.to_owned()),
        ("KAFKA_SASL_PASSWORD", password.to_owned()),
    ]
}

/// Runs a command on a listener that has it say everything, and none of it a secret.
async fn run(
    secured: &Secured,
    at: Listener,
    variables: &Variables,
    args: &[&str],
    input: &[u8],
) -> Result<Ran, Failed> {
    let address = secured.address(at);
    let mut variables: Vec<(&str, &str)> = variables.iter().map(|(name, value)| (*name, value.as_str())).collect();
    variables.extend([("KAFKA_BROKERS", address.as_str()), ("KAFKA_LOG_LEVEL", "trace")]);
    let ran = run_with(args, input, &variables).await?;
    assert!(!ran.err.contains("canary") && !ran.text().contains("canary"), "{args:?} tells a secret: {}", ran.err);
    Ok(ran)
}

async fn every_command_works_with_tls_and_sasl(cx: Context) -> Outcome {
    let secured = cx.fixture().secured().await?;
    let ours = || tls(secured, "authority.pem");
    let certified = vec![file(secured, "KAFKA_SSL_CERT", "client.pem"), file(secured, "KAFKA_SSL_KEY", "client.key")];
    let with = |mut all: Variables, more: Variables| {
        all.extend(more);
        all
    };
    let allowed = || vec![("KAFKA_SASL_ALLOW_PLAINTEXT", "true".to_owned())];
    for (at, variables) in [
        (Listener::Tls, ours()),
        (Listener::Mutual, with(ours(), certified)),
        (Listener::Sasl, with(sasl("plain", Secured::PASSWORD), allowed())),
        (Listener::Sasl, sasl("SCRAM-SHA-256", Secured::PASSWORD)),
        (Listener::SaslTls, with(ours(), sasl("plain", Secured::PASSWORD))),
        (Listener::SaslTls, with(ours(), sasl("scram-sha-512", Secured::PASSWORD))),
    ] {
        let (topic, group) = (cx.unique("secured"), cx.unique("group"));
        let commands: [(&[&str], &[u8], &str); 5] = [
            (&["topics", "create", &topic, "--partitions", "1"], b"", ""),
            (&["produce", "-t", &topic], b"a\nb\n", ""),
            (&["consume", "-t", &topic, "-g", &group, "-c", "2"], b"", "a\nb\n"),
            (&["groups", "describe", &group], b"", &group),
            (&["topics", "delete", &topic], b"", ""),
        ];
        for (args, input, shows) in commands {
            let ran = run(secured, at, &variables, args, input).await?.ended(0);
            let ran = ran.map_err(|error| format!("{at:?} {args:?}: {error:?}"))?;
            assert!(ran.text().contains(shows), "{at:?} {args:?}: {}", ran.text());
        }
    }
    let variables = with(ours(), sasl("scram-sha-512", Secured::PASSWORD));
    serves(secured, variables).await
}

/// The service becomes ready, ends in order and tells no secret.
async fn serves(secured: &Secured, mut variables: Variables) -> Outcome {
    variables.extend([("KAFKA_BROKERS", secured.address(Listener::SaslTls)), ("KAFKA_LOG_LEVEL", "trace".to_owned())]);
    let variables: Vec<(&str, &str)> = variables.iter().map(|(name, value)| (*name, value.as_str())).collect();
    let args = ["serve", "pubsub", "--store", "memory", "--listen", "127.0.0.1:0", "--layout", "development"];
    let mut service = start(&args, &variables)?;
    let (output, mut log) = (service.stdout.take().ok_or("no output")?, service.stderr.take().ok_or("no log")?);
    let serving = async {
        let line = timeout(TOLD_WITHIN, BufReader::new(output).lines().next_line()).await??.ok_or("it said nothing")?;
        until_told(line.rsplit(':').next().ok_or("no port")?.parse()?, true).await?;
        signal(&service, "-TERM").await
    };
    let mut said = Vec::new();
    // It would wait for whoever does not read what it says.
    let (served, read) = tokio::join!(serving, log.read_to_end(&mut said));
    read?;
    let said = String::from_utf8_lossy(&said);
    served.map_err(|error| format!("{error:?}: {said}"))?;
    assert!(said.contains("INFO"), "nothing is logged: {said}");
    assert!(!said.contains("canary"), "a secret is told: {said}");
    assert_eq!(service.wait().await?.code(), Some(0), "{said}");
    Ok(())
}

async fn what_is_not_trusted_ends_with_4_and_says_what_to_do(cx: Context) -> Outcome {
    let secured = cx.fixture().secured().await?;
    let ours = || tls(secured, "authority.pem");
    let wrong = |mechanism| [ours(), sasl(mechanism, WRONG)].concat();
    let unknown = || {
        let mut variables = wrong("scram-sha-512");
        variables.iter_mut().filter(|(name, _)| *name == "KAFKA_SASL_USERNAME").for_each(|user| user.1 = "bob".into());
        variables
    };
    for (at, variables, says) in [
        (Listener::SaslTls, wrong("plain"), "KAFKA_SASL_PASSWORD"),
        (Listener::SaslTls, wrong("scram-sha-256"), "KAFKA_SASL_PASSWORD"),
        (Listener::SaslTls, wrong("scram-sha-512"), "KAFKA_SASL_PASSWORD"),
        (Listener::SaslTls, unknown(), "KAFKA_SASL_USERNAME"),
        (Listener::Tls, tls(secured, "stranger.pem"), "KAFKA_SSL_CA"),
        (Listener::Elsewhere, ours(), "elsewhere.example"),
        (Listener::Expired, ours(), "expired"),
        (Listener::Mutual, ours(), "KAFKA_SSL_CERT"),
    ] {
        let commands: [(&[&str], &[u8]); 4] = [
            (&["topics", "list"], b""),
            (&["produce", "-t", "orders"], b"a\n"),
            (&["consume", "-t", "orders", "-g", "g", "-c", "1"], b""),
            (&["groups", "list"], b""),
        ];
        for (args, input) in commands {
            let begun = Instant::now();
            let ran = timeout(Duration::from_secs(40), run(secured, at, &variables, args, input)).await;
            let told = ran.map_err(|_| format!("{at:?} {args:?} hangs"))??.told(4, &[says, "next: "]);
            told.map_err(|error| format!("{at:?} {args:?} after {:?}: {error:?}", begun.elapsed()))?;
            assert!(begun.elapsed() < TOLD_WITHIN, "{at:?} {args:?} took {:?}", begun.elapsed());
        }
    }
    Ok(())
}

async fn a_password_is_not_sent_in_the_clear_unasked(_: Context) -> Outcome {
    for (mechanism, code) in [("plain", 2), ("oauthbearer", 2)] {
        let variables = sasl(mechanism, WRONG);
        let variables: Vec<(&str, &str)> = variables.iter().map(|(name, value)| (*name, value.as_str())).collect();
        let ran = run_with(&["topics", "list", "-b", "127.0.0.1:1"], b"", &variables).await?;
        let ran = ran.told(code, &["KAFKA_SASL_ALLOW_PLAINTEXT", "KAFKA_SSL=true"])?;
        assert!(!ran.err.contains("canary"), "{}", ran.err);
    }
    Ok(())
}
