//! Brokers that fall silent: every call ends within its limit, and says truthfully whether it may have had an effect.

use std::{collections::BTreeMap, net::SocketAddr, time::Duration};

use ottla_kafka_core::{
    Ack, BoxFuture, BrokerAddr, Client, ClientBuilder, ConfigChange, ConfigResource, Error, ErrorKind, NewTopic,
    OffsetSpec, Producer, ProducerRecord, TopicPartition,
};
use ottla_tests::{
    history::{History, Sending},
    lane::Needs,
    stub::Stub,
};
use tokio::time::{Instant, timeout};

use crate::{
    harness::{Context, Outcome, Suite},
    support::{Proxied, read_log},
};

/// Each of the limits that a call may take; a call with none of its own takes the longest.
const LIMIT: Duration = Duration::from_secs(2);
/// What a busy machine may add.
const SLACK: Duration = Duration::from_secs(3);

pub(crate) fn tests(suite: &mut Suite) {
    let from_the_start = a_broker_silent_from_the_start_ends_every_call;
    suite.test("silent::a_broker_silent_from_the_start_ends_every_call", Needs::ANY, from_the_start);
    let midway = a_cluster_that_falls_silent_ends_every_call;
    suite.test("silent::a_cluster_that_falls_silent_ends_every_call", Needs::ANY, midway);
    let truth = what_the_producer_gives_up_as_not_applied_is_in_no_log;
    suite.test("silent::what_the_producer_gives_up_as_not_applied_is_in_no_log", Needs::ANY, truth);
}

async fn a_broker_silent_from_the_start_ends_every_call(_: Context) -> Outcome {
    let stub = Stub::silent().await?;
    let client = limited(Client::builder().bootstrap([address(stub.address())])).build()?;
    Box::pin(every_call_ends(&client, "orders")).await?;
    within("Client::close", client.close()).await
}

async fn a_cluster_that_falls_silent_ends_every_call(cx: Context) -> Outcome {
    let proxied = Proxied::start(&cx).await?;
    let client = limited(proxied.builder()).build()?;
    let topic = cx.topic(&client, "orders", 3).await?;
    let producer = producer(&client)?;
    // Metadata, connections and producer id are there before the silence.
    producer.send(ProducerRecord::to(topic.as_str()).value("before")).await?;
    proxied.silence(true);
    Box::pin(every_call_ends(&client, &topic)).await?;
    proxied.silence(false);
    let fresh = self::producer(&client)?;
    let sent = timeout(LIMIT + SLACK, fresh.send(ProducerRecord::to(topic.as_str()).value("after"))).await;
    sent.map_err(|_| "nothing works after the silence")??;
    Ok(())
}

/// Calls everything that a client, an admin and a producer have, at once; all must fail in time.
async fn every_call_ends(client: &Client, topic: &str) -> Outcome {
    let producer = producer(client)?;
    let unknown = "no-such-topic";
    let partition = [(TopicPartition::new(topic, 0), OffsetSpec::Latest)];
    let new_topic = [NewTopic::new(unknown, 1, 1)];
    let generation = client.metadata().cluster().generation();
    let record = || ProducerRecord::to(topic).value("in the silence");
    let calls = Box::pin(async {
        let results = tokio::join!(
            fails("Metadata::topics", async { client.metadata().topics(&[unknown]).await.map(drop) }),
            fails("Metadata::refresh_after", async { client.metadata().refresh_after(generation).await.map(drop) }),
            fails("Admin::create_topics", async { client.admin().create_topics(&new_topic).await.map(drop) }),
            fails("Admin::partition_count", async { client.admin().partition_count(unknown).await.map(drop) }),
            fails("Admin::list_offsets", async {
                let listed = client.admin().list_offsets(&partition).await?;
                listed.into_values().try_for_each(|listed| listed.map(drop))
            }),
            fails("Producer::send", async { producer.send(record()).await.map(drop) }),
        );
        let (a, b, c, d, e, f) = results;
        a.and(b).and(c).and(d).and(e).and(f)
    });
    calls.await?;
    Box::pin(every_admin_call_ends(client, topic)).await?;
    // Some records wait while these two are called.
    let waiting = [producer.enqueue(record()).await, producer.try_enqueue(record())];
    within("Producer::flush", producer.flush()).await?;
    within("Producer::close", producer.close()).await?;
    for ack in waiting.into_iter().flatten() {
        fails("Ack", async { ack.await.map(drop) }).await?;
    }
    Ok(())
}

/// Calls everything else that an admin has, at once.
async fn every_admin_call_ends(client: &Client, topic: &str) -> Outcome {
    let admin = client.admin();
    let partition = TopicPartition::new(topic, 0);
    let (partitions, offsets) = ([partition.clone()], [(partition, 0)]);
    let resource = ConfigResource::topic(topic);
    let changes = [(resource.clone(), vec![ConfigChange::delete("retention.ms")])];
    let resources = [resource];
    let calls: Vec<BoxFuture<'_, Outcome>> = vec![
        Box::pin(fails("Admin::alter_group_offsets", async { each(admin.alter_group_offsets("g", &offsets).await?) })),
        Box::pin(fails("Admin::create_partitions", async { each(admin.create_partitions(&[(topic, 9)]).await?) })),
        Box::pin(fails("Admin::delete_group_offsets", async {
            each(admin.delete_group_offsets("g", &partitions).await?)
        })),
        Box::pin(fails("Admin::delete_groups", async { each(admin.delete_groups(&["g"]).await?) })),
        Box::pin(fails("Admin::delete_records", async { each(admin.delete_records(&offsets).await?) })),
        Box::pin(fails("Admin::delete_topics", async { each(admin.delete_topics(&["no-such-topic"]).await?) })),
        Box::pin(fails("Admin::describe_cluster", async { admin.describe_cluster().await.map(drop) })),
        Box::pin(fails("Admin::describe_configs", async { each(admin.describe_configs(&resources).await?) })),
        Box::pin(fails("Admin::describe_groups", async { each(admin.describe_groups(&["g"]).await?) })),
        Box::pin(fails("Admin::describe_log_dirs", async { each(admin.describe_log_dirs(&[]).await?) })),
        Box::pin(fails("Admin::describe_topics", async { each(admin.describe_topics(&[topic]).await?) })),
        Box::pin(fails("Admin::group_offsets", async { admin.group_offsets("g").await.map(drop) })),
        Box::pin(fails("Admin::incremental_alter_configs", async {
            each(admin.incremental_alter_configs(&changes).await?)
        })),
        Box::pin(fails("Admin::list_groups", async { admin.list_groups().await.map(drop) })),
        Box::pin(fails("Admin::list_topics", async { admin.list_topics().await.map(drop) })),
    ];
    futures_util::future::join_all(calls).await.into_iter().collect()
}

fn each<K, V>(results: BTreeMap<K, Result<V, Error>>) -> Result<(), Error> {
    results.into_values().try_for_each(|result| result.map(drop))
}

async fn what_the_producer_gives_up_as_not_applied_is_in_no_log(cx: Context) -> Outcome {
    let proxied = Proxied::start(&cx).await?;
    let client = limited(proxied.builder()).build()?;
    let topic = cx.topic(&client, "orders", 1).await?;
    let history = History::new();
    for round in 0..3 {
        let producer = producer(&client)?;
        let mut under_way = Vec::new();
        for number in 0..60 {
            if number == 30 {
                // The second half meets the silence in the buffer or on its way.
                conclude(&mut under_way).await;
                proxied.silence(true);
            }
            let value = format!("{round}/{number}");
            let sending = history.send(round, &value);
            match producer.enqueue(ProducerRecord::to(topic.as_str()).partition(0).value(value)).await {
                Ok(ack) => under_way.push((sending, ack)),
                Err(error) => sending.gave_up(error.maybe_applied()),
            }
        }
        within("Producer::close", producer.close()).await?;
        conclude(&mut under_way).await;
        // What was on its way arrives now, after the producer gave it up.
        proxied.silence(false);
    }
    for record in read_log(&cx, &topic).await? {
        history.logged(record.partition, record.offset, record.text());
    }
    let report = history.check_sends().clean()?;
    assert_eq!(report.acked, 90, "{report}");
    assert_eq!(report.unknown + report.failed, 90, "{report}");
    Ok(())
}

async fn conclude(under_way: &mut Vec<(Sending, Ack)>) {
    for (sending, ack) in under_way.drain(..) {
        match ack.await {
            Ok(written) => sending.acked(0, written.offset()),
            Err(error) => sending.gave_up(error.maybe_applied()),
        }
    }
}

fn limited(builder: ClientBuilder) -> ClientBuilder {
    builder.connect_timeout(LIMIT).request_timeout(LIMIT).default_api_timeout(LIMIT)
}

fn producer(client: &Client) -> Result<Producer, Error> {
    Producer::builder(client).max_block(LIMIT).delivery_timeout(LIMIT).build()
}

fn address(address: SocketAddr) -> BrokerAddr {
    BrokerAddr::new(address.ip().to_string(), address.port())
}

/// The call ends in time, and badly: by a timeout, or a connection that the silence cost.
async fn fails(what: &str, call: impl Future<Output = Result<(), Error>>) -> Outcome {
    let begun = Instant::now();
    let result = timeout(LIMIT + SLACK, call).await.map_err(|_| format!("{what} hangs"))?;
    let Err(error) = result else { return Err(format!("{what} succeeds in the silence").into()) };
    let expected = matches!(
        error.kind(),
        ErrorKind::Timeout { .. } | ErrorKind::Disconnected { .. } | ErrorKind::Connect { .. } | ErrorKind::Closed
    );
    assert!(expected, "{what} ends after {:?} with {error}", begun.elapsed());
    Ok(())
}

/// The call ends in time.
async fn within(what: &str, call: impl Future<Output = ()>) -> Outcome {
    timeout(LIMIT + SLACK, call).await.map_err(|_| format!("{what} hangs").into())
}
