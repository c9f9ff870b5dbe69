//! Tables for people; machines take `--json`.

/// Rows under a header, each column as wide as its widest cell.
#[derive(Debug)]
pub(super) struct Table<const N: usize> {
    rows: Vec<[String; N]>,
}

impl<const N: usize> Table<N> {
    pub(super) fn new(header: [&str; N]) -> Self {
        Self { rows: vec![header.map(str::to_owned)] }
    }

    pub(super) fn row(&mut self, cells: [String; N]) {
        self.rows.push(cells);
    }

    /// The table's lines.
    pub(super) fn lines(&self) -> Vec<String> {
        let mut widths = [0; N];
        for row in &self.rows {
            for (width, cell) in widths.iter_mut().zip(row) {
                *width = cell.chars().count().max(*width);
            }
        }
        let line = |row: &[String; N]| {
            let cells: Vec<String> =
                row.iter().zip(widths).map(|(cell, width)| format!("{}{}", shown(cell), pad(cell, width))).collect();
            cells.join("  ").trim_end().to_owned()
        };
        self.rows.iter().map(line).collect()
    }
}

fn pad(cell: &str, width: usize) -> String {
    " ".repeat(width.saturating_sub(cell.chars().count()))
}

/// A name from a cluster may hold what a terminal obeys; one cell stays one cell.
fn shown(cell: &str) -> String {
    cell.chars().map(|letter| if letter.is_control() { '\u{fffd}' } else { letter }).collect()
}

/// What is not known or not there.
pub(super) fn or_dash(value: Option<impl ToString>) -> String {
    value.map_or_else(|| "-".to_owned(), |value| value.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_as_wide_as_their_widest_cell() {
        let mut table = Table::new(["NAME", "N"]);
        table.row(["é".to_owned(), "10".to_owned()]);
        table.row(["a\u{1b}[31m-long".to_owned(), or_dash(None::<i64>)]);
        assert_eq!(table.lines(), ["NAME         N", "é            10", "a\u{fffd}[31m-long  -"]);
    }
}
