//! kcat's escapes in separators and formats: `\n`, `\t`, `\r`, `\xNN`, `\NNN` in decimal digits, and `\\`.

/// A separator as it was written, with its escapes resolved.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Separator(pub(super) Vec<u8>);

/// The separator that `text` stands for; clap's parser.
pub(super) fn separator(text: &str) -> Result<Separator, String> {
    match unescape(text) {
        bytes if bytes.is_empty() => Err("a separator has at least one byte".to_owned()),
        bytes => Ok(Separator(bytes)),
    }
}

/// `text` with its escapes resolved. What follows a backslash and is no escape stands for itself.
pub(super) fn unescape(text: &str) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((first, behind)) = rest.split_first() {
        rest = behind;
        let escaped = match (first, behind.first()) {
            (b'\\', Some(escaped)) => *escaped,
            _ => {
                bytes.push(*first);
                continue;
            }
        };
        let after = behind.get(1..).unwrap_or_default();
        rest = match escaped {
            b'n' => one(&mut bytes, b'\n', after),
            b't' => one(&mut bytes, b'\t', after),
            b'r' => one(&mut bytes, b'\r', after),
            b'x' => number(&mut bytes, after, 16, 2).unwrap_or_else(|| one(&mut bytes, b'x', after)),
            b'0'..=b'9' => number(&mut bytes, behind, 10, 3).unwrap_or_else(|| one(&mut bytes, escaped, after)),
            other => one(&mut bytes, other, after),
        };
    }
    bytes
}

fn one<'a>(bytes: &mut Vec<u8>, byte: u8, rest: &'a [u8]) -> &'a [u8] {
    bytes.push(byte);
    rest
}

/// Reads a byte's number of at most `digits` digits.
fn number<'a>(bytes: &mut Vec<u8>, from: &'a [u8], radix: u32, digits: usize) -> Option<&'a [u8]> {
    let is_digit = |byte: &&u8| char::from(**byte).is_digit(radix);
    let count = from.iter().take(digits).take_while(is_digit).count();
    let (number, rest) = from.split_at_checked(count)?;
    let number = u8::from_str_radix(std::str::from_utf8(number).ok()?, radix).ok()?;
    Some(one(bytes, number, rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escapes_are_kcats() {
        for (text, bytes) in [
            (r"a\tb\n", b"a\tb\n".as_slice()),
            (r"\r\\\q", b"\r\\q"),
            (r"\x41\x4a4", b"AJ4"),
            (r"\0", b"\0"),
            (r"\101", b"e"),
            (r"\xzz", b"xzz"),
            (r"\999", b"999"),
            ("é\\", "é\\".as_bytes()),
            ("", b""),
        ] {
            assert_eq!(unescape(text), bytes, "{text}");
        }
        assert!(separator("").is_err());
        assert_eq!(separator(":"), Ok(Separator(b":".to_vec())));
    }
}
