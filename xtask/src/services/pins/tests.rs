//! Pins in the runbook's `.env`, in literals, in both.

use super::*;
use crate::config::Project;

struct Folder(tempfile::TempDir);

impl Folder {
    fn new(compose: &str, env: Option<&str>) -> Self {
        let folder = Self(tempfile::tempdir().unwrap());
        folder.write("docker-compose.yml", compose);
        if let Some(env) = env {
            folder.write(".env", env);
        }
        folder.write("xtask.toml", "schema = 1\n[project]\nname = \"r\"\n[version]\ntag = \"v{version}\"\n[services]\ncompose = \"docker-compose.yml\"\n");
        folder
    }

    fn write(&self, name: &str, text: &str) {
        files::write(&self.0.path().join(name), text.as_bytes()).unwrap();
    }

    fn kept(&self) -> PathBuf {
        self.0.path().join("kept")
    }

    fn read(&self, name: &str) -> Option<String> {
        files::read_text_if_there(&self.0.path().join(name)).unwrap()
    }

    fn plan(&self, wanted: &[(&str, &str)]) -> Result<Pins> {
        let project = Project::open(Some(Path::new("xtask.toml")), self.0.path()).unwrap();
        let mut files = Files::open(&project).unwrap();
        files.environment.shell.clear();
        plan(&files, &wanted.iter().map(|(service, image)| ((*service).into(), (*image).into())).collect())
    }
}

const RUNBOOK: &str = include_str!("../../../../tests/fixtures/runbook/docker-compose.yml");
const ENV: &str = "# the pins\nFALKORDB_IMAGE_TAG=\"v4.16.3\"   # tried\nGRAPHITI_MCP_IMAGE_TAG=1.0.1\n";

#[test]
fn a_tag_in_env_is_replaced_and_put_back() {
    let folder = Folder::new(RUNBOOK, Some(ENV));
    let pins = folder.plan(&[("falkordb", "falkordb/falkordb:v4.14.5@sha256:abc"), ("graphiti-mcp", "falkordb/graphiti-mcp:1.0.1")]).unwrap();
    assert_eq!(pins.pins, [Pin { service: "falkordb".into(), place: ".env: FALKORDB_IMAGE_TAG".into(), value: "v4.14.5@sha256:abc".into() }]);
    write(&pins, Side::After, &folder.kept()).unwrap();
    write(&pins, Side::After, &folder.kept()).unwrap();
    assert_eq!(folder.read(".env").unwrap(), ENV.replace("v4.16.3", "v4.14.5@sha256:abc"));
    write(&pins, Side::Before, &folder.kept()).unwrap();
    assert_eq!(folder.read(".env").unwrap(), ENV);
    assert_eq!(folder.read("docker-compose.yml").unwrap(), RUNBOOK);
}

#[test]
fn a_default_gets_an_env_file_of_its_own_that_goes_again() {
    let folder = Folder::new("services:\n  a:\n    image: x/a:${TAG:-latest}\n", None);
    let pins = folder.plan(&[("a", "x/a:1.0")]).unwrap();
    write(&pins, Side::After, &folder.kept()).unwrap();
    assert_eq!(folder.read(".env").unwrap(), "TAG=1.0\n");
    write(&pins, Side::Before, &folder.kept()).unwrap();
    assert_eq!(folder.read(".env"), None);
}

#[test]
fn a_literal_is_replaced_in_its_line() {
    let compose = "services:\n  b:\n    image: 'x/a:1'   # other\n  a:\n    environment: [V=x/a:1]\n    image: \"x/a:1\"  # ours\n";
    let folder = Folder::new(compose, None);
    let pins = folder.plan(&[("a", "y/a:2")]).unwrap();
    write(&pins, Side::After, &folder.kept()).unwrap();
    assert_eq!(folder.read("docker-compose.yml").unwrap(), compose.replace("\"x/a:1\"", "\"y/a:2\""));
    assert_eq!(pins.pins[0].place, "docker-compose.yml:6");
}

#[test]
fn what_can_not_be_pinned_is_refused() {
    let shared = Folder::new("services:\n  a:\n    image: x/a:${TAG}\n  b:\n    image: x/b:${TAG}\n", Some("TAG=1\n"));
    assert!(shared.plan(&[("a", "x/a:2")]).unwrap_err().to_string().contains("share a variable"));
    assert_eq!(shared.plan(&[("a", "x/a:2"), ("b", "x/b:2")]).unwrap().edits.len(), 1);
    assert!(shared.plan(&[("a", "y/a:2"), ("b", "x/b:1")]).unwrap_err().to_string().contains("can't become y/a:2"));
    let anchored = Folder::new("x-base: &base\n  image: x/a:1\nservices:\n  a:\n    <<: *base\n", None);
    assert!(anchored.plan(&[("a", "x/a:2")]).unwrap_err().to_string().contains("not written"));
}

#[test]
fn a_file_that_somebody_changed_is_left_alone() {
    let folder = Folder::new(RUNBOOK, Some(ENV));
    let pins = folder.plan(&[("falkordb", "falkordb/falkordb:v4.14.5")]).unwrap();
    folder.write(".env", "FALKORDB_IMAGE_TAG=other\n");
    assert!(write(&pins, Side::After, &folder.kept()).unwrap_err().to_string().contains("changed by somebody else"));
    assert_eq!(folder.read(".env").unwrap(), "FALKORDB_IMAGE_TAG=other\n");
}

#[cfg(unix)]
#[test]
fn going_back_needs_no_room_and_links_stay_links() {
    let folder = Folder::new(RUNBOOK, None);
    folder.write("shared/env", ENV);
    std::os::unix::fs::symlink("shared/env", folder.0.path().join(".env")).unwrap();
    let pins = folder.plan(&[("falkordb", "falkordb/falkordb:v4.14.5")]).unwrap();
    write(&pins, Side::After, &folder.kept()).unwrap();
    assert!(folder.0.path().join(".env").is_symlink());
    assert_eq!(folder.read("shared/env").unwrap(), ENV.replace("v4.16.3", "v4.14.5"));
    assert_eq!(folder.read("kept/0").unwrap(), ENV, "the old file has a second name: putting it back is a rename");
    write(&pins, Side::Before, &folder.kept()).unwrap();
    assert_eq!(folder.read(".env").unwrap(), ENV);
}
