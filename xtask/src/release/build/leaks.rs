//! Nothing that was built may hold a path of the machine that built it: it would differ elsewhere, and tell what it shouldn't.

use std::{io::Read as _, path::Path};

use aho_corasick::AhoCorasick;

use super::{Job, collect::Collected};
use crate::{
    effects::files,
    kernel::{Context as _, Error, Finding, Result},
    release::manifest::Origin,
};

/// Refuses built files that hold the path of the checkout, the target folder or the work tree.
pub(super) fn refuse(job: &Job<'_>, collected: &[Collected]) -> Result<()> {
    let paths = [job.place.folder.as_path(), job.project.root.as_path()].map(|path| path.to_string_lossy().into_owned());
    let finder = AhoCorasick::new(paths.iter().filter(|path| path.len() > 5)).context(|| "prepare the search for paths".into())?;
    let built = collected.iter().filter(|file| file.origin == Origin::Built);
    let mut findings = Vec::new();
    for file in built {
        if let Some(leak) = find(&finder, &file.path)? {
            let message = format!("artifact `{}`: {} holds the path {leak} of this machine", job.artifact.name, file.name);
            let hint = "something in the build writes an absolute path (CARGO_MANIFEST_DIR, OUT_DIR, a source map, a wrapper): make it relative";
            findings.push(Finding::error("path-leak", message).hint(hint));
        }
    }
    if findings.is_empty() { Ok(()) } else { Err(Error::findings("built files hold paths of this machine: elsewhere their bytes would differ", findings)) }
}

fn find(finder: &AhoCorasick, path: &Path) -> Result<Option<String>> {
    const BLOCK: usize = 1 << 20;
    let longest = finder.max_pattern_len();
    let mut file = files::open(path)?;
    let mut window = Vec::with_capacity(BLOCK + longest);
    loop {
        let read = (&mut file).take(BLOCK as u64).read_to_end(&mut window).context(|| format!("read {}", path.display()))?;
        if let Some(hit) = finder.find(&window) {
            let text = window.get(hit.range()).unwrap_or_default();
            return Ok(Some(String::from_utf8_lossy(text).into_owned()));
        }
        if read == 0 {
            return Ok(None);
        }
        window.drain(..window.len().saturating_sub(longest));
    }
}
