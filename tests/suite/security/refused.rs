use std::time::Duration;

use libtest_mimic::Failed;
use ottla_kafka_core::{ClientBuilder, Sasl, Secret, Tls};
use tokio::time::{Instant, timeout};

use super::{CONNECT_TIMEOUT, chain, client, password, tls, token};
use crate::{
    fixture::{Listener, Secured},
    harness::{Context, Outcome},
};

/// A client that must be refused, and what its error must say beside the address.
struct Wrong {
    what: &'static str,
    listener: Listener,
    builder: ClientBuilder,
    says: &'static str,
}

pub(super) async fn what_is_wrong_is_refused_in_time_and_by_name(cx: Context) -> Outcome {
    let secured = cx.fixture().secured().await?;
    for wrong in wrong(secured)? {
        let Wrong { what, listener, builder, says } = wrong;
        let begun = Instant::now();
        let client = builder.build()?;
        let limit = CONNECT_TIMEOUT + Duration::from_secs(1);
        let answer = timeout(limit, client.metadata().topics(&["orders"])).await;
        let error = answer.map_err(|_| format!("{what}: not refused within {limit:?}"))?.err();
        let error = error.ok_or_else(|| format!("{what}: not refused"))?;
        let text = chain(&error);
        let address = secured.address(listener);
        assert!(text.contains(&address), "{what}: no '{address}' in: {text}");
        assert!(text.contains(says), "{what}: no '{says}' in: {text}");
        assert!(!text.contains("canary") && !format!("{error:?}").contains("canary"), "{what} tells a secret: {text}");
        cx.figure(&format!("{what}: {text} ({:?})", begun.elapsed()));
        client.close().await;
    }
    Ok(())
}

fn wrong(secured: &Secured) -> Result<Vec<Wrong>, Failed> {
    let mut all = wrong_tls(secured)?;
    all.extend(wrong_sasl(secured)?);
    Ok(all)
}

fn wrong_tls(secured: &Secured) -> Result<Vec<Wrong>, Failed> {
    let ours = tls(secured)?;
    let file = |name| secured.certificates().file(name);
    let strangers = Tls::builder().ca_file(file("stranger.pem")).build()?;
    let uncertified = Tls::builder()
        .ca_file(file("authority.pem"))
        .client_auth_files(file("stranger.pem"), file("stranger.key"))
        .build()?;
    let wrong = |what, listener, tls: Option<&Tls>, says| {
        let builder = client(secured, listener)?;
        let builder = tls.into_iter().fold(builder, |builder, tls| builder.tls(tls.clone()));
        Ok::<_, Failed>(Wrong { what, listener, builder, says })
    };
    Ok(vec![
        wrong("another CA", Listener::Tls, Some(&strangers), "wrong CA?")?,
        wrong(
            "another host's certificate",
            Listener::Elsewhere,
            Some(&ours),
            "not for localhost but for elsewhere.example",
        )?,
        wrong("an expired certificate", Listener::Expired, Some(&ours), "expired")?,
        wrong("no certificate of ours", Listener::Mutual, Some(&ours), "certificate")?,
        wrong("a certificate of nobody's", Listener::Mutual, Some(&uncertified), "certificate")?,
        wrong("TLS to a plaintext listener", Listener::Plaintext, Some(&ours), "this listener is plaintext")?,
        wrong("plaintext to a TLS listener", Listener::Tls, None, "this listener wants TLS")?,
    ])
}

fn wrong_sasl(secured: &Secured) -> Result<Vec<Wrong>, Failed> {
    let other = || Secret::new("canary-wrong");
    let wrong = |what, sasl: Sasl, says| {
        let listener = Listener::Sasl;
        Ok::<_, Failed>(Wrong {
            what,
            listener,
            builder: client(secured, listener)?.sasl(sasl.allow_plaintext()),
            says,
        })
    };
    let refused = "SASL_AUTHENTICATION_FAILED";
    Ok(vec![
        wrong("PLAIN with a wrong password", Sasl::plain(Secured::USER, other()), refused)?,
        wrong("SCRAM-SHA-256 with a wrong password", Sasl::scram_sha_256(Secured::USER, other()), refused)?,
        wrong("SCRAM-SHA-512 with a wrong password", Sasl::scram_sha_512(Secured::USER, other()), refused)?,
        wrong("an unknown user", Sasl::scram_sha_512("no,body=", password()), refused)?,
        wrong("an expired token", Sasl::oauthbearer_token(token::unsecured(Secured::USER, -3_600)), "invalid_token")?,
        wrong("a token that is none", Sasl::oauthbearer_token(other()), "OAUTHBEARER")?,
        Wrong {
            what: "no SASL where it is wanted",
            listener: Listener::Sasl,
            builder: client(secured, Listener::Sasl)?,
            says: "this listener wants SASL, and none is configured",
        },
    ])
}
