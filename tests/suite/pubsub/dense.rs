//! Poison from a foreign producer that compresses better than the service is told to.

use std::{sync::Arc, time::Duration};

use hyper::StatusCode;
use ottla::{
    delivery::MemoryStore,
    kafka::{Codec, Producer, ProducerRecord},
};
use ottla_services::pubsub::PubSub;
use ottla_tests::lane::Needs;

use super::Web;
use crate::{
    harness::{Context, Outcome, Suite},
    support::{dense_text, read_codecs, read_log},
};

pub(super) fn tests(suite: &mut Suite) {
    let poison = poison_that_only_zstd_makes_small_enough_is_a_dead_letter;
    let (name, limit) = ("pubsub::poison_that_only_zstd_makes_small_enough_is_a_dead_letter", Duration::from_secs(180));
    suite.long_test(name, Needs::ANY.alone(), limit, poison);
}

/// 4 MB of text on `orders`, whose `max.message.bytes` is Kafka's default; the service writes lz4, or nothing compressed.
async fn poison_that_only_zstd_makes_small_enough_is_a_dead_letter(cx: Context) -> Outcome {
    let text = dense_text(&mut cx.seed())?;
    let (client, foreign) = (cx.client()?, cx.client()?);
    for told in [None, Some(Codec::None)] {
        let builder = PubSub::builder(client.clone()).store(Arc::new(MemoryStore::new()));
        let builder = told.into_iter().fold(builder, |builder, codec| builder.compression(codec));
        let service = builder.listen(([127, 0, 0, 1], 0).into()).start().await?;
        let web = Web::new(&service);
        web.until("/health/ready", |status, _| status == StatusCode::OK).await?;
        let producer = Producer::builder(&foreign).max_request_size(8 << 20).compression(Codec::Zstd).build()?;
        let id = cx.env().uuid().to_string();
        producer.send(ProducerRecord::to("orders").key(id.clone()).value(text.clone()).timestamp(1_000)).await?;
        producer.close().await;
        web.until(&format!("/orders/{id}"), |_, body| body["status"] == "dead-lettered").await?;
        let letters = read_log(&cx, "orders-dlq").await?;
        let letter = letters.iter().find(|letter| letter.key.as_deref() == Some(id.as_bytes())).ok_or("no letter")?;
        assert!(letter.value.as_ref() == Some(&text), "{told:?}: another value");
        assert_eq!(letter.timestamp, 1_000);
        let codecs = read_codecs(&cx, "orders-dlq").await?;
        assert_eq!(codecs.get(id.as_bytes()), Some(&Codec::Zstd), "{told:?}");
        let report = service.shutdown(Duration::from_secs(30)).await;
        assert!(report.drained, "{report:?}");
    }
    client.close().await;
    foreign.close().await;
    Ok(())
}
