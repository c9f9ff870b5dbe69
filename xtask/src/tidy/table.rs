//! Markdown tables: the rows of a document that a check reads.

/// A row of a table.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Row<'a> {
    /// From 1.
    pub(crate) line: usize,
    /// Without the bars, trimmed.
    pub(crate) cells: Vec<&'a str>,
}

/// The rows of all tables in `text`, without headings and rules.
pub(crate) fn rows(text: &str) -> Vec<Row<'_>> {
    let lines: Vec<&str> = text.lines().collect();
    let is_row = |at: usize| lines.get(at).is_some_and(|line| line.trim_start().starts_with('|'));
    let is_rule = |at: usize| is_row(at) && lines[at].chars().all(|c| "|-: ".contains(c));
    (0..lines.len())
        .filter(|at| is_row(*at) && !is_rule(*at) && !is_rule(at + 1))
        .map(|at| Row { line: at + 1, cells: cells(lines[at]) })
        .collect()
}

fn cells(line: &str) -> Vec<&str> {
    let inner = line.trim().trim_start_matches('|').trim_end_matches('|');
    inner.split('|').map(str::trim).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_come_without_headings_and_rules() {
        let text = "text\n\n| a | b |\n|---|---|\n| 1 | 2 |\n| 3 |  |\n";
        assert_eq!(rows(text), [Row { line: 5, cells: vec!["1", "2"] }, Row { line: 6, cells: vec!["3", ""] }]);
    }
}
