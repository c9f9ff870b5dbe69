//! Code that decides must not know what runs it: the protocol and the group's membership never name tokio.

use crate::source::{Source, line_of, words};

const FREE: &[&str] = &["kafka-core/src/protocol/", "kafka-core/src/protocol.rs", "consumer-group/src/membership"];

/// `tokio` in the product code of [`FREE`].
pub(crate) fn check(sources: &[Source]) -> Vec<String> {
    let free = sources.iter().filter(|source| FREE.iter().any(|start| source.path.starts_with(start)));
    free.flat_map(|source| {
        words(&source.product, "tokio").map(|at| {
            format!("{}:{}: this code is pure and must not name tokio", source.path, line_of(&source.product, at))
        })
    })
    .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(path: &str, text: &str) -> Vec<String> {
        super::check(&[Source::new(path, text)])
    }

    #[test]
    fn tokio_in_pure_code_is_found() {
        assert_eq!(
            check("consumer-group/src/membership/state.rs", "// tokio\nuse tokio::time;"),
            ["consumer-group/src/membership/state.rs:2: this code is pure and must not name tokio"]
        );
        assert_eq!(check("kafka-core/src/protocol/guard.rs", "fn f() -> tokio::io::Result<()>").len(), 1);
    }

    #[test]
    fn tests_and_the_rest_may_name_it() {
        assert_eq!(check("kafka-core/src/network/a.rs", "use tokio::time;").len(), 0);
        assert_eq!(
            check("kafka-core/src/protocol/a.rs", "#[cfg(test)]\nmod tests { #[tokio::test] fn f() {} }").len(),
            0
        );
    }
}
