//! `cargo build`, made reproducible: fixed target, no incremental state, paths of this machine mapped away, and flags from the commit's own
//! `.cargo/config.toml` only, never from the user's.

use std::path::{Path, PathBuf};

use serde_json::Value;

use super::{Job, cargo_home, environment, rustflags};
use crate::{
    config::CargoBuild,
    effects::{
        files,
        process::{self, Program},
    },
    kernel::{Context as _, Error, Result},
    release::{cross, manifest::Tools},
};

/// A program that cargo built.
pub(super) struct Executable {
    pub(super) name: String,
    pub(super) path: PathBuf,
}

/// Builds the package's programs for the unit's target.
pub(super) fn build(job: &Job<'_>, cargo: &CargoBuild, tools: &mut Tools) -> Result<Vec<Executable>> {
    let target = job.unit.target.as_deref().unwrap_or_default();
    let package = cargo.package.as_deref().unwrap_or(&job.artifact.name);
    locked(&job.source.root)?;
    let compiler = Compiler::ask(job)?;
    tools.add("rustc", &compiler.version);
    tools.add("cargo", &environment::fresh(Program::new(compiler.cargo()).query().arg("--version").folder(&job.source.root), job).read()?);
    if let Ok(cc) = Program::new("cc").query().arg("--version").read() {
        tools.add("cc", cc.lines().next().unwrap_or_default());
    }
    let home = cargo_home::prepare(&job.place.cargo_home())?;
    let program = environment::fresh(command(job, &compiler, cargo, package, target), job)
        // Cargo reads the settings of every folder above the one it runs in: above this one there is none. The commit's own are named.
        .folder(job.source.root.ancestors().last().unwrap_or(&job.source.root))
        .group(&job.place.running())
        .env("CARGO_HOME", &home)
        .env("RUSTC", compiler.rustc())
        .env("CARGO_TARGET_DIR", job.place.target())
        .env("CARGO_INCREMENTAL", "0")
        .env("CARGO_TERM_COLOR", "never")
        .env("CARGO_ENCODED_RUSTFLAGS", flags(job, target, &compiler, &home)?.join("\u{1f}"));
    let program = match linker(&job.source.root, target)? {
        Some((variable, linker)) => program.env(variable, linker),
        None => program,
    };
    let messages = program.stream_captured(job.events).context(|| format!("build `{package}` for {target}"))?;
    let found = executables(&messages, cargo, package);
    check(&found, cargo, package)?;
    Ok(found)
}

/// What is built is what is locked: without the lock file every day could give other bytes.
fn locked(root: &Path) -> Result<()> {
    if !files::exists(&root.join("Cargo.toml")) {
        return Err(Error::refused("the commit has no Cargo.toml at its top, and an artifact is built by cargo")
            .hint("build it with `run = [\"cd FOLDER && cargo build --release --locked\"]` and name its `files`"));
    }
    if !files::exists(&root.join(LOCK)) {
        return Err(Error::refused("the commit has no Cargo.lock, and programs are built exactly as it says").hint(LOCK_REMEDY));
    }
    Ok(())
}

/// The lock file that a build by cargo needs.
pub const LOCK: &str = "Cargo.lock";
/// How it gets into the commit.
pub const LOCK_REMEDY: &str = "take Cargo.lock out of .gitignore where it is listed; then `cargo generate-lockfile`, and commit it";

fn command(job: &Job<'_>, compiler: &Compiler, cargo: &CargoBuild, package: &str, target: &str) -> Program {
    let program = Program::new(compiler.cargo()).args(["build", "--locked", "--message-format=json-render-diagnostics", "--package", package]);
    let program = program.args(["--target", target]).arg("--target-dir").arg(job.place.target());
    let program = program.arg("--manifest-path").arg(job.source.root.join("Cargo.toml"));
    let own = rustflags::config(&job.source.root);
    let program = if own.is_file() { program.arg("--config").arg(own) } else { program };
    let program = program.args(["--profile", cargo.profile.as_deref().unwrap_or("release")]);
    let program = if cargo.bins.is_empty() { program.arg("--bins") } else { program };
    let program = cargo.bins.iter().fold(program, |program, bin| program.args(["--bin", bin]));
    let program = if cargo.no_default_features { program.arg("--no-default-features") } else { program };
    if cargo.features.is_empty() { program } else { program.args(["--features", &cargo.features.join(",")]) }
}

/// The cross linker and the variable that names it to cargo: for another target, where the commit's own settings name none.
fn linker(root: &Path, target: &str) -> Result<Option<(String, &'static str)>> {
    let linker = cross::linker(target).filter(|linker| environment::host_target() != target && process::find(linker).is_some());
    let text = files::read_text_if_there(&rustflags::config(root))?.unwrap_or_default();
    let config: toml_edit::DocumentMut = text.parse().context(|| "read the commit's .cargo/config.toml".into())?;
    let own = config.get("target").and_then(|targets| targets.get(target)).and_then(|target| target.get("linker"));
    let variable = format!("CARGO_TARGET_{}_LINKER", target.to_ascii_uppercase().replace('-', "_"));
    Ok(linker.filter(|_| own.is_none()).map(|linker| (variable, linker)))
}

/// What rustc tells of itself.
struct Compiler {
    version: String,
    commit: String,
    sysroot: String,
}

impl Compiler {
    fn ask(job: &Job<'_>) -> Result<Self> {
        let rustc = |arg: &[&str]| environment::fresh(Program::new("rustc").query().args(arg).folder(&job.source.root), job).read();
        let verbose = rustc(&["-vV"])?;
        let field = |name: &str| verbose.lines().find_map(|line| line.strip_prefix(name)).unwrap_or_default().trim().to_owned();
        let version = verbose.lines().next().unwrap_or_default().to_owned();
        Ok(Self { version, commit: field("commit-hash:"), sysroot: rustc(&["--print", "sysroot"])? })
    }

    /// The programs of the toolchain that the commit asks for: a proxy would choose by the folder that it runs in.
    fn program(&self, name: &str) -> PathBuf {
        let inside = Path::new(&self.sysroot).join("bin").join(format!("{name}{}", std::env::consts::EXE_SUFFIX));
        if inside.is_file() { inside } else { name.into() }
    }

    fn cargo(&self) -> PathBuf {
        self.program("cargo")
    }

    fn rustc(&self) -> PathBuf {
        self.program("rustc")
    }
}

/// The commit's own flags, then every folder of this machine mapped to a name that says what it was.
fn flags(job: &Job<'_>, target: &str, compiler: &Compiler, home: &Path) -> Result<Vec<String>> {
    let told = || environment::fresh(Program::new(compiler.rustc()).query().args(["--print", "cfg", "--target", target]), job).read();
    let mut flags = rustflags::own(&job.source.root, target, told)?;
    let mut map = |from: &Path, to: &str| flags.push(format!("--remap-path-prefix={}={to}", from.display()));
    let homes = cargo_homes(home);
    homes.iter().for_each(|home| map(home, "/cargo"));
    // With the component rust-src installed, rustc writes its local paths instead of these.
    map(&Path::new(&compiler.sysroot).join("lib/rustlib/src/rust"), &format!("/rustc/{}", compiler.commit));
    map(&job.place.target(), "/target");
    map(&job.source.root, "/source");
    if target.contains("msvc") {
        flags.push("-Clink-arg=/Brepro".into());
    }
    Ok(flags)
}

/// Behind links, all names can show up.
fn cargo_homes(ours: &Path) -> Vec<PathBuf> {
    let usual = cargo_home::usual();
    let real = usual.as_ref().and_then(|home| home.canonicalize().ok());
    let registry = ours.join("registry").canonicalize().ok().and_then(|registry| registry.parent().map(Path::to_owned));
    let mut homes: Vec<PathBuf> = usual.into_iter().chain(real).chain(registry).chain([ours.to_owned()]).collect();
    homes.dedup();
    homes
}

fn executables(messages: &str, cargo: &CargoBuild, package: &str) -> Vec<Executable> {
    let parsed = messages.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    let mut found: Vec<Executable> = parsed.filter_map(|message| executable(&message, package)).collect();
    found.retain(|program| cargo.bins.is_empty() || cargo.bins.contains(&program.name));
    found.sort_by(|a, b| a.name.cmp(&b.name));
    found
}

fn executable(message: &Value, package: &str) -> Option<Executable> {
    let path = PathBuf::from(message.get("executable")?.as_str()?);
    let target = message.get("target")?;
    let is_bin = target.get("kind")?.as_array()?.iter().any(|kind| kind == "bin");
    let id = message.get("package_id")?.as_str()?;
    // `path+file:///…/rocket#1.2.0` or `…#rocket@1.2.0`
    let fragment = id.rsplit('#').next()?;
    let named = fragment.split('@').next() == Some(package) || id.split('#').next()?.ends_with(&format!("/{package}"));
    (is_bin && named).then(|| Some(Executable { name: target.get("name")?.as_str()?.to_owned(), path })).flatten()
}

fn check(found: &[Executable], cargo: &CargoBuild, package: &str) -> Result<()> {
    let missing: Vec<&str> = cargo.bins.iter().map(String::as_str).filter(|bin| !found.iter().any(|program| program.name == *bin)).collect();
    if found.is_empty() || !missing.is_empty() {
        let what = if missing.is_empty() { "no program".into() } else { format!("not {}", missing.join(", ")) };
        return Err(
            Error::refused(format!("cargo built {what} of package `{package}`")).hint("compare artifact.cargo.bins in xtask.toml with the package's [[bin]]")
        );
    }
    Ok(())
}
