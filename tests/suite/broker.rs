//! `ottla broker` as a process.

use std::time::Duration;

use ottla_kafka_core::{Client, NewTopic, Producer, ProducerRecord};
use ottla_tests::lane::Needs;

use crate::{
    command,
    fixture::{child::Signal, ports},
    harness::{Context, Outcome, Suite},
};

pub(crate) fn tests(suite: &mut Suite) {
    let serves = it_serves_until_it_is_told_to_end;
    suite.test("broker::it_serves_until_it_is_told_to_end", Needs::ANY, serves);
}

async fn it_serves_until_it_is_told_to_end(cx: Context) -> Outcome {
    let dir = cx.fixture().dir("broker")?;
    let listen = format!("127.0.0.1:{}", ports::free(1)?.first().ok_or("no port")?);
    let mut broker = command::start(&["broker", "--listen", &listen], &dir, &dir.join("log"))?;

    // A client goes on trying until the broker is up.
    let client = Client::builder().bootstrap([listen.parse()?]).default_api_timeout(Duration::from_secs(20)).build()?;
    for (_, created) in client.admin().create_topics(&[NewTopic::new("orders", 1, 1)]).await? {
        created?;
    }
    let producer = Producer::builder(&client).build()?;
    let written = producer.send(ProducerRecord::to("orders").value("an order")).await?;
    assert_eq!(written.offset(), Some(0));
    producer.close().await;
    client.close().await;

    broker.signal(Signal::Term)?;
    let status = broker.wait().await?;
    assert!(status.success(), "{status}\n{}", broker.tail(20));
    Ok(())
}
