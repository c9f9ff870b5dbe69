//! Licences: each package must offer one that deny.toml allows.

use super::policy::Policy;
use crate::workspace::Package;

/// Packages, of the tests too, whose licence is not on the list.
pub(crate) fn check(packages: &[Package], policy: &Policy) -> Vec<String> {
    packages.iter().filter_map(|package| check_package(package, policy)).collect()
}

fn check_package(package: &Package, policy: &Policy) -> Option<String> {
    let name = format!("{} {}", package.name, package.version);
    match &package.license {
        None => Some(format!("{name}: no licence")),
        Some(licence) if satisfied(licence, policy) => None,
        Some(licence) => Some(format!("{name}: {licence} is not allowed by deny.toml")),
    }
}

/// An SPDX expression; packages from before SPDX separate alternatives with a slash.
fn satisfied(expression: &str, policy: &Policy) -> bool {
    let spaced = expression.replace('/', " OR ").replace('(', " ( ").replace(')', " ) ");
    let words: Vec<&str> = spaced.split_whitespace().collect();
    matches!(any(&words, policy), Some((true, [])))
}

/// `all (OR all)*`, and the words after it; `None` if it is no expression.
fn any<'a>(words: &'a [&'a str], policy: &Policy) -> Option<(bool, &'a [&'a str])> {
    let (mut value, mut rest) = all(words, policy)?;
    while let ["OR", after @ ..] = rest {
        let (right, after) = all(after, policy)?;
        (value, rest) = (value || right, after);
    }
    Some((value, rest))
}

/// `one (AND one)*`.
fn all<'a>(words: &'a [&'a str], policy: &Policy) -> Option<(bool, &'a [&'a str])> {
    let (mut value, mut rest) = one(words, policy)?;
    while let ["AND", after @ ..] = rest {
        let (right, after) = one(after, policy)?;
        (value, rest) = (value && right, after);
    }
    Some((value, rest))
}

/// A licence, perhaps with an exception, or an expression in parentheses.
fn one<'a>(words: &'a [&'a str], policy: &Policy) -> Option<(bool, &'a [&'a str])> {
    match words {
        ["(", inner @ ..] => match any(inner, policy)? {
            (value, [")", after @ ..]) => Some((value, after)),
            _ => None,
        },
        // An exception only gives more rights.
        [id, "WITH", _, after @ ..] => Some((policy.allows_licence(id), after)),
        [id, after @ ..] => Some((policy.allows_licence(id), after)),
        [] => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(licence: &str, allowed: bool) {
        let policy =
            "[licenses]\nallow = ['MIT', 'Apache-2.0', 'Unicode-3.0']\n[bans]\ndeny = []\n[advisories]\nignore = []";
        assert_eq!(satisfied(licence, &Policy::parse(policy).expect("valid")), allowed, "{licence}");
    }

    #[test]
    fn one_allowed_alternative_is_enough() {
        check("MIT", true);
        check("MIT/Apache-2.0", true);
        check("Apache-2.0 WITH LLVM-exception OR GPL-3.0", true);
        check("MIT OR Apache-2.0 OR LGPL-2.1-or-later", true);
        check("(MIT OR GPL-3.0) AND Unicode-3.0", true);
    }

    #[test]
    fn all_parts_must_be_allowed() {
        check("GPL-3.0", false);
        check("MIT AND GPL-3.0", false);
        check("(MIT OR Apache-2.0) AND GPL-3.0", false);
        check("MIT OR", false);
        check("(MIT", false);
        check("", false);
    }
}
