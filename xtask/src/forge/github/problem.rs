//! What GitHub's refusals mean and what to do about them. Pure.

use super::reply::Reply;
use crate::{
    forge::Release,
    kernel::{Error, Kind},
};

/// A draft could not be made.
pub(super) fn creating(reply: &Reply, doing: &str, tag: &str) -> Error {
    if let Some(error) = locked(reply, doing) {
        return error;
    }
    match reply.status {
        // The repository could be read a moment ago: it is not missing.
        403 | 404 => Error::new(Kind::Denied, format!("{doing}: the server answered {}: {}", reply.status, reply.message()))
            .hint("the token needs `contents: write` on this repository (classic tokens: the scope `repo`)")
            .hint(format!(
                "if {tag} changes files in .github/workflows/, GitHub also wants the permission `workflows: write` (classic: `workflow`), which the token of Actions can't have: use another token"
            )),
        422 if reply.has_code("already_exists") => Error::refused(format!("{doing}: a release of {tag} is there already")).hint("run it again: it looks first"),
        _ => reply.error(doing),
    }
}

/// A release could not be changed, or something not be put into it.
pub(super) fn changing(reply: &Reply, doing: &str) -> Error {
    locked(reply, doing).unwrap_or_else(|| reply.error(doing))
}

/// Immutable releases: burnt tags and locked assets.
fn locked(reply: &Reply, doing: &str) -> Option<Error> {
    let message = reply.message();
    let lower = message.to_lowercase();
    if reply.status != 422 || !lower.contains("immutable release") {
        return None;
    }
    let error = Error::refused(format!("{doing}: {message}"));
    if lower.contains("tag_name") {
        return Some(error.hint("GitHub never gives this tag out again: release the next version (`cargo xtask bump patch --commit --tag`)"));
    }
    Some(error.hint("its assets are locked for ever: release the next version"))
}

/// More than one draft.
pub(super) fn several(tag: &str, drafts: &[Release]) -> Error {
    Error::refused(several_message(tag, drafts)).hint("delete all but one of them on the web page, then run it again")
}

/// Names them.
pub(super) fn several_message(tag: &str, drafts: &[Release]) -> String {
    let names: Vec<_> = drafts
        .iter()
        .map(|draft| {
            format!("{} \"{}\" of {} with {} assets ({})", draft.id, draft.title, draft.created_at.format("%Y-%m-%d %H:%M"), draft.assets.len(), draft.url)
        })
        .collect();
    format!("{tag} has {} drafts: {}", drafts.len(), names.join(", "))
}
