use libtest_mimic::Failed;
use ottla_kafka_core::{Client, Error, Producer, ProducerRecord, Tls};

use super::{client, mechanisms, tls};
use crate::{
    fixture::{Listener, Secured},
    harness::{Context, Outcome},
    support::read_log_by,
};

pub(super) async fn every_protocol_and_mechanism_reads_what_it_wrote(cx: Context) -> Outcome {
    let secured = cx.fixture().secured().await?;
    let tls = tls(secured)?;
    let mut clients = vec![
        ("TLS".to_owned(), client(secured, Listener::Tls)?.tls(tls.clone())),
        (
            "TLS, the system's roots beside ours".to_owned(),
            client(secured, Listener::Tls)?.tls(beside_the_systems(secured)?),
        ),
    ];
    for (certificate, key) in
        [("client.pem", "client.key"), ("client.pem", "client.pkcs1.key"), ("client-ec.pem", "client-ec.sec1.key")]
    {
        let mutual = client(secured, Listener::Mutual)?.tls(with_certificate(secured, certificate, key)?);
        clients.push((format!("mutual TLS with {key}"), mutual));
    }
    for mechanism in mechanisms() {
        clients.push((format!("{mechanism:?}"), client(secured, Listener::Sasl)?.sasl(mechanism.clone())));
        let both = client(secured, Listener::SaslTls)?.tls(tls.clone()).sasl(mechanism.clone());
        clients.push((format!("{mechanism:?} over TLS"), both));
    }
    for (what, builder) in clients {
        let client = builder.build()?;
        let reads = writes_and_reads(&cx, &client).await;
        reads.map_err(|error| format!("{what}: {}", error.message().unwrap_or_default()))?;
        client.close().await;
    }
    Ok(())
}

fn beside_the_systems(secured: &Secured) -> Result<Tls, Error> {
    let ca = std::fs::read(secured.certificates().file("authority.pem"))
        .map_err(|error| Error::invalid(error.to_string()))?;
    match Tls::builder().system_roots().ca_pem(ca.clone()).build() {
        // A machine without any is allowed: what is said of it is another test's.
        Err(_) => Tls::builder().ca_pem(ca).build(),
        built => built,
    }
}

fn with_certificate(secured: &Secured, certificate: &str, key: &str) -> Result<Tls, Error> {
    let file = |name| secured.certificates().file(name);
    Tls::builder().ca_file(file("authority.pem")).client_auth_files(file(certificate), file(key)).build()
}

async fn writes_and_reads(cx: &Context, client: &Client) -> Result<(), Failed> {
    let topic = cx.unique("orders");
    for (_, created) in client.admin().create_topics(&[ottla_kafka_core::NewTopic::new(topic.as_str(), 1, 1)]).await? {
        created?;
    }
    let producer = Producer::builder(client).build()?;
    let large = "x".repeat(500_000);
    for value in ["1", &large, "3"] {
        producer.send(ProducerRecord::to(topic.as_str()).partition(0).value(value.to_owned())).await?;
    }
    producer.close().await;
    let values: Vec<String> = read_log_by(client, &topic).await?.iter().map(|record| record.text()).collect();
    assert!(values == ["1", large.as_str(), "3"], "{} records", values.len());
    Ok(())
}
