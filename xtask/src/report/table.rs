//! Tables that fit the terminal; without one they stay one line a row, so that `grep` and `cut` work.

use std::io::IsTerminal as _;

use comfy_table::{ContentArrangement, TableStyle};

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
        let mut table = comfy_table::Table::new();
        table.load_style(TableStyle::new()).set_header(self.head.iter().map(|name| name.to_uppercase()));
        if std::io::stdout().is_terminal() {
            table.set_content_arrangement(ContentArrangement::Dynamic);
        }
        for row in &self.rows {
            table.add_row(row.iter().map(|cell| clean(cell)));
        }
        let body = table.lines().map(|line| format!("{}\n", line.trim_end().strip_prefix(' ').unwrap_or(line.trim_end()))).collect::<String>();
        match &self.title {
            Some(title) => format!("{title}\n{body}"),
            None => body,
        }
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

/// Names and messages come from outside: nothing in them may steer a terminal.
pub(super) fn clean(text: &str) -> String {
    text.chars().map(|c| if c.is_control() && c != '\n' { '\u{fffd}' } else { c }).collect()
}
