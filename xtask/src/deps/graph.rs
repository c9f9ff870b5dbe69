//! The packages that the default build is made of, and who asked for each.

use std::collections::BTreeMap;

use crate::workspace::{Edge, Metadata, Package};

/// Packages reached from the default members by normal and build dependencies.
#[derive(Debug)]
pub(crate) struct Graph<'a> {
    packages: BTreeMap<&'a str, &'a Package>,
    /// A package's id → the one that was first seen to need it.
    needed_by: BTreeMap<&'a str, Option<&'a str>>,
}

impl<'a> Graph<'a> {
    /// What a release build compiles: dev-dependencies are not in it, nor what only their features ask for.
    pub(crate) fn of_product(metadata: &'a Metadata, is_compiled: impl Fn(&Package) -> bool) -> Self {
        let packages: BTreeMap<&str, &Package> =
            metadata.packages.iter().map(|package| (package.id.as_str(), package)).collect();
        let compiled = |edge: &&Edge| packages.get(edge.pkg.as_str()).is_some_and(|package| is_compiled(package));
        let edges: BTreeMap<&str, &[Edge]> =
            metadata.resolve.nodes.iter().map(|node| (node.id.as_str(), node.deps.as_slice())).collect();
        let mut needed_by = BTreeMap::new();
        let mut next: Vec<(&str, Option<&str>)> =
            metadata.workspace_default_members.iter().map(|id| (id.as_str(), None)).collect();
        while let Some((id, by)) = next.pop() {
            if needed_by.contains_key(id) {
                continue;
            }
            needed_by.insert(id, by);
            let needed =
                edges.get(id).copied().unwrap_or_default().iter().filter(|edge| is_built(edge)).filter(compiled);
            next.extend(needed.map(|edge| (edge.pkg.as_str(), Some(id))));
        }
        Self { packages, needed_by }
    }

    /// The packages, by id.
    pub(crate) fn packages(&self) -> impl Iterator<Item = &'a Package> {
        self.needed_by.keys().filter_map(|id| self.packages.get(id).copied())
    }

    /// `ring <- rustls <- ottla-kafka-core`.
    pub(crate) fn chain(&self, package: &'a Package) -> String {
        let mut names = vec![package.name.as_str()];
        let mut at = package.id.as_str();
        while let Some(by) = self.needed_by.get(at).copied().flatten() {
            names.extend(self.packages.get(by).map(|package| package.name.as_str()));
            at = by;
        }
        names.join(" <- ")
    }

    /// `name 1.0.0, 2.0.0` for each package that is built in more than one version.
    pub(crate) fn duplicates(&self) -> Vec<String> {
        let mut versions: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
        for package in self.packages() {
            versions.entry(&package.name).or_default().push(&package.version);
        }
        let several = versions.into_iter().filter(|(_, versions)| versions.len() > 1);
        several.map(|(name, versions)| format!("{name} {}", versions.join(", "))).collect()
    }
}

fn is_built(edge: &Edge) -> bool {
    edge.dep_kinds.iter().any(|kind| kind.kind.as_deref() != Some("dev"))
}

/// A package for tests: `name` or `name@version`, its links key, and its edges with their kind.
#[cfg(test)]
pub(super) type Sketch<'a> = (&'a str, Option<&'a str>, &'a [(&'a str, Option<&'a str>)]);

/// A graph for tests; the first package is the default member.
#[cfg(test)]
pub(super) fn metadata_of(packages: &[Sketch<'_>]) -> Metadata {
    use crate::workspace::{DepKind, Node, Resolve};
    let package = |name: &str, links: Option<&str>| Package {
        id: name.to_owned(),
        name: name.split('@').next().unwrap_or_default().to_owned(),
        version: name.split('@').nth(1).unwrap_or("1.0.0").to_owned(),
        license: Some("MIT".to_owned()),
        links: links.map(str::to_owned),
        dependencies: Vec::new(),
    };
    let edge = |(to, kind): &(&str, Option<&str>)| Edge {
        pkg: (*to).to_owned(),
        dep_kinds: vec![DepKind { kind: kind.map(str::to_owned) }],
    };
    let node = |name: &str, edges: &[(&str, Option<&str>)]| Node {
        id: name.to_owned(),
        deps: edges.iter().map(edge).collect(),
    };
    let default = vec![packages[0].0.to_owned()];
    Metadata {
        packages: packages.iter().map(|(name, links, _)| package(name, *links)).collect(),
        workspace_members: default.clone(),
        workspace_default_members: default,
        resolve: Resolve { nodes: packages.iter().map(|(name, _, edges)| node(name, edges)).collect() },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_built_counts() {
        let metadata = metadata_of(&[
            ("ours", None, &[("a", None), ("b", Some("build")), ("c", Some("dev"))]),
            ("a", None, &[("d@1.0.0", None)]),
            ("b", None, &[("d@2.0.0", None)]),
            ("c", None, &[]),
            ("d@1.0.0", None, &[]),
            ("d@2.0.0", None, &[]),
        ]);
        let graph = Graph::of_product(&metadata, |_| true);
        let names: Vec<&str> = graph.packages().map(|package| package.id.as_str()).collect();
        assert_eq!(names, ["a", "b", "d@1.0.0", "d@2.0.0", "ours"]);
        assert_eq!(graph.duplicates(), ["d 1.0.0, 2.0.0"]);
        assert_eq!(graph.chain(&metadata.packages[5]), "d <- b <- ours");
        let graph = Graph::of_product(&metadata, |package| package.name != "b");
        assert_eq!(graph.packages().count(), 3, "a feature of somebody's tests asks for b");
    }
}
