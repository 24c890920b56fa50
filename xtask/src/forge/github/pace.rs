//! GitHub's published limits, kept before GitHub has to say so: pure arithmetic on instants, no sleeping here.
//!
//! Secondary limits: 80 content-creating requests a minute and 500 an hour, 900 points a minute (a read costs 1, a write 5).
//! One run can't know what another one used up, so an answer that says "wait" holds every request of this run.

use std::{
    collections::VecDeque,
    time::{Duration, Instant},
};

const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(3600);
const CREATIONS_A_MINUTE: usize = 80;
const CREATIONS_AN_HOUR: usize = 500;
const POINTS_A_MINUTE: u32 = 900;

/// What a request counts as.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Cost {
    /// One point.
    Read,
    /// Five points: changes and deletions.
    Write,
    /// Five points, and something new.
    Create,
}

impl Cost {
    fn points(self) -> u32 {
        if self == Self::Read { 1 } else { 5 }
    }
}

/// What this run has asked for lately.
#[derive(Debug, Default)]
pub(super) struct Pace {
    creations: VecDeque<Instant>,
    points: VecDeque<(Instant, u32)>,
    held: Option<Instant>,
}

impl Pace {
    /// Counts the request in, or says how long it has to wait before asking again.
    pub fn admit(&mut self, cost: Cost, now: Instant) -> Result<(), Duration> {
        self.forget(now);
        let wait = [self.until_released(now), self.until_points(cost, now), self.until_creation(cost, now)].into_iter().flatten().max();
        if let Some(wait) = wait.filter(|wait| !wait.is_zero()) {
            return Err(wait);
        }
        self.points.push_back((now, cost.points()));
        if cost == Cost::Create {
            self.creations.push_back(now);
        }
        Ok(())
    }

    /// The server said to wait: nothing goes out before then.
    pub fn hold(&mut self, until: Instant) {
        self.held = self.held.max(Some(until));
    }

    fn forget(&mut self, now: Instant) {
        while self.points.front().is_some_and(|(at, _)| now.duration_since(*at) >= MINUTE) {
            self.points.pop_front();
        }
        while self.creations.front().is_some_and(|at| now.duration_since(*at) >= HOUR) {
            self.creations.pop_front();
        }
    }

    fn until_released(&self, now: Instant) -> Option<Duration> {
        self.held.map(|until| until.saturating_duration_since(now))
    }

    fn until_points(&self, cost: Cost, now: Instant) -> Option<Duration> {
        let mut over = (self.points.iter().map(|(_, points)| points).sum::<u32>() + cost.points()).checked_sub(POINTS_A_MINUTE).filter(|over| *over > 0)?;
        for (at, points) in &self.points {
            over = over.saturating_sub(*points);
            if over == 0 {
                return Some((*at + MINUTE).saturating_duration_since(now));
            }
        }
        Some(MINUTE)
    }

    fn until_creation(&self, cost: Cost, now: Instant) -> Option<Duration> {
        if cost != Cost::Create {
            return None;
        }
        let nth_last = |count: usize| self.creations.len().checked_sub(count).and_then(|index| self.creations.get(index));
        let minute = nth_last(CREATIONS_A_MINUTE).map(|at| (*at + MINUTE).saturating_duration_since(now));
        let hour = nth_last(CREATIONS_AN_HOUR).map(|at| (*at + HOUR).saturating_duration_since(now));
        minute.max(hour)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn creations(pace: &mut Pace, from: Instant, count: usize) -> Vec<Duration> {
        let mut now = from;
        (0..count)
            .map(|_| {
                while let Err(wait) = pace.admit(Cost::Create, now) {
                    now += wait;
                }
                now.duration_since(from)
            })
            .collect()
    }

    #[test]
    fn eighty_creations_a_minute_and_five_hundred_an_hour() {
        let at = creations(&mut Pace::default(), Instant::now(), 1001);
        for (window, most) in [(MINUTE, 80), (HOUR, 500)] {
            for (index, start) in at.iter().enumerate() {
                let within = at[index..].iter().take_while(|time| **time - *start < window).count();
                assert!(within <= most, "{within} in {window:?}");
            }
        }
        assert_eq!(at[79], Duration::ZERO);
        assert_eq!(at[80], MINUTE);
        assert_eq!(at[500], HOUR);
    }

    #[test]
    fn nine_hundred_points_a_minute() {
        let (mut pace, now) = (Pace::default(), Instant::now());
        for _ in 0..180 {
            pace.admit(Cost::Write, now).unwrap();
        }
        assert_eq!(pace.admit(Cost::Read, now + Duration::from_secs(20)), Err(Duration::from_secs(40)));
        pace.admit(Cost::Read, now + MINUTE).unwrap();
    }

    #[test]
    fn a_hold_holds_everything() {
        let (mut pace, now) = (Pace::default(), Instant::now());
        pace.hold(now + Duration::from_secs(7));
        pace.hold(now + Duration::from_secs(3));
        assert_eq!(pace.admit(Cost::Read, now), Err(Duration::from_secs(7)));
        pace.admit(Cost::Read, now + Duration::from_secs(7)).unwrap();
    }
}
