//! `verify`: bytes against manifest, of a folder or of a published release; `--rebuild` builds again elsewhere and compares.

use std::path::Path;

use serde_json::json;

use super::{
    Session,
    args::VerifyArgs,
    forges,
    show::{self, Row},
};
use crate::{
    config::Project,
    effects::scratch::Scratch,
    kernel::{Error, Kind, Result},
    release::{
        rebuild,
        verify::{self, Verified},
    },
    report::{Answer, View},
};

pub(super) fn run(session: &Session, args: &VerifyArgs) -> Result<Answer> {
    let scratch = Scratch::new("verify")?;
    let (verified, place) = verified(session, args, scratch.path())?;
    let rows = verified.files.iter().map(|file| Row { name: file.name.clone(), size: file.size, sha256: file.sha256 });
    let title = format!("{} in {place}: {} files, every byte as its manifest says", verified.manifest.tag, verified.files.len());
    let data = json!({
        "tag": verified.manifest.tag, "commit": verified.manifest.commit, "place": place, "rebuilt": args.rebuild,
        "files": verified.files.iter().map(|file| json!({ "name": file.name, "size": file.size, "sha256": file.sha256 })).collect::<Vec<_>>(),
    });
    let mut views = vec![View::Table(show::assets(&title, rows))];
    if args.rebuild {
        let project = session.project()?;
        let rebuilt = rebuild::compare(&project, &verified, scratch.path(), &session.events)?;
        views.push(View::Text(rebuilt));
    }
    Ok(Answer::new(&data, View::All(views)))
}

/// A folder by its path; a release by its tag, downloaded whole.
fn verified(session: &Session, args: &VerifyArgs, scratch: &Path) -> Result<(Verified, String)> {
    let folder = session.folder()?.join(args.what.as_deref().unwrap_or("."));
    let here = folder.join(crate::release::plan::MANIFEST).exists();
    if here || args.what.is_some() && folder.is_dir() {
        let verified = verify::folder(&folder)?;
        return Ok((verified, folder.display().to_string()));
    }
    let project = session.project()?;
    let tag = match &args.what {
        Some(what) => project.config.tag.read_loose(what).map_err(|error| neither(what, error))?.name,
        None => latest(session, &project, args)?,
    };
    let forge = forges::open(session, &project, args.forge)?;
    let release = forge.published(&tag)?.ok_or_else(|| not_there(&tag, &forge.place()))?;
    let folder = scratch.join("downloaded");
    forge.fetch(&release, &release.assets, &folder, &session.events)?;
    let verified = verify::folder(&folder).map_err(|error| error.within(format!("{tag} in {} is not as it was released", forge.place())))?;
    if verified.manifest.tag != tag {
        return Err(Error::mismatch(format!("the release {tag} holds the files of {}", verified.manifest.tag)));
    }
    Ok((verified, forge.place()))
}

/// What was named is no folder, and no tag.
fn neither(what: &str, error: Error) -> Error {
    let looks_like_a_path = what.contains(std::path::MAIN_SEPARATOR) || what.starts_with('.');
    if looks_like_a_path { Error::usage(format!("there is no folder {what}")).hint("name a folder that `build` filled, or a tag") } else { error }
}

fn latest(session: &Session, project: &Project, args: &VerifyArgs) -> Result<String> {
    let forge = forges::open(session, project, args.forge)?;
    forge.latest()?.ok_or_else(|| Error::usage("there is no release to verify").hint("name a folder or a tag"))
}

fn not_there(tag: &str, place: &str) -> Error {
    Error::new(Kind::Refused, format!("{tag} is not published in {place}")).hint("`xtask releases` lists what is")
}
