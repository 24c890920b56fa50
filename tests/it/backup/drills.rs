//! The drill without Docker: a local redis-server, everything proven, every control caught, nothing left behind.

use super::server::available;
use crate::support::Scratch;

#[test]
fn a_local_server_is_drilled_and_every_control_is_caught() {
    if !available() {
        return;
    }
    let scratch = Scratch::new();
    scratch.write(
        "xtask.toml",
        "schema = 1\n[project]\nname = \"t\"\n[version]\ntag = \"v{version}\"\n[[backup]]\nname = \"db\"\ndirectory = \"data\"\nengine = \"redis\"\naddress = \"127.0.0.1:1\"\n",
    );
    let run = scratch.xtask(&["drill", "--json"]).exits(0).json();
    let drill = &run["data"]["drills"][0];
    assert_eq!((&drill["caught"], &drill["of"]), (&7.into(), &7.into()), "{drill:#}");
    let evidence = &drill["evidence"];
    assert_eq!(evidence["mode"], "process");
    assert!(evidence["before"].is_string() && evidence["before"] == evidence["after"] && evidence["after"] == evidence["restarted"], "{evidence:#}");
    assert!(evidence["recovery_seconds"].as_f64().unwrap() > 0.0);
    let quick = scratch.xtask(&["smoke", "--quick"]).exits(0);
    assert!(quick.stdout.contains("proven:") && quick.stdout.contains("left out"), "{}", quick.stdout);
    assert!(!scratch.project().join("data").exists() && !scratch.project().join("backups").exists(), "the drill came near real data");
}
