//! LZ4 frames, as magic 2 wants them ([frame format]).
//!
//! Written as Kafka's client does: independent blocks of 64 KiB, no checksums (the batch has one), no content size. Read
//! with everything a frame may have: librdkafka and franz-go write larger and dependent blocks, sizes and checksums.
//! The checksums are skipped, as Kafka's client skips them: CRC-32C over the batch was right.
//!
//! [frame format]: https://github.com/lz4/lz4/blob/dev/doc/lz4_Frame_format.md

use lz4_flex::block::{
    CompressTable, DecompressError, compress_into_with_table, decompress_into, decompress_into_with_dict,
    get_maximum_output_size,
};

use super::Failure;
use crate::record::{Compression, CompressionError};

const MAGIC: u32 = 0x184D_2204;
/// Of frames that hold nothing for us, but their length.
const SKIPPABLE_MAGIC: u32 = 0x184D_2A50;
/// Magic, version 1 with independent blocks, blocks of 64 KiB, and the second byte of those two bytes' XXH32.
const HEADER: [u8; 7] = [0x04, 0x22, 0x4d, 0x18, 0x60, 0x40, 0x82];
const END: [u8; 4] = [0; 4];
const BLOCK: usize = 64 << 10;
/// How far back a block may refer.
const WINDOW: usize = 64 << 10;
/// The bit of a block's length that says it is stored as it is.
const STORED: u32 = 1 << 31;
/// A byte of a match's length stands for 255 at most.
const MAX_RATIO: usize = 255;

pub(super) fn compress(compression: Compression, input: &[u8], out: &mut Vec<u8>) -> Result<(), CompressionError> {
    let mut table = CompressTable::default();
    let mut block = vec![0; get_maximum_output_size(input.len().min(BLOCK))];
    out.reserve(input.len() / 2);
    out.extend_from_slice(&HEADER);
    for part in input.chunks(BLOCK) {
        let len = compress_into_with_table(part, &mut block, &mut table).map_err(|error| compression.failed(error))?;
        let (data, stored) = if len < part.len() { (block.get(..len).unwrap_or_default(), 0) } else { (part, STORED) };
        let len = u32::try_from(data.len()).map_err(|error| compression.failed(error))?;
        out.extend_from_slice(&(len | stored).to_le_bytes());
        out.extend_from_slice(data);
    }
    out.extend_from_slice(&END);
    Ok(())
}

pub(super) fn decompress(input: &[u8], limit: usize) -> Result<Vec<u8>, Failure> {
    let mut rest = input;
    let mut frames = Vec::new();
    let mut most = 0_usize;
    while !rest.is_empty() {
        if let Some(frame) = Frame::take(&mut rest)? {
            most = most.saturating_add(frame.most()?);
            if let Some(declared) =
                frame.content_size.filter(|size| usize::try_from(*size).map_or(true, |size| size > limit))
            {
                return Err(Failure::TooLarge(Some(declared)));
            }
            frames.push(frame);
        }
    }
    let mut out = vec![0; most.min(limit)];
    let mut end = 0;
    for frame in frames {
        end = frame.decompress(&mut out, end, limit)?;
    }
    out.truncate(end);
    Ok(out)
}

/// A frame whose blocks are all there.
struct Frame<'a> {
    blocks: Blocks<'a>,
    independent: bool,
    content_size: Option<u64>,
}

impl<'a> Frame<'a> {
    /// Takes the next frame; `None` for one that is to be skipped.
    fn take(from: &mut &'a [u8]) -> Result<Option<Self>, Failure> {
        let cut = || Failure::corrupt("it ends within a frame's header");
        let magic = take_u32(from).ok_or_else(cut)?;
        if magic & !0xf == SKIPPABLE_MAGIC {
            let len = take_u32(from).and_then(|len| usize::try_from(len).ok()).ok_or_else(cut)?;
            *from = from.get(len..).ok_or_else(cut)?;
            return Ok(None);
        }
        if magic != MAGIC {
            return Err(Failure::corrupt(format_args!("{magic:#010x} begins no LZ4 frame")));
        }
        let [flags, sizes] = take(from).ok_or_else(cut)?;
        if flags >> 6 != 1 {
            return Err(Failure::corrupt("the frame's version is not 1"));
        }
        if flags & 1 != 0 {
            return Err(Failure::corrupt("the frame needs a dictionary"));
        }
        let max_block = match (sizes >> 4) & 7 {
            4 => BLOCK,
            5 => 256 << 10,
            6 => 1 << 20,
            7 => 4 << 20,
            other => return Err(Failure::corrupt(format_args!("block size {other} does not exist"))),
        };
        let content_size = match flags & 8 {
            0 => None,
            _ => Some(u64::from_le_bytes(take(from).ok_or_else(cut)?)),
        };
        let [_checksum] = take(from).ok_or_else(cut)?;
        let blocks = Blocks { rest: from, max_block, checksums: flags & 16 != 0 };
        let mut behind = blocks.clone();
        behind.by_ref().try_for_each(|block| block.map(drop))?;
        *from = behind.rest;
        if flags & 4 != 0 {
            let _content_checksum: [u8; 4] = take(from).ok_or_else(|| Failure::corrupt("it ends within a checksum"))?;
        }
        Ok(Some(Self { blocks, independent: flags & 32 != 0, content_size }))
    }

    /// The most bytes its blocks can decompress to.
    fn most(&self) -> Result<usize, Failure> {
        self.blocks.clone().try_fold(0_usize, |sum, block| {
            let block = block?;
            let most = if block.stored { block.data.len() } else { block.data.len().saturating_mul(MAX_RATIO) };
            Ok(sum.saturating_add(most.min(self.blocks.max_block)))
        })
    }

    /// Decompresses it into `out` from `start` on. Returns where it ends.
    fn decompress(&self, out: &mut [u8], start: usize, limit: usize) -> Result<usize, Failure> {
        let mut end = start;
        for block in self.blocks.clone() {
            let block = block?;
            let (before, behind) = out.split_at_mut_checked(end).unwrap_or_default();
            let room = behind.len().min(self.blocks.max_block);
            let too_long = || match room == self.blocks.max_block {
                true => Failure::corrupt("a block is longer than the frame allows"),
                false => Failure::TooLarge(
                    self.content_size.filter(|size| usize::try_from(*size).map_or(true, |size| size > limit)),
                ),
            };
            let into = behind.get_mut(..room).unwrap_or_default();
            let written = if block.stored {
                into.get_mut(..block.data.len()).ok_or_else(too_long)?.copy_from_slice(block.data);
                Ok(block.data.len())
            } else if self.independent {
                decompress_into(block.data, into)
            } else {
                let frame = before.get(start..).unwrap_or_default();
                decompress_into_with_dict(
                    block.data,
                    into,
                    frame.get(frame.len().saturating_sub(WINDOW)..).unwrap_or_default(),
                )
            };
            end = end.saturating_add(written.map_err(|error| match error {
                DecompressError::OutputTooSmall { .. } => too_long(),
                error => Failure::corrupt(error),
            })?);
        }
        match self.content_size {
            Some(size) if u64::try_from(end.saturating_sub(start)) != Ok(size) => {
                Err(Failure::corrupt("the frame is not as long as it says"))
            }
            _ => Ok(end),
        }
    }
}

struct Block<'a> {
    data: &'a [u8],
    stored: bool,
}

/// The blocks of a frame up to its end mark.
#[derive(Clone)]
struct Blocks<'a> {
    rest: &'a [u8],
    max_block: usize,
    checksums: bool,
}

impl<'a> Blocks<'a> {
    fn take(&mut self) -> Result<Option<Block<'a>>, Failure> {
        let cut = || Failure::corrupt("it ends within a block");
        let len = take_u32(&mut self.rest).ok_or_else(cut)?;
        if len == 0 {
            return Ok(None);
        }
        let (stored, len) = (len & STORED != 0, usize::try_from(len & !STORED).map_err(Failure::corrupt)?);
        let (data, rest) = self.rest.split_at_checked(len).ok_or_else(cut)?;
        self.rest = rest;
        if self.checksums {
            take_u32(&mut self.rest).ok_or_else(cut)?;
        }
        Ok(Some(Block { data, stored }))
    }
}

impl<'a> Iterator for Blocks<'a> {
    type Item = Result<Block<'a>, Failure>;

    fn next(&mut self) -> Option<Self::Item> {
        self.take().transpose()
    }
}

fn take<const N: usize>(from: &mut &[u8]) -> Option<[u8; N]> {
    crate::record::fields::take(from)
}

fn take_u32(from: &mut &[u8]) -> Option<u32> {
    take(from).map(u32::from_le_bytes)
}
