//! The paths that code names, with `use` trees taken apart.

use super::{ends_in_word, is_word};

/// Every path in masked `code` that starts with the segment `first`: its offset and the segments after `first`.
///
/// `use first::{a, b::{c, d}}` gives `[a]`, `[b, c]` and `[b, d]`; a glob is the segment `*`.
pub(crate) fn paths_from(code: &str, first: &str) -> Vec<(usize, Vec<String>)> {
    let mut found = Vec::new();
    let start = format!("{first}::");
    for (at, _) in code.match_indices(&start) {
        let before = code[..at].trim_end();
        // `other::first::…` starts elsewhere; `::first` names a crate.
        let inside_path = before.ends_with("::") && before.trim_end_matches("::").ends_with(is_word);
        if ends_in_word(&code[..at]) || inside_path {
            continue;
        }
        let mut tails = Vec::new();
        read_tree(&code[at + start.len()..], &mut Vec::new(), &mut tails);
        found.extend(tails.into_iter().map(|tail| (at, tail)));
    }
    found
}

/// Reads one tree of paths from the start of `text`; returns what is left.
fn read_tree<'a>(text: &'a str, path: &mut Vec<String>, found: &mut Vec<Vec<String>>) -> &'a str {
    let text = text.trim_start();
    if let Some(mut rest) = text.strip_prefix('{') {
        loop {
            rest = rest.trim_start();
            if let Some(after) = rest.strip_prefix('}') {
                return after;
            }
            let before = rest.len();
            rest = read_tree(rest, path, found).trim_start();
            rest = rest.strip_prefix(',').unwrap_or(rest);
            if rest.len() == before || rest.is_empty() {
                return rest;
            }
        }
    }
    let length = if text.starts_with('*') { 1 } else { text.find(|c| !is_word(c)).unwrap_or(text.len()) };
    let (segment, rest) = text.split_at(length);
    if segment.is_empty() {
        return text;
    }
    path.push(segment.to_owned());
    let rest = match rest.strip_prefix("::") {
        Some(deeper) if deeper.trim_start().starts_with(|c: char| is_word(c) || c == '{' || c == '*') => {
            read_tree(deeper, path, found)
        }
        _ => {
            found.push(path.clone());
            skip_alias(rest)
        }
    };
    path.pop();
    rest
}

fn skip_alias(text: &str) -> &str {
    match text.trim_start().strip_prefix("as ") {
        Some(alias) => alias.trim_start().trim_start_matches(is_word),
        None => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(code: &str, first: &str, expected: &[&str]) {
        let found: Vec<String> = paths_from(code, first).into_iter().map(|(_, path)| path.join("::")).collect();
        assert_eq!(found, expected, "{code}");
    }

    #[test]
    fn use_trees_are_taken_apart() {
        check("use crate::a;", "crate", &["a"]);
        check("use crate::{a, b::{c, d as e}, f::*};", "crate", &["a", "b::c", "b::d", "f::*"]);
        check("use crate::{\n    a::B,\n    c,\n};", "crate", &["a::B", "c"]);
        check("use super::super::a;", "super", &["super::a"]);
    }

    #[test]
    fn paths_in_expressions_count() {
        check("let x = crate::a::b(1) + crate::c;", "crate", &["a::b", "c"]);
        check("fn f(x: crate::A<u8>) {}", "crate", &["A"]);
        check("pub(crate) fn f() {}", "crate", &[]);
        check("my_crate::a; other::crate::b", "crate", &[]);
    }

    #[test]
    fn broken_code_ends() {
        check("use crate::{a, b", "crate", &["a", "b"]);
        check("use crate::{{{", "crate", &[]);
    }
}
