//! The runbook's migration to hardened settings: verified backup, down, the old container goes and its volume stays, up, and the content compared.
//!
//! The backup comes *before* `down`: where the data isn't in the volume, `down` destroys it. Stops at the first thing that isn't right. From the
//! backup on a journal says where the data is; the same command goes on.

use std::path::Path;

use serde::{Deserialize, Serialize};

use super::{
    Stack,
    exposure::{Subject, data},
    manage::{Destroy, down, up},
    patience,
    rollback::server,
};
use crate::{
    backup::{self, Counts, Options, Probe, Source, restore},
    config::{BackupSource, Project},
    effects::{
        docker::{self, Container},
        lock,
    },
    kernel::{Error, Events, Finding, Result},
    ledger::{Journal, Ledger},
};

const JOURNAL: &str = "harden";
const COMMAND: &str = "xtask services harden";

/// What is known of one service that holds data.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Item {
    /// The service.
    pub service: String,
    /// Its backup's name in xtask.toml.
    pub source: String,
    /// The container that is there now.
    pub container: Option<String>,
    /// Where its data is.
    pub folder: String,
    /// Whether that is outside of the volume.
    pub outside: bool,
    /// The backup that was made.
    pub backup: Option<String>,
    /// What the server held.
    pub held: Option<Counts>,
    /// Whether the data is back in the volume.
    pub restored: bool,
}

/// What will be done.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Plan {
    /// Services that hold data.
    pub items: Vec<Item>,
    /// Whether the old containers are gone.
    pub down: bool,
}

impl Plan {
    /// For a person, a line a step.
    pub fn text(&self) -> String {
        let mut lines = Vec::new();
        for item in &self.items {
            let Some(container) = &item.container else {
                lines.push(format!("{}: has no container; nothing to save", item.service));
                continue;
            };
            let whence = if item.outside { "which is NOT in its volume: copied out of the container" } else { "in its volume" };
            lines.push(format!("back up {} from {} ({whence}), and verify it", item.source, item.folder));
            lines.push(format!("down, and remove the container {container}; volumes stay"));
            if item.outside {
                lines.push(format!("put the backup into the volume of {}", item.service));
            }
        }
        lines.push("up with the compose file's settings; wait for health; compare what the servers hold".into());
        lines.join("\n")
    }
}

/// Looks at everything that must be right beforehand.
pub fn plan(project: &Project, stack: &Stack) -> Result<Plan> {
    let mut items = Vec::new();
    let mut wrong = Vec::new();
    for (name, service) in &stack.rendered.services {
        if service.image.as_deref().and_then(data::engine_of_image).is_none() {
            continue;
        }
        wrong.extend(unhardened(project, stack, name));
        let backup = backup_of(project, name)?;
        items.push(item(project, stack, name, backup)?);
    }
    if !wrong.is_empty() {
        return Err(Error::findings("the compose file is not hardened yet: nothing was changed", wrong));
    }
    Ok(Plan { items, down: false })
}

/// What the compose file itself lacks: the migration would carry it over.
fn unhardened(project: &Project, stack: &Stack, name: &str) -> Vec<Finding> {
    let files = &stack.compose.files;
    let Some(subject) = Subject::new(files, &stack.rendered, name, &project.config.backups) else { return Vec::new() };
    let configured = data::check(&subject, None).into_iter().chain(super::exposure::ports(&subject));
    configured.map(|finding| Finding { severity: crate::kernel::Severity::Error, ..finding }).collect()
}

fn backup_of<'a>(project: &'a Project, service: &str) -> Result<&'a BackupSource> {
    let found = project.config.backups.iter().find(|backup| backup.service.as_deref() == Some(service) && backup.volume.is_some());
    found.ok_or_else(|| {
        Error::refused(format!("{service} holds data, and xtask.toml has no backup of it"))
            .hint(format!("add: [[backup]] name = \"{service}\", service = \"{service}\", volume = …, engine = \"redis\""))
    })
}

fn item(project: &Project, stack: &Stack, service: &str, spec: &BackupSource) -> Result<Item> {
    let mut item = Item {
        service: service.into(),
        source: spec.name.clone(),
        container: None,
        folder: String::new(),
        outside: false,
        backup: None,
        held: None,
        restored: false,
    };
    let Some(container) = old_container(stack, service)? else { return Ok(item) };
    item.container = Some(container.name().into());
    if !container.answers() {
        let (name, status) = (container.name(), container.state.status.as_str());
        let error = Error::refused(format!("{name} is {status}: where its data is can't be asked"));
        return Err(match status {
            "paused" => error.hint(format!("go on with it first: docker unpause {name}")),
            "restarting" => error.hint(format!("it has to run first; look why it doesn't: docker logs --tail 50 {name}")),
            _ => error.hint(format!("start it first: docker start {name}")),
        });
    }
    let source = Source::resolve(project, spec)?;
    let live = data::ask(&container, &source.login(Some(&container))).ok_or_else(|| {
        Error::refused(format!("{} doesn't answer: where its data is can't be known", container.name())).hint("is its password-env set in this [[backup]]?")
    })?;
    let volume = spec.volume.as_deref().and_then(|name| stack.volume(name)).unwrap_or_default();
    let mounted: Vec<String> = container.destination_of(&volume).map(str::to_owned).into_iter().collect();
    item.outside = !data::is_under(&live.folder, &mounted);
    item.folder = live.folder;
    if item.outside {
        hides_nothing(project, stack, spec, &item, &container)?;
    }
    Ok(item)
}

/// A volume that holds something already is mounted as it is: where it would lie over the server's own program, nothing could start.
fn hides_nothing(project: &Project, stack: &Stack, spec: &BackupSource, item: &Item, container: &Container) -> Result<()> {
    let modules = backup::facts(&server(project, &item.service, container)).map(|(facts, _)| facts.modules).unwrap_or_default();
    let programs: Vec<&str> = modules.iter().map(|module| module.path.as_str()).chain(container.config.cmd.iter().flatten().map(String::as_str)).collect();
    let mounts = stack.rendered.services.get(&item.service).map(|service| service.mounts.as_slice()).unwrap_or_default();
    let key = spec.volume.as_deref().unwrap_or_default();
    for mount in mounts.iter().filter(|mount| mount.source == key && Path::new(&item.folder).starts_with(&mount.target)) {
        if let Some(program) = programs.iter().find(|program| Path::new(program).starts_with(&mount.target) && !Path::new(program).starts_with(&item.folder)) {
            let why = format!("the volume {key} would be mounted at {}, over {program}: {} could not start", mount.target, item.service);
            return Err(Error::refused(why).hint(format!("mount it where the data is: - {key}:{}; nothing was changed", item.folder)));
        }
    }
    Ok(())
}

/// The stack's container, or one that something else started under the same name.
fn old_container(stack: &Stack, service: &str) -> Result<Option<Container>> {
    if let Some(container) = stack.container(service)? {
        return Ok(Some(container));
    }
    match stack.rendered.services.get(service).and_then(|service| service.container_name.as_deref()) {
        Some(name) => docker::container(name),
        None => Ok(None),
    }
}

/// What is under way, if a migration was interrupted.
pub fn pending(project: &Project) -> Result<Option<Plan>> {
    Ok(Journal::load::<Plan>(&project.state(), JOURNAL)?.map(|(_, plan)| plan))
}

/// Does it, or goes on with it.
pub fn execute(project: &Project, plan: Plan, events: &Events) -> Result<Plan> {
    let _lock = lock::acquire(&lock::path(&project.state(), "services"), "services harden")?;
    let (mut journal, mut plan) = match Journal::load(&project.state(), JOURNAL)? {
        Some(under_way) => under_way,
        None => (Journal::new(&project.state(), JOURNAL, "harden the services", COMMAND, None), plan),
    };
    if !plan.down {
        for item in &mut plan.items {
            save(project, item, events)?;
        }
        journal.write("backed up; the old containers and their data are still there", &plan)?;
        take_down(&Stack::open(project)?, &plan, events)?;
        plan.down = true;
        journal.write(&state(&plan), &plan)?;
    }
    for index in 0..plan.items.len() {
        put_back(project, &mut plan, index, events)?;
        journal.write(&state(&plan), &plan)?;
    }
    let stack = Stack::open(project)?;
    up(&stack, &[], events)?;
    plan.items.iter().try_for_each(|item| compare(project, &stack, item))?;
    let data = serde_json::to_value(&plan).unwrap_or_default();
    Ledger::new(&project.state()).record("services harden", &stack.name, "ok", None, data)?;
    journal.close()?;
    Ok(plan)
}

fn state(plan: &Plan) -> String {
    let waiting: Vec<String> = plan.items.iter().filter(|item| item.outside && !item.restored).filter_map(|item| item.backup.clone()).collect();
    if waiting.is_empty() {
        return "the old containers are gone, the data is in the volumes; what is left is to start".into();
    }
    format!("the old containers are gone, and the data is in the verified backup {}", waiting.join(", "))
}

fn save(project: &Project, item: &mut Item, events: &Events) -> Result<()> {
    if item.container.is_none() || item.backup.is_some() {
        return Ok(());
    }
    let spec = backup_of(project, &item.service)?;
    let source = Source::resolve(project, spec)?;
    let options = Options { outside: item.outside, safety: true, ..Options::default() };
    let done = backup::run(project, &source, options, events).map_err(|error| error.within("no verified backup: nothing was changed"))?;
    item.held = done.manifest.probe.as_ref().map(|probe| probe.after.clone());
    item.backup = Some(done.manifest.id);
    Ok(())
}

/// Compose's containers go with `down`; one that something else started under the same name goes too. Volumes stay.
fn take_down(stack: &Stack, plan: &Plan, events: &Events) -> Result<()> {
    down(stack, Destroy::Nothing, events)?;
    for name in plan.items.iter().filter_map(|item| item.container.as_deref()) {
        if let Some(container) = docker::container(name)? {
            events.note(format!("removing {name}"));
            docker::stop(&container.id, 60)?;
            docker::docker(["rm", "--force", &container.id]).read()?;
        }
    }
    Ok(())
}

fn put_back(project: &Project, plan: &mut Plan, index: usize, events: &Events) -> Result<()> {
    let Some(item) = plan.items.get_mut(index).filter(|item| item.outside && !item.restored) else { return Ok(()) };
    let Some(id) = item.backup.clone() else { return Ok(()) };
    // The volume has to be there, mounted as the compose file has it now.
    patience::run(&Stack::open(project)?.compose.program(&["up", "--no-start", &item.service]), events)?;
    let source = Source::resolve(project, backup_of(project, &item.service)?)?;
    let gone_on = restore::resume(project, &source, events)?;
    if !gone_on.is_some_and(|(_, in_force)| in_force == restore::InForce::New) {
        let picked = restore::pick(&source, Some(&id), &project.root)?;
        restore::run(project, &source, &picked, events).map_err(|error| {
            error
                .within(format!("the data of {} is in the backup {id}, and could not be put into its volume", item.service))
                .hint(format!("then go on: {COMMAND}"))
        })?;
    }
    item.restored = true;
    Ok(())
}

fn compare(project: &Project, stack: &Stack, item: &Item) -> Result<()> {
    let Some(held) = &item.held else { return Ok(()) };
    let container = stack.container(&item.service)?.ok_or_else(|| Error::unexpected(format!("{} has no container", item.service)))?;
    let now = backup::count(&server(project, &item.service, &container))?;
    let differences = Probe { before: held.clone(), after: held.clone() }.differences(&now);
    if !differences.is_empty() && now.weight() < held.weight() {
        let backup = item.backup.clone().unwrap_or_default();
        return Err(Error::mismatch(format!("{} does not hold what it held: {}", item.service, differences.join("; ")))
            .hint(format!("put it back: xtask restore {} --from {backup}", item.source)));
    }
    Ok(())
}
