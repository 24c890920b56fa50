//! Events on standard error: steps, notes, warnings, waits; bars where somebody watches; plain lines elsewhere.

use std::{
    collections::HashMap,
    io::{IsTerminal as _, Write as _},
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use anstyle::{AnsiColor, Style as Paint};
use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::{Style, actions, table::clean};
use crate::kernel::{Event, Finding, Severity, human_duration};

/// Standard error, shared by all threads of a run.
pub(super) struct Screen {
    style: Style,
    bars: Option<MultiProgress>,
    running: Mutex<HashMap<u64, ProgressBar>>,
    /// Whether a group of the log is open.
    grouped: AtomicBool,
    warned: Mutex<Vec<Finding>>,
}

impl Screen {
    pub(super) fn new(style: Style) -> Self {
        let watched = std::io::stderr().is_terminal() && !style.quiet && !style.actions;
        let bars = watched.then(|| MultiProgress::with_draw_target(ProgressDrawTarget::stderr_with_hz(10)));
        Self { style, bars, running: Mutex::default(), grouped: AtomicBool::new(false), warned: Mutex::default() }
    }

    pub(super) fn show(&self, event: Event) {
        match event {
            Event::Step(title) if self.style.actions && !self.style.quiet => self.group(&clean(&title)),
            Event::Step(title) if !self.style.quiet => self.line(&format!("{} {}", self.bold("•"), clean(&title))),
            // The runner takes every line that begins with two colons as a command, whatever spaces stand before them.
            Event::Note(text) if self.style.actions && !self.style.quiet => self.line(&format!("  - {}", clean(&text))),
            Event::Note(text) if !self.style.quiet => self.line(&format!("  {}", clean(&text))),
            Event::Warning(finding) => {
                self.finding(&finding);
                actions::annotate(self.style, &finding);
                self.warned.lock().unwrap_or_else(PoisonError::into_inner).push(finding);
            }
            Event::Output { from, line } if self.style.verbose => self.line(&format!("  {} {}", self.dim(&format!("{from} |")), clean(&line))),
            Event::Waiting { why, seconds } => self.line(&format!("  waiting {}: {}", human_duration(Duration::from_secs(seconds)), clean(&why))),
            Event::BarStarted { id, label, total } => self.start(id, &label, total),
            Event::BarMoved { id, done } => self.running().get(&id).iter().for_each(|bar| bar.set_position(done)),
            Event::BarEnded { id } => self.running().remove(&id).iter().for_each(ProgressBar::finish_and_clear),
            Event::Step(_) | Event::Note(_) | Event::Output { .. } => {}
        }
    }

    /// Whether a warning was shown when it was found: the answer holds it again, for the document.
    pub(super) fn was_shown(&self, finding: &Finding) -> bool {
        self.warned.lock().unwrap_or_else(PoisonError::into_inner).contains(finding)
    }

    fn running(&self) -> MutexGuard<'_, HashMap<u64, ProgressBar>> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn start(&self, id: u64, label: &str, total: Option<u64>) {
        let Some(bars) = &self.bars else { return };
        let bar = bars.add(total.map_or_else(ProgressBar::new_spinner, ProgressBar::new));
        let template = match total {
            Some(_) => "  {msg:30!} {bar:30} {decimal_bytes:>10} / {decimal_total_bytes:10} {eta:>5}",
            None => "  {msg:30!} {spinner} {decimal_bytes:>10}",
        };
        if let Ok(style) = ProgressStyle::with_template(template) {
            bar.set_style(style);
        }
        bar.set_message(clean(label));
        self.running().insert(id, bar);
    }

    /// A phase of the log that folds; the one before it ends.
    fn group(&self, title: &str) {
        self.end_group();
        self.line(&actions::group(title));
        self.grouped.store(true, Ordering::Relaxed);
    }

    fn end_group(&self) {
        if self.grouped.swap(false, Ordering::Relaxed) {
            self.line("::endgroup::");
        }
    }

    /// Takes all bars off the screen and ends the last phase: what comes now must not be folded away.
    pub(super) fn close(&self) {
        self.end_group();
        self.running().drain().for_each(|(_, bar)| bar.finish_and_clear());
    }

    /// Prints a line above the bars. Standard error that can't be written to leaves nobody to tell.
    pub(super) fn line(&self, text: &str) {
        let print = || drop(writeln!(std::io::stderr().lock(), "{text}"));
        match &self.bars {
            Some(bars) => bars.suspend(print),
            None => print(),
        }
    }

    pub(super) fn prompt(&self, text: &str) {
        let mut stderr = std::io::stderr().lock();
        let _ = write!(stderr, "{text}").and_then(|()| stderr.flush());
    }

    pub(super) fn finding(&self, finding: &Finding) {
        let place = match (&finding.file, finding.line) {
            (Some(file), Some(line)) => format!("{file}:{line}: "),
            // Many messages begin with the name already.
            (Some(file), None) if !finding.message.starts_with(file.as_str()) => format!("{file}: "),
            (_, None) | (None, _) => String::new(),
        };
        let word = match finding.severity {
            Severity::Error => "error:",
            Severity::Warning => "warning:",
            Severity::Note => "note:",
        };
        if self.style.quiet && finding.severity == Severity::Note {
            return;
        }
        self.line(&format!("{} {}{} [{}]", self.paint(finding.severity, word), clean(&place), clean(&finding.message), finding.code));
        for hint in &finding.hints {
            self.line(&format!("  {} {}", self.dim("try:"), clean(hint)));
        }
    }

    pub(super) fn paint(&self, severity: Severity, text: &str) -> String {
        let colour = match severity {
            Severity::Error => AnsiColor::Red,
            Severity::Warning => AnsiColor::Yellow,
            Severity::Note => AnsiColor::Cyan,
        };
        self.styled(colour.on_default().bold(), text)
    }

    pub(super) fn dim(&self, text: &str) -> String {
        self.styled(Paint::new().dimmed(), text)
    }

    fn bold(&self, text: &str) -> String {
        self.styled(AnsiColor::Green.on_default().bold(), text)
    }

    fn styled(&self, paint: Paint, text: &str) -> String {
        if self.style.colour { format!("{paint}{text}{paint:#}") } else { text.into() }
    }
}
