//! `cargo xtask tidy`: the rules of ARCHITECTURE.md and STYLE.md that text can show.

mod acceptance;
mod async_docs;
mod biased;
mod crate_arrows;
mod dropped;
mod files;
mod forbidden;
mod length;
mod module_arrows;
mod seeds;
mod shown_by;
mod table;
mod tokio_free;

use std::path::Path;

use crate::workspace::{self, Outcome};
pub(crate) use acceptance::Figures;
use files::Files;

/// The platform whose manifest lines are read; the arrows between our crates are the same on all.
const TARGET: &str = "x86_64-unknown-linux-gnu";

/// Every violation, as `path:line: what is wrong`.
pub(crate) fn run(root: &Path, figures: Figures) -> Outcome<Vec<String>> {
    let metadata = workspace::metadata(root, TARGET)?;
    let files = Files::read(root)?;
    let mut problems = crate_arrows::check(&metadata);
    problems.extend(module_arrows::check(&files.sources));
    problems.extend(tokio_free::check(&files.sources));
    problems.extend(biased::check(&files.sources));
    problems.extend(length::check(&files.sources, length::RATCHET));
    problems.extend(forbidden::check(&files));
    problems.extend(async_docs::check(&files));
    problems.extend(dropped::check(&files));
    let evidence = shown_by::Evidence::of(&files);
    problems.extend(seeds::check(&files, &evidence));
    problems.extend(acceptance::check(&files, &evidence, figures));
    Ok(problems)
}
