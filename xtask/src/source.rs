//! Rust source as the checks see it: code without comments, strings and tests, and the paths it names.

mod mask;
mod paths;

pub(crate) use mask::{mask, without_tests};
pub(crate) use paths::paths_from;

use std::collections::BTreeSet;

/// A Rust file of the workspace.
#[derive(Debug)]
pub(crate) struct Source {
    /// Relative to the workspace's folder.
    pub(crate) path: String,
    /// Comments and literals blanked, line breaks kept.
    pub(crate) code: String,
    /// [`Source::code`] with the items under `#[cfg(test)]` blanked too; empty for a file of tests.
    pub(crate) product: String,
}

impl Source {
    /// Reads `text` as the file at `path`.
    pub(crate) fn new(path: &str, text: &str) -> Self {
        let code = mask(text);
        let product = if is_test_file(path) { String::new() } else { without_tests(&code) };
        Self { path: path.to_owned(), code, product }
    }

    /// The lines of the file that are not in `#[cfg(test)]` items.
    pub(crate) fn product_lines(&self) -> usize {
        let tests: usize = mask::test_items(&self.code)
            .into_iter()
            .filter_map(|item| self.code.get(item))
            .map(|item| item.lines().count())
            .sum();
        if self.product.is_empty() { 0 } else { self.code.lines().count().saturating_sub(tests) }
    }

    /// The names of the file's functions that are tests, or that the suites run.
    pub(crate) fn test_names(&self) -> BTreeSet<&str> {
        let tests = if is_test_file(&self.path) {
            vec![self.code.as_str()]
        } else {
            mask::test_items(&self.code).into_iter().filter_map(|item| self.code.get(item)).collect()
        };
        tests.into_iter().flat_map(function_names).collect()
    }
}

/// Whether a file holds nothing but tests and what they share.
fn is_test_file(path: &str) -> bool {
    path.starts_with("tests/") || path.ends_with("/tests.rs") || path.contains("/tests/")
}

/// The name of the public async function that a line begins.
pub(crate) fn public_async_fn(line: &str) -> Option<&str> {
    line.trim_start().strip_prefix("pub async fn ")?.split(['(', '<']).next()
}

fn function_names(code: &str) -> impl Iterator<Item = &str> {
    code.match_indices("fn ").filter(|(at, _)| !ends_in_word(&code[..*at])).map(|(at, keyword)| {
        let name = &code[at + keyword.len()..];
        &name[..name.find(|c: char| !is_word(c)).unwrap_or(name.len())]
    })
}

/// Whether `c` can be part of an identifier.
pub(crate) fn is_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

/// Whether text ends inside an identifier.
pub(crate) fn ends_in_word(text: &str) -> bool {
    text.chars().next_back().is_some_and(is_word)
}

/// The line, from 1, of a byte offset.
pub(crate) fn line_of(text: &str, offset: usize) -> usize {
    text.get(..offset).map_or(1, |before| before.matches('\n').count() + 1)
}

/// Where `word` stands in `code` as a whole identifier.
pub(crate) fn words<'a>(code: &'a str, word: &'a str) -> impl Iterator<Item = usize> + 'a {
    code.match_indices(word)
        .filter(move |(at, _)| !ends_in_word(&code[..*at]) && !code[at + word.len()..].starts_with(is_word))
        .map(|(at, _)| at)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_tests_come_from_test_code_only() {
        let source =
            Source::new("kafka-core/src/a.rs", "fn product() {}\n#[cfg(test)]\nmod tests { fn it_works() {} }\n");
        assert_eq!(source.test_names(), BTreeSet::from(["it_works"]));
        assert_eq!(Source::new("tests/suite/a.rs", "async fn whole() {}").test_names(), BTreeSet::from(["whole"]));
    }

    #[test]
    fn lengths_leave_tests_out() {
        let source = Source::new("a/src/a.rs", "fn product() {}\n\n#[cfg(test)]\nmod tests {\n    fn t() {}\n}\n");
        assert_eq!(source.product_lines(), 2);
        assert_eq!(Source::new("tests/src/a.rs", "fn t() {}\n").product_lines(), 0);
    }

    #[test]
    fn words_are_whole() {
        assert_eq!(words("tokio tokios my_tokio tokio::x", "tokio").collect::<Vec<_>>(), [0, 22]);
    }
}
