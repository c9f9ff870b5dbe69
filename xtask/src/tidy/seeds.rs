//! docs/seeds.md: every fact of the documents that Ottla began from, what was decided, and what shows it.

use super::{files::Files, shown_by::Evidence, table::rows};

const SEEDS: &str = "docs/seeds.md";

/// Rows without a place, a decision or anything that shows them.
pub(crate) fn check(files: &Files, evidence: &Evidence) -> Vec<String> {
    let Some((_, text)) = files.texts.iter().find(|(path, _)| path == SEEDS) else {
        return vec![format!("{SEEDS} is missing")];
    };
    let mut problems = Vec::new();
    for row in rows(text) {
        let mut say = |problem: String| problems.push(format!("{SEEDS}:{}: {problem}", row.line));
        let [place, decision, shown_by] = row.cells[..] else {
            say(format!("a row has 3 cells, this one {}", row.cells.len()));
            continue;
        };
        if !is_place(place) {
            say(format!("'{place}' is not a place such as 004:73-80"));
        }
        if decision.is_empty() {
            say("no decision".to_owned());
        }
        evidence.problems(shown_by).into_iter().for_each(say);
    }
    problems
}

/// `004:73`, `004:73-80`, or several with commas.
fn is_place(cell: &str) -> bool {
    let is_number = |text: &str| !text.is_empty() && text.chars().all(|c| c.is_ascii_digit());
    cell.split(", ").all(|place| match place.split_once(':') {
        Some((document, lines)) => document.len() == 3 && is_number(document) && lines.split('-').all(is_number),
        None => false,
    })
}

#[cfg(test)]
mod tests {
    use super::{super::files::files, *};

    fn check(row: &str) -> Vec<String> {
        let text = format!("| Place | Decision | Shown by |\n|---|---|---|\n{row}\n");
        let files = files([(SEEDS, text.as_str()), ("tests/suite/a.rs", "fn it_holds() {}")]);
        super::check(&files, &Evidence::of(&files))
    }

    #[test]
    fn a_good_row_passes() {
        assert_eq!(check("| 004:73-80, 000:9 | as written | `it_holds` |"), Vec::<String>::new());
    }

    #[test]
    fn a_row_that_shows_nothing_is_found() {
        assert_eq!(check("| 004:73 | as written | `gone` |"), ["docs/seeds.md:3: there is no test `gone`"]);
        assert_eq!(check("| 004:73 |  | `it_holds` |").len(), 1);
        assert_eq!(check("| somewhere | as written | `it_holds` |").len(), 1);
        assert_eq!(check("| 004:73 | as written |").len(), 1);
    }

    #[test]
    fn the_document_must_be_there() {
        let files = files([("README.md", "")]);
        assert_eq!(super::check(&files, &Evidence::of(&files)).len(), 1);
    }
}
