//! How a value stands in its two columns.

use bytes::Bytes;

/// JSON stands as JSON, to the letter, so that a person can ask for its parts; everything else as bytes. So does JSON
/// with an escaped NUL: PostgreSQL keeps it, and then fails every statement that looks into it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Columns<'a> {
    /// PostgreSQL's `json` keeps the text as it is, unlike `jsonb`.
    pub(super) json: Option<&'a str>,
    pub(super) raw: Option<&'a [u8]>,
}

impl<'a> Columns<'a> {
    pub(super) fn of(value: &'a [u8]) -> Self {
        // As a whole value: its limit of depth and its check of escapes are stricter than the server's, so that no
        // value is refused there for good.
        match std::str::from_utf8(value) {
            Ok(text) if !text.contains("\\u0000") && serde_json::from_str::<serde_json::Value>(text).is_ok() => {
                Self { json: Some(text), raw: None }
            }
            _ => Self { json: None, raw: Some(value) },
        }
    }
}

/// The value that the two columns hold.
pub(super) fn joined(json: Option<String>, raw: Option<Vec<u8>>) -> Bytes {
    json.map(Bytes::from).or(raw.map(Bytes::from)).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_stands_as_json_and_the_rest_as_bytes() {
        let deep = "[".repeat(200) + &"]".repeat(200);
        for (value, is_json) in [
            (&b"{\"a\": 1.50, \"a\":2 }"[..], true),
            (b" [1]\n", true),
            (b"1", true),
            (br#""\u0001""#, true),
            (br#""\u0000""#, false),
            (br#"{"\u0000": 1}"#, false),
            (b"", false),
            (b"order", false),
            (b"{\"a\":1", false),
            (b"\xff", false),
            (br#""\ud800""#, false),
            (deep.as_bytes(), false),
        ] {
            let columns = Columns::of(value);
            assert_eq!(columns.json.is_some(), is_json, "{}", value.escape_ascii());
            assert_ne!(columns.json.is_some(), columns.raw.is_some());
            let back = joined(columns.json.map(str::to_owned), columns.raw.map(<[u8]>::to_vec));
            assert_eq!(back, value);
        }
    }
}
