//! From a line to a record.

use std::sync::Arc;

use bytes::Bytes;
use ottla::{ProducerRecord, kafka::record::Header};

use crate::cli::escapes::Separator;

/// How lines become records.
#[derive(Clone, Debug)]
pub(super) struct Shape {
    pub(super) topic: Arc<str>,
    pub(super) partition: Option<i32>,
    pub(super) separator: Option<Separator>,
    pub(super) headers: Vec<Header>,
    /// Whether an empty key or value is null, which in a compacted topic deletes.
    pub(super) empty_is_null: bool,
}

impl Shape {
    /// The record of `line`. A line without the separator is a value without a key, as kcat has it.
    pub(super) fn record(&self, line: Bytes) -> ProducerRecord {
        let (key, value) = self.split(line);
        let wanted = |bytes: &Bytes| !(self.empty_is_null && bytes.is_empty());
        let mut record = ProducerRecord::to(Arc::clone(&self.topic));
        if !self.headers.is_empty() {
            record = record.headers(self.headers.clone());
        }
        if let Some(partition) = self.partition {
            record = record.partition(partition);
        }
        if let Some(key) = key.filter(wanted) {
            record = record.key(key);
        }
        if wanted(&value) { record.value(value) } else { record }
    }

    fn split(&self, line: Bytes) -> (Option<Bytes>, Bytes) {
        let Some(Separator(separator)) = &self.separator else { return (None, line) };
        match line.windows(separator.len()).position(|window| window == separator) {
            Some(at) => {
                let behind = at.saturating_add(separator.len());
                (Some(line.slice(..at)), line.slice(behind..))
            }
            None => (None, line),
        }
    }
}

/// A header as it is written on the command line: `name=value`, or `name` alone for a null value; clap's parser.
pub(super) fn header(text: &str) -> Result<Header, String> {
    match text.split_once('=') {
        Some(("", _)) => Err("a header is NAME=VALUE".to_owned()),
        Some((name, value)) => Ok(Header::new(name, value.to_owned())),
        None if text.is_empty() => Err("a header is NAME=VALUE".to_owned()),
        None => Ok(Header { key: Bytes::from(text.to_owned()), value: None }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shape(separator: Option<&str>, empty_is_null: bool) -> Shape {
        let separator = separator.map(|text| Separator(text.as_bytes().to_vec()));
        Shape { topic: "t".into(), partition: None, separator, headers: Vec::new(), empty_is_null }
    }

    #[test]
    fn a_line_is_key_and_value() {
        let to = || ProducerRecord::to("t");
        for (separator, null, line, record) in [
            (None, false, "k:v", to().value("k:v")),
            (None, false, "", to().value("")),
            (None, true, "", to()),
            (Some(":"), false, "k:v:w", to().key("k").value("v:w")),
            (Some(":"), false, ":", to().key("").value("")),
            (Some(":"), true, "k:", to().key("k")),
            (Some(":"), true, ":v", to().value("v")),
            (Some(":"), false, "no key", to().value("no key")),
            (Some("=>"), false, "k=>v", to().key("k").value("v")),
            (Some("=>"), false, "=", to().value("=")),
        ] {
            assert_eq!(shape(separator, null).record(Bytes::from(line)), record, "{line} by {separator:?}, {null}");
        }
    }

    #[test]
    fn headers_are_names_with_values() {
        assert_eq!(header("a=b=c"), Ok(Header::new("a", "b=c")));
        assert_eq!(header("a="), Ok(Header::new("a", "")));
        assert_eq!(header("a").map(|header| header.value), Ok(None));
        assert!(header("=b").is_err() && header("").is_err());
    }
}
