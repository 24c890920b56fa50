//! Probes of xtask.toml: an address that must answer well, or a command inside the container that must succeed.

use std::time::Duration;

use crate::{
    config::Probe,
    effects::{
        docker::{self, Container},
        network,
    },
};

/// How long one answer may take.
const PATIENCE: Duration = Duration::from_secs(5);

/// Asks a probe once; the failure is for a person.
pub(super) fn ask(probe: &Probe, container: &Container) -> Result<(), String> {
    if let Some(address) = &probe.http {
        return match network::probe(address, PATIENCE) {
            Ok(status) if (200..300).contains(&status) => Ok(()),
            Ok(status) => Err(format!("{address} answers {status}")),
            Err(error) => Err(format!("{address} doesn't answer: {}", error.chain())),
        };
    }
    let words: Vec<&str> = probe.command.iter().flatten().map(String::as_str).collect();
    match docker::exec(&container.id, &[], &words).capture() {
        Ok(captured) if captured.status.success() => Ok(()),
        Ok(captured) => {
            let said = [captured.text(), captured.error_text()].join(" ");
            Err(format!("`{}` fails ({}): {}", words.join(" "), captured.status, said.trim()))
        }
        Err(error) => Err(error.chain()),
    }
}
