//! `ottla produce`: standard input to a topic, one record a line.

mod lines;
mod record;
mod run;
mod tally;

pub(super) use run::run;

use clap::Args;
use ottla::kafka::{
    Codec, Compression,
    record::{Header, ParseCodecError},
};

use super::{
    connection::ConnectionArgs,
    escapes::{Separator, separator},
};

pub(super) const EXAMPLES: &str = "\
Examples:
  seq 1 1000000 | ottla produce -b localhost:9092 -t numbers
  echo 'user-1:hello' | ottla produce -t greetings -K : -H source=shell -z zstd

A line is the bytes before a newline, a carriage return included; the last needs no newline, and an empty line is an
empty value. It ends with 0 only when every record is acknowledged; otherwise it says how many are.";

/// What `ottla produce` takes.
#[derive(Args, Clone, Debug)]
pub(super) struct ProduceArgs {
    #[command(flatten)]
    connection: ConnectionArgs,
    /// The topic to write to. It must exist.
    #[arg(short, long)]
    topic: String,
    /// What stands between key and value in a line, such as `:` or `\t`; a line without it is a value without a key.
    #[arg(short = 'K', long, value_name = "SEP", value_parser = separator)]
    key_separator: Option<Separator>,
    /// A header for every record; may be given again. Without `=` its value is null.
    #[arg(short = 'H', long = "header", value_name = "NAME=VALUE", value_parser = record::header)]
    headers: Vec<Header>,
    /// How batches are compressed: none, gzip, snappy, lz4 or zstd, gzip and zstd with a level such as `zstd:9`.
    #[arg(short = 'z', long, value_name = "CODEC", default_value = "none", value_parser = compression)]
    compression: Compression,
    /// The partition to write to, instead of the one that the key or the producer chooses.
    #[arg(short, long, value_name = "N")]
    partition: Option<u16>,
    /// Makes empty keys and values null: in a compacted topic a null value deletes the key.
    #[arg(short = 'Z', long)]
    null: bool,
    /// The largest record and request in bytes. Kafka: `max.request.size`.
    #[arg(long, value_name = "BYTES", default_value_t = 1 << 20, value_parser = clap::value_parser!(u32).range(64..=1 << 30))]
    max_request_size: u32,
}

/// A codec by Kafka's name, with its level behind a colon; clap's parser.
pub(super) fn compression(text: &str) -> Result<Compression, String> {
    let (name, level) = text.split_once(':').map_or((text, None), |(name, level)| (name, Some(level)));
    let codec: Codec = name.parse().map_err(|error: ParseCodecError| error.to_string())?;
    let mut compression = Compression::new(codec);
    if let Some(level) = level {
        compression = compression.with_level(level.parse().map_err(|_| format!("'{level}' is no level"))?);
    }
    compression.check().map(|()| compression).map_err(|error| error.to_string())
}

impl ProduceArgs {
    pub(super) fn connection(&self) -> &ConnectionArgs {
        &self.connection
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_codec_may_have_a_level() {
        for (text, read) in [
            ("none", Some(Compression::NONE)),
            ("lz4", Some(Compression::new(Codec::Lz4))),
            ("zstd:9", Some(Compression::zstd(9))),
            ("gzip:10", None),
            ("lz4:3", None),
            ("zstd:", None),
            ("brotli", None),
        ] {
            assert_eq!(compression(text).ok(), read, "{text}");
        }
    }
}
