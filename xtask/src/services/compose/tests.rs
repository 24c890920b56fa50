//! Files, variables and names together, on the runbook's own compose file.

use super::*;

fn project(env: &str) -> (tempfile::TempDir, Project) {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| files::write(&folder.path().join(name), text.as_bytes()).unwrap();
    write("docker-compose.yml", include_str!("../../../../tests/fixtures/runbook/docker-compose.yml"));
    write(".env", env);
    write("xtask.toml", "schema = 1\n[project]\nname = \"rocket\"\n[version]\ntag = \"v{version}\"\n[services]\ncompose = \"docker-compose.yml\"\n");
    let project = Project::open(Some(Path::new("xtask.toml")), folder.path()).unwrap();
    (folder, project)
}

#[test]
fn every_missing_variable_is_named_with_its_line_and_the_file_to_set_it_in() {
    let (_folder, project) = project("OTHER=1\n");
    let missing = Files::open(&project).unwrap().missing();
    let seen: Vec<_> = missing.iter().map(|finding| (finding.message.split(' ').next().unwrap(), finding.line)).collect();
    assert_eq!(seen, [("FALKORDB_IMAGE_TAG", Some(8)), ("GRAPHITI_MCP_IMAGE_TAG", Some(25))]);
    assert!(missing[0].hints[0].ends_with(".env: FALKORDB_IMAGE_TAG=…"), "{:?}", missing[0].hints);
    let error = Compose::open(&project).unwrap_err();
    assert_eq!((error.kind(), error.found().len(), error.hints().len()), (Kind::Usage, 2, 0));
}

#[test]
fn fills_in_without_compose() {
    let (_folder, project) = project("FALKORDB_IMAGE_TAG=4.16.3\nGRAPHITI_MCP_IMAGE_TAG=1.0.0\n");
    let files = Files::open(&project).unwrap();
    assert!(files.missing().is_empty());
    let rendered = files.rendered_here();
    let falkordb = &rendered.services["falkordb"];
    assert_eq!(falkordb.image.as_deref(), Some("falkordb/falkordb:4.16.3"));
    assert_eq!((falkordb.ports[0].published.as_deref(), falkordb.ports[0].is_local()), (Some("6380"), true));
    assert_eq!((falkordb.mounts[0].source.as_str(), falkordb.mounts[0].target.as_str()), ("falkordb_data", "/data"));
}

#[test]
fn an_override_has_the_last_word() {
    let (folder, project) = project("FALKORDB_IMAGE_TAG=4.16.3\nGRAPHITI_MCP_IMAGE_TAG=1.0.0\n");
    let text = "services:\n  falkordb:\n    image: mirror/falkordb:1\n    ports:\n      - \"1:1\"\n";
    files::write(&folder.path().join("docker-compose.override.yml"), text.as_bytes()).unwrap();
    let files = Files::open(&project).unwrap();
    let rendered = files.rendered_here();
    assert_eq!(rendered.services["falkordb"].image.as_deref(), Some("mirror/falkordb:1"));
    assert_eq!(rendered.services["falkordb"].ports.len(), 2);
    assert_eq!(files.file_of(&["services", "falkordb", "image"]).unwrap().shown, "docker-compose.override.yml");
}
