//! Files stay short: one concept each. Functions are clippy's (`too_many_lines`).

use crate::source::Source;

/// Lines of a file that are not tests.
const LIMIT: usize = 400;
/// Files over the limit, with the length they may not exceed. It only ever shrinks.
pub(crate) const RATCHET: &[(&str, usize)] = &[];

/// Files over the limit, and rows of the ratchet that are not needed any more.
pub(crate) fn check(sources: &[Source], ratchet: &[(&str, usize)]) -> Vec<String> {
    let allowed = |path: &str| ratchet.iter().find(|(name, _)| *name == path).map_or(LIMIT, |(_, lines)| *lines);
    let long = sources.iter().filter_map(|source| {
        let (lines, limit) = (source.product_lines(), allowed(&source.path));
        (lines > limit).then(|| format!("{}: {lines} lines without tests, at most {limit}", source.path))
    });
    let stale = ratchet.iter().filter_map(|(path, _)| {
        let needed = sources.iter().any(|source| source.path == *path && source.product_lines() > LIMIT);
        (!needed).then(|| format!("{path}: short enough now, take it off the ratchet in xtask/src/tidy/length.rs"))
    });
    long.chain(stale).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(product: usize, tests: usize, ratchet: &[(&str, usize)]) -> Vec<String> {
        let text = "fn f();\n".repeat(product) + "#[cfg(test)]\nmod tests {\n" + &"\n".repeat(tests) + "}\n";
        super::check(&[Source::new("a/src/a.rs", &text)], ratchet)
    }

    #[test]
    fn a_long_file_is_found() {
        assert_eq!(check(401, 0, &[]), ["a/src/a.rs: 401 lines without tests, at most 400"]);
        assert_eq!(check(400, 1000, &[]).len(), 0);
    }

    #[test]
    fn the_ratchet_only_shrinks() {
        assert_eq!(check(500, 0, &[("a/src/a.rs", 500)]).len(), 0);
        assert_eq!(check(501, 0, &[("a/src/a.rs", 500)]).len(), 1);
        assert_eq!(check(300, 0, &[("a/src/a.rs", 500)]).len(), 1);
    }
}
