//! What a drill saw: each step with its time, digests before and after, controls caught. Values only.

use std::time::Duration;

use serde::Serialize;

use crate::kernel::Digest;

/// One step.
#[derive(Clone, Debug, Serialize)]
pub struct Step {
    /// What was done.
    pub step: String,
    /// How long it took.
    pub seconds: f64,
    /// What came of it.
    pub saw: String,
}

/// One negative control: something that must be rejected.
#[derive(Clone, Debug, Serialize)]
pub struct Control {
    /// What was done to the backup, or when it was killed.
    pub control: String,
    /// Whether it was rejected, or survived as promised.
    pub caught: bool,
    /// In its own words.
    pub how: String,
}

/// The outcome of one drill.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Evidence {
    /// The source.
    pub name: String,
    /// `container`, `process` or `files`.
    pub mode: String,
    /// The image, or the program's version.
    pub server: String,
    /// Whether everything was as it must be.
    pub proven: bool,
    /// Why not.
    pub failures: Vec<String>,
    /// Everything that was done, in order.
    pub steps: Vec<Step>,
    /// Of the content before the backup.
    pub before: Option<Digest>,
    /// Of the content after the restore.
    pub after: Option<Digest>,
    /// Of the content after a write and a restart.
    pub restarted: Option<Digest>,
    /// From nothing to the service answering on its data.
    pub recovery_seconds: f64,
    /// The negative controls; none with `--quick`.
    pub controls: Vec<Control>,
}

impl Evidence {
    /// Notes a step.
    pub fn step(&mut self, step: &str, took: Duration, saw: impl Into<String>) {
        self.steps.push(Step { step: step.into(), seconds: (took.as_secs_f64() * 1000.0).round() / 1000.0, saw: saw.into() });
    }

    /// Notes a failure unless `holds`.
    pub fn must(&mut self, holds: bool, failure: impl Into<String>) {
        if !holds {
            self.failures.push(failure.into());
        }
    }

    /// How many controls were caught.
    pub fn caught(&self) -> usize {
        self.controls.iter().filter(|control| control.caught).count()
    }

    /// The verdict, at the end.
    pub fn judge(&mut self) {
        let escaped: Vec<String> =
            self.controls.iter().filter(|control| !control.caught).map(|control| format!("{}: {}", control.control, control.how)).collect();
        self.failures.extend(escaped.into_iter().map(|text| format!("a control was not caught: {text}")));
        self.proven = self.failures.is_empty();
    }
}
