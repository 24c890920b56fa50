//! Retention applied to a store: plan, then act. What the rules decide is in `retention`.

use chrono::{DateTime, Utc};

use super::{
    retention::{Decision, Known, decide},
    source::Source,
};
use crate::kernel::{Events, Result};

/// What would stay and go, with reasons.
pub fn plan(source: &Source, now: DateTime<Utc>) -> Result<Vec<Decision>> {
    let (all, _) = source.store.all()?;
    let known =
        |backup: &super::manifest::Manifest| Known { id: backup.id.clone(), at: backup.at(), verified: backup.verified.is_some(), safety: backup.safety };
    Ok(decide(&all.iter().map(known).collect::<Vec<_>>(), source.rules(), now))
}

/// Removes what the plan lets go; gives those.
pub fn apply(source: &Source, plan: &[Decision], events: &Events) -> Result<Vec<Decision>> {
    let gone: Vec<Decision> = plan.iter().filter(|decision| !decision.keep).cloned().collect();
    for decision in &gone {
        source.store.remove(&decision.id)?;
        events.note(format!("removed {} ({})", decision.id, decision.reasons.join(", ")));
    }
    Ok(gone)
}
