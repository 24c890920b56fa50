//! Several runners' metadata → one file of each name. The same whichever order they come in, and whether they come at once or in parts.

use std::{collections::BTreeMap, io::Read as _, path::Path};

use base64::{Engine as _, prelude::BASE64_STANDARD};
use serde_json::{Map, Value, json};
use sha2::{Digest as _, Sha512};

use super::{Channel, Content, Entry};
use crate::{
    effects::files,
    forge::github::stored_name,
    kernel::{Context as _, Digest, Error, Result, Version},
    release::build::BuiltFile,
};

/// Puts together and writes into `out`. `assets` are the release's other files: what the metadata may point at.
pub fn write(channels: Vec<Channel>, assets: &[BuiltFile], version: &Version, epoch: i64, out: &Path) -> Result<Vec<BuiltFile>> {
    let mut by_name: BTreeMap<String, Vec<Channel>> = BTreeMap::new();
    for channel in channels {
        by_name.entry(channel.name.clone()).or_default().push(channel);
    }
    let mut written = Vec::new();
    for (name, parts) in by_name {
        let artifact = parts.iter().filter_map(|part| part.artifact.clone()).min();
        let origin = parts.iter().map(|part| part.origin).max().unwrap_or(super::Origin::Made);
        let content = recomputed(&name, together(&name, parts, version)?, assets)?;
        let text = text(&content, epoch)?;
        let path = out.join(&name);
        files::write(&path, text.as_bytes())?;
        written.push(BuiltFile { name, path, size: text.len() as u64, sha256: Digest::of(text.as_bytes()), artifact, target: None, origin });
    }
    Ok(written)
}

/// Files side by side, each once; what the parts say beside that must agree.
fn together(name: &str, parts: Vec<Channel>, version: &Version) -> Result<Content> {
    let mut whole = Content { version: version.to_string(), files: Vec::new(), path: None, sha512: None, rest: BTreeMap::new() };
    for part in parts {
        if part.content.version != whole.version {
            return Err(Error::mismatch(format!("{name} says version {}, but {version} is released", part.content.version))
                .hint("build the installers from the tag that is released"));
        }
        whole.path = whole.path.into_iter().chain(part.content.path).min_by(|a, b| rank(a).cmp(&rank(b)));
        whole.files.extend(part.content.files);
        agree(name, &mut whole.rest, part.content.rest)?;
    }
    whole.files.sort_by(|a, b| rank(&a.url).cmp(&rank(&b.url)));
    let mut files: Vec<Entry> = Vec::new();
    for file in whole.files {
        match files.last_mut() {
            Some(last) if last.url == file.url => agree(name, &mut last.rest, file.rest)?,
            _ => files.push(file),
        }
    }
    Ok(Content { files, ..whole })
}

/// Updaters that know of no architectures take the first: the one that runs on most machines comes first.
fn rank(url: &str) -> (u8, &str) {
    let lower = url.to_ascii_lowercase();
    let of = |words: &[&str]| words.iter().any(|word| lower.contains(word));
    (if of(&["arm64", "aarch64"]) { 1 } else { u8::from(of(&["ia32", "armv7"])) * 2 }, url)
}

/// The time is the release's own; everything else that two parts say must be the same.
fn agree(name: &str, whole: &mut BTreeMap<String, Value>, part: BTreeMap<String, Value>) -> Result<()> {
    for (key, value) in part.into_iter().filter(|(key, _)| key != "releaseDate") {
        match whole.get(&key) {
            Some(other) if *other != value => {
                return Err(
                    Error::mismatch(format!("two runners' {name} differ in `{key}`: {other} and {value}")).hint("build both from the same configuration")
                );
            }
            _ => drop(whole.insert(key, value)),
        }
    }
    Ok(())
}

/// Digests and sizes of the files as they are now.
fn recomputed(name: &str, mut content: Content, assets: &[BuiltFile]) -> Result<Content> {
    for entry in &mut content.files {
        let asset = asset(name, &entry.url, assets)?;
        (entry.sha512, entry.size) = (sha512(&asset.path)?, asset.size);
    }
    content.sha512 = match &content.path {
        Some(path) => Some(sha512(&asset(name, path, assets)?.path)?),
        None => None,
    };
    Ok(content)
}

fn asset<'a>(metadata: &str, reference: &str, assets: &'a [BuiltFile]) -> Result<&'a BuiltFile> {
    let found = assets.iter().find(|asset| asset.name == reference).or_else(|| assets.iter().find(|asset| stored_name(&asset.name) == reference));
    found.ok_or_else(|| {
        let error = Error::mismatch(format!("{metadata} sends users to `{reference}`, which is not a file of the release"));
        match assets.iter().find(|asset| same_letters(&asset.name, reference)) {
            Some(near) => error.hint(format!(
                "there is `{}`, which GitHub would store as `{}`: let electron-builder's artifactName write the name without spaces",
                near.name,
                stored_name(&near.name)
            )),
            None => error.hint("add the file to the artifact's `files`, with the format `raw`"),
        }
    })
}

/// electron-builder writes `-` where the file on the disk has a space.
fn same_letters(a: &str, b: &str) -> bool {
    let letters = |text: &str| text.replace("%20", " ").chars().filter(char::is_ascii_alphanumeric).collect::<String>();
    letters(a) == letters(b)
}

pub(super) fn sha512(path: &Path) -> Result<String> {
    const BLOCK: usize = 1 << 17;
    let mut file = files::open(path)?;
    let (mut sha, mut block) = (Sha512::new(), vec![0; BLOCK]);
    loop {
        let count = file.read(&mut block).context(|| format!("read {}", path.display()))?;
        match block.get(..count) {
            Some(bytes) if count > 0 => sha.update(bytes),
            _ => return Ok(BASE64_STANDARD.encode(sha.finalize())),
        }
    }
}

/// As electron-builder orders it; the time last and quoted, since YAML readers of that world would make a date of it.
fn text(content: &Content, epoch: i64) -> Result<String> {
    let mut map = Map::from_iter([("version".to_owned(), json!(content.version)), ("files".to_owned(), content.files.iter().map(entry).collect())]);
    map.extend(content.path.iter().map(|path| ("path".to_owned(), json!(path))));
    map.extend(content.sha512.iter().map(|sha512| ("sha512".to_owned(), json!(sha512))));
    map.extend(content.rest.iter().map(|(key, value)| (key.clone(), value.clone())));
    let text = yaml_serde::to_string(&map).context(|| "write the update metadata".into())?;
    let time = chrono::DateTime::from_timestamp(epoch, 0).unwrap_or_default().format("%Y-%m-%dT%H:%M:%S.000Z");
    Ok(format!("{text}releaseDate: '{time}'\n"))
}

fn entry(entry: &Entry) -> Value {
    let mut map = Map::from_iter([("url".to_owned(), json!(entry.url)), ("sha512".to_owned(), json!(entry.sha512)), ("size".to_owned(), json!(entry.size))]);
    map.extend(entry.rest.iter().map(|(key, value)| (key.clone(), value.clone())));
    Value::Object(map)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::release::manifest::Origin;

    fn asset_file(folder: &Path, name: &str) -> BuiltFile {
        let path = folder.join(name);
        std::fs::write(&path, name).unwrap();
        let (size, sha256) = files::digest(&path).unwrap();
        BuiltFile { name: name.into(), path, size, sha256, artifact: Some("app".into()), target: None, origin: Origin::Built }
    }

    fn channel(files: &[&str], version: &str) -> Channel {
        let entries: String = files.iter().map(|file| format!("  - url: {file}\n    sha512: stale\n    size: 1\n")).collect();
        let text = format!("version: {version}\nfiles:\n{entries}path: {}\nsha512: stale\nreleaseDate: '2020-01-01T00:00:00.000Z'\n", files[0]);
        Channel::read("latest-mac.yml", text.as_bytes(), Some("app".into()), Origin::Built).unwrap()
    }

    #[test]
    fn architectures_come_together_in_any_order_and_grouping() {
        let folder = tempfile::tempdir().unwrap();
        let assets = ["App-1.0.0-arm64.zip", "App-1.0.0.zip", "App-1.0.0-arm64.dmg"].map(|name| asset_file(folder.path(), name));
        let version = "1.0.0".parse().unwrap();
        let (arm, intel) = (channel(&["App-1.0.0-arm64.zip", "App-1.0.0-arm64.dmg"], "1.0.0"), channel(&["App-1.0.0.zip"], "1.0.0"));
        let made = |channels| {
            let files = write(channels, &assets, &version, 1_767_323_045, folder.path()).unwrap();
            std::fs::read_to_string(&files[0].path).unwrap()
        };
        let text = made(vec![arm.clone(), intel.clone()]);
        assert_eq!(text, made(vec![intel.clone(), arm.clone()]));
        // What was put together once can be put together again: parts may hold several targets.
        let again = Channel::read("latest-mac.yml", text.as_bytes(), Some("app".into()), Origin::Built).unwrap();
        assert_eq!(text, made(vec![again, intel]));
        assert!(text.contains("path: App-1.0.0.zip\n") && text.ends_with("releaseDate: '2026-01-02T03:04:05.000Z'\n"), "{text}");
        assert!(!text.contains("stale") && text.contains("size: 19"), "{text}");
        let digest = BASE64_STANDARD.encode(Sha512::digest(b"App-1.0.0.zip"));
        assert_eq!(text.matches(&digest).count(), 2, "{text}");
    }

    #[test]
    fn another_version_or_a_file_that_is_not_there_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let assets = [asset_file(folder.path(), "Auto-Codex Setup 1.0.0.exe")];
        let refused = |files: &[&str], version| write(vec![channel(files, version)], &assets, &"1.0.0".parse().unwrap(), 0, folder.path()).unwrap_err();
        let error = refused(&["Auto-Codex.Setup.1.0.0.exe"], "0.9.0");
        assert!(error.to_string().contains("0.9.0"), "{error:?}");
        let error = refused(&["Auto-Codex-Setup-1.0.0.exe"], "1.0.0");
        assert_eq!(error.kind(), crate::kernel::Kind::Mismatch);
        assert!(error.hints()[0].contains("`Auto-Codex.Setup.1.0.0.exe`"), "{:?}", error.hints());
        write(vec![channel(&["Auto-Codex.Setup.1.0.0.exe"], "1.0.0")], &assets, &"1.0.0".parse().unwrap(), 0, folder.path()).unwrap();
    }
}
