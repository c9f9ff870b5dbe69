//! The workspace on disk: its text files, and what `cargo metadata` says of it.

use std::{
    collections::BTreeSet,
    error::Error,
    fs, io,
    path::{Path, PathBuf},
    process::Command,
};

use serde::Deserialize;

/// What a check can fail with when it cannot even run.
pub(crate) type Outcome<T> = Result<T, Box<dyn Error>>;

/// What holds no text of ours; `.git` is a file in a second work tree.
const SKIPPED: [&str; 3] = [".git", "target", "node_modules"];
/// What is read as text; `.ci/run` and the like have no extension at all.
const TEXT: [&str; 10] = ["rs", "toml", "md", "json", "yml", "yaml", "sh", "sql", "txt", "html"];

/// Every text file under `root`, as path relative to it and text, in the order of their paths.
pub(crate) fn text_files(root: &Path) -> io::Result<Vec<(String, String)>> {
    let mut found = Vec::new();
    let mut folders = vec![root.to_path_buf()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder)? {
            let path = entry?.path();
            let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
            if SKIPPED.contains(&name.as_str()) {
                continue;
            }
            if path.is_dir() {
                folders.push(path);
            } else if is_text(&path)
                && let Ok(text) = fs::read_to_string(&path)
            {
                found.push((relative(root, &path), text));
            }
        }
    }
    found.sort();
    Ok(found)
}

fn is_text(path: &Path) -> bool {
    path.extension().is_none_or(|extension| TEXT.iter().any(|text| extension == *text))
}

fn relative(root: &Path, path: &Path) -> String {
    path.strip_prefix(root).unwrap_or(path).to_string_lossy().replace('\\', "/")
}

/// What this tool reads of `cargo metadata --format-version 1`.
#[derive(Debug, Deserialize)]
pub(crate) struct Metadata {
    pub(crate) packages: Vec<Package>,
    pub(crate) workspace_members: Vec<String>,
    pub(crate) workspace_default_members: Vec<String>,
    pub(crate) resolve: Resolve,
}

/// A package, of ours or of others.
#[derive(Debug, Deserialize)]
pub(crate) struct Package {
    pub(crate) id: String,
    pub(crate) name: String,
    pub(crate) version: String,
    pub(crate) license: Option<String>,
    /// The native library it says it links.
    pub(crate) links: Option<String>,
    pub(crate) dependencies: Vec<Dependency>,
}

/// A line of a package's manifest.
#[derive(Debug, Deserialize)]
pub(crate) struct Dependency {
    pub(crate) name: String,
    /// `None` is a normal dependency; otherwise `dev` or `build`.
    pub(crate) kind: Option<String>,
    pub(crate) optional: bool,
    /// Set for packages of this workspace.
    pub(crate) path: Option<PathBuf>,
}

/// The graph that cargo chose.
#[derive(Debug, Deserialize)]
pub(crate) struct Resolve {
    pub(crate) nodes: Vec<Node>,
}

/// A package's edges in the graph.
#[derive(Debug, Deserialize)]
pub(crate) struct Node {
    pub(crate) id: String,
    pub(crate) deps: Vec<Edge>,
}

/// An edge of the graph.
#[derive(Debug, Deserialize)]
pub(crate) struct Edge {
    pub(crate) pkg: String,
    pub(crate) dep_kinds: Vec<DepKind>,
}

/// Why an edge exists.
#[derive(Debug, Deserialize)]
pub(crate) struct DepKind {
    pub(crate) kind: Option<String>,
}

/// Names and versions of what a build of the default members compiles for `target`.
///
/// `cargo metadata` unites the features that all members and their tests ask for; a build does not.
pub(crate) fn compiled(root: &Path, target: &str) -> Outcome<BTreeSet<(String, String)>> {
    let arguments = ["tree", "--locked", "--edges", "normal,build", "--prefix", "none", "--format", "{p}", "--target"];
    let output = cargo(root).args(arguments).arg(target).output()?;
    if !output.status.success() {
        return Err(format!("cargo tree: {}", String::from_utf8_lossy(&output.stderr)).into());
    }
    let named = |line: &str| {
        let (name, rest) = line.split_once(" v")?;
        Some((name.to_owned(), rest.split(' ').next()?.to_owned()))
    };
    Ok(String::from_utf8_lossy(&output.stdout).lines().filter_map(named).collect())
}

fn cargo(root: &Path) -> Command {
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.current_dir(root);
    command
}

/// Asks cargo; `target` leaves out what only other platforms need.
pub(crate) fn metadata(root: &Path, target: &str) -> Outcome<Metadata> {
    let output =
        cargo(root).args(["metadata", "--format-version", "1", "--locked", "--filter-platform", target]).output()?;
    if !output.status.success() {
        return Err(format!("cargo metadata: {}", String::from_utf8_lossy(&output.stderr)).into());
    }
    Ok(serde_json::from_slice(&output.stdout)?)
}
