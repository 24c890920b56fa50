//! Which file of a release belongs on this machine, and how it is put there. Pure.

use serde::{Deserialize, Serialize};

use crate::{
    archive::Format,
    kernel::{Digest, Error, Result},
    release::{
        manifest::{Listed, Manifest},
        plan,
    },
};

/// A machine: what target triples say of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Platform {
    triple: String,
}

impl Platform {
    /// Of a target triple.
    pub fn of(triple: &str) -> Self {
        Self { triple: triple.into() }
    }

    /// `linux`, `windows`, `macos`.
    fn system(&self) -> &'static str {
        system(&self.triple).unwrap_or("other")
    }

    fn processor(&self) -> &str {
        processor(&self.triple).unwrap_or_else(|| self.triple.split('-').next().unwrap_or_default())
    }
}

/// The file that is installed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Chosen {
    /// The artifact's name: what a single file is also called when installed.
    pub artifact: String,
    /// The file's name.
    pub name: String,
    /// In bytes.
    pub size: u64,
    /// SHA-256.
    pub sha256: Digest,
    /// How it is put in place.
    pub form: Form,
}

/// How a file is put in place.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Form {
    /// Unpacked; made by this program, so anything unusual in it is refused.
    Own,
    /// Unpacked; made by another program.
    Foreign,
    /// Copied as it is and made executable: an AppImage, a binary.
    Single,
}

/// How well a file fits: lower is better.
type Rank = (u8, u8, u8);

/// Picks. `artifact` names an artifact or a file; none takes the only one that fits.
pub fn pick(manifest: &Manifest, platform: &Platform, artifact: Option<&str>) -> Result<Chosen> {
    let named = |listed: &&Listed| artifact.is_none_or(|name| listed.artifact.as_deref() == Some(name) || listed.name == name);
    let candidates: Vec<&Listed> = manifest.artifacts.iter().filter(|listed| listed.artifact.is_some()).filter(named).collect();
    let mut fitting: Vec<(Rank, &Listed, Form)> = candidates.iter().filter_map(|listed| judge(manifest, listed, platform)).collect();
    fitting.sort_by(|a, b| (a.0, &a.1.name).cmp(&(b.0, &b.1.name)));
    let Some((best, listed, form)) = fitting.first().copied() else {
        return Err(nothing(manifest, platform, artifact));
    };
    let rivals: Vec<&str> =
        fitting.iter().filter(|(rank, other, _)| *rank == best && other.name != listed.name).map(|(_, other, _)| other.name.as_str()).collect();
    let names: std::collections::BTreeSet<&str> = fitting.iter().filter_map(|(_, other, _)| other.artifact.as_deref()).collect();
    if artifact.is_none() && (names.len() > 1 || !rivals.is_empty()) {
        return Err(several(manifest, &names, &listed.name, &rivals));
    }
    Ok(Chosen { artifact: listed.artifact.clone().unwrap_or_default(), name: listed.name.clone(), size: listed.size, sha256: listed.sha256, form })
}

/// Whether a file can be installed on that platform, and how well it fits: target, format, processor.
fn judge<'a>(manifest: &Manifest, listed: &'a Listed, platform: &Platform) -> Option<(Rank, &'a Listed, Form)> {
    let target = match &listed.target {
        Some(target) if *target == platform.triple => 0,
        Some(target) if system(target) == Some(platform.system()) && processor(target) == Some(platform.processor()) => 1,
        Some(_) => return None,
        None => 2,
    };
    let name = listed.name.to_lowercase();
    if target == 2
        && (system_of_file(&name).is_some_and(|system| system != platform.system()) || processor(&name).is_some_and(|cpu| cpu != platform.processor()))
    {
        return None;
    }
    let (form, order) = form(manifest, listed, &name, platform)?;
    let exact = u8::from(processor(&name).is_none());
    Some(((target, order, exact), listed, form))
}

/// How a file is put in place; none for what only an installer, a package manager or an updater can use.
fn form(manifest: &Manifest, listed: &Listed, name: &str, platform: &Platform) -> Option<(Form, u8)> {
    let windows = platform.system() == "windows";
    if let Some(format) = Format::of_name(name) {
        let stem = plan::stem(listed.artifact.as_deref().unwrap_or_default(), &manifest.version, listed.target.as_deref());
        let ours = listed.name == format!("{stem}.{}", format.extension());
        let order = match format {
            Format::Zip => u8::from(!windows) * 2,
            Format::TarGz => 1,
            Format::TarZst | Format::Tar => 2,
        };
        return Some((if ours { Form::Own } else { Form::Foreign }, order));
    }
    let ending = name.rsplit_once('.').map(|(_, ending)| ending).filter(|ending| ending.chars().any(|c| c.is_ascii_alphabetic()) && ending.len() <= 8);
    match ending {
        Some("appimage") => Some((Form::Single, 0)),
        Some("exe") if windows && !name.contains("setup") && !name.contains("install") => Some((Form::Single, 3)),
        Some(ending) if processor(ending).is_none() => None,
        _ => Some((Form::Single, 3)),
    }
}

fn system(triple: &str) -> Option<&'static str> {
    [("linux", "linux"), ("windows", "windows"), ("apple", "macos"), ("darwin", "macos")]
        .into_iter()
        .find(|(word, _)| triple.contains(word))
        .map(|(_, system)| system)
}

/// What a file's name says of its system, for files that were built by another tool.
fn system_of_file(name: &str) -> Option<&'static str> {
    let by_ending = [(".appimage", "linux"), (".exe", "windows")].into_iter().find(|(ending, _)| name.ends_with(ending));
    let words =
        || [("linux", "linux"), ("win32", "windows"), ("windows", "windows"), ("macos", "macos"), ("darwin", "macos"), ("-mac", "macos"), ("-win", "windows")];
    by_ending.or_else(|| words().into_iter().find(|(word, _)| name.contains(word))).map(|(_, system)| system)
}

fn processor(text: &str) -> Option<&'static str> {
    let words = [
        ("x86_64", "x86_64"),
        ("amd64", "x86_64"),
        ("x64", "x86_64"),
        ("aarch64", "aarch64"),
        ("arm64", "aarch64"),
        ("armv7", "armv7"),
        ("i686", "i686"),
        ("ia32", "i686"),
    ];
    words.into_iter().find(|(word, _)| text.contains(word)).map(|(_, processor)| processor)
}

fn nothing(manifest: &Manifest, platform: &Platform, artifact: Option<&str>) -> Error {
    let named = artifact.map(|name| format!(" called `{name}`")).unwrap_or_default();
    let files: Vec<&str> = manifest.artifacts.iter().filter(|listed| listed.artifact.is_some()).map(|listed| listed.name.as_str()).collect();
    Error::refused(format!("{} has no file{named} that can be installed on {}", manifest.tag, platform.triple))
        .hint(format!("it holds: {}", files.join(", ")))
        .hint("archives (tar.gz, tar.zst, zip), AppImages and single programs can be installed; name one with --artifact")
}

fn several(manifest: &Manifest, names: &std::collections::BTreeSet<&str>, first: &str, rivals: &[&str]) -> Error {
    let list = if names.len() > 1 { names.iter().copied().collect::<Vec<_>>().join(", ") } else { format!("{first}, {}", rivals.join(", ")) };
    Error::usage(format!("{} has several that fit this machine: {list}", manifest.tag))
        .hint(format!("say which: --artifact {}", list.split(", ").next().unwrap_or("NAME")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::release::manifest::Origin;

    fn manifest(files: &[(&str, &str, Option<&str>)]) -> Manifest {
        let listed = |(name, artifact, target): &(&str, &str, Option<&str>)| Listed {
            name: (*name).into(),
            size: 1,
            sha256: Digest::of(name.as_bytes()),
            artifact: (!artifact.is_empty()).then(|| (*artifact).into()),
            target: target.map(str::to_owned),
            origin: Origin::Built,
        };
        Manifest {
            schema: 1,
            project: "rocket".into(),
            version: "1.4.2".parse().unwrap(),
            tag: "v1.4.2".into(),
            commit: String::new(),
            source_date_epoch: 0,
            dirty: false,
            tools: std::collections::BTreeMap::new(),
            artifacts: files.iter().map(listed).collect(),
            services: Vec::new(),
        }
    }

    const LINUX: &str = "x86_64-unknown-linux-gnu";

    #[test]
    fn the_target_decides_then_the_format() {
        let manifest = manifest(&[
            ("rocket-1.4.2-x86_64-pc-windows-msvc.zip", "rocket", Some("x86_64-pc-windows-msvc")),
            ("rocket-1.4.2-x86_64-unknown-linux-gnu.zip", "rocket", Some(LINUX)),
            ("rocket-1.4.2-x86_64-unknown-linux-gnu.tar.gz", "rocket", Some(LINUX)),
            ("rocket-1.4.2-aarch64-unknown-linux-gnu.tar.gz", "rocket", Some("aarch64-unknown-linux-gnu")),
            ("rocket-1.4.2.cdx.json", "", None),
        ]);
        for (triple, file) in [
            (LINUX, "rocket-1.4.2-x86_64-unknown-linux-gnu.tar.gz"),
            ("x86_64-unknown-linux-musl", "rocket-1.4.2-x86_64-unknown-linux-gnu.tar.gz"),
            ("x86_64-pc-windows-gnu", "rocket-1.4.2-x86_64-pc-windows-msvc.zip"),
        ] {
            let chosen = pick(&manifest, &Platform::of(triple), None).unwrap();
            assert_eq!((chosen.name.as_str(), chosen.form), (file, Form::Own), "{triple}");
        }
        let error = pick(&manifest, &Platform::of("riscv64gc-unknown-linux-gnu"), None).unwrap_err();
        assert!(error.to_string().contains("riscv64gc"), "{error}");
    }

    #[test]
    fn desktop_files_are_told_apart_by_name() {
        let names = [
            "Rocket-1.4.2.AppImage",
            "Rocket-1.4.2-arm64.AppImage",
            "Rocket-1.4.2-mac.zip",
            "Rocket-Setup-1.4.2.exe",
            "rocket_1.4.2_amd64.deb",
            "latest-linux.yml",
        ];
        let files: Vec<_> = names.iter().map(|name| (*name, "desktop", None)).collect();
        let picked = |triple: &str| pick(&manifest(&files), &Platform::of(triple), None).map(|chosen| (chosen.name, chosen.form));
        assert_eq!(picked(LINUX).unwrap(), ("Rocket-1.4.2.AppImage".to_owned(), Form::Single));
        assert_eq!(picked("aarch64-unknown-linux-gnu").unwrap().0, "Rocket-1.4.2-arm64.AppImage");
        assert_eq!(picked("aarch64-apple-darwin").unwrap(), ("Rocket-1.4.2-mac.zip".to_owned(), Form::Foreign));
        assert!(picked("x86_64-pc-windows-msvc").is_err(), "a set-up program is run, not installed");
    }

    #[test]
    fn several_artifacts_need_a_choice() {
        let manifest = manifest(&[("cli-1.4.2.tar.gz", "cli", None), ("rocket", "server", None)]);
        let error = pick(&manifest, &Platform::of(LINUX), None).unwrap_err();
        assert!(error.to_string().contains("cli, server"), "{error}");
        let chosen = pick(&manifest, &Platform::of(LINUX), Some("server")).unwrap();
        assert_eq!((chosen.name.as_str(), chosen.form), ("rocket", Form::Single));
    }
}
