//! Incidents end to end: the checks of env files, tools and logs, the redactor as a filter, the bundle with canaries in every source and encoding.

mod bundle;
mod checks;
mod redact;

use crate::support::Scratch;

/// Made up here, known to no provider; each is planted in one source.
pub const CANARIES: [(&str, &str); 4] =
    [("ZEBRA_API_KEY", "zebra-Kite/47+11&\"x\\y"), ("PG_PASSWORD", "correct'Pferd 9"), ("CMD_TOKEN", "fromcommand-77Xq"), ("SHELL_SECRET", "shellcanary8461")];

/// A project with env files, a secret command and logs.
pub fn project() -> Scratch {
    let scratch = Scratch::new();
    scratch.write(
        "xtask.toml",
        r#"schema = 1
[project]
name = "rocket"
[env]
files = [{ path = "app/.env", example = "app/.env.example" }]
secret-command = "cat .secrets"
[incident]
logs = ["logs/*", ".auto-codex/specs/**/logs/**", "{config-dir}/Auto Codex/logs/*"]
integrations = ["LINEAR_*", "GITHUB_TOKEN"]
"#,
    );
    scratch.write("app/.env.example", "ZEBRA_API_KEY=\nPG_PASSWORD=\nDEBUG=false\n# LINEAR_API_KEY=\n");
    scratch.write("app/.env", "ZEBRA_API_KEY='zebra-Kite/47+11&\"x\\y'\nPG_PASSWORD=\"correct'Pferd 9\"\nDEBUG=false\n");
    scratch.write(".secrets", "CMD_TOKEN=fromcommand-77Xq\n");
    scratch.write(".gitignore", "app/.env\n.secrets\n.xtask/\nlogs/\n.auto-codex/\n");
    scratch
}
