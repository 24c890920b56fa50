//! What is found in the runbook's own compose file and in worse ones.

use super::*;
use crate::effects::files;

const RUNBOOK: &str = include_str!("../../../../tests/fixtures/runbook/docker-compose.yml");

/// The findings of a compose file, as `code:line`, or `code@file:line` outside of it.
fn found(compose: &str, env: &str) -> Vec<String> {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| files::write(&folder.path().join(name), text.as_bytes()).unwrap();
    write("docker-compose.yml", compose);
    write(".env", env);
    let name = folder.path().file_name().unwrap().to_string_lossy().to_lowercase();
    write(
        "xtask.toml",
        &format!(
            "schema = 1\n[project]\nname = \"r\"\n[version]\ntag = \"v{{version}}\"\n[services]\ncompose = \"docker-compose.yml\"\nproject = \"none{name}\"\n"
        ),
    );
    let project = Project::open(Some(std::path::Path::new("xtask.toml")), folder.path()).unwrap();
    let short = |finding: Finding| {
        let line = finding.line.map(|line| line.to_string()).unwrap_or_default();
        match finding.file.as_deref() {
            Some("docker-compose.yml") | None => format!("{}:{line}", finding.code),
            Some(file) => format!("{}@{file}:{line}", finding.code),
        }
    };
    check(&project).into_iter().map(short).collect()
}

#[test]
fn the_runbooks_file_says_it_all() {
    let found = found(RUNBOOK, "FALKORDB_IMAGE_TAG=latest\nGRAPHITI_MCP_IMAGE_TAG=1.0.0\n");
    assert_eq!(found, ["image-latest@.env:1", "healthcheck-ping:17", "data-outside-volume:13", "healthcheck-curl:39"]);
}

#[test]
fn before_4_10_the_data_was_in_the_volume() {
    let found = found(RUNBOOK, "FALKORDB_IMAGE_TAG=v4.8.7\nGRAPHITI_MCP_IMAGE_TAG=1.0.0\n");
    assert_eq!(found, ["healthcheck-ping:17", "healthcheck-curl:39"]);
}

#[test]
fn missing_tags_are_named_once() {
    let found = found(RUNBOOK, "");
    assert!(found.starts_with(&["compose-variable-unset:8".into(), "compose-variable-unset:25".into()]), "{found:?}");
    assert!(!found.iter().any(|code| code.starts_with("image-")), "{found:?}");
}

#[test]
fn a_worse_file() {
    let compose = r#"services:
  graph:
    image: falkordb/falkordb:${TAG:-latest}
    command: redis-server --requirepass $GRAPH_PASSWORD --appendonly yes
    ports:
      - "6379:6379"
      - target: 3000
        published: 3000
    healthcheck:
      test: ["CMD-SHELL", "redis-cli -a $GRAPH_PASSWORD ping || exit 0"]
  cache:
    image: localhost:5000/redis
    environment:
      REDIS_PASSWORD: hunter2
    network_mode: host
    volumes:
      - cache:/var/cache
    healthcheck:
      disable: true
  web:
    image: nginx@sha256:0000000000000000000000000000000000000000000000000000000000000000
    healthcheck:
      test: curl --fail http://localhost
volumes:
  cache: {}
"#;
    let mut found = found(compose, "");
    found.sort();
    let mut expected = [
        "image-unpinned:3",
        "port-exposed:6",
        "port-exposed:7",
        "healthcheck-cannot-fail:10",
        "healthcheck-ping:10",
        "healthcheck-start-period:10",
        "secret-interpolated:10",
        "secret-interpolated:4",
        "data-no-volume:2",
        "image-no-tag:12",
        "port-exposed:15",
        "healthcheck-missing:18",
        "secret-in-compose:14",
        "data-outside-volume:17",
        "data-no-appendonly:13",
    ];
    expected.sort_unstable();
    assert_eq!(found, expected);
}

#[test]
fn a_good_file_is_quiet() {
    let compose = RUNBOOK
        .replace("[\"CMD\", \"redis-cli\", \"ping\"]", "[\"CMD-SHELL\", \"redis-cli ping | grep -q PONG\"]")
        .replace("curl -s", "curl -fs")
        .replace("falkordb_data:/data", "falkordb_data:/var/lib/falkordb/data");
    assert_eq!(found(&compose, "FALKORDB_IMAGE_TAG=v4.16.3\nGRAPHITI_MCP_IMAGE_TAG=1.0.0\n"), Vec::<String>::new());
}
