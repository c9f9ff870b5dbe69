//! What must not be in the repository: paths of somebody's machine, unfinished code, libraries that print.

use super::files::Files;
use crate::source::{Source, ends_in_word, line_of};

/// Starts of paths that exist on one machine only. Split, so that this file does not hold them.
const MACHINE_PATHS: &[&str] =
    &[concat!("/", "work/"), concat!("/", "tmp/wt"), concat!("/", "root/"), concat!("/", "Users/")];
const UNFINISHED: &[&str] = &["todo!", "unimplemented!"];
const PRINTS: &[&str] = &["println!", "eprintln!", "print!", "eprint!", "dbg!"];
/// Programs may print, examples too; the suites report as test runners do.
const PROGRAMS: &[&str] = &["bench/", "fuzz/", "services/", "tests/", "xtask/"];

/// Every such place.
pub(crate) fn check(files: &Files) -> Vec<String> {
    let paths = files.texts.iter().flat_map(|(path, text)| machine_paths(path, text));
    let unfinished =
        files.sources.iter().flat_map(|source| macros(source, &source.code, UNFINISHED, "is unfinished code"));
    let libraries = files.sources.iter().filter(|s| !is_program(&s.path));
    let prints = libraries.flat_map(|source| macros(source, &source.product, PRINTS, "in a library: use tracing"));
    paths.chain(unfinished).chain(prints).collect()
}

fn is_program(path: &str) -> bool {
    path.contains("/examples/") || PROGRAMS.iter().any(|program| path.starts_with(program))
}

fn machine_paths(path: &str, text: &str) -> Vec<String> {
    let found = MACHINE_PATHS.iter().flat_map(|start| text.match_indices(start));
    // `https://host/work/…` and `a/work/…` are not paths of a machine.
    found
        .filter(|(at, _)| !ends_in_word(&text[..*at]) && !text[..*at].ends_with(['.', '/', '*', '}']))
        .map(|(at, start)| format!("{path}:{}: {start} is a path of one machine", line_of(text, at)))
        .collect()
}

fn macros(source: &Source, code: &str, names: &[&str], why: &str) -> Vec<String> {
    let found = names.iter().flat_map(|name| code.match_indices(name));
    found
        .filter(|(at, _)| !ends_in_word(&code[..*at]))
        .map(|(at, name)| format!("{}:{}: {name} {why}", source.path, line_of(code, at)))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::super::files::files;

    fn check(path: &str, text: &str) -> Vec<String> {
        super::check(&files([(path, text)]))
    }

    #[test]
    fn a_path_of_a_machine_is_found() {
        let text = format!("a\nsee {} there", concat!("/", "work/notes"));
        assert_eq!(check("README.md", &text).len(), 1);
        assert_eq!(check("README.md", "https://example.com/work/notes").len(), 0);
    }

    #[test]
    fn unfinished_code_is_found_even_in_tests() {
        assert_eq!(check("a/src/a.rs", "fn f() { todo!() }"), ["a/src/a.rs:1: todo! is unfinished code"]);
        assert_eq!(check("a/src/a.rs", "// todo!").len(), 0);
    }

    #[test]
    fn a_library_that_prints_is_found() {
        assert_eq!(check("delivery/src/a.rs", "fn f() { eprintln!(\"x\") }").len(), 1);
        assert_eq!(check("delivery/examples/a.rs", "fn f() { println!(\"x\") }").len(), 0);
        assert_eq!(check("services/src/a.rs", "fn f() { println!(\"x\") }").len(), 0);
        assert_eq!(check("delivery/src/a.rs", "#[cfg(test)]\nmod tests { fn f() { println!() } }").len(), 0);
    }
}
