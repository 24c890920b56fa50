//! Tables that fit the terminal; without one they stay one line a row, so that `grep` and `cut` work.

use std::io::IsTerminal as _;

use comfy_table::{ColumnConstraint, ContentArrangement, TableStyle};

/// Narrower, a terminal doesn't know its width: it says 0 then.
const NARROWEST: u16 = 20;
/// What the last column needs to be read.
const PROSE: usize = 24;
/// Between two columns.
const PADDING: usize = 2;

/// A table: a head and rows of text.
#[derive(Clone, Debug, Default)]
pub struct Table {
    title: Option<String>,
    head: Vec<String>,
    rows: Vec<Vec<String>>,
}

impl Table {
    /// A table with these columns.
    pub fn new<S: Into<String>>(head: impl IntoIterator<Item = S>) -> Self {
        Self { title: None, head: head.into_iter().map(Into::into).collect(), rows: Vec::new() }
    }

    /// Puts a line above it.
    #[must_use]
    pub fn titled(mut self, title: impl Into<String>) -> Self {
        self.title = Some(title.into());
        self
    }

    /// Adds a row.
    pub fn row<S: Into<String>>(&mut self, cells: impl IntoIterator<Item = S>) {
        self.rows.push(cells.into_iter().map(Into::into).collect());
    }

    pub(super) fn render(&self) -> String {
        let width = std::io::stdout().is_terminal().then(|| terminal_width(comfy_table::Table::new().width()));
        self.within(width)
    }

    /// Fitted to a width; without one, each row is one line.
    fn within(&self, width: Option<u16>) -> String {
        let body = match width.map(usize::from) {
            Some(width) if self.natural() > width => self.shortened().fitted(width),
            _ => self.lines(None),
        };
        match &self.title {
            Some(title) => format!("{title}\n{body}"),
            None => body,
        }
    }

    /// Only the last column, prose as a rule, is broken. Where even that leaves no room, each row becomes a few lines of its own.
    fn fitted(&self, width: usize) -> String {
        let last = self.widths().last().copied().unwrap_or_default();
        let rest = self.natural() - last;
        if rest + last.min(PROSE) <= width { self.lines(Some(width - rest)) } else { self.records() }
    }

    fn lines(&self, last: Option<usize>) -> String {
        let mut table = comfy_table::Table::new();
        table.load_style(TableStyle::new()).set_header(self.head.iter().map(|name| name.to_uppercase()));
        for row in &self.rows {
            table.add_row(row.iter().map(|cell| clean(cell)));
        }
        if let Some((last, column)) = last.zip(table.column_mut(self.head.len().saturating_sub(1))) {
            let width = u16::try_from(last + PADDING).unwrap_or(u16::MAX);
            column.set_constraint(ColumnConstraint::UpperBoundary(comfy_table::Width::Fixed(width)));
            table.set_content_arrangement(ContentArrangement::Dynamic).set_width(u16::MAX);
        }
        table.lines().map(|line| format!("{}\n", line.trim_end().strip_prefix(' ').unwrap_or(line.trim_end()))).collect()
    }

    fn records(&self) -> String {
        let widest = self.head.iter().map(|name| name.chars().count()).max().unwrap_or_default();
        let record = |row: &Vec<String>| -> String {
            let filled = self.head.iter().zip(row).filter(|(_, cell)| !cell.is_empty());
            filled.map(|(name, cell)| format!("{:widest$}  {}\n", name.to_uppercase(), clean(cell))).collect()
        };
        self.rows.iter().map(record).collect::<Vec<_>>().join("\n")
    }

    fn shortened(&self) -> Self {
        let row = |row: &Vec<String>| row.iter().map(|cell| short_digest(cell).to_owned()).collect();
        Self { title: None, head: self.head.clone(), rows: self.rows.iter().map(row).collect() }
    }

    fn widths(&self) -> Vec<usize> {
        let widest = |index: usize| self.rows.iter().chain([&self.head]).filter_map(|row| row.get(index)).map(|cell| cell.chars().count()).max();
        (0..self.head.len()).filter_map(widest).collect()
    }

    /// How wide it is where nothing is broken.
    fn natural(&self) -> usize {
        self.widths().iter().map(|width| width + PADDING).sum::<usize>().saturating_sub(PADDING)
    }

    pub(super) fn markdown(&self) -> String {
        let line = |cells: &[String]| {
            format!("| {} |\n", cells.iter().map(|cell| clean(cell).replace('|', "\\|").replace('\n', "<br>")).collect::<Vec<_>>().join(" | "))
        };
        let rule = self.head.iter().map(|_| "---".to_owned()).collect::<Vec<_>>();
        let title = self.title.iter().map(|title| format!("**{title}**\n\n")).collect::<String>();
        let rows = self.rows.iter().map(|row| line(row)).collect::<String>();
        format!("{title}{}{}{rows}\n", line(&self.head), line(&rule))
    }
}

fn terminal_width(told: Option<u16>) -> u16 {
    told.filter(|width| *width >= NARROWEST).unwrap_or(80)
}

/// A SHA-256 that has no room: its beginning. The whole one is in `SHA256SUMS`, and in what `--json` prints.
fn short_digest(cell: &str) -> &str {
    let digest = cell.len() == 64 && cell.bytes().all(|byte| byte.is_ascii_hexdigit());
    if digest { cell.get(..12).unwrap_or(cell) } else { cell }
}

/// Names and messages come from outside: nothing in them may steer a terminal.
pub(super) fn clean(text: &str) -> String {
    text.chars().map(|c| if c.is_control() && c != '\n' { '\u{fffd}' } else { c }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table() -> Table {
        let mut table = Table::new(["file", "published", "sha256", "notes"]);
        table.row([
            "rocket-1.2.0-x86_64-unknown-linux-gnu.tar.gz",
            "2026-11-24T00:42:02Z",
            &"a1".repeat(32),
            "kept: offered as latest, among the newest 5 releases",
        ]);
        table
    }

    #[test]
    fn it_fits_the_terminal_and_breaks_only_prose() {
        for width in [110, 130, 200] {
            let shown = table().within(Some(width));
            assert!(shown.lines().all(|line| line.chars().count() <= width.into()), "{width}: {shown}");
            assert!(shown.contains("2026-11-24T00:42:02Z"), "{width}: {shown}");
        }
        assert!(table().within(Some(120)).contains(&"a1".repeat(6)) && !table().within(Some(120)).contains(&"a1".repeat(7)));
    }

    #[test]
    fn where_nothing_fits_a_row_is_a_few_lines() {
        let shown = table().within(Some(40));
        assert!(shown.starts_with("FILE       rocket-1.2.0-x86_64-unknown-linux-gnu.tar.gz\nPUBLISHED  2026-11-24T00:42:02Z\n"), "{shown}");
    }

    #[test]
    fn elsewhere_a_row_is_a_line() {
        let shown = table().within(None);
        assert_eq!(shown.lines().count(), 2, "{shown}");
        assert!(shown.contains(&"a1".repeat(32)));
    }

    #[test]
    fn a_terminal_that_does_not_know_its_width() {
        assert_eq!([None, Some(0), Some(40)].map(terminal_width), [80, 80, 40]);
    }
}
