//! A Redis or FalkorDB server, asked through its own `redis-cli`: in its container, or on this machine.
//!
//! Its own client, as it is wherever the server is and needs no open port; one is kept open for all questions. The password goes through
//! `REDISCLI_AUTH`, never into an argument.
//! Answers come as JSON; an error answer is an error here, although `redis-cli` exits with 0 for it.

pub mod aof;
pub mod count;
pub mod facts;
pub mod hot;
pub mod image;
mod line;
pub mod rdb;

use std::{collections::BTreeMap, path::PathBuf, time::Duration};

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{
    effects::{clock, crash, docker, process::Program},
    kernel::{Context as _, Error, Kind, Result},
};
use line::{Form, Line};

/// How a server is reached.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Reach {
    /// Inside a container, by id.
    Container(String),
    /// `HOST:PORT`
    Address(String),
    /// A Unix socket.
    Socket(PathBuf),
}

/// As whom a server is asked. Never shown.
#[derive(Clone, Default)]
pub struct Login {
    /// A user of its ACL; the default one where none is named.
    pub user: Option<String>,
    /// The password.
    pub password: Option<String>,
}

impl Login {
    /// The words for `redis-cli`: a user's name is no secret.
    pub fn words(&self) -> Vec<&str> {
        self.user.as_deref().filter(|_| self.password.is_some()).map_or_else(Vec::new, |user| vec!["--user", user])
    }

    /// What its environment holds: a password never stands on a command line.
    pub fn variables(&self) -> Vec<(&str, &str)> {
        self.password.iter().map(|password| ("REDISCLI_AUTH", password.as_str())).collect()
    }
}

/// A server.
#[derive(Clone)]
pub struct Redis {
    reach: Reach,
    login: Login,
    line: Line,
}

impl Redis {
    /// A server that is reached so.
    pub fn new(reach: Reach, login: Login) -> Self {
        let line = Line::to(format!("{reach:?} {:?} {:?}", login.user, login.password));
        Self { reach, login, line }
    }

    /// How it is reached: for journals.
    pub fn reach(&self) -> &Reach {
        &self.reach
    }

    fn program(&self) -> Result<Program> {
        let cli: Vec<&str> = self.login.words().into_iter().chain(["--json"]).collect();
        let program = match &self.reach {
            Reach::Container(id) => {
                let words: Vec<&str> = std::iter::once("redis-cli").chain(cli).collect();
                return Ok(docker::talk(id, &self.login.variables(), &words));
            }
            Reach::Address(address) => {
                let (host, port) = address.rsplit_once(':').ok_or_else(|| Error::usage(format!("`{address}` is not HOST:PORT")))?;
                Program::new("redis-cli").args(["-h", host, "-p", port]).args(cli)
            }
            Reach::Socket(path) => Program::new("redis-cli").arg("-s").arg(path).args(cli),
        };
        let program = program.unset("REDISCLI_AUTH");
        Ok(self.login.variables().into_iter().fold(program, |program, (name, value)| program.env(name, value)))
    }

    /// Asks; an error answer is an error.
    pub fn ask(&self, words: &[&str]) -> Result<Value> {
        let text = self.answer(words, Form::Json)?;
        serde_json::from_str(&text).context(|| format!("read the server's answer to {}", words.first().unwrap_or(&"")))
    }

    fn answer(&self, words: &[&str], form: Form) -> Result<String> {
        let answer = self.line.ask(&|| self.program(), words, form)?;
        crash::point("ask the server");
        match answer {
            Ok(text) => match text.strip_prefix("error:") {
                Some(answer) => Err(self.answered(words, answer.trim_matches('"'))),
                None => Ok(text),
            },
            Err(reason) if reason.starts_with("Unrecognized option") => {
                Err(Error::refused("the server's redis-cli is too old: it has no --json").hint("use an image with Redis 7.0 or later"))
            }
            Err(reason) => Err(Error::unexpected("the server can't be reached").caused_by(reason).hint("is it running? `xtask services status` shows it")),
        }
    }

    fn answered(&self, words: &[&str], answer: &str) -> Error {
        if self.login.password.is_some() && (answer.starts_with("NOAUTH") || answer.starts_with("WRONGPASS")) {
            return Error::refused(format!("the server doesn't take the password that password-env names: {answer}")).hint(
                "it is looked for in the environment, then in the .env beside the compose file, then in the container: is the first of them out of date?",
            );
        }
        answered(words, answer)
    }

    /// A section of INFO as names and values.
    pub fn info(&self, section: &str) -> Result<BTreeMap<String, String>> {
        let text = self.answer(&["INFO", section], Form::Text)?;
        // Some versions quote the whole answer as JSON, some don't.
        let text = serde_json::from_str::<String>(&text).unwrap_or(text);
        Ok(text.lines().filter_map(|line| line.trim_end().split_once(':')).map(|(key, value)| (key.into(), value.into())).collect())
    }

    /// A setting; none where the server doesn't know it.
    pub fn setting(&self, name: &str) -> Result<Option<String>> {
        Ok(self.settings(name)?.remove(name))
    }

    /// Every setting whose name fits a pattern of the server's.
    pub fn settings(&self, pattern: &str) -> Result<BTreeMap<String, String>> {
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        Ok(match self.ask(&["CONFIG", "GET", pattern])? {
            Value::Object(pairs) => pairs.iter().map(|(name, value)| (name.clone(), text(value))).collect(),
            Value::Array(words) => words.chunks_exact(2).filter_map(|pair| Some((text(pair.first()?), text(pair.get(1)?)))).collect(),
            _ => BTreeMap::new(),
        })
    }

    /// Changes a setting until the server ends.
    pub fn set(&self, name: &str, value: &str) -> Result<()> {
        self.ask(&["CONFIG", "SET", name, value]).map(drop)
    }

    /// Waits until it has loaded its data and answers.
    pub fn ready(&self, patience: Duration, alive: &dyn Fn() -> Result<()>) -> Result<()> {
        let mut waited = Duration::ZERO;
        loop {
            let problem = match self.info("persistence") {
                Ok(info) if info.get("loading").is_some_and(|loading| loading == "0") => return Ok(()),
                Ok(_) => Error::mismatch("the server is still loading its data"),
                Err(error) if error.kind() == Kind::Refused => return Err(error),
                Err(error) => error,
            };
            alive()?;
            if waited >= patience {
                return Err(problem.within(format!("the server did not answer within {} s", patience.as_secs())));
            }
            pause(&mut waited);
        }
    }
}

/// A short wait, counted.
pub(super) fn pause(waited: &mut Duration) {
    const STEP: Duration = Duration::from_millis(150);
    clock::sleep(STEP);
    *waited += STEP;
}

/// What a backup asks of a server.
const NEEDED: &str =
    "+ping +info +module|list +config|get +config|set +bgrewriteaof +bgsave; from Redis 7.2 on also +waitaof; with graphs also ~* +graph.list +graph.ro_query";

fn answered(words: &[&str], answer: &str) -> Error {
    let command = words.iter().take(1).copied().collect::<Vec<_>>().join(" ");
    if answer.starts_with("NOPERM") {
        return Error::refused(format!("the server's user may not run {command}: {answer}")).hint(format!("let it: ACL SETUSER NAME {NEEDED}"));
    }
    if answer.starts_with("NOAUTH") || answer.starts_with("WRONGPASS") {
        return Error::refused(format!("the server wants a password: {answer}"))
            .hint("set password-env in this [[backup]] to the name of the environment variable that holds it, and `user` where it is another's than the default user's");
    }
    Error::unexpected(format!("the server refused {command}: {answer}"))
}

impl std::fmt::Debug for Redis {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Redis({:?})", self.reach)
    }
}
