//! kcat's format letters.

use std::{io::Write, str::FromStr, sync::Arc};

use ottla::{TopicPartition, kafka::record::RecordView};

use super::json;
use crate::cli::escapes::unescape;

/// How a record is printed.
#[derive(Clone, Debug)]
pub(super) enum Layout {
    /// The value and a newline.
    Values,
    /// As a format says.
    Format(Format),
    /// kcat's JSON object and a newline.
    Json,
}

impl Layout {
    /// Appends a record.
    pub(super) fn print(&self, into: &mut Vec<u8>, of: &TopicPartition, record: &RecordView<'_>) {
        match self {
            Self::Values => {
                into.extend_from_slice(record.value().unwrap_or_default());
                into.push(b'\n');
            }
            Self::Format(format) => format.0.iter().for_each(|part| part.print(into, of, record)),
            Self::Json => json::print(into, of, record),
        }
    }
}

/// The parts of a format.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Format(Arc<[Part]>);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Part {
    Literal(Vec<u8>),
    Topic,
    Partition,
    Offset,
    Key,
    KeyLength,
    Value,
    ValueLength,
    /// Four bytes, big endian.
    ValueLengthBinary,
    Headers,
    Timestamp,
}

impl FromStr for Format {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let mut parts = Vec::new();
        let mut rest = text;
        while let Some((literal, behind)) = rest.split_once('%') {
            parts.push(Part::Literal(unescape(literal)));
            let letter = behind.chars().next();
            parts.push(match letter {
                Some('t') => Part::Topic,
                Some('p') => Part::Partition,
                Some('o') => Part::Offset,
                Some('k') => Part::Key,
                Some('K') => Part::KeyLength,
                Some('s') => Part::Value,
                Some('S') => Part::ValueLength,
                Some('R') => Part::ValueLengthBinary,
                Some('h') => Part::Headers,
                Some('T') => Part::Timestamp,
                Some('%') => Part::Literal(b"%".to_vec()),
                Some(other) => return Err(format!("%{other} is none of %t %p %o %k %K %s %S %R %h %T %%")),
                None => return Err("it ends with a lone %: %% is a percent sign".to_owned()),
            });
            // Every letter that came this far is one byte.
            rest = behind.get(1..).unwrap_or_default();
        }
        parts.push(Part::Literal(unescape(rest)));
        parts.retain(|part| !matches!(part, Part::Literal(literal) if literal.is_empty()));
        Ok(Self(parts.into()))
    }
}

impl Part {
    fn print(&self, into: &mut Vec<u8>, of: &TopicPartition, record: &RecordView<'_>) {
        match self {
            Self::Literal(bytes) => into.extend_from_slice(bytes),
            Self::Topic => into.extend_from_slice(of.topic().as_bytes()),
            Self::Partition => number(into, of.partition().into()),
            Self::Offset => number(into, record.offset()),
            Self::Key => into.extend_from_slice(record.key().unwrap_or_default()),
            Self::KeyLength => number(into, length(record.key())),
            Self::Value => into.extend_from_slice(record.value().unwrap_or_default()),
            Self::ValueLength => number(into, length(record.value())),
            Self::ValueLengthBinary => {
                let length = i32::try_from(length(record.value())).unwrap_or(i32::MAX);
                into.extend_from_slice(&length.to_be_bytes());
            }
            Self::Headers => headers(into, record),
            Self::Timestamp => number(into, record.timestamp()),
        }
    }
}

pub(super) fn number(into: &mut Vec<u8>, number: i64) {
    // Writing to memory does not fail.
    let _ = write!(into, "{number}");
}

fn length(bytes: Option<&[u8]>) -> i64 {
    bytes.map_or(-1, |bytes| i64::try_from(bytes.len()).unwrap_or(i64::MAX))
}

/// `a=1,b=2`; a null value is `NULL`.
fn headers(into: &mut Vec<u8>, record: &RecordView<'_>) {
    for (index, (name, value)) in record.headers().enumerate() {
        if index > 0 {
            into.push(b',');
        }
        into.extend_from_slice(name);
        into.push(b'=');
        into.extend_from_slice(value.unwrap_or(b"NULL"));
    }
}

#[cfg(test)]
mod tests {
    use super::{super::tests::printed, *};

    /// What kcat 1.7.1 printed of the same records: `kcat -C -f FORMAT`.
    #[test]
    fn letters_are_kcats() {
        const ALL: &str = r"T=%t p=%p o=%o k=%k(%K) s=%s(%S) h=%h ts=%T R=%R %% \x41 \t|\n";
        let format = |text: &str| Layout::Format(text.parse().expect("a format"));
        let expected = [
            "T=kc p=0 o=0 k=k1(2) s=v1(2) h=a=1,b=,c=NULL ts=1795287124354 R=\0\0\0\u{2} % A \t|\n",
            "T=kc p=0 o=1 k=k2(2) s=(-1) h= ts=1795287124354 R=",
        ];
        let printed_all = printed(&format(ALL));
        assert_eq!(String::from_utf8_lossy(&printed_all[0]), expected[0]);
        assert_eq!(printed_all[1], [expected[1].as_bytes(), b"\xff\xff\xff\xff % A \t|\n"].concat());
        assert_eq!(printed(&format("%k"))[2], b"");
        assert_eq!(printed(&format("%K,%S"))[2], b"-1,2");
        assert_eq!(printed(&Layout::Values)[..2], [b"v1\n".to_vec(), b"\n".to_vec()]);
    }

    #[test]
    fn an_unknown_letter_is_refused() {
        for text in ["%x", "%", "100% sure", "%é"] {
            assert!(text.parse::<Format>().is_err(), "{text}");
        }
    }
}
