//! Git, as the command: it knows every repository format, and the user's own set-up works. Paths come back NUL-separated, never quoted.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use super::{
    files::STATE,
    process::{Captured, Program},
};
use crate::kernel::{Context as _, Error, Result};

/// A repository, by its work tree.
#[derive(Clone, Debug)]
pub struct Git {
    root: PathBuf,
    /// Known where the repository was looked for.
    shallow: Option<bool>,
}

/// What one look at a commit tells.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Look {
    /// Its full name.
    pub commit: String,
    /// Its committer time, in Unix seconds.
    pub time: i64,
    /// Whether it changes anything below the folder that was asked about.
    pub changes: bool,
}

/// The tags and branches of a repository.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Refs {
    /// All tags with the commits they lead to; tags of trees or blobs are left out.
    pub tags: Vec<TagRef>,
    /// The names of all branches, local ones and those of remotes, without the remote's name; sorted, each once.
    pub branches: Vec<String>,
}

/// A file in a commit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TreeEntry {
    /// `100644`, `100755`, `120000` (link), `160000` (submodule).
    pub mode: u32,
    /// Object id.
    pub object: String,
    /// Relative to the root, with `/`.
    pub path: String,
}

/// A tag that points at a commit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TagRef {
    /// `v1.4.2`
    pub name: String,
    /// The commit, after peeling an annotated tag.
    pub commit: String,
    /// What the name itself points at: the commit, or the tag object.
    pub object: String,
    /// Whether it is a tag object of its own.
    pub annotated: bool,
}

impl Git {
    /// The repository that holds `folder`.
    pub fn discover(folder: &Path) -> Result<Self> {
        // Two questions in one: each start of git costs as much as its answer.
        let captured = program(folder).args(["rev-parse", "--show-toplevel", "--is-shallow-repository"]).query().capture()?;
        if captured.status.success() {
            let text = captured.text();
            let (root, shallow) = text.rsplit_once('\n').unwrap_or((&text, ""));
            return Ok(Self { root: PathBuf::from(root), shallow: shallow.parse().ok() });
        }
        let error = captured.error_text();
        if error.contains("dubious ownership") {
            return Err(Error::usage("git doesn't trust this folder: it belongs to another user")
                .caused_by(error)
                .hint(format!("if you trust it: git config --global --add safe.directory {}", folder.display())));
        }
        Err(Error::usage(format!("{} is not in a git repository", folder.display())).caused_by(error).hint("run it inside a clone, or `git init` first"))
    }

    /// A repository whose work tree is known.
    pub fn at(root: &Path) -> Self {
        Self { root: root.into(), shallow: None }
    }

    /// The top of the work tree.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// `git` in this repository, deaf to the user's environment where that changes what it prints.
    pub fn program(&self) -> Program {
        program(&self.root)
    }

    fn read(&self, args: &[&str]) -> Result<String> {
        self.program().args(args).query().read()
    }

    fn capture(&self, args: &[&str]) -> Result<Captured> {
        self.program().args(args).query().capture()
    }

    fn change(&self, args: &[&str]) -> Result<()> {
        self.program().args(DEAF).args(args).read().map(drop)
    }

    /// The commit that a name points at; `None` where there is no such thing.
    pub fn commit(&self, name: &str) -> Result<Option<String>> {
        let captured = self.capture(&["rev-parse", "--verify", "--quiet", "--end-of-options", &format!("{name}^{{commit}}")])?;
        Ok(captured.status.success().then(|| captured.text()))
    }

    /// Whether HEAD names a commit, be it there or lost.
    pub fn has_head(&self) -> Result<bool> {
        Ok(self.capture(&["rev-parse", "--verify", "--quiet", "HEAD"])?.status.success())
    }

    /// The branch at HEAD; `None` when detached.
    pub fn branch(&self) -> Result<Option<String>> {
        let captured = self.capture(&["symbolic-ref", "--short", "--quiet", "HEAD"])?;
        Ok(captured.status.success().then(|| captured.text()))
    }

    /// Whether history was cut off by a shallow clone.
    pub fn is_shallow(&self) -> Result<bool> {
        self.shallow.map_or_else(|| Ok(self.read(&["rev-parse", "--is-shallow-repository"])? == "true"), Ok)
    }

    /// Looks at the commit that a name points at, and at whether it changes anything below a folder; `None` where there is no such commit.
    pub fn look(&self, name: &str, folder: &str) -> Result<Option<Look>> {
        let captured =
            self.capture(&["diff-tree", "--root", "--always", "--name-only", "-r", "--format=%H %ct", &format!("{name}^{{commit}}"), "--", folder])?;
        if !captured.status.success() {
            return Ok(None);
        }
        let text = captured.text();
        let mut lines = text.lines().filter(|line| !line.is_empty());
        let (commit, time) = lines.next().and_then(|line| line.split_once(' ')).context(|| format!("look at the commit of {name}: `{text}`"))?;
        let time = time.parse().context(|| format!("read the time of commit {commit}: `{time}`"))?;
        Ok(Some(Look { commit: commit.into(), time, changes: lines.next().is_some() }))
    }

    /// How many commits lead to this one.
    pub fn count(&self, commit: &str) -> Result<u64> {
        let text = self.read(&["rev-list", "--count", commit])?;
        text.parse().context(|| format!("count the commits up to {commit}: `{text}`"))
    }

    /// All tags and branches.
    pub fn refs(&self) -> Result<Refs> {
        const FORMAT: &str = "--format=%(refname)%00%(objecttype)%00%(objectname)%00%(*objecttype)%00%(*objectname)";
        let text = self.read(&["for-each-ref", FORMAT, "refs/tags", "refs/heads", "refs/remotes"])?;
        let tags = text.lines().filter_map(read_tag).collect();
        let mut branches: Vec<String> = text.lines().filter_map(read_branch).filter(|name| name != "HEAD").collect();
        branches.sort();
        branches.dedup();
        Ok(Refs { tags, branches })
    }

    /// A folder below the root that holds nothing that git tracks, as git writes it: relative, with a slash at its end.
    pub fn untracked_folder(&self, folder: &Path) -> Option<String> {
        let (root, folder) = (self.root.canonicalize().ok()?, folder.canonicalize().ok()?);
        let below = folder.strip_prefix(root).ok().filter(|below| !below.as_os_str().is_empty())?;
        let path: Vec<String> = below.components().map(|part| part.as_os_str().to_string_lossy().into_owned()).collect();
        let path = format!("{}/", path.join("/"));
        self.read(&["--literal-pathspecs", "ls-files", "--", &path]).ok().filter(String::is_empty).map(|_| path)
    }

    /// Paths that differ from HEAD or are untracked and not ignored. The folder where this program keeps its state never counts.
    pub fn dirty(&self) -> Result<Vec<String>> {
        let captured = self.capture(&["status", "--porcelain=v1", "-z", "--untracked-files=all", "--no-renames", "--ignore-submodules=none"])?;
        if !captured.status.success() {
            return Err(Error::unexpected("ask git for the state of the work tree").caused_by(captured.error_text()));
        }
        let text = String::from_utf8_lossy(&captured.stdout).into_owned();
        let own = |path: &&str| path.split('/').any(|part| part == STATE);
        Ok(text.split('\0').filter_map(|line| line.get(3..)).filter(|path| !own(path)).map(str::to_owned).collect())
    }

    /// Every file of a commit, in git's order (by bytes).
    pub fn tree(&self, commit: &str) -> Result<Vec<TreeEntry>> {
        let captured = self.capture(&["ls-tree", "-r", "-z", "--full-tree", commit])?;
        if !captured.status.success() {
            return Err(Error::unexpected(format!("list the files of commit {commit}")).caused_by(captured.error_text()));
        }
        let text = String::from_utf8(captured.stdout).context(|| format!("a file name in commit {commit} is not UTF-8"))?;
        Ok(text.split('\0').filter_map(read_entry).collect())
    }

    /// The sizes of these objects in bytes; those that aren't here are left out.
    pub fn sizes(&self, objects: &[&str]) -> Result<BTreeMap<String, u64>> {
        let input = objects.iter().flat_map(|object| object.bytes().chain([b'\n'])).collect::<Vec<_>>();
        let told = self.program().args(["cat-file", "--batch-check=%(objectname) %(objectsize)"]).stdin(input).query().read()?;
        Ok(told.lines().filter_map(|line| line.split_once(' ')).filter_map(|(object, size)| Some((object.to_owned(), size.parse().ok()?))).collect())
    }

    /// A file's bytes as the commit holds them; `None` where it holds no such file.
    pub fn file(&self, commit: &str, path: &str) -> Result<Option<Vec<u8>>> {
        let captured = self.capture(&["cat-file", "blob", &format!("{commit}:{path}")])?;
        Ok(captured.status.success().then_some(captured.stdout))
    }

    /// Commits exactly these tracked files as they lie in the work tree; what else is staged stays staged.
    pub fn commit_only(&self, files: &[&str], message: &str) -> Result<()> {
        self.program().args(["--literal-pathspecs", "commit", "--quiet", "--only", "--message", message, "--"]).args(files).read().map(drop)
    }

    /// Makes an annotated tag at HEAD.
    pub fn tag_annotated(&self, name: &str, message: &str) -> Result<()> {
        self.read(&["tag", "--annotate", "--message", message, "--", name]).map(drop)
    }

    /// The address of a remote.
    pub fn remote(&self, name: &str) -> Result<Option<String>> {
        let captured = self.capture(&["remote", "get-url", name])?;
        Ok(captured.status.success().then(|| captured.text()))
    }

    /// Which of these paths git ignores.
    pub fn ignored(&self, paths: &[String]) -> Result<Vec<String>> {
        let input = paths.iter().flat_map(|path| path.bytes().chain([0])).collect::<Vec<_>>();
        let captured = self.program().args(["check-ignore", "-z", "--stdin"]).stdin(input).capture()?;
        let text = String::from_utf8_lossy(&captured.stdout).into_owned();
        Ok(text.split('\0').filter(|path| !path.is_empty()).map(str::to_owned).collect())
    }

    /// A clone of one commit with nothing of this work tree in it.
    pub fn checkout_to(&self, commit: &str, folder: &Path) -> Result<()> {
        super::files::create_dir(super::files::parent(folder))?;
        let target = folder.to_string_lossy();
        program(super::files::parent(folder))
            .args(DEAF)
            .args(["clone", "--quiet", "--no-checkout", "--template=", "--", &self.root.to_string_lossy(), &target])
            .read()
            .context(|| format!("clone the repository into {target}"))?;
        let clone = Self::at(folder);
        clone.fetch_from(self, commit)?;
        clone.switch_to(self, commit)
    }

    /// Gets a commit from another repository on this machine, whatever branch or tag leads to it.
    pub fn fetch_from(&self, other: &Self, commit: &str) -> Result<()> {
        self.keep_bytes()?;
        if self.commit(commit)?.is_some() {
            return Ok(());
        }
        let other = other.root.to_string_lossy();
        let wanted = self.program().args(["fetch", "--quiet", "--no-tags", &other, commit]).capture()?;
        if !wanted.status.success() {
            self.change(&[
                "fetch",
                "--quiet",
                "--force",
                &other,
                "+refs/heads/*:refs/xtask/heads/*",
                "+refs/tags/*:refs/xtask/tags/*",
                "+HEAD:refs/xtask/HEAD",
            ])?;
        }
        Ok(())
    }

    /// Exactly the commit's bytes: this file outranks every .gitattributes of the tree.
    fn keep_bytes(&self) -> Result<()> {
        const RULE: &str = "* -text -ident -working-tree-encoding\n";
        let file = self.root.join(".git/info/attributes");
        if super::files::read_text_if_there(&file)?.as_deref() == Some(RULE) { Ok(()) } else { super::files::write(&file, RULE.as_bytes()) }
    }

    /// Makes a clone's work tree exactly this commit; submodules come from the work tree of `other` where it has them.
    pub fn switch_to(&self, other: &Self, commit: &str) -> Result<()> {
        self.change(&["checkout", "--quiet", "--force", "--detach", commit])?;
        for inner in self.checked_out_submodules(commit)? {
            let (theirs, ours) = (Self::at(&other.root.join(&inner.path)), Self::at(&self.root.join(&inner.path)));
            let has_it = theirs.root.join(".git").exists() && theirs.commit(&inner.object)?.is_some();
            match (has_it, ours.root.join(".git").is_dir()) {
                (true, true) => ours.fetch_from(&theirs, &inner.object).and_then(|()| ours.switch_to(&theirs, &inner.object))?,
                (true, false) => super::files::remove(&ours.root).and_then(|()| theirs.checkout_to(&inner.object, &ours.root))?,
                (false, _) => self.download(other, &inner.path)?,
            }
        }
        // What was just checked out by force is the commit's; what isn't of it goes, ignored files too.
        self.change(&["clean", "--quiet", "-ffdx"])?;
        self.clean_inner(commit)
    }

    /// Gets a submodule from where `.gitmodules` says; a relative address there is meant from the project's own origin.
    fn download(&self, other: &Self, path: &str) -> Result<()> {
        let update = self.program().args(DEAF).args(["submodule", "--quiet", "update", "--init", "--recursive", "--force", "--", path]);
        let update = match other.remote("origin")? {
            // Not as an argument: an address may hold a password, and other users see arguments.
            Some(url) => update.env("GIT_CONFIG_COUNT", "1").env("GIT_CONFIG_KEY_0", "remote.origin.url").env("GIT_CONFIG_VALUE_0", url),
            None => update,
        };
        update.read().map(drop).map_err(|error| error.hint(format!("get it here first: git submodule update --init --recursive -- {path}")))
    }

    /// The submodules of a commit, as git's tree names them.
    pub fn submodules(&self, commit: &str) -> Result<Vec<TreeEntry>> {
        if self.file(commit, ".gitmodules")?.is_none() {
            return Ok(Vec::new());
        }
        Ok(self.tree(commit)?.into_iter().filter(|entry| entry.mode == SUBMODULE).collect())
    }

    /// The submodules of the commit that is checked out: where its file is missing, there are none, and git need not be asked.
    fn checked_out_submodules(&self, commit: &str) -> Result<Vec<TreeEntry>> {
        if super::files::exists(&self.root.join(".gitmodules")) { self.submodules(commit) } else { Ok(Vec::new()) }
    }

    /// Makes the work tree what the commit at HEAD holds, in submodules as well.
    pub fn clean(&self) -> Result<()> {
        // First what is in the way of the commit's files: a folder may stand where a file belongs.
        self.change(&["clean", "--quiet", "-ffdx"])?;
        self.change(&["checkout", "--quiet", "--force", "HEAD", "--", "."]).or_else(|_| Ok(()))?;
        self.clean_inner("HEAD")
    }

    fn clean_inner(&self, commit: &str) -> Result<()> {
        let inner = self.checked_out_submodules(commit)?.into_iter().map(|inner| Self::at(&self.root.join(inner.path)));
        inner.filter(|inner| inner.root.join(".git").exists()).try_for_each(|inner| inner.clean())
    }
}

/// The mode that stands for a submodule in git's trees.
pub const SUBMODULE: u32 = 0o160_000;

/// Hooks of the user's own settings or templates must not touch what is built from.
const DEAF: [&str; 2] = ["-c", "core.hooksPath=/dev/null"];

fn program(folder: &Path) -> Program {
    // A hook or an outer git may have pointed these at another repository.
    const FOREIGN: [&str; 5] = ["GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_PREFIX", "GIT_OBJECT_DIRECTORY"];
    let git = Program::new("git").folder(folder).env("LC_ALL", "C").env("GIT_OPTIONAL_LOCKS", "0").env("GIT_TERMINAL_PROMPT", "0");
    FOREIGN.iter().fold(git, Program::unset).args(["-c", "core.quotePath=false", "-c", "log.showSignature=false"])
}

fn read_tag(line: &str) -> Option<TagRef> {
    let mut fields = line.split('\0');
    let mut next = || fields.next();
    let (name, kind, object, peeled_kind, peeled) = (next()?.strip_prefix("refs/tags/")?, next()?, next()?, next()?, next()?);
    let (commit, annotated) = match (kind, peeled_kind) {
        ("commit", _) => (object, false),
        ("tag", "commit") => (peeled, true),
        _ => return None,
    };
    Some(TagRef { name: name.into(), commit: commit.into(), object: object.into(), annotated })
}

fn read_branch(line: &str) -> Option<String> {
    let full = line.split('\0').next()?;
    match full.strip_prefix("refs/heads/") {
        Some(local) => Some(local.to_owned()),
        None => full.strip_prefix("refs/remotes/")?.split_once('/').map(|(_, branch)| branch.to_owned()),
    }
}

fn read_entry(line: &str) -> Option<TreeEntry> {
    let (meta, path) = line.split_once('\t')?;
    let mut fields = meta.split(' ');
    let mode = u32::from_str_radix(fields.next()?, 8).ok()?;
    let object = fields.nth(1)?;
    Some(TreeEntry { mode, object: object.into(), path: path.into() })
}
