//! The GitHub Actions pipelines of a project, as text: a pure function of `xtask.toml` and of how the repository calls xtask, so that every
//! clone makes the same bytes. Templates hold everything that is the same everywhere; `<words>` in them are replaced here.

mod actions;
mod blocks;

use crate::{
    config::{Build, Config, Engine, WorkflowRules},
    kernel::{Error, Result},
};

/// What every file begins with: who made it, so that files of other origin are never taken for ours.
pub const MARK: &str = "# Made by `xtask workflows` from xtask.toml. Change that and run it again; an edit here is drift.\n";

/// A file to write.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pipeline {
    /// Relative to the repository's root.
    pub path: &'static str,
    /// Its whole text.
    pub text: String,
}

/// Each file with its template.
const TEMPLATES: [(&str, &str); 6] = [
    (".github/workflows/ci.yml", include_str!("templates/ci.yml.in")),
    (".github/workflows/drill.yml", include_str!("templates/drill.yml.in")),
    (".github/workflows/prune.yml", include_str!("templates/prune.yml.in")),
    (".github/workflows/release.yml", include_str!("templates/release.yml.in")),
    (".github/workflows/rollback.yml", include_str!("templates/rollback.yml.in")),
    (".github/actions/xtask/action.yml", include_str!("templates/action.yml.in")),
];

/// Everything that `workflows` writes. `alias` says whether the repository calls xtask as `cargo xtask`.
pub fn plan(config: &Config, alias: bool) -> Result<Vec<Pipeline>> {
    let words = words(config, alias)?;
    Ok(TEMPLATES.iter().map(|(path, template)| Pipeline { path, text: format!("{MARK}{}", fill(template, &words)) }).collect())
}

/// What stands for a `<word>`: some text within a line, or whole lines.
struct Words(Vec<(&'static str, String)>);

fn words(config: &Config, alias: bool) -> Result<Words> {
    let rules = &config.workflows;
    let from_source = alias && rules.xtask.is_none();
    let xtask = if from_source { "cargo xtask" } else { "xtask" };
    let mut words = vec![
        ("<xtask>", xtask.to_owned()),
        ("<tags>", tags(config)),
        ("<ci>", plain(rules.ci.clone().unwrap_or_else(|| format!("{xtask} check --only config,versions,tag,build")), "workflows.ci")?),
        ("<environment>", plain(rules.environment.clone().unwrap_or_else(|| "production".into()), "workflows.environment")?),
        ("<runner rollback>", runner(rules, "rollback")?),
        ("<runner drill>", runner(rules, "drill")?),
        ("<nightly>", blocks::nightly(config.backups.iter().any(|backup| backup.engine == Some(Engine::Redis)))),
        ("- <check out>", blocks::check_out()),
        ("- <check out the tag>", blocks::check_out_the_tag()),
        ("- <take over>", blocks::take_over()),
        ("- <toolchain>", blocks::toolchain(config.artifacts.iter().any(|artifact| matches!(artifact.build, Build::Cargo(_))))),
        ("- <set up>", if from_source { String::new() } else { blocks::set_up(rules.xtask.as_ref()) }),
    ];
    words.extend(actions::PINS.iter().map(|pin| (pin.placeholder, pin.uses())));
    Ok(Words(words))
}

fn runner(rules: &WorkflowRules, job: &str) -> Result<String> {
    plain(rules.runners.get(job).cloned().unwrap_or_else(|| "ubuntu-24.04".into()), "workflows.runners")
}

/// What is put into YAML as it is must stay one plain value there.
fn plain(text: String, key: &str) -> Result<String> {
    let odd = text.is_empty()
        || text.contains(['\n', '\r', '#', '{', '}'])
        || text.contains(": ")
        || text.starts_with(|c: char| !c.is_ascii_alphanumeric() && c != '.');
    if odd {
        return Err(Error::usage(format!("{key}: `{text}` can't stand in a pipeline as it is"))
            .hint("put a longer command into a script of the repository and name that"));
    }
    Ok(text)
}

/// The tags that start a release, as Actions matches them.
fn tags(config: &Config) -> String {
    config.tag.to_string().replace("{version}", "[0-9]*")
}

/// Line by line, so that a block gets the place's indentation; a word that stands for nothing takes its line along.
fn fill(template: &str, words: &Words) -> String {
    let mut text = String::new();
    for line in template.lines() {
        let bare = line.trim_start();
        let indent = line.get(..line.len() - bare.len()).unwrap_or_default();
        match words.0.iter().find(|(word, _)| *word == bare) {
            Some((_, block)) => block.lines().for_each(|inner| push(&mut text, &format!("{indent}{}", fill_line(inner, words)))),
            None => push(&mut text, &fill_line(line, words)),
        }
    }
    text
}

fn fill_line(line: &str, words: &Words) -> String {
    words.0.iter().filter(|(word, _)| word.starts_with('<')).fold(line.to_owned(), |line, (word, with)| line.replace(word, with))
}

fn push(text: &mut String, line: &str) {
    text.push_str(line.trim_end());
    text.push('\n');
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    fn made(extra: &str, alias: bool) -> Result<Vec<Pipeline>> {
        let text = format!("schema = 1\n[project]\nname = \"rocket\"\n[[artifact]]\nname = \"rocket\"\nfiles = [\"README.md\"]\n{extra}");
        plan(&crate::config::parse(&text, Path::new("xtask.toml")).unwrap(), alias)
    }

    fn text(pipelines: &[Pipeline], name: &str) -> String {
        pipelines.iter().find(|pipeline| pipeline.path.ends_with(name)).unwrap().text.clone()
    }

    #[test]
    fn every_word_is_filled() {
        for (extra, alias) in [("", true), ("", false), ("[workflows.xtask]\nrepository = \"acme/tools\"\nversion = \"1.0.0\"\ndigest = \"ab\"\n", true)] {
            for pipeline in made(extra, alias).unwrap() {
                let left: Vec<&str> = pipeline.text.lines().filter(|line| line.contains('<') && !line.contains("<(")).collect();
                assert!(left.is_empty(), "{}: {left:?}", pipeline.path);
                assert!(pipeline.text.starts_with(MARK) && pipeline.text.ends_with('\n') && !pipeline.text.contains('\t'), "{}", pipeline.path);
            }
        }
    }

    #[test]
    fn xtask_comes_from_where_it_is_said() {
        let alias = text(&made("", true).unwrap(), "release.yml");
        assert!(alias.contains("run: cargo xtask plan --tag \"$TAG\" --matrix") && !alias.contains("./.github/actions"));
        let variables = text(&made("", false).unwrap(), "release.yml");
        assert!(variables.contains("run: xtask plan") && variables.contains("${{ vars.XTASK_VERSION }}"));
        let pinned = text(&made("[workflows.xtask]\nrepository = \"acme/tools\"\nrev = \"0123\"\n", true).unwrap(), "release.yml");
        assert!(pinned.contains("run: xtask plan") && pinned.contains("rev: \"0123\"") && !pinned.contains("vars."));
    }

    #[test]
    fn every_action_is_pinned_by_a_whole_hash() {
        for pipeline in made("", false).unwrap() {
            for line in pipeline.text.lines().filter(|line| line.contains("uses: ") && !line.contains("uses: ./")) {
                let (_, pin) = line.split_once('@').unwrap();
                let (hash, version) = pin.split_once(" # v").unwrap();
                assert!(hash.len() == 40 && hash.bytes().all(|byte| byte.is_ascii_hexdigit()) && version.starts_with(|c: char| c.is_ascii_digit()), "{line}");
            }
        }
    }

    #[test]
    fn what_is_typed_never_reaches_a_script() {
        for pipeline in made("", false).unwrap() {
            let mut script = false;
            for line in pipeline.text.lines() {
                let indent = line.len() - line.trim_start().len();
                script = if line.trim_start().starts_with("run: ") { true } else { script && indent > 8 };
                assert!(!script || !line.contains("${{"), "{}: {line}", pipeline.path);
            }
            assert!(!pipeline.text.contains("pull_request_target") && !pipeline.text.contains("write-all"));
        }
    }

    #[test]
    fn a_value_that_would_break_the_yaml_is_refused() {
        for bad in ["a: b", "x # y", "- x", "a\\nb: c"] {
            assert_eq!(made(&format!("[workflows]\nci = \"{bad}\"\n"), false).unwrap_err().kind(), crate::kernel::Kind::Usage, "{bad}");
        }
    }

    #[test]
    fn only_servers_that_are_backed_up_are_drilled_every_night() {
        assert!(!text(&made("", true).unwrap(), "drill.yml").contains("schedule"));
        let plain = "[[backup]]\nname = \"data\"\ndirectory = \"data\"\n";
        assert!(!text(&made(plain, true).unwrap(), "drill.yml").contains("schedule"), "`drill` refuses plain files: every night would fail");
        let server = format!("{plain}engine = \"redis\"\naddress = \"127.0.0.1:6379\"\n");
        assert!(text(&made(&server, true).unwrap(), "drill.yml").contains("cron:"));
    }
}
