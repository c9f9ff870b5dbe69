//! Every public async function of the libraries has a row in `tests/suite/dropped`, which drops it at every await.

use std::collections::BTreeSet;

use super::files::Files;
use crate::source::public_async_fn;

/// The libraries whose futures a service holds.
const LIBRARIES: &[&str] = &["kafka-core/src/", "consumer-group/src/", "delivery/src/", "ottla/src/"];
const ROWS: &str = "tests/suite/dropped/";

/// Functions without a row, and rows without a function.
pub(crate) fn check(files: &Files) -> Vec<String> {
    let sources = files.under("", ".rs").filter(|(path, _)| LIBRARIES.iter().any(|start| path.starts_with(start)));
    let functions: BTreeSet<String> = sources.flat_map(|(_, text)| functions(text)).collect();
    let rows: BTreeSet<String> = files.under(ROWS, ".rs").flat_map(|(_, text)| named(text)).collect();
    let without_row = functions.difference(&rows).map(|name| format!("{ROWS}: no row drops {name}"));
    let without_function = rows.difference(&functions).map(|name| format!("{ROWS}: there is no async fn {name}"));
    without_row.chain(without_function).collect()
}

/// The public async functions of a file, as `Type::function`.
fn functions(text: &str) -> Vec<String> {
    let (mut of, mut found) = ("", Vec::new());
    for line in text.lines() {
        if let Some(rest) = line.strip_prefix("impl") {
            of = type_of(rest);
        }
        if let Some(name) = public_async_fn(line) {
            found.push(format!("{of}::{name}"));
        }
    }
    found
}

/// The type that an `impl` line is for, without its parameters: of ` Admin<'_> {`, `<T: X> Y for Z<T> {`.
fn type_of(rest: &str) -> &str {
    let rest = rest.split_once(" for ").map_or(rest, |(_, of)| of);
    let rest = match rest.strip_prefix('<') {
        Some(generic) => generic.split_once("> ").map_or(generic, |(_, of)| of),
        None => rest,
    };
    rest.trim().split(['<', ' ', '{']).next().unwrap_or_default()
}

/// The rows of a table: lines that begin with `("Type::function",`.
fn named(text: &str) -> impl Iterator<Item = String> {
    let name = |line: &str| line.trim_start().strip_prefix("(\"")?.split_once('"').map(|(name, _)| name.to_owned());
    text.lines().filter_map(name).filter(|name| name.contains("::"))
}

#[cfg(test)]
mod tests {
    use super::super::files::files;

    fn check(source: &str, rows: &str) -> Vec<String> {
        super::check(&files([("kafka-core/src/a.rs", source), ("tests/suite/dropped/a.rs", rows)]))
    }

    #[test]
    fn functions_and_rows_must_agree() {
        let source = "impl<T: Clone> Api for Admin<'_> {\n    pub async fn ask<A>(&self) {}\n    async fn own() {}\n}";
        let row = "    (\"Admin::ask\", |cx| again(cx)),";
        assert!(check(source, row).is_empty());
        assert_eq!(check(source, "").len(), 1, "a missing row");
        assert_eq!(check("", row).len(), 1, "a row too many");
    }
}
