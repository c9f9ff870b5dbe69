//! The workspace's files, read once for all checks.

use std::{collections::BTreeSet, path::Path};

use crate::{
    source::{Source, words},
    workspace::{Outcome, text_files},
};

/// The workspace's own text.
#[derive(Debug, Default)]
pub(crate) struct Files {
    /// Every text file: path and text.
    pub(crate) texts: Vec<(String, String)>,
    /// The Rust files among them.
    pub(crate) sources: Vec<Source>,
}

impl Files {
    /// Reads the folder of the workspace.
    pub(crate) fn read(root: &Path) -> Outcome<Self> {
        Ok(Self::of(text_files(root)?))
    }

    /// The same from memory.
    pub(crate) fn of(texts: Vec<(String, String)>) -> Self {
        let mut sources: Vec<Source> = texts
            .iter()
            .filter(|(path, _)| path.ends_with(".rs"))
            .map(|(path, text)| Source::new(path, text))
            .collect();
        let test_files: BTreeSet<String> = sources.iter().flat_map(files_declared_for_tests).collect();
        for source in sources.iter_mut().filter(|source| test_files.contains(&source.path)) {
            source.product.clear();
        }
        Self { texts, sources }
    }

    /// The files under `folder` with this extension.
    pub(crate) fn under<'a>(
        &'a self,
        folder: &'a str,
        extension: &'a str,
    ) -> impl Iterator<Item = (&'a str, &'a str)> + 'a {
        self.texts
            .iter()
            .filter(move |(path, _)| path.starts_with(folder) && path.ends_with(extension))
            .map(|(path, text)| (path.as_str(), text.as_str()))
    }
}

/// `#[cfg(test)] mod name;` makes a whole file a test, whatever it is called.
fn files_declared_for_tests(source: &Source) -> Vec<String> {
    let folder = module_folder(&source.path);
    let declared = source.code.match_indices("#[cfg(test)]").filter_map(|(at, attribute)| {
        let item = source.code[at + attribute.len()..].split([';', '{']).next()?;
        let name = words(item, "mod").next().map(|word| item[word + 3..].trim())?;
        Some([format!("{folder}/{name}.rs"), format!("{folder}/{name}/mod.rs")])
    });
    declared.flatten().collect()
}

/// Where a file's child modules are.
fn module_folder(path: &str) -> String {
    let (folder, file) = path.rsplit_once('/').unwrap_or(("", path));
    match file {
        "mod.rs" | "lib.rs" | "main.rs" => folder.to_owned(),
        _ => format!("{folder}/{}", file.trim_end_matches(".rs")),
    }
}

#[cfg(test)]
pub(super) fn files<const N: usize>(texts: [(&str, &str); N]) -> Files {
    Files::of(texts.into_iter().map(|(path, text)| (path.to_owned(), text.to_owned())).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_module_for_tests_has_no_product_code() {
        let files = files([
            ("a/src/x.rs", "#[cfg(test)]\nmod double;\nfn f() {}"),
            ("a/src/x/double.rs", "fn g() {}"),
            ("a/src/y.rs", "fn h() {}"),
        ]);
        let product: Vec<&str> = files.sources.iter().filter(|s| !s.product.is_empty()).map(|s| &*s.path).collect();
        assert_eq!(product, ["a/src/x.rs", "a/src/y.rs"]);
    }
}
