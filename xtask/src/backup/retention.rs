//! Which backups stay and which go: a pure function of what is there, the rules and the time. Every decision carries its reason.
//!
//! Guarantees: a backup goes only when enough newer *verified* ones stay; the newest verified one never goes; an empty policy removes nothing.

use chrono::{DateTime, TimeDelta, Utc};
use serde::Serialize;

/// What matters of one backup.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Known {
    /// Its id.
    pub id: String,
    /// When it was made.
    pub at: DateTime<Utc>,
    /// Whether its bytes were read back and were right, the last time somebody looked.
    pub verified: bool,
    /// Made right before a restore, of what was there.
    pub safety: bool,
}

/// How many and how long.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Rules {
    /// So many of the newest verified ones stay.
    pub count: Option<usize>,
    /// Younger than so many days stay, whatever their number.
    pub days: Option<u32>,
}

/// What happens to one backup.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Decision {
    /// Which one.
    pub id: String,
    /// Whether it stays.
    pub keep: bool,
    /// Why.
    pub reasons: Vec<String>,
}

/// Decides, newest first.
pub fn decide(backups: &[Known], rules: Rules, now: DateTime<Utc>) -> Vec<Decision> {
    let mut sorted: Vec<&Known> = backups.iter().collect();
    sorted.sort_by(|a, b| (b.at, &b.id).cmp(&(a.at, &a.id)));
    let mut newer = 0;
    let future = |backup: &Known| backup.at > now;
    let decide_one = |backup: &Known| {
        // While a clock was wrong it would be newer than all that follow, and push them out.
        if future(backup) {
            return Decision { id: backup.id.clone(), keep: true, reasons: vec!["its time is still to come: a clock was wrong".into()] };
        }
        let reasons = kept_because(backup, newer, rules, now);
        let keep = !reasons.is_empty();
        let reasons = if keep { reasons } else { vec![goes_because(newer, rules)] };
        // What was saved right before a restore is what somebody wanted to get rid of: it pushes nothing out.
        newer += usize::from(backup.verified && !backup.safety);
        Decision { id: backup.id.clone(), keep, reasons }
    };
    sorted.into_iter().map(decide_one).collect()
}

/// `newer`: how many verified backups are newer than this one.
fn kept_because(backup: &Known, newer: usize, rules: Rules, now: DateTime<Utc>) -> Vec<String> {
    let mut reasons = Vec::new();
    if newer == 0 {
        let newest = backup.verified && !backup.safety;
        reasons.push(if newest { "the newest verified backup".into() } else { "no newer backup is verified".to_owned() });
    }
    match (rules.count, rules.days) {
        (None, None) => reasons.push("no rule: all are kept".into()),
        (Some(count), _) if newer < count => reasons.push(format!("among the last {count}")),
        _ => {}
    }
    if let Some(days) = rules.days
        && now.signed_duration_since(backup.at) < TimeDelta::days(i64::from(days))
    {
        reasons.push(format!("younger than {days} days"));
    }
    if backup.safety && now.signed_duration_since(backup.at) < TimeDelta::days(7) {
        reasons.push("made before a restore, less than 7 days ago".into());
    }
    reasons
}

fn goes_because(newer: usize, rules: Rules) -> String {
    let verified = format!("{newer} newer verified backup{}", if newer == 1 { "" } else { "s" });
    match (rules.count, rules.days) {
        (Some(count), Some(days)) => format!("{verified}, {count} are kept; older than {days} days"),
        (Some(count), None) => format!("{verified}, {count} are kept"),
        (None, days) => format!("{verified}; older than {} days", days.unwrap_or(0)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn at(days_ago: i64) -> DateTime<Utc> {
        DateTime::from_timestamp(1_769_860_800, 0).unwrap() - TimeDelta::days(days_ago)
    }

    fn known(days_ago: i64, verified: bool) -> Known {
        Known { id: format!("b-{days_ago:03}"), at: at(days_ago), verified, safety: false }
    }

    #[test]
    fn only_below_newer_verified_ones() {
        let backups = [known(0, false), known(1, true), known(2, false), known(3, true), known(4, true)];
        let rules = Rules { count: Some(2), days: None };
        let gone: Vec<_> = decide(&backups, rules, at(0)).into_iter().filter(|d| !d.keep).map(|d| d.id).collect();
        assert_eq!(gone, ["b-004"], "two verified ones stay, and what lies between them");
    }

    #[test]
    fn the_last_verified_one_never_goes() {
        let backups = [known(0, false), known(1, false), known(400, true)];
        let rules = Rules { count: Some(1), days: Some(1) };
        let decisions = decide(&backups, rules, at(0));
        assert!(decisions.iter().all(|d| d.keep), "{decisions:?}");
    }

    #[test]
    fn what_restores_saved_pushes_nothing_out() {
        let safety = |days_ago| Known { safety: true, ..known(days_ago, true) };
        let backups = [safety(0), safety(1), safety(2), known(3, true), known(4, true), known(5, true), safety(30)];
        let decisions = decide(&backups, Rules { count: Some(2), days: None }, at(0));
        let gone: Vec<_> = decisions.iter().filter(|d| !d.keep).map(|d| d.id.as_str()).collect();
        assert_eq!(gone, ["b-005", "b-030"], "{decisions:?}");
        let newest = decisions.iter().find(|d| d.reasons.contains(&"the newest verified backup".to_owned())).unwrap();
        assert_eq!(newest.id, "b-003", "the one that a restore takes");
    }

    #[test]
    fn what_a_wrong_clock_put_into_the_future_pushes_nothing_out() {
        let backups = [known(-400, true), known(-1, true), known(0, true), known(1, true)];
        let decisions = decide(&backups, Rules { count: Some(1), days: None }, at(0));
        let gone: Vec<_> = decisions.iter().filter(|d| !d.keep).map(|d| d.id.as_str()).collect();
        assert_eq!(gone, ["b-001"], "{decisions:?}");
    }

    #[test]
    fn no_rule_keeps_all() {
        assert!(decide(&[known(0, true), known(999, true)], Rules::default(), at(0)).iter().all(|d| d.keep));
    }

    proptest! {
        #[test]
        fn whatever_comes(verified in prop::collection::vec(any::<bool>(), 0..12), count in prop::option::of(0_usize..5), days in prop::option::of(0_u32..9)) {
            let backups: Vec<_> = verified.iter().enumerate().map(|(n, v)| known(i64::try_from(n).unwrap(), *v)).collect();
            let decisions = decide(&backups, Rules { count, days }, at(0));
            let newest = backups.iter().find(|b| b.verified).map(|b| b.id.clone());
            let kept = |id: &str| decisions.iter().any(|d| d.id == id && d.keep);
            prop_assert!(newest.is_none_or(|id| kept(&id)));
            let kept_verified = backups.iter().filter(|b| b.verified && kept(&b.id)).count();
            let wanted = count.unwrap_or(0).min(backups.iter().filter(|b| b.verified).count());
            prop_assert!(kept_verified >= wanted);
            prop_assert!(decisions.iter().all(|d| !d.reasons.is_empty()));
        }
    }
}
