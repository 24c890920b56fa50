//! Negative controls: what must be rejected. A drill that only shows that good backups work would not notice that bad ones work too.

use std::path::{Path, PathBuf};

use super::{content, evidence::Control, stand::Stand};
use crate::{
    backup::{self, Options, Source, restore},
    effects::{clock, files, process::Program},
    kernel::{Context as _, Digest, Error, Events, Result},
};

/// Everything that the controls work on.
pub struct Bench<'a> {
    /// The stand, its server running on data that is not the backup's.
    pub stand: &'a mut Stand,
    /// The drill's source.
    pub source: Source,
    /// The good backup's archive and manifest.
    pub good: (PathBuf, PathBuf),
    /// Digests of the data in force and of the data in the backup.
    pub digests: (Digest, Digest),
    /// How long a backup and a restore took.
    pub took: (std::time::Duration, std::time::Duration),
}

/// Makes a bad archive in a folder.
type Spoil = fn(&Bench<'_>, &Path) -> Result<PathBuf>;

/// Runs all of them.
pub fn all(bench: &mut Bench<'_>, events: &Events) -> Result<Vec<Control>> {
    let mut found = Vec::new();
    let files: [(&str, Spoil); 4] =
        [("one bit flipped", flipped), ("cut short", truncated), ("append-only manifest missing", without_manifest), ("empty archive", empty)];
    for (name, make) in files {
        events.note(format!("control: {name}"));
        let folder = bench.stand.folder().join("control");
        files::remove_dir(&folder)?;
        files::create_dir(&folder)?;
        let file = make(bench, &folder)?;
        found.push(rejected(bench, name, &file, events)?);
    }
    found.push(wrong_volume(bench, events)?);
    found.push(killed_backup(bench, events)?);
    found.push(killed_restore(bench, events)?);
    Ok(found)
}

fn flipped(bench: &Bench<'_>, folder: &Path) -> Result<PathBuf> {
    damaged(bench, folder, |bytes| {
        let at = bytes.len() / 2;
        if let Some(byte) = bytes.get_mut(at) {
            *byte ^= 1;
        }
    })
}

fn truncated(bench: &Bench<'_>, folder: &Path) -> Result<PathBuf> {
    damaged(bench, folder, |bytes| bytes.truncate(bytes.len() * 6 / 10))
}

fn damaged(bench: &Bench<'_>, folder: &Path, damage: impl FnOnce(&mut Vec<u8>)) -> Result<PathBuf> {
    let (archive, manifest) = &bench.good;
    let beside = |path: &Path| folder.join(path.file_name().unwrap_or_default());
    let mut bytes = files::read(archive)?;
    damage(&mut bytes);
    files::write(&beside(archive), &bytes)?;
    files::write(&beside(manifest), &files::read(manifest)?)?;
    Ok(beside(archive))
}

/// A tarball without a manifest of ours, as the old script makes them: only the look inside can tell.
fn without_manifest(bench: &Bench<'_>, folder: &Path) -> Result<PathBuf> {
    let picked = restore::pick(&bench.source, bench.good.0.to_str(), folder)?;
    let tree = folder.join("tree");
    restore::elsewhere(&picked, &tree)?;
    for name in files::walk(&tree)?.into_iter().filter(|name| name.ends_with(".manifest")) {
        files::remove_file(&tree.join(name))?;
    }
    backup::tarball(&tree, &folder.join("torn"))
}

fn empty(_: &Bench<'_>, folder: &Path) -> Result<PathBuf> {
    files::create_dir(&folder.join("nothing"))?;
    backup::tarball(&folder.join("nothing"), &folder.join("empty"))
}

/// The restore must refuse, and leave the data as it was.
fn rejected(bench: &mut Bench<'_>, name: &str, file: &Path, events: &Events) -> Result<Control> {
    bench.stand.make_way();
    let project = bench.stand.project()?;
    let tried =
        restore::pick(&bench.source, file.to_str(), bench.stand.folder()).and_then(|picked| restore::run(&project, &bench.source, &picked, &quiet(events)));
    bench.stand.start()?;
    let untouched = content::digest(&bench.stand.redis())? == bench.digests.0;
    Ok(control(name, tried.map(drop), untouched))
}

fn control(name: &str, tried: Result<()>, untouched: bool) -> Control {
    let (caught, how) = match tried {
        Ok(()) => (false, "it was accepted".to_owned()),
        Err(error) if untouched => (true, error.chain()),
        Err(error) => (false, format!("rejected ({}), but the data changed", error.chain())),
    };
    Control { control: name.into(), caught, how }
}

/// Steps of controls are no news.
fn quiet(_: &Events) -> Events {
    Events::none()
}

/// A source that names another volume than the server's: a backup of it would be valid and worthless.
fn wrong_volume(bench: &mut Bench<'_>, events: &Events) -> Result<Control> {
    let project = bench.stand.project()?;
    let spec = backup::select(&project, &["wrong".to_owned()])?.pop().context(|| "find the drill's second source".into())?;
    let wrong = Source::resolve(&project, spec)?;
    let tried = backup::run(&project, &wrong, Options::default(), &quiet(events)).map(drop);
    Ok(control("wrong volume", tried, true))
}

/// Kills this program at about half time. What is left must not count, and the next run must work.
fn killed_backup(bench: &mut Bench<'_>, events: &Events) -> Result<Control> {
    let killed = kill_in_the_middle(bench, &["backup", "drill"], bench.took.0)?;
    let project = bench.stand.project()?;
    let mut sound = true;
    for mut manifest in bench.source.store.all()?.0 {
        sound &= backup::verify(&bench.source.store, &mut manifest).is_ok();
    }
    let again = backup::run(&project, &bench.source, Options { accept: true, ..Options::default() }, &quiet(events));
    let setting = bench.stand.redis().setting("auto-aof-rewrite-percentage")?;
    let how = match &again {
        Ok(done) => format!(
            "{killed}; what was left doesn't count, the next backup is {}, the server's setting is {} again",
            done.manifest.id,
            setting.as_deref().unwrap_or("unknown")
        ),
        Err(error) => format!("{killed}; the next backup failed: {}", error.chain()),
    };
    let caught = sound && again.is_ok_and(|done| done.manifest.verified.is_some()) && setting.is_some_and(|value| value != "0");
    Ok(Control { control: "kill -9 in a backup".into(), caught, how })
}

/// The same for a restore: afterwards the old data or the new, whole.
fn killed_restore(bench: &mut Bench<'_>, events: &Events) -> Result<Control> {
    bench.stand.make_way();
    let from = bench.good.0.to_string_lossy().into_owned();
    let killed = kill_in_the_middle(bench, &["restore", "drill", "--yes", "--from", &from], bench.took.1)?;
    let project = bench.stand.project()?;
    let settled = restore::resume(&project, &bench.source, &quiet(events))?;
    bench.stand.start()?;
    let digest = content::digest(&bench.stand.redis())?;
    let which = match digest {
        digest if digest == bench.digests.0 => Some("old"),
        digest if digest == bench.digests.1 => Some("new"),
        _ => None,
    };
    let pending = if settled.is_some() { "gone on with" } else { "nothing was pending" };
    let how = which.map_or_else(
        || format!("{killed}; the data is neither the old nor the new"),
        |which| format!("{killed}; {pending}; the {which} data is in force, whole"),
    );
    Ok(Control { control: "kill -9 in a restore".into(), caught: which.is_some(), how })
}

fn kill_in_the_middle(bench: &Bench<'_>, words: &[&str], usual: std::time::Duration) -> Result<String> {
    let program = std::env::current_exe().context(|| "find this program".into())?;
    let config = bench.stand.folder().join("xtask.toml");
    let mut child = Program::new(program).args(["--quiet", "--config"]).arg(config).args(words).folder(bench.stand.folder()).spawn()?;
    let wait = usual.mul_f64(0.5);
    clock::sleep(wait);
    let alive = matches!(child.try_wait(), Ok(None));
    child.kill().map_err(|error| Error::unexpected("kill the drill's own run").caused_by(error))?;
    child.wait().context(|| "wait for the drill's own run".into())?;
    let when = format!("after {:.2} s", wait.as_secs_f64());
    Ok(if alive { format!("killed {when}") } else { format!("it had ended {when}") })
}
