//! Text in aligned columns, numbers and sizes as people read them.

use std::fmt;

/// Rows of cells, printed in columns.
#[derive(Debug, Clone)]
pub struct Table {
    columns: &'static str,
    rows: Vec<Vec<String>>,
}

impl Table {
    /// A table of which each column stands to the left, `l`, or to the right, `r`.
    #[must_use]
    pub fn new(columns: &'static str) -> Self {
        Self { columns, rows: Vec::new() }
    }

    /// Adds a row of one cell a column.
    pub fn row<S: Into<String>>(&mut self, cells: impl IntoIterator<Item = S>) {
        self.rows.push(cells.into_iter().map(Into::into).collect());
    }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let width = |cell: &str| cell.chars().count();
        let mut widths = vec![0; self.columns.len()];
        for row in &self.rows {
            for (widest, cell) in widths.iter_mut().zip(row) {
                *widest = (*widest).max(width(cell));
            }
        }
        for row in &self.rows {
            let mut line = String::new();
            for ((cell, column), side) in row.iter().zip(&widths).zip(self.columns.chars()) {
                let gap = " ".repeat(column - width(cell));
                line +=
                    &if side == 'r' { format!("{gap}{cell}  ") } else { format!("{cell}{gap}  ") };
            }
            writeln!(f, "{}", line.trim_end())?;
        }
        Ok(())
    }
}

/// A count with its thousands apart: `1,234,567`.
#[must_use]
pub fn count(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// A size in decimal units with one digit after the point: `12.3 MB`.
#[must_use]
pub fn size(bytes: u64) -> String {
    const UNITS: [(&str, u64); 3] = [("GB", 1_000_000_000), ("MB", 1_000_000), ("kB", 1_000)];
    UNITS.iter().find(|(_, unit)| bytes >= *unit).map_or_else(
        || format!("{bytes} B"),
        |(name, unit)| format!("{}.{} {name}", bytes / unit, bytes % unit * 10 / unit),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_stand_right_and_words_left() {
        let mut table = Table::new("lrl");
        table.row(["", "rows", "rule"]);
        table.row(["run", "1,200", "é"]);
        table.row(["day", "7"]);
        assert_eq!(table.to_string(), "      rows  rule\nrun  1,200  é\nday      7\n");
    }

    #[test]
    fn numbers_are_read_easily() {
        assert_eq!(count(0), "0");
        assert_eq!(count(999), "999");
        assert_eq!(count(1_234_567), "1,234,567");
        assert_eq!(size(999), "999 B");
        assert_eq!(size(12_340_000), "12.3 MB");
        assert_eq!(size(u64::MAX), "18446744073.7 GB");
    }
}
