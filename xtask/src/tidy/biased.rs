//! `select!` picks a branch at random unless told otherwise; a simulation could not replay that.

use crate::source::{Source, ends_in_word, line_of};

/// Each `select!` whose first word is not `biased;`.
pub(crate) fn check(sources: &[Source]) -> Vec<String> {
    sources.iter().flat_map(check_source).collect()
}

fn check_source(source: &Source) -> Vec<String> {
    let calls = source.code.match_indices("select!").filter(|(at, _)| !ends_in_word(&source.code[..*at]));
    calls
        .filter(|(at, call)| {
            let body = source.code[at + call.len()..].trim_start().trim_start_matches(['{', '(']).trim_start();
            !body.starts_with("biased;")
        })
        .map(|(at, _)| format!("{}:{}: select! must start with `biased;`", source.path, line_of(&source.code, at)))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str) -> Vec<String> {
        super::check(&[Source::new("a/src/a.rs", text)])
    }

    #[test]
    fn an_unbiased_select_is_found() {
        assert_eq!(
            check("fn f() {\n    tokio::select! {\n        a = b => {}\n    }\n}"),
            ["a/src/a.rs:2: select! must start with `biased;`"]
        );
        assert_eq!(check("select!{ x = y => {} }").len(), 1);
    }

    #[test]
    fn a_biased_one_passes() {
        assert_eq!(check("tokio::select! {\n    // the stop first\n    biased;\n    a = b => {}\n}").len(), 0);
        assert_eq!(check("// select! { a }\nlet s = \"select! { a }\";").len(), 0);
    }
}
