use std::{
    io,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use futures_util::future::try_join_all;
use libtest_mimic::Failed;
use ottla_kafka_core::{
    BoxFuture, BrokerAddr, Client, Connector, Io, NewTopic, Producer, ProducerRecord, TcpConnector,
};
use ottla_tests::history::History;
use tokio::time::{Instant, sleep};

use super::{client, mechanisms, tls};
use crate::{
    fixture::{Listener, Secured},
    harness::{Context, Outcome},
    support::read_log_by,
};

/// Each connection authenticates again that often.
const SESSIONS: u32 = 4;

/// Counts what it opens.
#[derive(Debug, Default)]
struct Counted(AtomicUsize);

impl Connector for Counted {
    fn connect<'a>(&'a self, addr: &'a BrokerAddr) -> BoxFuture<'a, io::Result<Io>> {
        self.0.fetch_add(1, Ordering::SeqCst);
        TcpConnector.connect(addr)
    }
}

pub(super) async fn authenticating_again_under_load_loses_nothing(cx: Context) -> Outcome {
    let secured = cx.fixture().secured().await?;
    let tls = tls(secured)?;
    let runs = mechanisms().map(|mechanism| {
        let (cx, tls) = (cx.clone(), tls.clone());
        async move {
            let connector = Arc::new(Counted::default());
            let builder = client(secured, Listener::SaslTls)?.tls(tls).sasl(mechanism.clone());
            let client = builder.connector(Arc::clone(&connector) as Arc<dyn Connector>).build()?;
            let acked = load(&cx, &client)
                .await
                .map_err(|error| Failed::from(format!("{mechanism:?}: {}", error.message().unwrap_or_default())))?;
            let opened = connector.0.load(Ordering::SeqCst);
            cx.figure(&format!("{mechanism:?}: {acked} records acknowledged over {opened} connections"));
            // One each to create the topic, to ask for metadata, to produce; to read the log again.
            assert!(opened <= 5, "{mechanism:?}: {opened} connections: sessions ended instead of being renewed");
            client.close().await;
            Ok::<_, Failed>(())
        }
    });
    try_join_all(runs).await.map(drop)
}

/// Sends all the time while sessions end, and judges the log by what was acknowledged.
async fn load(cx: &Context, client: &Client) -> Result<u64, Failed> {
    let topic = cx.unique("orders");
    for (_, created) in client.admin().create_topics(&[NewTopic::new(topic.as_str(), 3, 1)]).await? {
        created?;
    }
    let producer = Producer::builder(client).build()?;
    let history = History::new();
    let end = Instant::now() + Secured::SESSION * SESSIONS;
    let senders = (0..3).map(|partition| {
        let (producer, history, topic) = (producer.clone(), history.clone(), topic.clone());
        async move {
            let process = u32::try_from(partition)?;
            let mut number = 0_u32;
            while Instant::now() < end {
                let mut acks = Vec::new();
                for _ in 0..20 {
                    let value = format!("{process}/{number}");
                    let sending = history.send(process, value.as_str());
                    let record = ProducerRecord::to(topic.as_str()).partition(partition).value(value);
                    acks.push((sending, producer.enqueue(record).await?));
                    number += 1;
                }
                for (sending, ack) in acks {
                    let written = ack.await?;
                    sending.acked(partition, written.offset());
                }
            }
            Ok::<_, Failed>(())
        }
    });
    try_join_all(senders).await?;
    producer.close().await;
    for record in read_log_by(client, &topic).await? {
        history.logged(record.partition, record.offset, record.text());
    }
    let report = history.check_sends().clean()?;
    assert_eq!((report.unknown, report.failed), (0, 0), "{report}");
    assert!(report.acked > 500, "too little was sent to show anything: {report}");
    Ok(u64::try_from(report.acked)?)
}

pub(super) async fn a_connection_that_the_broker_closed_as_idle_costs_no_call(cx: Context) -> Outcome {
    let secured = cx.fixture().secured().await?;
    let client = client(secured, Listener::Plaintext)?.build()?;
    for _ in 0..2 {
        client.metadata().refresh_after(client.metadata().cluster().generation()).await?;
        assert!(client.is_connected());
        let deadline = Instant::now() + Duration::from_secs(60);
        while client.is_connected() {
            assert!(Instant::now() < deadline, "the broker keeps idle connections");
            sleep(Duration::from_millis(50)).await;
        }
    }
    client.metadata().refresh_after(client.metadata().cluster().generation()).await?;
    Ok(())
}
