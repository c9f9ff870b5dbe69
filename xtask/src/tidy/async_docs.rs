//! A public async function says what it fails with and what happens when its future is dropped.

use super::files::Files;
use crate::source::public_async_fn;

/// Programs and suites are nobody's library.
const PROGRAMS: &[&str] = &["services/", "tests/", "xtask/"];

/// Public async functions whose documentation lacks a section.
pub(crate) fn check(files: &Files) -> Vec<String> {
    let libraries = files.under("", ".rs").filter(|(path, _)| !PROGRAMS.iter().any(|start| path.starts_with(start)));
    libraries.flat_map(|(path, text)| check_file(path, text)).collect()
}

fn check_file(path: &str, text: &str) -> Vec<String> {
    let lines: Vec<&str> = text.lines().map(str::trim_start).collect();
    let mut problems = Vec::new();
    for (at, line) in lines.iter().enumerate() {
        let Some(name) = public_async_fn(line) else { continue };
        let documentation =
            || lines[..at].iter().rev().take_while(|line| line.starts_with("///") || line.starts_with('#'));
        let has = |section: &str| documentation().any(|line| line.trim_end() == format!("/// # {section}"));
        let signature: String =
            lines[at..].iter().take_while(|line| !line.starts_with('}')).take(12).copied().collect();
        let fails = signature.split('{').next().is_some_and(|signature| signature.contains("Result<"));
        let mut say = |section: &str| problems.push(format!("{path}:{}: {name} has no section `{section}`", at + 1));
        if fails && !has("Errors") {
            say("# Errors");
        }
        if !has("Cancel safety") {
            say("# Cancel safety");
        }
    }
    problems
}

#[cfg(test)]
mod tests {
    use super::super::files::files;

    fn check(path: &str, text: &str) -> usize {
        super::check(&files([(path, text)])).len()
    }

    #[test]
    fn a_missing_section_is_found() {
        assert_eq!(
            check("delivery/src/a.rs", "    /// Runs.\n    pub async fn run(\n        self,\n    ) -> Result<(), E> {"),
            2
        );
        assert_eq!(
            check("delivery/src/a.rs", "/// Waits.\n/// # Errors\n/// Late.\npub async fn wait() -> Result<(), E> {"),
            1
        );
        assert_eq!(check("delivery/src/a.rs", "/// Ends.\n#[must_use]\npub async fn end() {"), 1);
    }

    #[test]
    fn complete_and_private_functions_pass() {
        let text = "/// Waits.\n///\n/// # Errors\n/// Late.\n///\n/// # Cancel safety\n/// Yes.\npub async fn wait() -> Result<(), E> {";
        assert_eq!(check("delivery/src/a.rs", text), 0);
        assert_eq!(check("delivery/src/a.rs", "pub(crate) async fn wait() -> Result<(), E> {"), 0);
        assert_eq!(check("services/src/a.rs", "pub async fn wait() -> Result<(), E> {"), 0);
    }
}
