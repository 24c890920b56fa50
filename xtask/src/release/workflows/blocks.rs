//! Steps that several jobs share, and those that a project may not need.

use crate::config::XtaskSource;

/// The commit that the run is about, with tags and history; no credentials are left behind for later steps.
pub(super) fn check_out() -> String {
    "- name: Check out\n  uses: <actions/checkout>\n  with:\n    fetch-depth: 0\n    persist-credentials: false".into()
}

/// The tag, named in full: a branch of the same name can't be meant.
pub(super) fn check_out_the_tag() -> String {
    "- name: Check out\n  uses: <actions/checkout>\n  with:\n    ref: refs/tags/${{ env.TAG }}\n    fetch-depth: 0\n    persist-credentials: false".into()
}

/// Every part that the build jobs handed over, each in a folder of its own; outside of the checkout, which must stay as the tag has it.
pub(super) fn take_over() -> String {
    "- name: Take over\n  uses: <actions/download-artifact>\n  with:\n    pattern: part-*\n    path: ${{ runner.temp }}/parts".into()
}

/// xtask in PATH, from where `[workflows.xtask]` says or the repository's variables do.
pub(super) fn set_up(source: Option<&XtaskSource>) -> String {
    let given = |key: &str, variable: &str, value: Option<&str>| match (source, value) {
        (Some(_), None) => String::new(),
        (Some(_), Some(value)) => format!("\n    {key}: {}", serde_json::Value::from(value)),
        (None, _) => format!("\n    {key}: ${{{{ vars.{variable} }}}}"),
    };
    let inputs = [
        given("repository", "XTASK_REPOSITORY", source.map(|source| source.repository.as_str())),
        given("version", "XTASK_VERSION", source.and_then(|source| source.version.as_deref())),
        given("digest", "XTASK_DIGEST", source.and_then(|source| source.digest.as_deref())),
        given("rev", "XTASK_REV", source.and_then(|source| source.rev.as_deref())),
    ];
    // The newer `$/` form is unknown to Enterprise servers and to linters; the checkout before this step is this repository's own.
    format!("- name: Set up xtask\n  uses: ./.github/actions/xtask # zizmor: ignore[self-repository]\n  with:{}", inputs.concat())
}

/// What rustc needs for another target; runners have Rust, but not every target's standard library and linker.
pub(super) fn toolchain(cargo: bool) -> String {
    if !cargo {
        return String::new();
    }
    "- name: Linker\n  if: ${{ matrix.packages != '' }}\n  env:\n    PACKAGES: ${{ matrix.packages }}\n  run: |\n    sudo apt-get update\n    # shellcheck disable=SC2086 # a list of names\n    sudo apt-get install --no-install-recommends --yes $PACKAGES\n- name: Target\n  if: ${{ matrix.target != 'any' }}\n  run: rustup target add \"$TARGET\""
        .into()
}

/// A drill every night, where there is something to drill: a server. Plain files alone would make every night fail.
pub(super) fn nightly(servers: bool) -> String {
    if servers { "schedule:\n  - cron: \"17 3 * * *\"".into() } else { "# Every night as soon as xtask.toml has a [[backup]] with engine = \"redis\".".into() }
}
