//! The last word of a document's row: what shows that it is true.
//!
//! A cell names, in backticks, test functions (`its_name` or `suite::its_name`), files (`docs/adr/0005-zero-c.md`) or
//! commands (`cargo …`, `.ci/run`); or it says `issue N`, when the work is still to come.

use std::collections::BTreeSet;

use super::files::Files;
use crate::source::is_word;

/// What exists to point at.
#[derive(Debug)]
pub(crate) struct Evidence {
    tests: BTreeSet<String>,
    files: BTreeSet<String>,
}

impl Evidence {
    /// Collects the names of tests and files.
    pub(crate) fn of(files: &Files) -> Self {
        let tests = files.sources.iter().flat_map(|source| source.test_names()).map(str::to_owned).collect();
        Self { tests, files: files.texts.iter().map(|(path, _)| path.clone()).collect() }
    }

    /// What is wrong with a cell that says what shows something.
    pub(crate) fn problems(&self, cell: &str) -> Vec<String> {
        let named: Vec<&str> = cell.split('`').skip(1).step_by(2).collect();
        if named.is_empty() && !names_an_issue(cell) {
            return vec!["names no test, file, command or issue".to_owned()];
        }
        named.into_iter().filter_map(|name| self.problem(name)).collect()
    }

    fn problem(&self, name: &str) -> Option<String> {
        if name.starts_with("cargo ") || name == ".ci/run" || name.starts_with(".ci/run ") {
            return None;
        }
        if name.contains('/') {
            let path = name.split('#').next().unwrap_or(name);
            return (!self.files.contains(path)).then(|| format!("there is no file `{path}`"));
        }
        let function = name.rsplit("::").next().unwrap_or(name);
        let known = function.chars().all(is_word) && self.tests.contains(function);
        (!known).then(|| format!("there is no test `{name}`"))
    }
}

fn names_an_issue(cell: &str) -> bool {
    let after = cell.split("issue ").nth(1).unwrap_or_default();
    after.starts_with(|c: char| c.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::{super::files::files, *};

    fn check(cell: &str, problems: usize) {
        let files = files([
            ("tests/suite/orders.rs", "async fn poison_is_dead_lettered() {}"),
            ("kafka-core/src/a.rs", "fn product() {}"),
            ("docs/adr/0001-json.md", ""),
        ]);
        assert_eq!(Evidence::of(&files).problems(cell).len(), problems, "{cell}");
    }

    #[test]
    fn what_a_row_names_must_exist() {
        check("`poison_is_dead_lettered`", 0);
        check("`orders::poison_is_dead_lettered`, `docs/adr/0001-json.md`", 0);
        check("`a_test_that_was_renamed`", 1);
        check("`product`", 1);
        check("`docs/adr/0009-none.md`", 1);
        check("`cargo xtask deps`", 0);
    }

    #[test]
    fn a_row_must_name_something() {
        check("", 1);
        check("believed to work", 1);
        check("issue 5", 0);
        check("issue soon", 1);
    }
}
