//! The exchange where only the engine reaches the files (Docker Desktop, rootless, remote): a shell in a container of the service's own image moves them
//! inside the volume. Not one step of the kernel's, but forward and back can be run again after a kill at any point, and no service runs meanwhile.

use crate::{
    effects::docker,
    kernel::{Error, Result},
};

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
  sync 2>/dev/null || true
  : >.xtask-ready
fi
if [ ! -e .xtask-moved ]; then names /live aside; : >.xtask-moved; fi
names /live/.xtask-new up
like /new /live
sync 2>/dev/null || true
"#;

const BACK: &str = r#"
if [ -e .xtask-moved ]; then names /live gone; rm -f .xtask-moved; fi
if [ -d .xtask-old ]; then names /live/.xtask-old up; like .xtask-old /live; fi
rm -rf .xtask-old .xtask-new .xtask-ready
sync 2>/dev/null || true
"#;

const CLEAR: &str = "rm -rf .xtask-old .xtask-new .xtask-ready .xtask-moved\n";

/// Puts the staged volume's files into the live one; the old ones stay aside in it.
pub fn forward(image: &str, live: &str, staged: &str) -> Result<()> {
    shell(image, live, Some(staged), FORWARD)
}

/// Puts the old files back, however far it got.
pub fn back(image: &str, live: &str) -> Result<()> {
    shell(image, live, None, BACK)
}

/// Removes the old files.
pub fn clear(image: &str, live: &str) -> Result<()> {
    shell(image, live, None, CLEAR)
}

fn shell(image: &str, live: &str, staged: Option<&str>, script: &str) -> Result<()> {
    let mut words: Vec<String> = ["run", "--rm", "--network", "none", "--user", "0:0", "--entrypoint", "sh", "--volume"].map(str::to_owned).to_vec();
    words.push(format!("{live}:/live"));
    words.extend(staged.into_iter().flat_map(|staged| ["--volume".to_owned(), format!("{staged}:/new:ro")]));
    words.extend([image.to_owned(), "-euc".into(), format!("{NAMES}{script}")]);
    docker::docker(&words).read().map(drop).map_err(|error: Error| {
        error
            .within(format!("the files of the volume {live} could not be moved"))
            .hint("the service's image needs a shell with cp, mv and stat for this; as root on the engine's machine it needs none")
    })
}
