//! kcat's JSON envelope, byte for byte where kcat's is JSON at all.
//!
//! kcat prints bytes that are not UTF-8 as they are, which no JSON parser takes; here they are `{"base64":"..."}`.
//! kcat's field `broker` is left out: it says which broker answered, not what the record is.

use base64::{Engine, engine::general_purpose::STANDARD};
use ottla::{
    TopicPartition,
    kafka::record::{RecordView, TimestampType},
};

use super::format::number;

/// Appends the record and a newline.
pub(super) fn print(into: &mut Vec<u8>, of: &TopicPartition, record: &RecordView<'_>) {
    into.extend_from_slice(b"{\"topic\":");
    text(into, of.topic());
    into.extend_from_slice(b",\"partition\":");
    number(into, of.partition().into());
    into.extend_from_slice(b",\"offset\":");
    number(into, record.offset());
    into.extend_from_slice(match record.timestamp_type() {
        TimestampType::CreateTime => b",\"tstype\":\"create\",\"ts\":".as_slice(),
        TimestampType::LogAppendTime => b",\"tstype\":\"logappend\",\"ts\":",
    });
    number(into, record.timestamp());
    headers(into, record);
    into.extend_from_slice(b",\"key\":");
    bytes(into, record.key());
    into.extend_from_slice(b",\"payload\":");
    bytes(into, record.value());
    into.extend_from_slice(b"}\n");
}

/// One flat array of names and values; nothing if there are none.
fn headers(into: &mut Vec<u8>, record: &RecordView<'_>) {
    let mut before: &[u8] = b",\"headers\":[";
    for (name, value) in record.headers() {
        into.extend_from_slice(before);
        bytes(into, Some(name));
        into.push(b',');
        bytes(into, value);
        before = b",";
    }
    if record.headers().len() > 0 {
        into.push(b']');
    }
}

fn bytes(into: &mut Vec<u8>, bytes: Option<&[u8]>) {
    match bytes.map(|bytes| std::str::from_utf8(bytes).map_err(|_| bytes)) {
        None => into.extend_from_slice(b"null"),
        Some(Ok(string)) => text(into, string),
        Some(Err(bytes)) => {
            into.extend_from_slice(b"{\"base64\":\"");
            into.extend_from_slice(STANDARD.encode(bytes).as_bytes());
            into.extend_from_slice(b"\"}");
        }
    }
}

/// A string with yajl's escapes.
fn text(into: &mut Vec<u8>, string: &str) {
    const HEX: &[u8; 16] = b"0123456789ABCDEF";
    let digit = |nibble: u8| HEX.get(usize::from(nibble)).copied().unwrap_or(b'0');
    let bytes = string.as_bytes();
    let mut plain = 0;
    into.push(b'"');
    for (at, byte) in bytes.iter().enumerate() {
        let escape: &[u8] = match byte {
            b'"' => b"\\\"",
            b'\\' => b"\\\\",
            b'\n' => b"\\n",
            b'\r' => b"\\r",
            b'\t' => b"\\t",
            0x08 => b"\\b",
            0x0c => b"\\f",
            0..=0x1f => &[b'\\', b'u', b'0', b'0', digit(byte >> 4), digit(byte & 0xf)],
            _ => continue,
        };
        into.extend_from_slice(bytes.get(plain..at).unwrap_or_default());
        into.extend_from_slice(escape);
        plain = at.saturating_add(1);
    }
    into.extend_from_slice(bytes.get(plain..).unwrap_or_default());
    into.push(b'"');
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::super::{format::Layout, tests::printed};

    /// What kcat 1.7.1 printed of the same records, without its `broker`: `kcat -C -J`.
    const KCAT: &[&str] = &[
        r#"{"topic":"kc","partition":0,"offset":0,"tstype":"create","ts":1795287124354,"headers":["a","1","b","","c",null],"key":"k1","payload":"v1"}"#,
        r#"{"topic":"kc","partition":0,"offset":1,"tstype":"create","ts":1795287124354,"key":"k2","payload":null}"#,
        r#"{"topic":"kc","partition":0,"offset":2,"tstype":"create","ts":1795287124354,"key":null,"payload":"v3"}"#,
        "{\"topic\":\"kc\",\"partition\":0,\"offset\":3,\"tstype\":\"create\",\"ts\":1795287124354,\"key\":null,\
         \"payload\":\"q\\\"uo\\\\te/\\ttab\\u0001\\u001Fctl\u{7f} é\u{2028} </script>\"}",
    ];

    #[test]
    fn lines_are_kcats() {
        let lines = printed(&Layout::Json);
        for (line, kcats) in lines.iter().zip(KCAT) {
            assert_eq!(String::from_utf8_lossy(line), format!("{kcats}\n"));
        }
    }

    #[test]
    fn bytes_that_are_not_text_are_kept() {
        let lines = printed(&Layout::Json);
        let line: Value = serde_json::from_slice(&lines[4]).expect("JSON");
        assert_eq!((&line["key"], &line["payload"]), (&json!({"base64": "//4="}), &json!({"base64": "gCD/"})));
        assert_eq!(line["headers"], json!(["h", {"base64": "/w=="}]));
    }
}
