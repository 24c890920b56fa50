//! Carries the forge's part out, forth or back: looks first, changes what differs, reads back. Nothing is deleted, no tag is moved.

use super::plan::{Direction, Look, Releases};
use crate::{
    forge::{Edit, Forge, Release, Survey},
    kernel::{Error, Events, Finding, Result},
};

/// Makes the forge offer what the plan says; the same call again changes nothing.
pub(super) fn releases(forge: &dyn Forge, plan: &Releases, direction: Direction, (survey, latest): (&Survey, Option<&str>), events: &Events) -> Result<()> {
    let wanted = match direction {
        Direction::Forward => plan.after.as_deref(),
        Direction::Undo => plan.before.as_deref(),
    };
    let (elected, others): (Vec<_>, Vec<_>) = plan.marks.iter().partition(|mark| Some(mark.tag.as_str()) == wanted);
    // A prerelease can't be latest, so the elected one is freed first; the bad ones are marked when nobody is sent to them any more.
    let mut edited = false;
    for (mark, first) in elected.into_iter().map(|mark| (mark, true)).chain(others.into_iter().map(|mark| (mark, false))) {
        if !first && !edited {
            elect(forge, wanted, latest, survey, events)?;
            edited = true;
        }
        edit(forge, survey, &mark.tag, |now| mark.wanted(now, direction), events)?;
    }
    if !edited {
        elect(forge, wanted, latest, survey, events)?;
    }
    read_back(forge, wanted, survey, events)
}

fn edit(forge: &dyn Forge, survey: &Survey, tag: &str, wanted: impl Fn(&Look) -> Option<Look>, events: &Events) -> Result<()> {
    let Some(release) = survey.published(tag) else {
        events.warn(Finding::warning("release-gone", format!("{tag} is not published any more: its notes stay as they were")));
        return Ok(());
    };
    let now = Look { notes: release.notes.clone(), prerelease: release.prerelease };
    if let Some(look) = wanted(&now) {
        events.note(format!("{tag}: {}", if look.prerelease { "marked as bad, and as a prerelease" } else { "offered again" }));
        let edit = Edit { title: None, notes: Some(look.notes), prerelease: Some(look.prerelease) };
        forge.edit(release, &edit)?;
    }
    Ok(())
}

fn elect(forge: &dyn Forge, wanted: Option<&str>, latest: Option<&str>, survey: &Survey, events: &Events) -> Result<()> {
    let Some(tag) = wanted else {
        // Nothing was latest before; a forge has no way to offer nothing.
        return Ok(());
    };
    if latest == Some(tag) {
        return Ok(());
    }
    events.note(format!("{tag}: offered as latest"));
    forge.elect(find(survey, tag)?)
}

/// The forge's own word is what counts. An edit may have made it elect another: once more, then it is an error.
fn read_back(forge: &dyn Forge, wanted: Option<&str>, survey: &Survey, events: &Events) -> Result<()> {
    let Some(tag) = wanted else { return Ok(()) };
    if forge.latest()?.as_deref() == Some(tag) {
        return Ok(());
    }
    events.note(format!("{tag}: offered as latest once more"));
    forge.elect(find(survey, tag)?)?;
    match forge.latest()? {
        Some(now) if now == tag => Ok(()),
        other => {
            Err(Error::partial(format!("the forge offers {} as latest, not {tag}", other.as_deref().unwrap_or("nothing"))).hint("give the same command again"))
        }
    }
}

fn find<'a>(survey: &'a Survey, tag: &str) -> Result<&'a Release> {
    survey.published(tag).ok_or_else(|| Error::refused(format!("{tag} is not published any more: it can't be offered as latest")))
}
