//! No C in the default build: neither by name nor by what a package says it links.

use super::{graph::Graph, policy::Policy};
use crate::workspace::Package;

/// Packages that look as if they linked native code and do not compile any.
const HARMLESS: &[(&str, &str)] = &[
    ("core-foundation-sys", "declares a framework that macOS has"),
    ("js-sys", "declares what JavaScript has; on no platform of ours"),
    ("linux-raw-sys", "numbers of the Linux kernel"),
    ("security-framework-sys", "declares a framework that macOS has"),
    ("wasm-bindgen-shared", "its links key only keeps two versions apart"),
    ("windows-sys", "declares what Windows has"),
];
const NATIVE: &[&str] = &["cc", "cmake", "bindgen", "pkg-config", "vcpkg", "nasm-rs", "autotools"];

/// Packages in the default build that compile or link native code, with the way they come in.
pub(crate) fn check(product: &Graph<'_>, policy: &Policy) -> Vec<String> {
    let banned = product.packages().filter_map(|package| Some((package, why(package, policy)?)));
    banned
        .map(|(package, why)| format!("{} {}: {why} ({})", package.name, package.version, product.chain(package)))
        .collect()
}

fn why(package: &Package, policy: &Policy) -> Option<String> {
    let name = package.name.as_str();
    if let Some(reason) = policy.ban(name) {
        return Some(format!("banned by deny.toml: {reason}"));
    }
    if NATIVE.contains(&name) {
        return Some("it compiles or finds native code".to_owned());
    }
    if HARMLESS.iter().any(|(harmless, _)| *harmless == name) {
        return None;
    }
    if let Some(links) = &package.links {
        return Some(format!("it links {links}; if that is no C, say why in xtask/src/deps/bans.rs"));
    }
    name.ends_with("-sys").then(|| "a -sys package; if it is no C, say why in xtask/src/deps/bans.rs".to_owned())
}

#[cfg(test)]
mod tests {
    use super::{super::graph::metadata_of, *};

    fn check(package: &str, links: Option<&str>, kind: Option<&str>) -> Vec<String> {
        let metadata = metadata_of(&[("ours", None, &[(package, kind)]), (package, links, &[])]);
        let policy =
            "[licenses]\nallow = []\n[bans]\ndeny = [{ crate = 'ring', reason = 'C' }]\n[advisories]\nignore = []";
        super::check(&Graph::of_product(&metadata, |_| true), &Policy::parse(policy).expect("valid"))
    }

    #[test]
    fn planted_c_is_found() {
        assert_eq!(check("ring", None, None), ["ring 1.0.0: banned by deny.toml: C (ring <- ours)"]);
        assert_eq!(check("cc", None, Some("build")).len(), 1);
        assert_eq!(check("openssl-sys", None, None).len(), 1);
        assert_eq!(check("innocent", Some("z"), None).len(), 1);
    }

    #[test]
    fn what_is_not_built_or_is_no_c_passes() {
        assert_eq!(check("ring", None, Some("dev")).len(), 0);
        assert_eq!(check("windows-sys", None, None).len(), 0);
        assert_eq!(check("serde", None, None).len(), 0);
    }
}
