//! Which modules of kafka-core may use which, and which of its modules the embedded broker may use.

use std::collections::BTreeMap;

use crate::source::{Source, line_of, paths_from};

const CORE: &str = "kafka-core/src/";
const BROKER: &str = "embedded-broker/src/";

/// Everybody's ground: these use each other only as their own rows say.
const BASE: &[&str] = &["connector", "delay", "env", "error", "flight", "race", "record", "topic_partition"];
/// A module of kafka-core and what it may use beside itself; `+` adds [`BASE`].
const ARROWS: &[(&str, &[&str])] = &[
    ("env", &[]),
    ("topic_partition", &[]),
    ("delay", &["env"]),
    ("flight", &["env"]),
    ("race", &[]),
    ("connector", &["env", "race"]),
    ("record", &[]),
    // Each row of the table of error codes says what helps, in error's word for it.
    ("protocol", &["error", "record"]),
    // An error names what it is about.
    ("error", &["connector", "protocol", "topic_partition"]),
    ("security", &["env", "error"]),
    ("network", &["+", "protocol", "security"]),
    ("metadata", &["+", "protocol"]),
    ("client", &["+", "metadata", "network", "protocol", "security"]),
    ("producer", &["+", "client", "metadata", "protocol"]),
    // An offset out of range is told with the log's bounds, which admin can list.
    ("fetch", &["+", "admin", "client", "metadata", "protocol"]),
    ("admin", &["+", "client", "metadata", "protocol"]),
    ("fuzzing", &["+", "network", "protocol", "security"]),
];
/// What the embedded broker may use: it must not share the client's logic, or both could be wrong together.
const FOR_BROKER: &[&str] = &["connector", "env", "protocol", "record", "topic_partition"];

/// Uses against the direction of the arrows.
pub(crate) fn check(sources: &[Source]) -> Vec<String> {
    let root = root_names(sources);
    let core =
        sources.iter().filter(|source| source.path.starts_with(CORE)).flat_map(|source| check_core(source, &root));
    let broker = sources.iter().filter(|source| source.path.starts_with(BROKER));
    core.chain(broker.flat_map(|source| check_broker(source, &root))).collect()
}

/// What lib.rs re-exports: the name at the crate's root → its module.
fn root_names(sources: &[Source]) -> BTreeMap<String, String> {
    let Some(lib) = sources.iter().find(|source| source.path == format!("{CORE}lib.rs")) else {
        return BTreeMap::new();
    };
    let exports = lib.product.split("pub use ").skip(1).filter_map(|export| export.split(';').next());
    let paths = exports.flat_map(|export| paths_from(&format!("crate::{export}"), "crate"));
    paths.filter_map(|(_, path)| Some((path.last()?.clone(), path.first()?.clone()))).collect()
}

fn check_core(source: &Source, root: &BTreeMap<String, String>) -> Vec<String> {
    let module = module_path(&source.path);
    let Some(own) = module.first() else {
        return Vec::new();
    };
    let Some((_, allowed)) = ARROWS.iter().find(|(name, _)| name == own) else {
        return vec![format!("{}: {own} has no row in the arrows of xtask/src/tidy/module_arrows.rs", source.path)];
    };
    let allowed =
        |used: &str| used == own || allowed.contains(&used) || (allowed.contains(&"+") && BASE.contains(&used));
    let absolute = paths_from(&source.product, "crate");
    let relative =
        paths_from(&source.product, "super").into_iter().filter_map(|(at, path)| Some((at, resolve(&module, path)?)));
    absolute
        .into_iter()
        .chain(relative)
        .filter_map(|(at, path)| Some((at, module_of(&path, root)?)))
        .filter(|(_, used)| !allowed(used))
        .map(|(at, used)| format!("{}:{}: {own} must not use {used}", source.path, line_of(&source.product, at)))
        .collect()
}

fn check_broker(source: &Source, root: &BTreeMap<String, String>) -> Vec<String> {
    paths_from(&source.product, "ottla_kafka_core")
        .into_iter()
        .filter_map(|(at, path)| Some((at, module_of(&path, root)?)))
        .filter(|(_, used)| !FOR_BROKER.contains(&used.as_str()))
        .map(|(at, used)| {
            format!(
                "{}:{}: the embedded broker must not use kafka-core's {used}",
                source.path,
                line_of(&source.product, at)
            )
        })
        .collect()
}

/// The module that a path from the crate's root is in; `None` for the root's own macros and the like.
fn module_of(path: &[String], root: &BTreeMap<String, String>) -> Option<String> {
    let first = path.first()?;
    let known = ARROWS.iter().any(|(name, _)| name == first);
    if known { Some(first.clone()) } else { root.get(first).cloned() }
}

/// `super::path` seen from `module`; `None` while it stays inside the same top module.
fn resolve(module: &[String], path: Vec<String>) -> Option<Vec<String>> {
    let more = path.iter().take_while(|segment| *segment == "super").count();
    (module.len() == 1 + more).then(|| path.into_iter().skip(more).collect())
}

/// `kafka-core/src/producer/batch.rs` is `[producer, batch]`; lib.rs is empty.
fn module_path(path: &str) -> Vec<String> {
    let inner = path.trim_start_matches(CORE).trim_end_matches(".rs");
    inner.split('/').filter(|segment| !["mod", "lib"].contains(segment)).map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(path: &str, text: &str) -> Vec<String> {
        let lib = Source::new("kafka-core/src/lib.rs", "pub use client::{Client, Target};\npub use env::Env;\n");
        super::check(&[lib, Source::new(path, text)])
    }

    #[test]
    fn a_use_against_the_arrows_is_found() {
        assert_eq!(
            check("kafka-core/src/network/stream.rs", "\nuse crate::{env::Env, metadata::Cluster};"),
            ["kafka-core/src/network/stream.rs:2: network must not use metadata"]
        );
        assert_eq!(check("kafka-core/src/protocol/mod.rs", "use crate::Client;").len(), 1);
        assert_eq!(check("kafka-core/src/record/mod.rs", "fn f() { crate::producer::f() }").len(), 1);
        assert_eq!(check("kafka-core/src/producer/mod.rs", "use crate::network::X;").len(), 1);
    }

    #[test]
    fn a_relative_use_is_followed() {
        assert_eq!(check("kafka-core/src/metadata/cluster.rs", "use super::super::client::X;").len(), 1);
        assert_eq!(check("kafka-core/src/metadata.rs", "use super::client::X;").len(), 1);
        assert_eq!(check("kafka-core/src/metadata/cluster.rs", "use super::client::X;").len(), 0);
    }

    #[test]
    fn uses_along_the_arrows_pass() {
        assert_eq!(check("kafka-core/src/producer/mod.rs", "use crate::{Client, Env, client, delay};").len(), 0);
        assert_eq!(check("kafka-core/src/env.rs", "#[cfg(test)]\nmod tests { use crate::Client; }").len(), 0);
    }

    #[test]
    fn the_embedded_broker_stands_on_its_own() {
        assert_eq!(check("embedded-broker/src/log.rs", "use ottla_kafka_core::{Client, Env, record};").len(), 1);
    }

    #[test]
    fn a_new_module_needs_a_row() {
        assert_eq!(check("kafka-core/src/extra.rs", "").len(), 1);
    }
}
