//! The throw-away stand of a drill: a server of its own with a volume or folder of its own, a project file of its own, far from real data. Removes all of it
//! when dropped, whatever happened.

use std::{
    path::{Path, PathBuf},
    time::Duration,
};

use crate::{
    backup::{Login, Reach, Redis, Source, image, images},
    config::Project,
    effects::{docker, files, process, process::Program, scratch::Scratch, tied::Tied},
    kernel::{Context as _, Error, Result},
};

const PATIENCE: Duration = Duration::from_secs(120);
const INSIDE: &str = "/drill-data";

/// A stand.
pub struct Stand {
    folder: Scratch,
    /// Its unique name.
    pub name: String,
    /// Whose drill it is.
    of: String,
    kind: Kind,
}

enum Kind {
    Container { image: String, modules: Vec<String> },
    Process { port: u16, child: Option<Tied> },
}

/// How a source can be drilled on this machine.
#[derive(Clone, Debug)]
pub enum Mode {
    /// In a container of this image, with these modules.
    Container {
        /// The image.
        image: String,
        /// What it is called.
        shown: String,
        /// Module files inside it.
        modules: Vec<String>,
    },
    /// With the redis-server of this machine.
    Process,
}

impl Mode {
    /// Containers where the source has one and an engine answers, else the server of this machine.
    pub fn of(source: &Source, of: &str) -> Result<Self> {
        let container = if source.spec.volume.is_some() { container(source, of) } else { Err(Error::refused("its data is in a folder")) };
        match container {
            Ok(mode) => Ok(mode),
            Err(_) if process::find("redis-server").is_some() => Ok(Self::Process),
            Err(error) => Err(error
                .within(format!("`{}` can't be drilled here", source.name()))
                .hint("a drill needs Docker with the service's image, or a redis-server on the PATH")),
        }
    }

    /// For the evidence.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Container { .. } => "container",
            Self::Process => "process",
        }
    }

    /// What serves.
    pub fn server(&self) -> String {
        match self {
            Self::Container { shown, .. } => shown.clone(),
            Self::Process => Program::new("redis-server").arg("--version").read().unwrap_or_default(),
        }
    }
}

fn container(source: &Source, of: &str) -> Result<Mode> {
    docker::reachable()?;
    let shown = images(source)?;
    for image in shown {
        if docker::describe(&["image", "inspect", &image])?.is_some() {
            let known = image::modules(&image, &["--label", &label(), "--label", &owner(of)])?;
            let modules = known.into_iter().map(|module| module.path).filter(|path| !path.is_empty()).collect();
            return Ok(Mode::Container { shown: image.clone(), image, modules });
        }
    }
    Err(Error::refused("there is no image of the service here").hint("`xtask services pull` gets it"))
}

fn label() -> String {
    format!("{}=drill", docker::LABEL)
}

/// What tells a project's drills from those that others run on the same engine right now.
const OF: &str = "xtask.of";

fn owner(of: &str) -> String {
    format!("{OF}={of}")
}

impl Stand {
    /// Lays it out; starts nothing yet.
    pub fn new(mode: &Mode, id: &str, of: &str) -> Result<Self> {
        let folder = Scratch::new("drill")?;
        let name = format!("xtask-drill-{id}");
        let kind = match mode {
            Mode::Container { image, modules, .. } => Kind::Container { image: image.clone(), modules: modules.clone() },
            Mode::Process => Kind::Process { port: free_port()?, child: None },
        };
        let stand = Self { folder, name, of: of.to_owned(), kind };
        files::write(&stand.path("xtask.toml"), stand.project_file().as_bytes())?;
        files::write(
            &stand.path("docker-compose.yml"),
            format!("services: {{}}\nvolumes:\n  data: {{ name: {0} }}\n  wrong: {{ name: {0}-wrong }}\n", stand.name).as_bytes(),
        )?;
        Ok(stand)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Where it all lies.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// The stand's own project: the same commands work on it as on a real one.
    pub fn project(&self) -> Result<Project> {
        Project::open(Some(&self.path("xtask.toml")), self.folder.path())
    }

    fn project_file(&self) -> String {
        let head = format!("schema = 1\n[project]\nname = \"{}\"\n[version]\ntag = \"v{{version}}\"\n", self.name);
        match &self.kind {
            Kind::Container { .. } => format!(
                "{head}[services]\ncompose = \"docker-compose.yml\"\nproject = \"{}\"\n[[backup]]\nname = \"drill\"\nservice = \"db\"\nvolume = \"data\"\nengine = \"redis\"\n\
                 [[backup]]\nname = \"wrong\"\nservice = \"db\"\nvolume = \"wrong\"\nengine = \"redis\"\n",
                self.name
            ),
            Kind::Process { port, .. } => {
                let source = |name: &str, folder: &str| {
                    format!("[[backup]]\nname = \"{name}\"\ndirectory = \"{folder}\"\nengine = \"redis\"\naddress = \"127.0.0.1:{port}\"\n")
                };
                format!("{head}{}{}", source("drill", "data"), source("wrong", "elsewhere"))
            }
        }
    }

    /// Makes an empty volume or folder and starts the server on it.
    pub fn start_fresh(&mut self) -> Result<()> {
        match &self.kind {
            Kind::Container { .. } => docker::create_volume(&self.name, &[(docker::LABEL, "drill"), (OF, &self.of)])?,
            Kind::Process { .. } => {
                files::create_dir(&self.path("data"))?;
                files::create_dir(&self.path("elsewhere"))?;
            }
        }
        self.start()
    }

    /// Starts the server on what is there.
    pub fn start(&mut self) -> Result<()> {
        let (name, data, log) = (self.name.clone(), self.path("data"), self.path("server.log"));
        match &mut self.kind {
            Kind::Container { image, modules } => {
                if docker::container(&name)?.is_some() {
                    docker::start(&name)?;
                } else {
                    run_container(&name, image, modules, &self.of)?;
                }
            }
            Kind::Process { port, child } if child.is_none() => {
                let (port, data, log) = (port.to_string(), data.display().to_string(), log.display().to_string());
                let words = ["--bind", "127.0.0.1", "--port", &port, "--appendonly", "yes", "--save", "", "--dir", &data, "--logfile", &log];
                *child = Some(Tied::start("redis-server", &words.map(str::to_owned))?);
            }
            Kind::Process { .. } => {}
        }
        self.redis().ready(PATIENCE, &|| Ok(()))
    }

    /// Stops it where a restore can't: a server without a container.
    pub fn make_way(&mut self) {
        if let Kind::Process { child, .. } = &mut self.kind {
            *child = None;
        }
    }

    /// Ends it and starts it again.
    pub fn restart(&mut self) -> Result<()> {
        match &mut self.kind {
            Kind::Container { .. } => docker::stop(&self.name, 30)?,
            Kind::Process { child, .. } => *child = None,
        }
        self.start()
    }

    /// Removes server and data: the bad day.
    pub fn destroy(&mut self) -> Result<()> {
        match &mut self.kind {
            Kind::Container { .. } => {
                docker::remove(&self.name)?;
                docker::remove_volume(&self.name)
            }
            Kind::Process { child, .. } => {
                *child = None;
                files::remove_dir(&self.path("data"))
            }
        }
    }

    /// The server, asked as any other.
    pub fn redis(&self) -> Redis {
        match &self.kind {
            Kind::Container { .. } => Redis::new(Reach::Container(self.name.clone()), Login::default()),
            Kind::Process { port, .. } => Redis::new(Reach::Address(format!("127.0.0.1:{port}")), Login::default()),
        }
    }

    fn clean(&mut self) -> Result<()> {
        // Killed, not stopped: a drill's server must not save on its way out.
        if let Kind::Process { child, .. } = &mut self.kind {
            *child = None;
            return Ok(());
        }
        docker::remove(&self.name)?;
        remove_with_staging(&self.name)
    }
}

/// A stand's volume, and those that a restore or a verification made for it.
fn remove_with_staging(name: &str) -> Result<()> {
    for volume in [format!("xtask-restore-{name}"), format!("xtask-verify-{name}"), format!("{name}-wrong"), name.to_owned()] {
        for container in docker::containers(&[format!("volume={volume}")])? {
            docker::remove(&container.id)?;
        }
        docker::remove_volume(&volume)?;
    }
    Ok(())
}

fn run_container(name: &str, image: &str, modules: &[String], of: &str) -> Result<()> {
    let (mount, label, owner) = (format!("{name}:{INSIDE}"), label(), owner(of));
    let (project, service) = (format!("{}={name}", docker::COMPOSE_PROJECT), format!("{}=db", docker::COMPOSE_SERVICE));
    // On a random port of loopback only, under the labels that Compose would write: the same code finds it.
    let create = [
        "run",
        "--detach",
        "--name",
        name,
        "--publish",
        "127.0.0.1::6379",
        "--user",
        "0:0",
        "--label",
        &label,
        "--label",
        &project,
        "--label",
        &service,
        "--label",
        &owner,
    ];
    let program = docker::docker(create).args(["--volume", mount.as_str(), "--entrypoint", "redis-server", image]);
    let program = program.args(["--dir", INSIDE, "--appendonly", "yes", "--save", "", "--protected-mode", "no"]);
    program.args(modules.iter().flat_map(|module| ["--loadmodule", module.as_str()])).read().map(drop)
}

impl Drop for Stand {
    fn drop(&mut self) {
        if let Err(error) = self.clean() {
            tracing::warn!(%error, name = self.name, "something of the drill stays");
        }
    }
}

fn free_port() -> Result<u16> {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").context(|| "find a free port".into())?;
    Ok(listener.local_addr().context(|| "find a free port".into())?.port())
}

/// Removes what killed drills of this project left: containers and volumes with our labels. Others may be at it right now.
pub fn sweep(of: &str) -> Result<()> {
    let labels = [format!("label={}", label()), format!("label={}", owner(of))];
    for container in docker::containers(&labels)? {
        docker::remove(&container.id)?;
    }
    docker::volumes(&labels)?.iter().try_for_each(|volume| remove_with_staging(volume))
}
