//! What is written is read again.

use bytes::Bytes;
use proptest::{collection::vec, option, prelude::*, sample};

use super::{Owned, only_batch, owned};
use crate::record::{BatchBuilder, Codec, Compression, Header, ProducerStamp};

fn bytes() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![vec(any::<u8>(), 0..20), vec(any::<u8>(), 120..140)]
}

fn records() -> impl Strategy<Value = Vec<Owned>> {
    let timestamp = prop_oneof![0..2_000_000_000_000_i64, -1..10_i64];
    let headers = vec((bytes(), option::of(bytes())), 0..4);
    let record = (timestamp, option::of(bytes()), option::of(bytes()), headers);
    vec(record, 1..40).prop_map(|records| {
        let with_offset = records.into_iter().zip(0..);
        with_offset
            .map(|((timestamp, key, value, headers), offset)| Owned { offset, timestamp, key, value, headers })
            .collect()
    })
}

fn compression() -> impl Strategy<Value = Compression> {
    let codecs = Codec::ALL.into_iter().filter(|codec| codec.is_supported()).map(Compression::new);
    let levels = [Compression::gzip(1), Compression::gzip(9), Compression::zstd(-5), Compression::zstd(19)];
    let supported: Vec<_> = codecs.chain(levels).filter(|compression| compression.check().is_ok()).collect();
    sample::select(supported)
}

fn headers(record: &Owned) -> Vec<Header> {
    let header = |(key, value): &(Vec<u8>, Option<Vec<u8>>)| Header {
        key: Bytes::copy_from_slice(key),
        value: value.as_deref().map(Bytes::copy_from_slice),
    };
    record.headers.iter().map(header).collect()
}

proptest! {
    #[test]
    fn what_is_pushed_is_read(
        records in records(),
        producer_id in -1..5_i64,
        base_sequence: i32,
        compression in compression(),
    ) {
        let stamp = (producer_id >= 0).then_some(ProducerStamp { producer_id, producer_epoch: 3, base_sequence });
        let mut builder = BatchBuilder::new();
        for record in &records {
            let headers = headers(record);
            let size = builder.size();
            let most = BatchBuilder::estimate(record.key.as_deref(), record.value.as_deref(), &headers);
            builder.push(record.timestamp, record.key.as_deref(), record.value.as_deref(), &headers);
            prop_assert!(builder.size() <= size + most);
            prop_assert!(builder.size() + 20 > size + most, "the estimate is not close");
        }
        let size = builder.size();
        let bytes = builder.finish(stamp, compression).expect("a batch");
        prop_assert!(bytes.len() == size || compression != Compression::NONE);
        let batch = only_batch(bytes);
        prop_assert!(batch.codec() == compression.codec() || size > 4096);
        prop_assert_eq!(batch.producer(), stamp);
        prop_assert_eq!(batch.max_timestamp(), records.iter().map(|record| record.timestamp).max().unwrap_or(0));
        prop_assert_eq!(owned(&batch), records.clone());

        let appended = only_batch(batch.appended_at(1000, 4).bytes().clone());
        prop_assert_eq!((appended.base_offset(), appended.leader_epoch()), (1000, 4));
        prop_assert_eq!(appended.next_offset(), 1000 + i64::try_from(records.len()).unwrap());
    }
}

#[test]
fn a_part_of_a_batch_is_shared_and_a_foreign_one_copied() {
    let mut builder = BatchBuilder::new();
    assert!(builder.is_empty());
    builder.push(1, None, Some(b"value"), &[]);
    assert_eq!(builder.count(), 1);
    let batch = only_batch(builder.finish(None, Compression::NONE).expect("a batch"));
    let records = super::records(&batch);
    let record = records.iter().next().expect("a record").expect("a sound record");
    let value = record.value().expect("a value");
    assert_eq!(records.slice(value).as_ptr(), value.as_ptr());
    assert_eq!(records.slice(b"elsewhere"), Bytes::from_static(b"elsewhere"));
}
