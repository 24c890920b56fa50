//! What a wrong `xtask.toml` is told.

use super::*;

const LEAST: &str = "schema = 1\n[project]\nname = \"rocket\"\n";

fn problems(text: &str) -> Vec<(Option<usize>, String, String)> {
    let error = parse(text, Path::new("xtask.toml")).unwrap_err();
    assert_eq!(error.kind(), Kind::Usage);
    error.found().iter().map(|f| (f.line, f.message.clone(), f.hints.join(" "))).collect()
}

#[test]
fn the_least_is_enough() {
    let config = parse(LEAST, Path::new("xtask.toml")).unwrap();
    assert_eq!((config.name.as_str(), config.tag.to_string().as_str()), ("rocket", "v{version}"));
}

#[test]
fn the_example_of_the_documentation_is_valid() {
    let config = parse(include_str!("../../../tests/fixtures/rocket.toml"), Path::new("xtask.toml")).unwrap();
    assert_eq!(config.backups.len(), 3);
    assert_eq!(config.artifacts[0].formats, [Format::TarGz, Format::Zip]);
}

#[test]
fn the_readme_shows_keys_that_exist() {
    let readme = include_str!("../../../README.md");
    let blocks: Vec<&str> = readme.split("```toml\n").skip(1).filter_map(|rest| rest.split("```").next()).collect();
    let config = parse(&blocks.concat().replace("digest = \"…\"", &format!("digest = \"{}\"", "0".repeat(64))), Path::new("README.md")).unwrap();
    assert_eq!((blocks.len(), config.backups.len()), (2, 3));
    assert!(config.install.is_some() && config.services.is_some());
}

#[test]
fn unknown_keys_come_all_at_once_with_the_nearest() {
    let text = format!(
        "{LEAST}repositry = \"a/b\"\n[release]\nkep = 5\n[[version.source]]\nfile = \"x\"\npatern = \"y\"\n[env]\nfiles = [{{ path = \"a\", exampel = \"b\" }}]\n"
    );
    let found = problems(&text);
    let lines: Vec<_> = found.iter().map(|(line, ..)| line.unwrap()).collect();
    assert_eq!(lines.len(), 4, "{found:?}");
    assert!(found.iter().any(|(line, message, hint)| *line == Some(6) && message.contains("release.kep") && hint.contains("release.keep")), "{found:?}");
    assert!(found.iter().any(|(line, _, hint)| *line == Some(9) && hint.contains("version.source.pattern")), "{found:?}");
    assert!(found.iter().any(|(line, _, hint)| *line == Some(11) && hint.contains("env.files.example")), "{found:?}");
}

#[test]
fn wrong_values_name_key_and_line() {
    let found = problems("schema = 2\n[project]\nname = \"a/b\"\nrepository = \"nonsense\"\n[version]\ntag = \"v\"\n[release]\nkeep = 0\n");
    let lines: Vec<_> = found.iter().map(|(line, ..)| line.unwrap()).collect();
    assert_eq!(lines, [1, 3, 4, 6, 8], "{found:?}");
}

#[test]
fn a_wrong_type_names_the_line() {
    let found = problems(&format!("{LEAST}[release]\nkeep = \"five\"\n"));
    assert_eq!(found[0].0, Some(5), "{found:?}");
}

#[test]
fn broken_toml_names_the_line() {
    assert_eq!(problems("schema = 1\n[project\n")[0].0, Some(2));
}

#[test]
fn remotes_in_every_spelling() {
    for address in
        ["https://github.com/acme/rocket.git", "git@github.com:acme/rocket.git", "ssh://git@github.com/acme/rocket", "https://github.com/acme/rocket/"]
    {
        assert_eq!(Repository::from_remote(address).unwrap().to_string(), "acme/rocket", "{address}");
    }
    assert!(Repository::from_remote("/srv/git").is_none() || Repository::from_remote("/srv/git").unwrap().to_string() == "srv/git");
}
