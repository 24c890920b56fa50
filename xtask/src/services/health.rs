//! When is a service healthy? Judged purely from what the engine shows, then waited for: with reasons shown, a time-out, and the whole story
//! of the one that isn't.

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use super::{Stack, patience, probe};
use crate::{
    effects::{
        clock,
        docker::{self, COMPOSE_SERVICE, Container},
        patience::Patience,
        process::Background,
    },
    kernel::{Error, Event, Events, Finding, Result},
};

/// How long a service without a healthcheck must stay up before it counts.
const SETTLE: Duration = Duration::from_secs(3);
/// Lines of a log that are shown.
const LOG_LINES: usize = 20;
/// How long a container that was there before may stay unhealthy.
const RECOVERY: Duration = Duration::from_secs(45);
/// Between two looks: often while it may be a matter of seconds, then at leisure.
const PACE: (Duration, Duration) = (Duration::from_millis(100), Duration::from_millis(500));
const SOON: Duration = Duration::from_secs(20);
/// How long an engine may fail to answer before that says anything about a service.
const ENGINE: Duration = Duration::from_secs(10);
/// Automatic restarts that make a crash loop.
const CRASHES: u64 = 2;

/// What is known about a service at a moment.
#[derive(Clone, Debug, Default)]
pub(super) struct Seen {
    /// Its container.
    pub container: Option<Container>,
    /// How often the engine restarted it since we began.
    pub restarts: u64,
    /// How long it has been running as it is, as far as we saw.
    pub steady: Duration,
    /// What its probe says; asked only when all else is well.
    pub probe: Option<Result<(), String>>,
    /// How long it has to, without a healthcheck.
    pub settle: Duration,
    /// Whether somebody is still starting things.
    pub starting: bool,
    /// Whether the service is meant to end by itself.
    pub one_shot: bool,
    /// Whether its container was there before we began: what it says of its health may be of before, and may mend itself.
    pub old: bool,
}

/// The judgement.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// Healthy.
    Ready,
    /// Not yet, and why.
    Waiting(String),
    /// It won't be.
    Failed(String),
}

/// Judges a service.
pub(super) fn judge(seen: &Seen) -> Verdict {
    let Some(container) = &seen.container else {
        return if seen.starting { Verdict::Waiting("not created yet".into()) } else { Verdict::Failed("it has no container".into()) };
    };
    let state = &container.state;
    if seen.restarts >= CRASHES {
        return Verdict::Failed(format!("it keeps crashing: {} restarts, last exit code {}", seen.restarts, state.exit_code));
    }
    match state.status.as_str() {
        "running" => running(seen, container),
        "exited" if state.exit_code == 0 && seen.one_shot => Verdict::Ready,
        "restarting" => Verdict::Waiting(format!("restarting after exit code {}", state.exit_code)),
        _ if seen.starting => Verdict::Waiting(format!("{}, not started yet", state.status)),
        "created" if !state.error.is_empty() => Verdict::Failed(format!("it can't start: {}", state.error)),
        other => Verdict::Failed(format!("it is {other}, exit code {}", state.exit_code)),
    }
}

fn running(seen: &Seen, container: &Container) -> Verdict {
    if is_loading(container) {
        return Verdict::Waiting("loading its data".into());
    }
    match (container.health(), &seen.probe) {
        // It may be about to be replaced, or what it needs may only be coming back.
        (Some("unhealthy"), _) if seen.starting || seen.old => Verdict::Waiting("unhealthy".into()),
        (Some("unhealthy"), _) => Verdict::Failed("its healthcheck fails".into()),
        (Some("starting"), _) => Verdict::Waiting(starting(container)),
        (None, _) if seen.steady < seen.settle => Verdict::Waiting("running; seeing whether it stays up".into()),
        (_, Some(Err(why))) => Verdict::Waiting(format!("its probe fails: {why}")),
        _ => Verdict::Ready,
    }
}

fn starting(container: &Container) -> String {
    let output = last_check(container).map(|(_, output)| output).unwrap_or_default();
    let line = output.lines().last().unwrap_or_default();
    if line.is_empty() { "waiting for its healthcheck".into() } else { format!("waiting for its healthcheck: {line}") }
}

/// The last run of the healthcheck: exit code and output.
fn last_check(container: &Container) -> Option<(i64, String)> {
    let last = container.state.health.as_ref()?.log.as_ref()?.last()?;
    Some((last.exit_code, last.output.trim().to_owned()))
}

/// A server of Redis' kind answers `-LOADING` while it reads its data. `redis-cli ping` exits with 0 or 1 then, which says nothing.
fn is_loading(container: &Container) -> bool {
    last_check(container).is_some_and(|(_, output)| output.contains("LOADING"))
}

/// Watches services over time.
pub(super) struct Watch<'a> {
    stack: &'a Stack,
    services: Vec<String>,
    settle: Duration,
    begun: Instant,
    before: BTreeMap<String, u64>,
    steady: BTreeMap<String, (String, Instant)>,
}

/// Every service's verdict, with its container.
type Round = BTreeMap<String, (Verdict, Option<Container>)>;

impl<'a> Watch<'a> {
    /// Begins: restarts from before don't count.
    pub(super) fn begin(stack: &'a Stack, services: &[String]) -> Result<Self> {
        Ok(Self::since(stack, services, &stack.containers()?))
    }

    /// Begins with what was seen a moment ago.
    pub(super) fn since(stack: &'a Stack, services: &[String], seen: &BTreeMap<String, Vec<Container>>) -> Self {
        let before = seen.values().flatten().map(|container| (container.id.clone(), container.restart_count)).collect();
        Self { stack, services: services.to_vec(), settle: SETTLE, begun: Instant::now(), before, steady: BTreeMap::new() }
    }

    /// Waits until all are healthy, while `starter` may still be at work. Ends early when one can't become healthy any more.
    pub(super) fn wait(&mut self, starter: &mut dyn FnMut() -> Result<Background>, events: &Events) -> Result<()> {
        let deadline = Instant::now() + Duration::from_secs(self.stack.wait);
        let mut background = Some(starter()?);
        let (mut said, mut left) = (String::new(), patience::TIMES);
        loop {
            let ended = background.as_mut().and_then(Background::ended);
            if ended.is_some() {
                background = None;
            }
            let round = self.look(background.is_some())?;
            if let Some(Err(error)) = ended {
                if patience::is_worth_it(&error, left, events) {
                    left -= 1;
                } else {
                    self.start_failed(&round, error)?;
                }
                clock::sleep(Duration::from_secs(1));
                background = Some(starter()?);
                continue;
            }
            let failed = round.values().any(|(verdict, _)| matches!(verdict, Verdict::Failed(_)));
            let waiting = round.values().any(|(verdict, _)| *verdict != Verdict::Ready);
            if failed || (waiting && Instant::now() > deadline) {
                return Err(story(&round, if failed { None } else { Some(self.stack.wait) }));
            }
            if !waiting && background.is_none() {
                return Ok(());
            }
            tell(&round, deadline, &mut said, events);
            clock::sleep(if self.begun.elapsed() < SOON { PACE.0 } else { PACE.1 });
        }
    }

    /// Waits until all are healthy; when the time is up, the story of those that aren't.
    pub(super) fn recover(&mut self, time: Duration) -> Result<()> {
        let until = Instant::now() + time;
        loop {
            let round = self.look(false)?;
            if round.values().all(|(verdict, _)| *verdict == Verdict::Ready) {
                return Ok(());
            }
            if Instant::now() > until {
                return Err(story(&round, Some(time.as_secs())));
            }
            clock::sleep(PACE.1);
        }
    }

    /// Watches services that are healthy: they must stay so, without a restart. One bad moment is forgiven, two in a row are not.
    pub(super) fn stay(&mut self, time: Duration) -> Result<()> {
        self.settle = Duration::ZERO;
        let until = Instant::now() + time;
        let mut bad = 0;
        while Instant::now() < until || bad > 0 {
            let round = self.look(false)?;
            let restarted = round.values().filter_map(|(_, container)| container.as_ref()).find(|container| self.restarts(container) > 0);
            if let Some(container) = restarted {
                let name = container.label(COMPOSE_SERVICE).unwrap_or(container.name());
                let why = format!("it restarted after it had been healthy, exit code {}", container.state.exit_code);
                return Err(Error::unexpected(format!("not healthy: {name}")).with_findings(vec![unhealthy(name, &why, Some(container))]));
            }
            bad = if round.values().all(|(verdict, _)| *verdict == Verdict::Ready) { 0 } else { bad + 1 };
            if bad > 1 {
                return Err(story(&round, Some(time.as_secs())));
            }
            clock::sleep(Duration::from_millis(500));
        }
        Ok(())
    }

    /// Restarts since we began.
    fn restarts(&self, container: &Container) -> u64 {
        container.restart_count.saturating_sub(self.before.get(&container.id).copied().unwrap_or(0))
    }

    /// Compose gave up. While a service is only loading its data that is no failure, and Compose is asked again.
    fn start_failed(&self, round: &Round, error: Error) -> Result<()> {
        if round.values().any(|(verdict, container)| matches!(verdict, Verdict::Waiting(_)) && container.as_ref().is_some_and(is_loading)) {
            return Ok(());
        }
        let conflict = error.chain().contains("is already in use by container");
        let error = match round.values().any(|(verdict, _)| matches!(verdict, Verdict::Failed(_))) {
            true => story(round, None).caused_by(error.chain()),
            false => error.within("Compose could not start the stack"),
        };
        Err(if conflict { error.hint("a container with that name was started by something else: `xtask services harden` takes it over") } else { error })
    }

    fn look(&mut self, starting: bool) -> Result<Round> {
        let mut containers = self.containers()?;
        let mut round = Round::new();
        for service in self.services.clone() {
            let all = containers.remove(&service).unwrap_or_default();
            let judged = all.into_iter().map(|container| {
                let seen = self.seen(&service, container, starting);
                (judge(&seen), seen.container)
            });
            // Of several containers the worst speaks for the service.
            let worst = judged.max_by_key(|(verdict, _)| severity(verdict));
            let none = || (judge(&Seen { starting, ..Seen::default() }), None);
            round.insert(service, worst.unwrap_or_else(none));
        }
        Ok(round)
    }

    /// An engine that is busy, or starts again, may fail to answer for a moment; one that hangs must not keep us.
    fn containers(&self) -> Result<BTreeMap<String, Vec<Container>>> {
        let until = Instant::now() + ENGINE;
        loop {
            let _held = Patience::usual();
            match self.stack.containers() {
                Err(_) if Instant::now() < until => clock::sleep(PACE.1),
                seen => return seen,
            }
        }
    }

    fn seen(&mut self, service: &str, container: Container, starting: bool) -> Seen {
        let restarts = self.restarts(&container);
        let since = self.steady.entry(container.id.clone()).or_insert_with(|| (container.state.started_at.clone(), Instant::now()));
        if since.0 != container.state.started_at {
            *since = (container.state.started_at.clone(), Instant::now());
        }
        let restart = self.stack.rendered.services.get(service).and_then(|service| service.restart.as_deref());
        let mut seen = Seen {
            restarts,
            steady: since.1.elapsed(),
            settle: self.settle,
            old: self.before.contains_key(&container.id) && self.begun.elapsed() < RECOVERY,
            probe: None,
            starting,
            one_shot: matches!(restart, None | Some("no" | "on-failure")),
            container: Some(container),
        };
        if judge(&seen) == Verdict::Ready
            && let Some(container) = seen.container.as_ref().filter(|container| container.state.running)
        {
            let probes = self.stack.probes.iter().filter(|probe| probe.service == service);
            seen.probe = probes.map(|probe| probe::ask(probe, container)).find(Result::is_err).or(Some(Ok(())));
        }
        seen
    }
}

fn severity(verdict: &Verdict) -> u8 {
    match verdict {
        Verdict::Ready => 0,
        Verdict::Waiting(_) => 1,
        Verdict::Failed(_) => 2,
    }
}

/// Says what is waited for, when that has changed.
fn tell(round: &Round, deadline: Instant, said: &mut String, events: &Events) {
    let open = round.iter().filter_map(|(service, (verdict, _))| match verdict {
        Verdict::Waiting(why) => Some(format!("{service}: {why}")),
        _ => None,
    });
    let now = open.collect::<Vec<_>>().join("; ");
    if now != *said && !now.is_empty() {
        events.emit(Event::Waiting { why: now.clone(), seconds: deadline.saturating_duration_since(Instant::now()).as_secs() });
        *said = now;
    }
}

/// The error that tells which services aren't healthy, why, and what they and their checks said last.
fn story(round: &Round, waited: Option<u64>) -> Error {
    let mut findings = Vec::new();
    for (service, (verdict, container)) in round {
        let why = match verdict {
            Verdict::Ready => continue,
            Verdict::Failed(why) => why.clone(),
            Verdict::Waiting(why) => match waited {
                Some(seconds) => format!("not healthy after {seconds} s: {why}"),
                // It waits for the one that failed.
                None => continue,
            },
        };
        findings.push(unhealthy(service, &why, container.as_ref()));
    }
    let names: Vec<_> = findings.iter().filter_map(|finding| finding.message.split(' ').next()).collect();
    let error = Error::unexpected(format!("not healthy: {}", names.join(", ")));
    let error = if waited.is_some() { error.hint("if it only needs longer, raise services.wait in xtask.toml") } else { error };
    error.hint("see all it printed with `xtask services logs SERVICE`").with_findings(findings)
}

fn unhealthy(service: &str, why: &str, container: Option<&Container>) -> Finding {
    let mut message = format!("{service} is not healthy: {why}");
    if let Some(container) = container {
        if let Some((code, output)) = last_check(container) {
            message = format!("{message}\n  its healthcheck (exit {code}): {}", if output.is_empty() { "no output" } else { &output });
        }
        let log = docker::last_lines(&container.id, LOG_LINES).unwrap_or_default();
        let log = if log.is_empty() { "    (nothing)".to_owned() } else { log.lines().map(|line| format!("    {line}")).collect::<Vec<_>>().join("\n") };
        message = format!("{message}\n  its last log lines:\n{log}");
    }
    Finding::error("service-unhealthy", message)
}

#[cfg(test)]
mod tests;
