//! The header of a batch as it stands in the bytes.

use std::ops::Range;

/// The length of a batch's header, that is, of everything in front of its records.
pub(super) const HEADER_LEN: usize = 61;
/// Where the bytes begin that the batch's length counts.
pub(super) const LENGTH_FROM: usize = 12;
/// Where the magic stands; older formats have theirs at the same place.
pub(super) const MAGIC_AT: usize = 16;
/// The only format read and written.
pub(super) const MAGIC: u8 = 2;
/// Where the checksum stands.
pub(super) const CRC: Range<usize> = 17..21;
/// Where the bytes begin that the checksum covers: brokers rewrite offset and epoch in front of it.
pub(super) const CRC_FROM: usize = 21;

/// What an idempotent producer stamps a batch with ([KIP-98]).
///
/// [KIP-98]: https://cwiki.apache.org/confluence/display/KAFKA/KIP-98
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ProducerStamp {
    /// The producer's id, given by the cluster.
    pub producer_id: i64,
    /// The producer's epoch.
    pub producer_epoch: i16,
    /// The sequence number of the batch's first record in its partition.
    pub base_sequence: i32,
}

impl ProducerStamp {
    /// What stands in a batch without a stamp.
    pub(super) const NONE: Self = Self { producer_id: -1, producer_epoch: -1, base_sequence: -1 };
}

/// The fields of a batch's header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Fields {
    pub(super) base_offset: i64,
    /// Bytes behind [`LENGTH_FROM`].
    pub(super) length: i32,
    pub(super) leader_epoch: i32,
    pub(super) crc: u32,
    pub(super) attributes: i16,
    pub(super) last_offset_delta: i32,
    pub(super) base_timestamp: i64,
    pub(super) max_timestamp: i64,
    pub(super) stamp: ProducerStamp,
    pub(super) count: i32,
}

impl Fields {
    pub(super) fn write(&self, header: &mut [u8; HEADER_LEN]) {
        header[0..8].copy_from_slice(&self.base_offset.to_be_bytes());
        header[8..12].copy_from_slice(&self.length.to_be_bytes());
        header[12..16].copy_from_slice(&self.leader_epoch.to_be_bytes());
        header[MAGIC_AT] = MAGIC;
        header[CRC].copy_from_slice(&self.crc.to_be_bytes());
        header[21..23].copy_from_slice(&self.attributes.to_be_bytes());
        header[23..27].copy_from_slice(&self.last_offset_delta.to_be_bytes());
        header[27..35].copy_from_slice(&self.base_timestamp.to_be_bytes());
        header[35..43].copy_from_slice(&self.max_timestamp.to_be_bytes());
        header[43..51].copy_from_slice(&self.stamp.producer_id.to_be_bytes());
        header[51..53].copy_from_slice(&self.stamp.producer_epoch.to_be_bytes());
        header[53..57].copy_from_slice(&self.stamp.base_sequence.to_be_bytes());
        header[57..61].copy_from_slice(&self.count.to_be_bytes());
    }

    /// The fields of the batch that starts here; `None` if its header is not all there. The magic is not looked at.
    pub(super) fn read(batch: &[u8]) -> Option<Self> {
        let mut rest = batch;
        let base_offset = i64::from_be_bytes(take(&mut rest)?);
        let length = i32::from_be_bytes(take(&mut rest)?);
        let leader_epoch = i32::from_be_bytes(take(&mut rest)?);
        let [_magic] = take(&mut rest)?;
        Some(Self {
            base_offset,
            length,
            leader_epoch,
            crc: u32::from_be_bytes(take(&mut rest)?),
            attributes: i16::from_be_bytes(take(&mut rest)?),
            last_offset_delta: i32::from_be_bytes(take(&mut rest)?),
            base_timestamp: i64::from_be_bytes(take(&mut rest)?),
            max_timestamp: i64::from_be_bytes(take(&mut rest)?),
            stamp: ProducerStamp {
                producer_id: i64::from_be_bytes(take(&mut rest)?),
                producer_epoch: i16::from_be_bytes(take(&mut rest)?),
                base_sequence: i32::from_be_bytes(take(&mut rest)?),
            },
            count: i32::from_be_bytes(take(&mut rest)?),
        })
    }
}

/// Takes the next `N` bytes.
pub(super) fn take<const N: usize>(from: &mut &[u8]) -> Option<[u8; N]> {
    let (taken, rest) = from.split_first_chunk()?;
    *from = rest;
    Some(*taken)
}
