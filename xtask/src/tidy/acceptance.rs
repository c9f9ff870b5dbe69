//! docs/acceptance: each line that a piece of work must hold, what shows it, and the figure that came out.

use super::{files::Files, shown_by::Evidence, table::rows};

const FOLDER: &str = "docs/acceptance/";
const README: &str = "README.md";
const PENDING: &str = "pending";

/// Whether a figure may still be [`PENDING`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Figures {
    MayBePending,
    Final,
}

/// Rows without evidence or without a figure.
pub(crate) fn check(files: &Files, evidence: &Evidence, figures: Figures) -> Vec<String> {
    let documents = files.under(FOLDER, ".md");
    let mut problems: Vec<String> =
        documents.flat_map(|(path, text)| check_document(path, text, evidence, figures)).collect();
    if figures == Figures::Final {
        problems.extend(files.under(README, "").flat_map(|(path, text)| pending_cells(path, text)));
    }
    problems
}

/// The README has a table of figures among others.
fn pending_cells(path: &str, text: &str) -> Vec<String> {
    let pending = rows(text).into_iter().filter(|row| row.cells.contains(&PENDING));
    pending.map(|row| format!("{path}:{}: still pending", row.line)).collect()
}

fn check_document(path: &str, text: &str, evidence: &Evidence, figures: Figures) -> Vec<String> {
    let mut problems = Vec::new();
    for row in rows(text) {
        let mut say = |problem: String| problems.push(format!("{path}:{}: {problem}", row.line));
        let [line, shown_by, figure] = row.cells[..] else {
            say(format!("a row has 3 cells, this one {}", row.cells.len()));
            continue;
        };
        if line.is_empty() {
            say("says nothing".to_owned());
        }
        if shown_by == PENDING || figure == PENDING {
            if figures == Figures::Final {
                say("still pending".to_owned());
            }
            if figure.is_empty() || shown_by.is_empty() {
                say("an empty cell".to_owned());
            }
            if shown_by == PENDING {
                continue;
            }
        } else if figure.is_empty() {
            say("no figure".to_owned());
        }
        evidence.problems(shown_by).into_iter().for_each(say);
    }
    problems
}

#[cfg(test)]
mod tests {
    use super::{super::files::files, *};

    fn check(row: &str, figures: Figures) -> Vec<String> {
        let text = format!("| Line | Shown by | Figure |\n|---|---|---|\n{row}\n");
        let files = files([("docs/acceptance/a.md", text.as_str()), ("tests/suite/a.rs", "fn it_holds() {}")]);
        super::check(&files, &Evidence::of(&files), figures)
    }

    #[test]
    fn a_row_needs_evidence_and_a_figure() {
        assert_eq!(check("| nothing is lost | `it_holds` | 0 of 20,000 |", Figures::Final), Vec::<String>::new());
        assert_eq!(check("| nothing is lost | `it_holds` |  |", Figures::MayBePending).len(), 1);
        assert_eq!(check("| nothing is lost | `gone` | 0 |", Figures::MayBePending).len(), 1);
        assert_eq!(check("| nothing is lost | `gone` | pending |", Figures::MayBePending).len(), 1);
    }

    #[test]
    fn the_readme_may_have_nothing_pending_at_the_end() {
        let files = files([("README.md", "| Figure | Value |\n|---|---|\n| minutes | pending |\n")]);
        assert_eq!(super::check(&files, &Evidence::of(&files), Figures::MayBePending).len(), 0);
        assert_eq!(super::check(&files, &Evidence::of(&files), Figures::Final), ["README.md:3: still pending"]);
    }

    #[test]
    fn pending_is_refused_at_the_end_only() {
        let row = "| nothing is lost | pending | pending |";
        assert_eq!(check(row, Figures::MayBePending).len(), 0);
        assert_eq!(check(row, Figures::Final), ["docs/acceptance/a.md:3: still pending"]);
    }
}
