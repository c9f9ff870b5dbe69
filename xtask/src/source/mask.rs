//! Blanks what is not code, so that a check on text cannot be fooled by a comment or a string.

use std::ops::Range;

use super::is_word;

/// `text` with the insides of comments, strings and character literals as spaces; line breaks and lengths stay.
pub(crate) fn mask(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while at < bytes.len() {
        let end = match literal_end(text, at) {
            Some(end) => end,
            None => {
                out.push(bytes[at]);
                at += 1;
                continue;
            }
        };
        out.extend(bytes[at..end].iter().map(|byte| if *byte == b'\n' { b'\n' } else { b' ' }));
        at = end;
    }
    // Only whole literals were replaced, by ASCII: what is left is still UTF-8.
    String::from_utf8_lossy(&out).into_owned()
}

/// The end of the comment or literal that starts at `at`, if one does.
fn literal_end(text: &str, at: usize) -> Option<usize> {
    let rest = text.as_bytes().get(at..)?;
    let found = |length: Option<usize>| Some(length.map_or(text.len(), |length| at + length));
    match rest {
        [b'/', b'/', ..] => found(rest.iter().position(|byte| *byte == b'\n')),
        [b'/', b'*', ..] => found(block_comment_length(rest)),
        [b'"', ..] => found(quoted_length(rest)),
        [b'r', b'"' | b'#', ..] if !starts_in_word(text, at) => raw_string_length(rest).map(|length| at + length),
        [b'\'', b'\\', ..] => found(rest.get(3..)?.iter().position(|byte| *byte == b'\'').map(|end| end + 4)),
        // A lifetime has no closing quote after its first character.
        [b'\'', ..] => {
            let character = text.get(at + 1..)?.chars().next()?;
            let end = at + 1 + character.len_utf8();
            (text.as_bytes().get(end) == Some(&b'\'')).then_some(end + 1)
        }
        _ => None,
    }
}

fn starts_in_word(text: &str, at: usize) -> bool {
    // `br"…"` is a raw string too; any other word that ends in r is a name.
    let before = text.get(..at).unwrap_or_default();
    let before = before.strip_suffix('b').unwrap_or(before);
    before.chars().next_back().is_some_and(is_word)
}

fn block_comment_length(rest: &[u8]) -> Option<usize> {
    let mut depth = 0_usize;
    let mut at = 0;
    while at < rest.len() {
        match &rest[at..] {
            [b'/', b'*', ..] => depth += 1,
            [b'*', b'/', ..] => depth = depth.saturating_sub(1),
            _ => {
                at += 1;
                continue;
            }
        }
        at += 2;
        if depth == 0 {
            return Some(at);
        }
    }
    None
}

fn quoted_length(rest: &[u8]) -> Option<usize> {
    let mut at = 1;
    while let Some(byte) = rest.get(at) {
        match byte {
            b'\\' => at += 2,
            b'"' => return Some(at + 1),
            _ => at += 1,
        }
    }
    None
}

/// `None` when it is a raw identifier such as `r#type`.
fn raw_string_length(rest: &[u8]) -> Option<usize> {
    let hashes = rest.iter().skip(1).take_while(|byte| **byte == b'#').count();
    let start = 1 + hashes;
    if rest.get(start) != Some(&b'"') {
        return None;
    }
    let closing = [&b"\""[..], &b"#".repeat(hashes)].concat();
    let body = rest.get(start + 1..)?;
    let end = body.windows(closing.len()).position(|window| window == closing);
    Some(end.map_or(rest.len(), |end| start + 1 + end + closing.len()))
}

/// Masked `code` with the items under `#[cfg(test)]` blanked.
pub(crate) fn without_tests(code: &str) -> String {
    let mut out = code.to_owned();
    for item in test_items(code) {
        // By bytes, so that the offsets stay even where an identifier is not ASCII.
        let blank: String = code[item.clone()].bytes().map(|byte| if byte == b'\n' { '\n' } else { ' ' }).collect();
        out.replace_range(item, &blank);
    }
    out
}

/// The items under `#[cfg(test)]` in masked `code`, attributes included.
pub(crate) fn test_items(code: &str) -> Vec<Range<usize>> {
    let mut items = Vec::new();
    let mut from = 0;
    while let Some(start) = code[from..].find("#[cfg(test)]").map(|found| from + found) {
        let end = item_end(code, start);
        items.push(start..end);
        from = end;
    }
    items
}

/// The end of the item that starts at `start`: its closing brace, or its semicolon if that comes first.
fn item_end(code: &str, start: usize) -> usize {
    let mut depth = 0_usize;
    for (at, c) in code[start..].char_indices() {
        match c {
            ';' if depth == 0 => return start + at + 1,
            '{' => depth += 1,
            '}' if depth <= 1 => return start + at + 1,
            '}' => depth -= 1,
            _ => {}
        }
    }
    code.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, code: &str) {
        assert_eq!(mask(text), code, "{text}");
        assert_eq!(mask(text).len(), text.len());
    }

    #[test]
    fn comments_and_literals_become_blanks() {
        check("a // b\nc", "a     \nc");
        check("a /* b /* c */ d */ e", "a                   e");
        check("x = \"a \\\" b\"; y", "x =         ; y");
        check("r#\"a\"b\"# c", "         c");
        check("br\"a\" c", "b     c");
        check("'a' '\\n' '\\'' b", "              b");
        check("&'static str", "&'static str");
        check("r#type var\"s\"", "r#type var   ");
        check("\"é\" x", "     x");
    }

    #[test]
    fn an_open_literal_ends_with_the_file() {
        check("\"abc", "    ");
        check("/* abc", "      ");
    }

    #[test]
    fn items_for_tests_are_left_out() {
        let code = "use a;\n#[cfg(test)]\nuse b;\n#[cfg(test)]\nmod tests { fn f() {} }\nfn g() {}";
        let product = without_tests(code);
        assert!(product.contains("use a;") && product.contains("fn g()"));
        assert!(!product.contains("use b") && !product.contains("fn f"));
        assert_eq!(product.lines().count(), code.lines().count());
    }
}
