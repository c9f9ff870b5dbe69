//! Dead letters of records that only their own codec makes small enough for a topic.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use bytes::Bytes;
use ottla_kafka_core::{Producer, ProducerRecord, record::Codec};
use ottla_tests::lane::Needs;
use tokio::sync::oneshot;

use super::{until_committed, worker};
use crate::{
    harness::{Context, Outcome, Suite},
    support::{MAX_MESSAGE_BYTES, dense_text, read_codecs, read_log},
};

pub(super) fn tests(suite: &mut Suite) {
    let copied = a_dead_letter_is_as_dense_as_its_record;
    let (name, limit) = ("delivery::a_dead_letter_is_as_dense_as_its_record", Duration::from_secs(180));
    suite.long_test(name, Needs::ANY, limit, copied);
}

/// The worker's producer has the defaults: it does not compress, and takes no record of more than 1 MiB.
async fn a_dead_letter_is_as_dense_as_its_record(cx: Context) -> Outcome {
    let client = cx.client()?;
    let (topic, group) = (cx.unique("orders"), cx.unique("group"));
    for (topic, room) in [(topic.clone(), 0), (format!("{topic}-dlq"), 64 << 10)] {
        let most = (MAX_MESSAGE_BYTES + room).to_string();
        cx.create_topic(&client, &topic, 2, &[("max.message.bytes", &most)]).await?;
    }
    let mut dense = dense_text(&mut cx.seed())?.to_vec();
    dense.push(b'\xff');
    let mut repeated = "one line and no other\n".repeat(180_000).into_bytes();
    repeated.push(b'\xff');
    let plain = Bytes::copy_from_slice(&dense[dense.len() - 1_000_000..]);
    let (dense, repeated) = (Bytes::from(dense), Bytes::from(repeated));
    let poison = BTreeMap::from([
        (Codec::None, plain),
        (Codec::Gzip, dense.clone()),
        (Codec::Snappy, repeated.clone()),
        (Codec::Lz4, repeated),
        (Codec::Zstd, dense),
    ]);
    let source = Producer::builder(&client).max_request_size(8 << 20).build()?;
    for (codec, value) in &poison {
        let record = ProducerRecord::to(topic.as_str()).partition(0).key(codec.name()).compression(*codec);
        source.send(record.value(value.clone())).await?;
    }
    source.close().await;

    let worker = worker(&client, &group, &topic, &Arc::default())?;
    let (stop, stopped) = oneshot::channel::<()>();
    let running = worker.run(async {
        let _ = stopped.await;
    });
    let watching = async {
        until_committed(&client, &group, &topic, &[Some(5), Some(0)]).await?;
        let _ = stop.send(());
        Ok(())
    };
    let (report, watched): (_, Outcome) = tokio::join!(Box::pin(running), Box::pin(watching));
    watched?;
    assert!(report?.drained());
    let letters = read_log(&cx, &format!("{topic}-dlq")).await?;
    let codecs = read_codecs(&cx, &format!("{topic}-dlq")).await?;
    assert_eq!(letters.len(), poison.len());
    for (codec, value) in poison {
        let key = codec.name().as_bytes();
        let letter = letters.iter().find(|letter| letter.key.as_deref() == Some(key)).ok_or(codec.name())?;
        assert!(letter.value.as_ref() == Some(&value), "{codec}: another value");
        assert_eq!(codecs.get(key), Some(&codec));
    }
    Ok(())
}
