//! What has to be known for a plan: what runs, what is here, which formats are in play. Reads only.

use std::collections::BTreeMap;

use super::plan::is_same;
use crate::{
    backup::{Login, Reach, Redis, Source},
    config::Project,
    effects::docker::{Container, Images},
    kernel::Result,
    services::{
        ImageRef, Stack,
        compose::Files,
        exposure::data::engine_of_image,
        format::{self, Known},
        images,
    },
};

/// What a service is now.
#[derive(Clone, Debug)]
pub struct Current {
    /// Its image: as configured, with what its container runs, or what the configured name means here.
    pub image: ImageRef,
    /// Whether it runs.
    pub runs: bool,
    /// Whether it runs and is healthy, as far as it says.
    pub healthy: bool,
    /// What it writes.
    pub format: Known,
    /// Whether it holds data whose format matters.
    pub has_data: bool,
}

/// A wanted image on this machine.
#[derive(Clone, Debug)]
pub struct Found {
    /// Its id, where it is here.
    pub id: Option<String>,
    /// Whether its name here means that image.
    pub named: bool,
    /// What it reads.
    pub format: Known,
}

/// Everything a plan needs.
#[derive(Clone, Debug)]
pub struct Facts {
    /// The compose files, as they are now.
    pub files: Files,
    /// Services as they are now.
    pub current: BTreeMap<String, Current>,
    /// What is wanted, by service.
    pub wanted: BTreeMap<String, (ImageRef, Found)>,
    /// Names of the backups of what services write, by service.
    pub backups: BTreeMap<String, Vec<String>>,
}

impl Facts {
    /// Looks.
    pub fn gather(project: &Project, stack: &Stack, wanted: &[ImageRef]) -> Result<Self> {
        let mut containers = stack.containers()?;
        let configured = stack.rendered.services.iter().filter_map(|(name, service)| Some((name, service.image.as_deref()?)));
        let now: Vec<_> = configured.map(|(name, image)| (name, image, Stack::main(containers.remove(name).unwrap_or_default()))).collect();
        let running = now.iter().map(|(_, image, container)| container.as_ref().map_or(*image, |container| container.image.as_str()).to_owned());
        let images = Images::look(&running.chain(wanted.iter().flat_map(ImageRef::names)).collect::<Vec<_>>())?;
        let look =
            |(name, image, container): (&String, &str, Option<Container>)| Ok((name.clone(), (look(name, image, container.as_ref(), &images)?, container)));
        let current = now.into_iter().map(look).collect::<Result<BTreeMap<_, _>>>()?;
        let found = wanted.iter().map(|image| Ok((image.service.clone(), (image.clone(), find(image, &images)?)))).collect::<Result<BTreeMap<_, _>>>()?;
        let current = current.into_iter().map(|(name, (now, container))| {
            let changes = found.get(&name).is_some_and(|(wanted, found)| !is_same(&now, wanted, found));
            let now = if changes { asked(project, &name, now, container.as_ref()) } else { now };
            (name, now)
        });
        let current = current.collect();
        let mut backups: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for backup in project.config.backups.iter().filter(|backup| backup.volume.is_some()) {
            if let Some(service) = &backup.service {
                backups.entry(service.clone()).or_default().push(backup.name.clone());
            }
        }
        Ok(Self { files: stack.compose.files.clone(), current, wanted: found, backups })
    }
}

fn look(service: &str, configured: &str, container: Option<&Container>, images: &Images) -> Result<Current> {
    let here = images.get(container.map_or(configured, |container| container.image.as_str()))?;
    let image = match &here {
        Some(here) => images::of(service, configured, here),
        None => ImageRef { service: service.into(), image: configured.into(), digest: None, id: container.map(|container| container.image.clone()) },
    };
    let runs = container.is_some_and(|container| container.state.running);
    let healthy = container.is_some_and(|container| container.answers() && container.health().is_none_or(|health| health == "healthy"));
    let has_data = engine_of_image(configured).is_some();
    let format = format::of_image(container.map_or(configured, |container| container.config.image.as_str()), here.as_ref());
    Ok(Current { image, runs, healthy, format, has_data })
}

/// Whether it ended by itself and not well: it is meant to run. Who is told to end leaves 0 or 128 and the signal's number.
fn has_crashed(container: &Container) -> bool {
    let told = [0, 128 + 1, 128 + 2, 128 + 9, 128 + 15];
    container.state.status == "exited" && !told.contains(&container.state.exit_code)
}

/// More about a service whose image is to change: whether it is meant to run, and the server's own word on its format; the questions take time that
/// counts on the worst night. A server that doesn't answer has written what its image writes.
fn asked(project: &Project, service: &str, now: Current, container: Option<&Container>) -> Current {
    let told =
        container.filter(|container| container.answers() && now.has_data).and_then(|container| format::of_server(&server(project, service, container)).ok());
    Current { format: told.unwrap_or(now.format), runs: now.runs || container.is_some_and(has_crashed), ..now }
}

/// A service's server, with the password that its backup knows.
pub(in crate::services) fn server(project: &Project, service: &str, container: &Container) -> Redis {
    Redis::new(Reach::Container(container.id.clone()), login(project, service, container))
}

pub(super) fn login(project: &Project, service: &str, container: &Container) -> Login {
    let spec = project.config.backups.iter().find(|backup| backup.service.as_deref() == Some(service));
    let source = spec.and_then(|spec| Source::resolve(project, spec).ok());
    source.map(|source| source.login(Some(container))).unwrap_or_default()
}

fn find(image: &ImageRef, images: &Images) -> Result<Found> {
    let here = image.here(images)?;
    let named = match &here {
        Some(here) => images.get(&image.pinned())?.is_some_and(|named| named.id == here.id),
        None => false,
    };
    Ok(Found { format: format::of_image(&image.image, here.as_ref()), id: here.map(|here| here.id), named })
}
