//! What a Node project's `package.json` and lock file say about how it is built: only commands that are there, only where something is to do.

use serde_json::Value;

/// How a Node project is built.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Node {
    /// Command lines; none where nothing is built.
    pub(super) run: Vec<String>,
    /// What is packed then.
    pub(super) files: String,
}

/// Lock files, the manager each belongs to, and how that installs exactly what is locked.
const LOCKS: [(&str, &str, &str); 6] = [
    ("pnpm-lock.yaml", "pnpm", "pnpm install --frozen-lockfile"),
    ("yarn.lock", "yarn", "yarn install --frozen-lockfile"),
    ("bun.lock", "bun", "bun install --frozen-lockfile"),
    ("bun.lockb", "bun", "bun install --frozen-lockfile"),
    ("package-lock.json", "npm", "npm ci"),
    ("npm-shrinkwrap.json", "npm", "npm ci"),
];

/// Folders that builds usually fill.
const OUTPUTS: [&str; 4] = ["dist", "build", "out", "release"];

/// Reads the manifest; `has` tells which files the repository's root holds.
pub(super) fn look(manifest: &str, ignored: &str, has: impl Fn(&str) -> bool) -> Node {
    let manifest: Value = serde_json::from_str(manifest).unwrap_or_default();
    let script = ["build", "dist"].into_iter().find(|name| manifest.pointer(&format!("/scripts/{name}")).is_some());
    let Some(script) = script else { return Node { run: Vec::new(), files: "**".into() } };
    let locked = LOCKS.iter().find(|(lock, ..)| has(lock));
    let manager = locked.map_or("npm", |(_, manager, _)| manager);
    let needs =
        ["dependencies", "devDependencies", "optionalDependencies"].iter().any(|key| manifest.get(key).is_some()) || manifest.get("workspaces").is_some();
    let install = locked.map(|(.., install)| (*install).to_owned()).or_else(|| needs.then(|| "npm install --no-audit --no-fund".to_owned()));
    let named = |folder: &&&str| ignored.lines().any(|line| line.trim().trim_matches('/') == **folder);
    let output = OUTPUTS.iter().find(named).unwrap_or(&"dist");
    Node { run: install.into_iter().chain([format!("{manager} run {script}")]).collect(), files: format!("{output}/**") }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen(manifest: &str, ignored: &str, files: &[&str]) -> (Vec<String>, String) {
        let node = look(manifest, ignored, |name| files.contains(&name));
        (node.run, node.files)
    }

    #[test]
    fn only_what_is_there_is_run() {
        assert_eq!(seen("{}", "", &[]), (vec![], "**".into()));
        let build = r#"{"scripts":{"build":"node build.js"}}"#;
        assert_eq!(seen(build, "", &[]), (vec!["npm run build".into()], "dist/**".into()));
        assert_eq!(seen(build, "/build/\n", &["package-lock.json"]), (vec!["npm ci".into(), "npm run build".into()], "build/**".into()));
        let needs = r#"{"scripts":{"dist":"x"},"devDependencies":{"a":"1"}}"#;
        assert_eq!(seen(needs, "", &["pnpm-lock.yaml"]).0, ["pnpm install --frozen-lockfile", "pnpm run dist"]);
        assert_eq!(seen(needs, "", &[]).0, ["npm install --no-audit --no-fund", "npm run dist"]);
        assert_eq!(seen("no JSON", "", &[]).1, "**");
    }
}
