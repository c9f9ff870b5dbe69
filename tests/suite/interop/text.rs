//! Records as lines, which the programs in other languages read and print.
//!
//! To `write`, sections: `begin`, topic, codec, `plain|commit|abort`; then the records, each partition (empty: the key
//! decides), timestamp, key, value, headers; then `end`. To `read`, topics; the answer is the topic, partition, offset,
//! timestamp, key, value and headers of each record. Tabs separate; keys, values and headers are hexadecimal, `-` for
//! null; headers are `name:value`, separated by commas.

use libtest_mimic::Failed;
use ottla_kafka_core::Codec;

use crate::support::Logged;

/// How a section is written.
#[derive(Clone, Copy, Debug)]
pub(super) enum Mode {
    /// Outside of a transaction.
    Plain,
    /// In a transaction that is committed.
    Commit,
    /// In one that is aborted.
    Abort,
}

pub(super) fn section(out: &mut String, topic: &str, codec: Codec, mode: Mode, records: &[Logged]) {
    let mode = match mode {
        Mode::Plain => "plain",
        Mode::Commit => "commit",
        Mode::Abort => "abort",
    };
    out.push_str(&format!("begin\t{topic}\t{codec}\t{mode}\n"));
    for record in records {
        let partition = if record.partition < 0 { String::new() } else { record.partition.to_string() };
        out.push_str(&format!("{partition}\t{}\t{}\n", record.timestamp, contents(record)));
    }
    out.push_str("end\n");
}

/// A record as `read` prints it, but for its topic.
pub(super) fn line(record: &Logged) -> String {
    format!("{}\t{}\t{}\t{}", record.partition, record.offset, record.timestamp, contents(record))
}

fn contents(record: &Logged) -> String {
    let headers = record.headers.iter();
    let headers: Vec<String> =
        headers.map(|(name, value)| format!("{}:{}", hex(Some(name.as_bytes())), hex(value.as_deref()))).collect();
    format!("{}\t{}\t{}", hex(record.key.as_deref()), hex(record.value.as_deref()), headers.join(","))
}

/// The records of `topic` in what `read` printed.
pub(super) fn read(output: &str, topic: &str) -> Result<Vec<Logged>, Failed> {
    let lines = output.lines().filter_map(|line| line.split_once('\t')).filter(|(of, _)| *of == topic);
    lines.map(|(_, line)| record(line).ok_or_else(|| format!("{line:?} is no record").into())).collect()
}

fn record(line: &str) -> Option<Logged> {
    let mut fields = line.split('\t');
    let mut next = || fields.next();
    Some(Logged {
        partition: next()?.parse().ok()?,
        offset: next()?.parse().ok()?,
        timestamp: next()?.parse().ok()?,
        key: unhex(next()?)?.map(Into::into),
        value: unhex(next()?)?.map(Into::into),
        headers: headers(next()?)?,
    })
}

fn headers(text: &str) -> Option<Vec<(String, Option<bytes::Bytes>)>> {
    let headers = text.split(',').filter(|header| !header.is_empty());
    headers
        .map(|header| {
            let (name, value) = header.split_once(':')?;
            Some((String::from_utf8(unhex(name)??).ok()?, unhex(value)?.map(Into::into)))
        })
        .collect()
}

fn hex(bytes: Option<&[u8]>) -> String {
    bytes.map_or_else(|| "-".to_owned(), |bytes| bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}

#[expect(clippy::option_option, reason = "null and unreadable are different answers")]
fn unhex(text: &str) -> Option<Option<Vec<u8>>> {
    if text == "-" {
        return Some(None);
    }
    let bytes = (0..text.len()).step_by(2).map(|at| u8::from_str_radix(text.get(at..at + 2)?, 16).ok());
    bytes.collect::<Option<_>>().map(Some)
}
