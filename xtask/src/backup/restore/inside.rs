//! The exchange where only the engine reaches the files (Docker Desktop, rootless, remote), by a container of the service's own image. Where that has perl or
//! a new `mv`, both volumes' folders change places in one step of the kernel's. Else a shell moves the files inside the live volume: forward and back can be
//! run again after a kill at any point, marks tell how far it is, and no service runs meanwhile.

use serde::{Deserialize, Serialize};

use super::ground::InForce;
use crate::{
    effects::{crash, docker},
    kernel::{Context as _, Error, Result},
};

/// The live volume, and the one where its replacement is prepared.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Inside {
    /// The staging volume.
    pub volume: String,
    /// The live one.
    pub live: String,
    /// The image whose programs do it.
    pub image: String,
    /// What tells the new folder from the old one, in whichever volume: its inode.
    #[serde(default)]
    pub new: Option<u64>,
}

/// What the live volume looks like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Seen {
    Old,
    Exchanged,
    Moving,
    Moved,
}

/// Fails where the image lacks what moves take.
const MARK: &str = "command -v cp mv rm mkdir chown chmod >/dev/null; stat -c %i /new";

/// Volumes on two file systems may have one inode by chance: then marks alone tell.
const LOOK: &str = r#"
inode() { stat -c %i "$1"; }
if [ "$(inode /live)" = "$1" ] && [ "$(inode /new)" != "$1" ]; then echo exchanged
elif [ -e /live/.xtask-done ]; then echo moved
elif [ -e /live/.xtask-ready ]; then echo moving
else echo old; fi
"#;

/// renameat2(2) with RENAME_EXCHANGE, by its number. Only while the new folder lies where it comes from: done twice, it would be undone. Moves that were
/// begun are ended as such.
const SWAP: &str = r#"
cd /volumes
[ "$(stat -c %i "$1")" = "$3" ]
[ ! -e "$2/.xtask-ready" ]
case "$(uname -m)" in x86_64) call=316 ;; aarch64) call=276 ;; *) call=-1 ;; esac
flush
mv --exchange -T "$1" "$2" || perl -e 'syscall(shift() + 0, -100, shift, -100, shift, 2) == 0 or die "$!\n"' "$call" "$1" "$2"
flush
"#;

const FLUSH: &str = "flush() { sync 2>/dev/null || true; }\n";

const NAMES: &str = r#"
names() {
  for f in "$1"/* "$1"/.[!.]* "$1"/..?*; do
    case "${f##*/}" in .xtask-*) continue ;; esac
    if [ -e "$f" ] || [ -L "$f" ]; then "$2" "$f"; fi
  done
}
like() { chown "$(stat -c %u:%g "$1")" "$2"; chmod "$(stat -c %a "$1")" "$2"; }
up() { mv "$1" /live/; }
aside() { mv "$1" /live/.xtask-old/; }
gone() { rm -rf "$1"; }
cd /live
"#;

/// Copies first, then moves: the copy takes long and changes nothing, the moves are short. Each phase leaves a mark, so that a second run goes on.
const FORWARD: &str = r#"
if [ ! -e .xtask-ready ]; then
  rm -rf .xtask-new .xtask-old
  mkdir .xtask-new .xtask-old
  like /live .xtask-old
  cp -a /new/. .xtask-new/
  flush
  : >.xtask-ready
fi
if [ ! -e .xtask-moved ]; then names /live aside; : >.xtask-moved; fi
names /live/.xtask-new up
like /new /live
flush
: >.xtask-done
"#;

const BACK: &str = r#"
if [ -e .xtask-ready ]; then
  rm -f .xtask-done
  if [ -e .xtask-moved ]; then names /live gone; rm -f .xtask-moved; fi
  names /live/.xtask-old up
  like .xtask-old /live
  flush
  rm -f .xtask-ready
fi
"#;

const CLEAR: &str = "cd /live; rm -rf .xtask-old .xtask-new .xtask-moved .xtask-ready .xtask-done";

impl Inside {
    /// Takes note of which folder is the new one, and fails where the image lacks what it takes. Before that nothing may be exchanged.
    pub fn mark(&mut self) -> Result<()> {
        let said = self.run(&self.both(), MARK, &[])?;
        self.new = Some(said.parse().context(|| format!("look at the volume {}", self.volume))?);
        Ok(())
    }

    /// Looks which data is in force; nothing while neither is as a whole.
    pub fn look(&self) -> Result<Option<InForce>> {
        Ok(match self.seen()? {
            Seen::Old => Some(InForce::Old),
            Seen::Exchanged | Seen::Moved => Some(InForce::New),
            Seen::Moving => None,
        })
    }

    fn seen(&self) -> Result<Seen> {
        let said = self.run(&self.both(), LOOK, &[&self.inode()])?;
        Ok(match said.as_str() {
            "old" => Seen::Old,
            "exchanged" => Seen::Exchanged,
            "moving" => Seen::Moving,
            "moved" => Seen::Moved,
            _ => return Err(Error::unexpected(format!("the volume {} could not be looked at", self.live)).caused_by(said)),
        })
    }

    /// Whether a container is at work in the live volume, be it one that a killed run left.
    pub fn at_work(&self) -> Result<bool> {
        Ok(docker::container(&self.worker())?.is_some_and(|container| container.state.running))
    }

    /// Ends what a killed run left at work, before anybody looks or goes on: a container doesn't end with whoever started it.
    pub fn quiet(&self) -> Result<()> {
        docker::remove(&self.worker())
    }

    /// Puts the new data in force.
    pub fn exchange(&self) -> Result<()> {
        if let Err(why) = self.swap(&self.volume, &self.live) {
            tracing::debug!(error = %why.chain(), "not in one step");
            self.quiet()?;
            // Only the word of it may have been lost.
            if self.seen()? != Seen::Exchanged {
                self.forward()?;
            }
        }
        crash::point("exchange");
        Ok(())
    }

    /// Puts the old data back, however far it got.
    pub fn back(&self) -> Result<()> {
        self.quiet()?;
        match self.seen()? {
            Seen::Old => {}
            Seen::Exchanged => self.swap(&self.live, &self.volume)?,
            Seen::Moving | Seen::Moved => self.work(&self.only(), &format!("{NAMES}{BACK}"), &[])?,
        }
        crash::point("exchange back");
        Ok(())
    }

    /// Removes what moves left in the live volume. Before [`Inside::mark`] there is nothing.
    pub fn clear(&self) -> Result<()> {
        if self.new.is_none() { Ok(()) } else { self.work(&self.only(), CLEAR, &[]) }
    }

    fn forward(&self) -> Result<()> {
        // The engine would make a volume that isn't there.
        docker::volume(&self.volume)?.context(|| format!("find the staging volume {}", self.volume))?;
        self.work(&self.both(), &format!("{NAMES}{FORWARD}"), &[])
    }

    /// The new folder leaves one volume for the other, and the other's comes in its place.
    fn swap(&self, from: &str, to: &str) -> Result<()> {
        let (folder, other) = (folder(from)?, folder(to)?);
        if folder != other {
            return Err(Error::refused(format!("{from} and {to} don't lie side by side")));
        }
        // With SELinux a container may touch a volume, and not the folder above it.
        let words = ["--security-opt".into(), "label=disable".into(), "--mount".into(), format!("type=bind,source={folder},target=/volumes")];
        self.work(&words, SWAP, &[&format!("{from}/_data"), &format!("{to}/_data"), &self.inode()])
    }

    fn inode(&self) -> String {
        self.new.unwrap_or_default().to_string()
    }

    fn only(&self) -> Vec<String> {
        vec!["--volume".into(), format!("{}:/live", self.live)]
    }

    fn both(&self) -> Vec<String> {
        [self.only(), vec!["--volume".into(), format!("{}:/new:ro", self.volume)]].concat()
    }

    /// One name for all that change the volume: the engine refuses a second one.
    fn worker(&self) -> String {
        format!("xtask-move-{}", self.live)
    }

    fn work(&self, words: &[String], script: &str, args: &[&str]) -> Result<()> {
        self.quiet()?;
        let named = [["--name".to_owned(), self.worker()].as_slice(), words].concat();
        self.run(&named, script, args).map(drop)
    }

    fn run(&self, words: &[String], script: &str, args: &[&str]) -> Result<String> {
        let label = format!("{}={}", docker::LABEL, docker::HELPER);
        let run = ["run", "--rm", "--network", "none", "--user", "0:0", "--label", label.as_str(), "--entrypoint", "sh"];
        let program = docker::docker(run).args(words).args([self.image.as_str(), "-euc", &format!("{FLUSH}{script}"), "sh"]).args(args);
        let program = if words.contains(&"--name".to_owned()) { program } else { program.query() };
        let said = program.capture()?;
        if said.status.success() {
            return Ok(said.text());
        }
        Err(Error::unexpected(format!("the files of the volume {} could not be reached through the engine", self.live))
            .caused_by(format!("{}\n{}", said.status, said.error_text()).trim())
            .hint("the service's image needs a shell with cp, mv and stat for this; as root on the engine's machine it needs none"))
    }
}

/// The folder in which the engine keeps a volume's.
fn folder(volume: &str) -> Result<String> {
    let found = docker::volume(volume)?.context(|| format!("look at the volume {volume}"))?;
    let folder = found.mountpoint.strip_suffix(&format!("/{volume}/_data")).filter(|_| found.is_plain());
    folder.map(str::to_owned).context(|| format!("find the folder above {} ({})", found.mountpoint, found.driver))
}

/// The scripts themselves, on folders of this machine, by programs that kill the shell before or after any one of them.
#[cfg(test)]
#[cfg(target_os = "linux")]
mod tests {
    use std::{
        os::unix::fs::{MetadataExt as _, PermissionsExt},
        path::Path,
    };

    use super::*;
    use crate::effects::{files, process::Program};

    struct Bench(tempfile::TempDir);

    /// A folder's mode, and what is in it.
    type Live = (u32, Vec<(String, String)>);

    impl Bench {
        fn new() -> Self {
            let bench = Self(tempfile::tempdir().unwrap());
            for (name, text, mode) in [("live", "old", 0o750), ("new", "new", 0o705)] {
                let root = bench.0.path().join(name);
                std::fs::create_dir_all(root.join(".hidden/deep")).unwrap();
                for file in ["both".to_owned(), format!("..*\n{text}"), ".hidden/deep/x".into()] {
                    files::write(&root.join(file), text.as_bytes()).unwrap();
                }
                std::os::unix::fs::symlink("nowhere", root.join("dangling")).unwrap();
                std::fs::set_permissions(&root, PermissionsExt::from_mode(mode)).unwrap();
            }
            std::fs::create_dir(bench.0.path().join("bin")).unwrap();
            ["mv", "cp", "rm", "mkdir", "chown", "chmod"].iter().for_each(|name| bench.program(name));
            std::os::unix::fs::symlink("/bin/true", bench.0.path().join("bin/sync")).unwrap();
            bench
        }

        /// Does what the real one does; the `$KILL`-th of a run kills the shell: before that, or with a minus after it.
        fn program(&self, name: &str) {
            let count = self.0.path().join("count").display().to_string();
            let real = ["/bin", "/usr/bin"].iter().map(|folder| format!("{folder}/{name}")).find(|path| Path::new(path).exists()).unwrap();
            let text = format!(
                "#!/bin/sh\nread -r n <{count}; n=$((n + 1)); echo $n >{count}\nif [ $n = $KILL ]; then kill -9 $SHELL_ID; exit 1; fi\n\
                 if [ -$n = $KILL ]; then {real} \"$@\"; kill -9 $SHELL_ID; fi\nexec {real} \"$@\"\n"
            );
            let path = self.0.path().join("bin").join(name);
            files::write(&path, text.as_bytes()).unwrap();
            std::fs::set_permissions(&path, PermissionsExt::from_mode(0o755)).unwrap();
        }

        /// Runs a script; says how it ended, and what it printed.
        fn run(&self, script: &str, kill: i32) -> (Option<i32>, String) {
            let at = |name: &str| self.0.path().join(name).display().to_string();
            files::write(&self.0.path().join("count"), b"0\n").unwrap();
            let script = format!("export SHELL_ID=$$\n{FLUSH}{script}").replace("/live", &at("live")).replace("/new", &at("new"));
            let program =
                Program::new("sh").args(["-euc", &script, "sh", "0"]).env("PATH", format!("{}:/usr/bin:/bin", at("bin"))).env("KILL", kill.to_string());
            let ended = program.capture().unwrap();
            (ended.status.code(), ended.text())
        }

        fn forward(&self, kill: i32) -> Option<i32> {
            self.run(&format!("{NAMES}{FORWARD}"), kill).0
        }

        fn back(&self, kill: i32) -> Option<i32> {
            self.run(&format!("{NAMES}{BACK}"), kill).0
        }

        /// Everything in the live folder but what moves leave, and the folder's mode.
        fn live(&self) -> Live {
            let root = self.0.path().join("live");
            let texts = ["both", "..*\nold", "..*\nnew", ".hidden/deep/x"].map(|name| (name, files::read_text(&root.join(name)).ok()));
            let texts = texts.into_iter().filter_map(|(name, text)| Some((name.to_owned(), text?)));
            let names = files::list(&root).unwrap().into_iter().filter(|name| !name.starts_with(".xtask-")).map(|name| (name, String::new()));
            (root.metadata().unwrap().mode() & 0o7777, texts.chain(names).collect())
        }
    }

    #[test]
    fn killed_at_any_command_moves_go_on_or_back_and_a_look_tells_the_truth() {
        let (old, new) = (Bench::new().live(), {
            let bench = Bench::new();
            assert_eq!((bench.forward(0), bench.run(LOOK, 0).1.as_str()), (Some(0), "moved"));
            bench.live()
        });
        assert_eq!((old.0, new.0, old.1.len(), new.1.len()), (0o750, 0o705, 7, 7));
        let mut seen = std::collections::BTreeSet::new();
        for kill in (1..).flat_map(|k| [k, -k]) {
            let bench = Bench::new();
            if bench.forward(kill).is_some() {
                break;
            }
            let said = bench.run(LOOK, 0).1;
            assert!(true_to(&said, &bench, &old, &new), "{kill}: {said}");
            seen.insert(said);
            assert_eq!((bench.forward(0), bench.live()), (Some(0), new.clone()), "{kill}");
            back_from(kill, kill * 5 % 19, &old, &new);
        }
        assert_eq!(seen.into_iter().collect::<Vec<_>>(), ["moving", "old"]);
        let ways = (1..).flat_map(|k| [k, -k]).take_while(|again| back_from(0, *again, &old, &new)).count();
        assert!(ways > 10, "{ways}");
    }

    fn true_to(said: &str, bench: &Bench, old: &Live, new: &Live) -> bool {
        match said {
            "old" => bench.live() == *old,
            "moved" => bench.live() == *new,
            _ => said == "moving",
        }
    }

    /// From where a run forward was left; the way back is killed too. Says whether it was.
    fn back_from(kill: i32, again: i32, old: &Live, new: &Live) -> bool {
        let bench = Bench::new();
        bench.forward(kill);
        let killed = bench.back(again).is_none();
        let said = bench.run(LOOK, 0).1;
        assert!(true_to(&said, &bench, old, new), "{kill}, back {again}: {said}");
        assert_eq!((bench.back(0), bench.run(LOOK, 0).1.as_str(), &bench.live()), (Some(0), "old", old), "{kill}, back {again}");
        bench.run(CLEAR, 0);
        assert!(!files::list(&bench.0.path().join("live")).unwrap().iter().any(|name| name.starts_with(".xtask-")));
        killed
    }

    #[test]
    fn two_folders_change_places_once() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        ["new", "live"].iter().for_each(|name| files::create_dir(&path(name)).unwrap());
        let inode = path("new").metadata().unwrap().ino().to_string();
        let swap = |from: &str, to: &str| {
            let script = format!("{FLUSH}{SWAP}").replace("/volumes", &folder.path().display().to_string());
            Program::new("sh").args(["-euc", &script, "sh", from, to, &inode]).capture().unwrap().status.success()
        };
        let holds = |name: &str| path(name).metadata().unwrap().ino().to_string() == inode;
        assert!(swap("new", "live") && holds("live"));
        assert!(!swap("new", "live") && holds("live"), "done twice it would be undone");
        assert!(swap("live", "new") && holds("new"));
        files::write(&path("live/.xtask-ready"), b"").unwrap();
        assert!(!swap("new", "live") && holds("new"), "moves that were begun are ended as such");
    }
}
