//! The bill of materials: CycloneDX JSON from the commit's lock files (Cargo, npm). Deterministic: its time is the commit's, its serial
//! number comes from its content.

use cyclonedx_bom::{
    external_models::uri::Purl,
    models::{
        component::{Classification, Component, Components},
        hash::{Hash, HashAlgorithm, HashValue, Hashes},
        metadata::Metadata,
    },
    prelude::*,
};
use serde_json::Value;

use super::{build::Source, plan::ReleasePlan};
use crate::{
    effects::files,
    kernel::{Context as _, Digest, Result},
};

/// A locked dependency.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Locked {
    kind: &'static str,
    name: String,
    version: String,
    sha256: Option<String>,
}

/// The document's bytes.
pub fn write(plan: &ReleasePlan, source: &Source) -> Result<Vec<u8>> {
    let mut locked = Vec::new();
    for file in &source.files {
        match file.path.rsplit('/').next() {
            Some("Cargo.lock") => locked.extend(cargo(&files::read_text(&source.path(&file.path))?, &file.path)?),
            Some("package-lock.json" | "npm-shrinkwrap.json") => locked.extend(npm(&files::read_text(&source.path(&file.path))?, &file.path)?),
            _ => {}
        }
    }
    locked.sort();
    locked.dedup();
    document(plan, &locked)
}

fn document(plan: &ReleasePlan, locked: &[Locked]) -> Result<Vec<u8>> {
    let version = plan.subject.version().to_string();
    let product = Component::new(Classification::Application, &plan.project, &version, Some(format!("{}@{version}", plan.project)));
    let time = chrono::DateTime::from_timestamp(plan.subject.epoch, 0).unwrap_or_default();
    let bom = Bom {
        serial_number: UrnUuid::new(serial(plan, locked)).ok(),
        metadata: Some(Metadata { timestamp: DateTime::try_from(time.to_rfc3339()).ok(), component: Some(product), ..Metadata::default() }),
        components: Some(Components(locked.iter().map(component).collect())),
        ..Bom::default()
    };
    let mut bytes = Vec::new();
    bom.output_as_json_v1_5(&mut bytes).context(|| "write the bill of materials".into())?;
    // The library keeps no order of keys; through a sorted value the bytes are always the same.
    let value: Value = serde_json::from_slice(&bytes).context(|| "read the bill of materials back".into())?;
    let mut text = serde_json::to_vec_pretty(&sorted(value)).context(|| "write the bill of materials".into())?;
    text.push(b'\n');
    Ok(text)
}

fn sorted(value: Value) -> Value {
    match value {
        Value::Object(map) => {
            let mut pairs: Vec<_> = map.into_iter().map(|(key, value)| (key, sorted(value))).collect();
            pairs.sort_by(|a, b| a.0.cmp(&b.0));
            Value::Object(pairs.into_iter().collect())
        }
        Value::Array(items) => Value::Array(items.into_iter().map(sorted).collect()),
        plain => plain,
    }
}

/// A UUID made from the content (version 8 of RFC 9562: custom).
fn serial(plan: &ReleasePlan, locked: &[Locked]) -> String {
    let text = format!("{} {} {} {locked:?}", plan.project, plan.subject.tag, plan.subject.commit);
    let hex = Digest::of(text.as_bytes()).hex();
    let part = |from: usize, to: usize| hex.get(from..to).unwrap_or_default();
    format!("urn:uuid:{}-{}-8{}-a{}-{}", part(0, 8), part(8, 12), part(12, 15), part(15, 18), part(18, 30))
}

fn component(locked: &Locked) -> Component {
    let reference = format!("pkg:{}/{}@{}", locked.kind, locked.name.replace('@', "%40"), locked.version);
    let mut component = Component::new(Classification::Library, &locked.name, &locked.version, Some(reference));
    component.purl = purl(locked);
    component.hashes = locked.sha256.clone().map(|content| Hashes(vec![Hash { alg: HashAlgorithm::SHA_256, content: HashValue(content) }]));
    component
}

fn purl(locked: &Locked) -> Option<Purl> {
    Purl::new(locked.kind, &locked.name, &locked.version).ok()
}

fn cargo(text: &str, path: &str) -> Result<Vec<Locked>> {
    let lock: cargo_lock::Lockfile = text.parse().context(|| format!("read {path}"))?;
    // A package without a source is one of the workspace's own.
    let foreign = lock.packages.into_iter().filter(|package| package.source.is_some());
    Ok(foreign
        .map(|package| Locked {
            kind: "cargo",
            name: package.name.to_string(),
            version: package.version.to_string(),
            sha256: package.checksum.map(|checksum| checksum.to_string()),
        })
        .collect())
}

fn npm(text: &str, path: &str) -> Result<Vec<Locked>> {
    let lock: Value = serde_json::from_str(text).context(|| format!("read {path}"))?;
    let packages = lock.get("packages").and_then(Value::as_object).into_iter().flatten();
    let modern = packages.filter_map(|(place, package)| npm_package(place.rsplit_once("node_modules/")?.1, package));
    let dependencies = lock.get("dependencies").and_then(Value::as_object).into_iter().flatten();
    let old = dependencies.filter_map(|(name, package)| npm_package(name, package));
    Ok(modern.chain(old).collect())
}

fn npm_package(name: &str, package: &Value) -> Option<Locked> {
    let linked = package.get("link").and_then(Value::as_bool).unwrap_or(false);
    let name = package.get("name").and_then(Value::as_str).unwrap_or(name);
    let version = package.get("version")?.as_str()?;
    (!linked).then(|| Locked { kind: "npm", name: name.into(), version: version.into(), sha256: None })
}
