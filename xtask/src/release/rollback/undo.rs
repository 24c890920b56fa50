//! What an undo may still put back: only what is as the rollback left it. What was changed since stays, and the plan says so. Pure.

use super::plan::{Facts, Plan};
use crate::{
    forge::Survey,
    kernel::{Error, Result},
};

/// The plan of a finished rollback, cut down to what its undo can put back without taking away what came after it.
pub fn undone(done: Plan, facts: &Facts, moved: &[String]) -> Result<Plan> {
    let mut plan = Plan { cannot: Vec::new(), releases_later: false, services_later: false, ..done };
    if let Some((survey, latest)) = &facts.forge {
        releases(&mut plan, survey, latest.as_deref())?;
    }
    app(&mut plan, facts);
    services(&mut plan, moved);
    Ok(plan)
}

/// A release that became latest after the rollback stays latest; one that is gone can't become it again.
fn releases(plan: &mut Plan, survey: &Survey, latest: Option<&str>) -> Result<()> {
    let Some(part) = plan.releases.as_mut() else { return Ok(()) };
    if latest != part.after.as_deref() && latest != part.before.as_deref() {
        if let Some(latest) = latest {
            plan.cannot.push(format!("{latest} is offered as latest since: it stays so"));
        }
        (part.before, part.after) = (latest.map(str::to_owned), latest.map(str::to_owned));
        return Ok(());
    }
    match &part.before {
        Some(before) if survey.published(before).is_none() => {
            Err(Error::refused(format!("{before}, which was latest before the rollback, is not published any more: nothing was changed"))
                .hint("`xtask check --only rollback` says which releases can be gone to; `xtask rollback --to TAG` goes there"))
        }
        _ => Ok(()),
    }
}

fn app(plan: &mut Plan, facts: &Facts) {
    let (Some(part), Some((root, Some(current)))) = (&plan.app, &facts.app) else { return };
    if *root == part.to && *current != part.after && part.before.as_ref() != Some(current) {
        plan.cannot.push(format!("{current} was installed in {} since: it stays", root.display()));
        plan.app = None;
    }
}

fn services(plan: &mut Plan, moved: &[String]) {
    let Some(part) = plan.services.as_mut() else { return };
    for service in moved {
        plan.cannot.push(format!("{service} has got another image since: it stays"));
    }
    part.changes.retain(|change| !moved.contains(&change.service));
    part.restores.retain(|restore| !moved.contains(&restore.service));
    if part.changes.is_empty() {
        plan.services = None;
    }
}
