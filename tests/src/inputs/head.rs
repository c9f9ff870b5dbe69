//! Request heads that are wrong.

use super::schema::pick;
use crate::seed::Seed;

/// A head for `path` that no server of HTTP/1.1 may take, and what is wrong with it.
pub fn garbled(method: &str, path: &str, seed: &mut Seed) -> (Vec<u8>, &'static str) {
    let noise: String = (0..seed.between(1..20)).map(|_| pick(&['a', 'Z', '0', '-', '~'], seed)).collect();
    let host = "Host: localhost\r\n";
    let with = |line: &str| format!("{method} {path} HTTP/1.1\r\n{host}{line}\r\n\r\n").into_bytes();
    let lines = [
        ("a header without a colon", noise.clone()),
        ("a space in a header's name", format!("{noise} x: 1")),
        ("a header without a name", format!(": {noise}")),
        ("a control character in a header", format!("X-{noise}: a\u{1}b")),
        ("a null character in a header", format!("X-{noise}: a\0b")),
        ("a name that is not ASCII", format!("X-é{noise}: 1")),
        ("two lengths", "Content-Length: 1\r\nContent-Length: 2".to_owned()),
        ("a negative length", "Content-Length: -1".to_owned()),
        ("no length", format!("Content-Length: {noise}~")),
        ("a length beyond all bounds", "Content-Length: 99999999999999999999999".to_owned()),
        ("a coding that does not end in chunked", "Transfer-Encoding: gzip".to_owned()),
        ("a second Host", format!("Host: {noise}")),
        ("too large a head", format!("X-{noise}: {}", "a".repeat(70_000))),
        ("too many headers", format!("X: {noise}\r\n").repeat(200) + "Y: 1"),
    ];
    let whole = [
        ("no Host", format!("{method} {path} HTTP/1.1\r\nX: {noise}\r\n\r\n")),
        ("another protocol", format!("{method} {path} {}/1.1\r\n{host}\r\n", noise.to_uppercase())),
        ("another version", format!("{method} {path} HTTP/{}.0\r\n{host}\r\n", seed.between(2..10))),
        ("no version", format!("{method} {path}\r\n{host}\r\n")),
        ("no path", format!("{method} HTTP/1.1\r\n{host}\r\n")),
        ("a space in the path", format!("{method} {path} {noise} HTTP/1.1\r\n{host}\r\n")),
        ("a method of other letters", format!("G({noise}) {path} HTTP/1.1\r\n{host}\r\n")),
        ("too long a path", format!("{method} {path}/{} HTTP/1.1\r\n{host}\r\n", "a".repeat(70_000))),
        ("no request at all", format!("{noise}\r\n\r\n")),
        ("HTTP/2 from the start", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_owned()),
    ];
    let at = seed.between(0..(lines.len() + whole.len()) as u64);
    let at = usize::try_from(at).unwrap_or_default();
    match lines.get(at) {
        Some((what, line)) => (with(line), *what),
        None => {
            let (what, text) = &whole[at.saturating_sub(lines.len())];
            (text.clone().into_bytes(), *what)
        }
    }
}

/// An id that nothing has, as it stands in a path: odd letters, odd escapes, odd lengths.
pub fn odd_id(seed: &mut Seed) -> String {
    let noise = seed.next_u64();
    let odd = [
        format!("{noise:x}"),
        format!("{noise:032x}"),
        format!("%00{noise:x}"),
        format!("%ff%fe{noise:x}"),
        format!("%c0%ae{noise:x}"),
        format!("%F0%9F%A6%80{noise:x}"),
        format!("..%2f..%2fetc%2f{noise:x}"),
        format!("%zz{noise:x}"),
        format!("%{noise:x}%"),
        format!("{noise:x}'%20or%20'1'='1"),
        format!("{noise:x};drop"),
        format!("-{noise}"),
        format!("{{{noise:x}}}"),
        format!("{noise:x}/more"),
        format!("{noise:x}/"),
        "a".repeat(256 + usize::try_from(noise % 8_000).unwrap_or_default()),
    ];
    pick(&odd, seed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_length_that_is_none_has_no_digits_only() {
        let mut seed = Seed::new(1);
        let mut seen = 0;
        for _ in 0..20_000 {
            let (bytes, what) = garbled("GET", "/", &mut seed);
            if what == "no length" {
                seen += 1;
                let text = String::from_utf8_lossy(&bytes).into_owned();
                let length = text.split("Content-Length: ").nth(1).and_then(|rest| rest.lines().next());
                assert!(length.is_some_and(|length| length.parse::<u64>().is_err()), "{text}");
            }
        }
        assert!(seen > 100, "{seen}");
    }
}
