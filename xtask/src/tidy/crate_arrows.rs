//! Which of our crates may depend on which: ARCHITECTURE.md, "Crates".

use crate::workspace::{Dependency, Metadata, Package};

/// A crate, what it may depend on, and what it may depend on by a feature.
const ARROWS: &[(&str, &[&str], &[&str])] = &[
    ("ottla-kafka-core", &[], &[]),
    ("ottla-envelope", &[], &[]),
    ("ottla-consumer-group", &["ottla-kafka-core"], &[]),
    ("ottla-embedded-broker", &["ottla-kafka-core"], &[]),
    ("ottla-delivery", &["ottla-consumer-group", "ottla-envelope", "ottla-kafka-core"], &[]),
    (
        "ottla",
        &["ottla-consumer-group", "ottla-envelope", "ottla-kafka-core"],
        // Delivery is a default feature of the facade.
        &["ottla-delivery", "ottla-embedded-broker"],
    ),
    ("ottla-services", &["ottla", "ottla-embedded-broker"], &[]),
    ("xtask", &[], &[]),
];
/// The suites may use everything; nothing may use them.
const SUITES: &str = "ottla-tests";

/// Normal and build dependencies against [`ARROWS`].
pub(crate) fn check(metadata: &Metadata) -> Vec<String> {
    let ours = metadata.packages.iter().filter(|package| metadata.workspace_members.contains(&package.id));
    ours.filter(|package| package.name != SUITES).flat_map(check_package).collect()
}

fn check_package(package: &Package) -> Vec<String> {
    let Some((_, always, by_feature)) = ARROWS.iter().find(|(name, ..)| *name == package.name) else {
        return vec![format!(
            "Cargo.toml: {} has no row in the arrows of xtask/src/tidy/crate_arrows.rs",
            package.name
        )];
    };
    let ours = package.dependencies.iter().filter(|dependency| dependency.path.is_some());
    ours.filter(|dependency| dependency.kind.as_deref() != Some("dev"))
        .filter(|dependency| !allowed(dependency, always, by_feature))
        .map(|dependency| format!("Cargo.toml: {} must not depend on {}", package.name, dependency.name))
        .collect()
}

fn allowed(dependency: &Dependency, always: &[&str], by_feature: &[&str]) -> bool {
    let name = dependency.name.as_str();
    always.contains(&name) || (dependency.optional && by_feature.contains(&name))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::workspace::Resolve;

    fn check(package: &str, dependency: &str, kind: Option<&str>, optional: bool) -> usize {
        let dependency = Dependency {
            name: dependency.to_owned(),
            kind: kind.map(str::to_owned),
            optional,
            path: Some("somewhere".into()),
        };
        let package = Package {
            id: "id".to_owned(),
            name: package.to_owned(),
            version: "0.1.0".to_owned(),
            license: None,
            links: None,
            dependencies: vec![dependency],
        };
        let members = vec!["id".to_owned()];
        let resolve = Resolve { nodes: Vec::new() };
        let metadata = Metadata {
            packages: vec![package],
            workspace_members: members.clone(),
            workspace_default_members: members,
            resolve,
        };
        super::check(&metadata).len()
    }

    #[test]
    fn an_arrow_upwards_is_found() {
        assert_eq!(check("ottla-kafka-core", "ottla-consumer-group", None, false), 1);
        assert_eq!(check("ottla-services", "ottla-delivery", None, false), 1);
        assert_eq!(check("ottla-envelope", "ottla-kafka-core", Some("build"), false), 1);
        assert_eq!(check("ottla-consumer-group", "ottla-kafka-core", None, false), 0);
    }

    #[test]
    fn tests_may_use_what_the_product_may_not() {
        assert_eq!(check("ottla-kafka-core", "ottla-embedded-broker", Some("dev"), false), 0);
        assert_eq!(check("ottla-tests", "ottla-services", None, false), 0);
    }

    #[test]
    fn the_facade_takes_the_broker_by_feature_only() {
        assert_eq!(check("ottla", "ottla-embedded-broker", None, true), 0);
        assert_eq!(check("ottla", "ottla-embedded-broker", None, false), 1);
    }

    #[test]
    fn a_new_crate_needs_a_row() {
        assert_eq!(check("ottla-extra", "serde", None, false), 1);
    }
}
