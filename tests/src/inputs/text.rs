//! JSON whose text is wrong, made of a text that is right.

use super::schema::pick;
use crate::seed::Seed;

/// The text of a JSON object with one thing wrong with it, and what. Now and then it is still right: a reader of the
/// text must judge it.
pub fn mangled(text: &str, seed: &mut Seed) -> (Vec<u8>, &'static str) {
    let bytes = text.as_bytes();
    let at = usize::try_from(seed.between(0..bytes.len() as u64)).unwrap_or_default();
    let (before, after) = bytes.split_at(at);
    let inner = bytes.get(1..).unwrap_or_default();
    let put = |middle: &[u8]| [before, middle, after].concat();
    match seed.between(0..18) {
        0 | 1 => (before.to_vec(), "cut off"),
        2 => (put(pick(&[&b"\xff"[..], b"\xc3", b"\xed\xa0\x80", b"\xf0\x9f", b"\xc0\xaf"], seed)), "no UTF-8"),
        3 => (put(pick(&[&b"\0"[..], b"\x01", b"\x1b[31m", b"\x7f"], seed)), "a control character"),
        4 => (text.encode_utf16().flat_map(u16::to_le_bytes).collect(), "UTF-16"),
        5 => ([b"\xef\xbb\xbf", bytes].concat(), "a byte order mark"),
        6 => ([&b"{"[..], first_field(text).as_bytes(), b":1,", inner].concat(), "a key twice"),
        7 => ([bytes, pick(&[&b"}"[..], b",", b"{}", b" null", b"//", b"\0"], seed)].concat(), "something after it"),
        8 => (nested(seed), "too deep"),
        9 => (text.replace('"', "'").into_bytes(), "single quotes"),
        10 => (text.replacen('}', ",}", 1).into_bytes(), "a comma too many"),
        11 => (text.replacen(':', "=", 1).into_bytes(), "no colon"),
        12 => ([&b"/* a comment */"[..], bytes].concat(), "a comment"),
        13 => (put(pick(&[&b"\\u12"[..], b"\\ud800", b"\\x41", b"\\"], seed)), "a bad escape"),
        14 => (put(pick(&[&b"NaN"[..], b"Infinity", b"1e999", b"0x10", b"01", b"+1", b".5"], seed)), "no number"),
        15 => (vec![b' '; at], "nothing"),
        16 => ([&b"["[..], bytes, b"]"].concat(), "an array of it"),
        _ => {
            let removed: Vec<u8> = [before, after.get(1..).unwrap_or_default()].concat();
            (removed, "a byte lost")
        }
    }
}

fn nested(seed: &mut Seed) -> Vec<u8> {
    let depth = usize::try_from(seed.between(65..10_000)).unwrap_or_default();
    let open = pick(&["[", "{\"a\":"], seed);
    open.repeat(depth).into_bytes()
}

/// The first key of an object, with its quotes.
fn first_field(text: &str) -> &str {
    text.get(1..).and_then(|rest| rest.split_once(':')).map_or("\"\"", |(key, _)| key)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nearly_every_text_is_wrong_and_a_seed_repeats_it() {
        let text = r#"{"name":"Lamp","unit_price":49.99,"available":120}"#;
        let draw = || {
            let mut seed = Seed::new(3);
            (0..1_000).map(|_| mangled(text, &mut seed).0).collect::<Vec<_>>()
        };
        let all = draw();
        assert_eq!(all, draw());
        let right =
            |bytes: &&Vec<u8>| serde_json::from_slice::<serde_json::Map<String, serde_json::Value>>(bytes).is_ok();
        // A key twice is right for most readers, and a byte lost in a text harms nobody.
        assert!(all.iter().filter(right).count() < 200);
    }
}
