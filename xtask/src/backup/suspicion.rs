//! Whether a fresh backup looks like the source at all: emptied, shrunken, uncounted. Pure. A suspicious backup stays, but doesn't count as verified.

use super::{
    manifest::{Manifest, Totals},
    probe::Probe,
    source::Source,
};
use crate::{
    config::Engine,
    kernel::{Finding, human_bytes},
};

/// A backup smaller than the last one by more than this share is suspicious.
const SHRINK: f64 = 0.5;

/// Everything that is odd about it.
pub fn of(source: &Source, totals: &Totals, probe: Option<&Probe>, last: Option<&Manifest>) -> Vec<Finding> {
    let mut doubts = Vec::new();
    if source.engine() == Engine::Redis {
        match probe {
            Some(probe) if probe.before.is_empty() && probe.after.is_empty() => {
                doubts.push(Finding::error("backup-empty", format!("the server of `{}` holds nothing: no key and no graph", source.name())));
            }
            Some(_) => {}
            None => doubts.push(Finding::error("backup-uncounted", format!("nobody could count what `{}` holds: no server of it runs", source.name()))),
        }
    }
    doubts.extend(last.and_then(|last| shrunken(source, totals, probe, last)));
    let hint = "if that is right, run `xtask backup NAME --accept`; until then it doesn't count, and no older one is pruned";
    doubts.into_iter().map(|finding| finding.hint(hint)).collect()
}

fn shrunken(source: &Source, totals: &Totals, probe: Option<&Probe>, last: &Manifest) -> Option<Finding> {
    let share = source.spec.shrink.unwrap_or(SHRINK);
    let less = |now: u64, then: u64| (now as f64) < then as f64 * (1.0 - share);
    let was = last.probe.as_ref().map(|probe| probe.after.clone());
    let message = match (probe, was) {
        // What a server counts says more than bytes: rewriting makes files smaller.
        (Some(now), Some(was)) if less(now.after.weight(), was.weight()) => format!("{} instead of {}", now.after.text(), was.text()),
        (Some(_), Some(_)) => return None,
        _ if less(totals.bytes, last.totals.bytes) => format!("{} instead of {}", human_bytes(totals.bytes), human_bytes(last.totals.bytes)),
        _ => return None,
    };
    Some(Finding::error("backup-shrunken", format!("`{}` shrank since {}: {message}", source.name(), last.id)))
}
