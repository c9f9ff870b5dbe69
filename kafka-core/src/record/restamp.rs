use bytes::Bytes;

use super::fields::{CRC, CRC_FROM, Fields, ProducerStamp};

/// A copy of a batch under another stamp. The old bytes stay as they are: a request may still be reading them.
pub(crate) fn restamped(batch: &Bytes, stamp: ProducerStamp) -> Bytes {
    let Some(fields) = Fields::read(batch) else { return batch.clone() };
    let mut bytes = batch.to_vec();
    if let Some(header) = bytes.first_chunk_mut() {
        Fields { stamp, ..fields }.write(header);
    }
    let crc = crc32c::crc32c(bytes.get(CRC_FROM..).unwrap_or_default());
    if let Some(field) = bytes.get_mut(CRC) {
        field.copy_from_slice(&crc.to_be_bytes());
    }
    bytes.into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::{BatchBuilder, Codec, Compression, batches};

    #[test]
    fn a_restamped_batch_is_the_same_but_for_its_stamp() {
        for codec in Codec::ALL.into_iter().filter(|codec| codec.is_supported()) {
            check(codec.into());
        }
    }

    fn check(compression: Compression) {
        let built = || {
            let mut builder = BatchBuilder::new();
            builder.push(1_700_000_000_000, Some(b"key"), Some(b"value"), &[]);
            builder
        };
        let stamp = |epoch, base_sequence| ProducerStamp { producer_id: 7, producer_epoch: epoch, base_sequence };
        let old = built().finish(Some(stamp(0, 40)), compression).expect("a batch");
        let new = restamped(&old, stamp(1, 0));
        assert_eq!(new, built().finish(Some(stamp(1, 0)), compression).expect("a batch"));
        assert!(batches(new).all(|batch| batch.is_ok_and(|batch| batch.producer() == Some(stamp(1, 0)))));
    }
}
