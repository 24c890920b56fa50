//! How long to put up with a server: back-off for failures, waits that the server asks for, and where it ends.
//! It may wait; it guarantees that every wait is shown and that one beyond the limit ends the command with exit 5 and the time to come again.

use std::{
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

use super::{Settings, line::Line, reply::Fate};
use crate::{
    effects::clock,
    kernel::{Error, Event, Events, Result, human_duration},
};

/// 0.5 s, doubled each time up to half a minute: eight tries take about a minute.
const FIRST: Duration = Duration::from_millis(500);
const LONGEST: Duration = Duration::from_secs(30);
const TRIES: u32 = 8;
/// GitHub's advice for a secondary limit that names no time: at least a minute, growing.
const UNTOLD: Duration = Duration::from_secs(60);

/// The wait that was told last: several requests that wait for the same at the same time are one wait to a person.
#[derive(Debug, Default)]
pub(super) struct Told(Mutex<Option<(String, Instant)>>);

impl Told {
    /// Whether this wait is another one than whoever watches knows of; it counts as told then.
    fn is_news(&self, why: &str, wait: Duration) -> bool {
        let mut told = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let now = Instant::now();
        let known = told.as_ref().is_some_and(|(reason, until)| reason == why && now < *until);
        if !known {
            *told = Some((why.to_owned(), now + wait));
        }
        !known
    }
}

/// The patience that is left for one thing.
pub(super) struct Patience<'a> {
    told: &'a Told,
    settings: &'a Settings,
    events: &'a Events,
    failures: u32,
    limits: u32,
    waited: Duration,
    begun: Instant,
}

impl<'a> Patience<'a> {
    /// Unspent.
    pub fn new(settings: &'a Settings, events: &'a Events, told: &'a Told) -> Self {
        Self { told, settings, events, failures: 0, limits: 0, waited: Duration::ZERO, begun: Instant::now() }
    }

    /// Waits as the attempt's fate demands; an error when patience has come to its end. An answer needs no patience.
    pub async fn endure(&mut self, line: &Line, fate: Fate) -> Result<()> {
        match fate {
            Fate::Answered(_) => Ok(()),
            Fate::Limited { why, wait } => {
                let wait = wait.unwrap_or_else(|| UNTOLD.saturating_mul(2_u32.saturating_pow(self.limits)));
                self.limits += 1;
                self.may_wait(&why, wait)?;
                line.hold(wait);
                self.wait(&why, wait).await
            }
            Fate::Unsure(why) => self.after_failure(&why).await,
        }
    }

    /// Backs off after a failure.
    pub async fn after_failure(&mut self, why: &str) -> Result<()> {
        self.failures += 1;
        if self.failures >= TRIES {
            return Err(Error::partial(format!("gave up after {TRIES} tries: {why}"))
                .hint("check the network and githubstatus.com; the same command again goes on from there"));
        }
        if self.settings.within.is_some_and(|within| self.begun.elapsed() >= within) {
            return Err(Error::partial(format!("no answer for {}: {why}", human_duration(self.begun.elapsed()))).hint("or allow a longer wait: --max-wait 2h"));
        }
        tracing::debug!(why, failures = self.failures, "trying again");
        let wait = FIRST.saturating_mul(2_u32.saturating_pow(self.failures - 1)).min(LONGEST);
        self.wait(why, wait).await
    }

    /// Waits and shows it, or refuses.
    pub async fn wait(&mut self, why: &str, wait: Duration) -> Result<()> {
        self.may_wait(why, wait)?;
        self.waited += wait;
        self.tell(why, wait);
        clock::pause(self.settings.hastened(wait)).await;
        Ok(())
    }

    /// Shows a wait, once for all who share it.
    pub fn tell(&self, why: &str, wait: Duration) {
        if self.told.is_news(why, self.settings.hastened(wait)) {
            self.events.emit(Event::Waiting { why: why.into(), seconds: wait.as_secs_f64().ceil() as u64 });
        }
    }

    /// Whether it may be waited so long; the error says when to come again.
    pub fn may_wait(&self, why: &str, wait: Duration) -> Result<()> {
        if self.waited + wait <= self.settings.max_wait {
            return Ok(());
        }
        let again = clock::stamp(clock::now() + wait);
        let message = format!("{why}: it would take {} more, and the longest wait is {}", human_duration(wait), human_duration(self.settings.max_wait));
        Err(Error::partial(message).hint(format!("come again at {again}: the same command goes on from there")).hint("or allow a longer wait: --max-wait 2h"))
    }
}
