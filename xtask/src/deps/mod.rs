//! `cargo xtask deps`: what `cargo deny` would say of bans and licences, without installing it.
//!
//! deny.toml is the one list: this reads it, and serves those who have the tool as well.

mod bans;
mod graph;
mod licences;
mod policy;

use std::path::Path;

use crate::workspace::{self, Outcome};
use graph::Graph;
use policy::Policy;

/// The platforms Ottla is built for: what only others need (a C compiler on Haiku, say) is not ours to judge.
const TARGETS: [&str; 6] = [
    "x86_64-unknown-linux-gnu",
    "x86_64-unknown-linux-musl",
    "aarch64-unknown-linux-musl",
    "x86_64-apple-darwin",
    "aarch64-apple-darwin",
    "x86_64-pc-windows-msvc",
];

/// Every violation; prints the duplicates, which are no violation.
pub(crate) fn run(root: &Path) -> Outcome<Vec<String>> {
    let policy = Policy::read(root)?;
    let mut problems = policy.problems();
    for target in TARGETS {
        let metadata = workspace::metadata(root, target)?;
        let compiled = workspace::compiled(root, target)?;
        let product =
            Graph::of_product(&metadata, |package| compiled.contains(&(package.name.clone(), package.version.clone())));
        problems.extend(bans::check(&product, &policy));
        problems.extend(licences::check(&metadata.packages, &policy));
        if target == TARGETS[0] {
            println!("{} packages in the default build for {target}", product.packages().count());
            product.duplicates().iter().for_each(|duplicate| println!("more than one version: {duplicate}"));
        }
    }
    problems.sort();
    problems.dedup();
    Ok(problems)
}
