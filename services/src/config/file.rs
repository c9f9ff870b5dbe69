//! The file: TOML whose keys are the variables in lower case, at the top or in tables that spell a part of them.

use std::{
    fs::File,
    io::{self, Read},
    ops::Range,
    path::Path,
    sync::Arc,
};

use toml::{
    Spanned,
    de::{DeTable, DeValue},
};

/// The longest file, in bytes: who names a wrong one does not wait for it.
const LONGEST: u64 = 1 << 20;

/// A key and its value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Entry {
    /// As one word in lower case, such as `kafka_ssl_ca`.
    pub(super) key: String,
    pub(super) text: String,
    pub(super) line: usize,
}

/// What is wrong in a line.
pub(super) type Wrong = (usize, String);

/// A file that was read.
#[derive(Debug)]
pub(super) struct Document {
    pub(super) path: Arc<Path>,
    pub(super) text: String,
    /// Whether everybody on the machine may read it.
    pub(super) open: bool,
}

impl Document {
    pub(super) fn read(path: &Path) -> io::Result<Self> {
        let file = File::open(path)?;
        let open = is_open(&file.metadata()?);
        let mut text = String::new();
        file.take(LONGEST + 1).read_to_string(&mut text)?;
        if text.len() as u64 > LONGEST {
            return Err(io::Error::other(format!("it is longer than {LONGEST} bytes")));
        }
        Ok(Self { path: path.into(), text, open })
    }
}

#[cfg(unix)]
fn is_open(metadata: &std::fs::Metadata) -> bool {
    use std::os::unix::fs::PermissionsExt;
    metadata.permissions().mode() & 0o004 != 0
}

#[cfg(not(unix))]
fn is_open(_: &std::fs::Metadata) -> bool {
    false
}

/// Its entries in their order, and everything that is wrong.
pub(super) fn parse(text: &str) -> (Vec<Entry>, Vec<Wrong>) {
    let (table, errors) = DeTable::parse_recoverable(text);
    let at = |span: Option<Range<usize>>| line(text, span.unwrap_or_default());
    let mut wrong: Vec<Wrong> =
        errors.iter().map(|error| (at(error.span()), error.message().replace('\n', ", "))).collect();
    let mut entries = Vec::new();
    flatten(text, "", table.get_ref(), &mut entries, &mut wrong);
    entries.sort_by_key(|entry| entry.line);
    for (index, entry) in entries.iter().enumerate() {
        if let Some(first) = entries.iter().take(index).find(|first| first.key == entry.key) {
            wrong.push((entry.line, format!("{} is set in line {} already", entry.key, first.line)));
        }
    }
    (entries, wrong)
}

fn flatten(text: &str, prefix: &str, table: &DeTable<'_>, entries: &mut Vec<Entry>, wrong: &mut Vec<Wrong>) {
    for (name, value) in table {
        let key = format!("{prefix}{}", name.get_ref().to_ascii_lowercase());
        let line = line(text, name.span());
        match value.get_ref() {
            DeValue::Table(table) => flatten(text, &format!("{key}_"), table, entries, wrong),
            value => match plain(value) {
                Some(text) => entries.push(Entry { key, text, line }),
                None => {
                    let expected = "text, a number, true, false or a list of them";
                    wrong.push((line, format!("{key}: {} is not {expected}", value.type_str())));
                }
            },
        }
    }
}

/// A value as a variable would have it.
fn plain(value: &DeValue<'_>) -> Option<String> {
    match value {
        DeValue::String(text) => Some(text.to_string()),
        DeValue::Integer(number) => {
            i64::from_str_radix(number.as_str(), number.radix()).ok().map(|number| number.to_string())
        }
        DeValue::Float(number) => Some(number.as_str().to_owned()),
        DeValue::Boolean(flag) => Some(flag.to_string()),
        DeValue::Array(values) => {
            let texts: Option<Vec<String>> = values.iter().map(Spanned::get_ref).map(scalar).collect();
            texts.map(|texts| texts.join(","))
        }
        DeValue::Datetime(_) | DeValue::Table(_) => None,
    }
}

/// The same of what is in a list.
fn scalar(value: &DeValue<'_>) -> Option<String> {
    if value.is_array() { None } else { plain(value) }
}

/// The line where a span begins, from 1.
fn line(text: &str, span: Range<usize>) -> usize {
    let before = text.as_bytes().iter().take(span.start);
    before.filter(|byte| **byte == b'\n').count().saturating_add(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(key: &str, text: &str, line: usize) -> Entry {
        Entry { key: key.to_owned(), text: text.to_owned(), line }
    }

    #[test]
    fn tables_spell_a_part_of_the_names() {
        let text = "\
database_url = 'postgres://db'
[kafka]
brokers = ['a:1', 'b:2']
session_timeout = 0x10
ssl = true

[kafka.sasl]
USERNAME = \"alice\"
";
        let expected = vec![
            entry("database_url", "postgres://db", 1),
            entry("kafka_brokers", "a:1,b:2", 3),
            entry("kafka_session_timeout", "16", 4),
            entry("kafka_ssl", "true", 5),
            entry("kafka_sasl_username", "alice", 8),
        ];
        assert_eq!(parse(text), (expected, vec![]));
    }

    #[test]
    fn everything_wrong_is_named_with_its_line() {
        for (text, lines) in [
            ("kafka_ssl = \n\nkafka_brokers = 'a", vec![1, 3]),
            ("kafka_ssl = true\n[kafka]\nssl = false", vec![3]),
            ("a = 1979-05-27\nb = [[1]]\nc = [{x = 1}]", vec![1, 2, 3]),
            ("a = 1\na = 2", vec![2]),
            ("\u{0}", vec![1, 1]),
        ] {
            let (_, wrong) = parse(text);
            let mut found: Vec<usize> = wrong.iter().map(|(line, _)| *line).collect();
            found.sort_unstable();
            assert_eq!(found, lines, "{text:?}: {wrong:?}");
        }
    }
}
