//! `services status`.

use serde_json::json;

use super::{Session, stack};
use crate::{
    kernel::Result,
    report::{Answer, Table, View},
    services::{self, ServiceStatus},
};

pub(super) fn run(session: &Session) -> Result<Answer> {
    let stack = stack(session)?;
    let status = services::status(&stack)?;
    let data = json!({ "project": stack.name, "compose": stack.compose.flavour.version, "services": status });
    Ok(Answer::new(&data, View::Table(table(&status))))
}

/// The services as a table.
pub(super) fn table(status: &[ServiceStatus]) -> Table {
    let mut table = Table::new(["service", "image", "tag", "digest", "state", "health", "ports", "since"]);
    for service in status {
        let or_dash = |value: Option<&str>| value.unwrap_or("-").to_owned();
        let digest = service.digest.as_deref().or(service.id.as_deref()).map(|digest| digest.chars().take(19).collect::<String>());
        let state = if service.restarts > 0 { format!("{} ({} restarts)", service.state, service.restarts) } else { service.state.clone() };
        let tag = match &service.configured {
            Some(configured) => format!("{} (configured: {configured})", or_dash(service.tag.as_deref())),
            None => or_dash(service.tag.as_deref()),
        };
        table.row([
            service.service.clone(),
            or_dash(service.image.as_deref()),
            tag,
            or_dash(digest.as_deref()),
            state,
            or_dash(service.health.as_deref()),
            if service.ports.is_empty() { "-".into() } else { service.ports.join(" ") },
            or_dash(service.since.as_deref()),
        ]);
    }
    table
}
