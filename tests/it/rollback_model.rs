//! `release`, `prune`, `install`, `rollback`, whole or in part, and its undo in seeded random sequences against a model: what is live, the one before,
//! and where a rollback leads or came from is never removed; latest and what is installed are what the model says.

use std::collections::BTreeMap;

use crate::{
    rollback::{product, release},
    support::Scratch,
};

/// A small generator: the same seed gives the same walk.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % sides
    }
}

/// What the model knows.
struct Model {
    /// Minor versions that are published, and whether each is offered.
    there: BTreeMap<u64, bool>,
    latest: u64,
    installed: u64,
    /// The rollbacks that an undo takes back, the last one first.
    stack: Vec<Back>,
    next: u64,
}

/// A rollback: its target, latest before and what was marked, installed before; none for a part that stayed out of it.
#[derive(Clone)]
struct Back {
    to: u64,
    releases: Option<(u64, Vec<u64>)>,
    app: Option<u64>,
}

fn tag(minor: u64) -> String {
    format!("v1.{minor}.0")
}

impl Model {
    /// What must be there whatever was pruned.
    fn sacred(&self) -> Vec<u64> {
        let ends = self.stack.last().map(|back| [Some(back.to), back.releases.as_ref().map(|(from, _)| *from), back.app]);
        let ends = ends.into_iter().flatten().flatten();
        let below = self.there.iter().filter(|(minor, offered)| **offered && **minor < self.latest).map(|(minor, _)| *minor).max();
        [self.latest, self.installed].into_iter().chain(ends).chain(below).filter(|minor| self.there.contains_key(minor)).collect()
    }

    fn check(&mut self, scratch: &Scratch, sacred: &[u64], story: &[String]) {
        let releases = scratch.project().join("target/releases");
        for minor in sacred {
            assert!(releases.join(tag(*minor)).is_dir(), "{} is gone: {story:#?}", tag(*minor));
        }
        self.there.retain(|minor, _| releases.join(tag(*minor)).is_dir());
        let latest = std::fs::read_to_string(releases.join(".latest")).unwrap();
        assert_eq!(latest.trim(), tag(self.latest), "{story:#?}");
        let installed = std::fs::read_link(scratch.path().join("home/apps/rocket/current")).unwrap();
        assert_eq!(installed.to_str(), Some(&*format!("versions/{}", tag(self.installed))), "{story:#?}");
        for (minor, offered) in &self.there {
            let meta: serde_json::Value = serde_json::from_str(&scratch.read(&format!("target/releases/.meta/{}.json", tag(*minor)))).unwrap();
            assert_eq!(meta["prerelease"] == false, *offered, "{}: {story:#?}", tag(*minor));
            assert_eq!(meta["notes"].as_str().unwrap().contains("xtask:rollback"), !*offered, "{}: {story:#?}", tag(*minor));
        }
    }

    fn step(&mut self, scratch: &Scratch, dice: &mut Dice) -> String {
        match dice.roll(7) {
            0 => {
                let minor = self.next;
                self.next += 1;
                release(scratch, &format!("1.{minor}.0"));
                self.there.insert(minor, true);
                self.latest = minor;
                format!("release {}", tag(minor))
            }
            1 => {
                let keep = (1 + dice.roll(3)).to_string();
                scratch.xtask(&["prune", "--keep", &keep, "--keep-prereleases", "0", "--yes"]).exits(0);
                format!("prune {keep}")
            }
            2 | 3 if !self.stack.is_empty() => self.undo(scratch),
            4 => {
                self.installed = self.any(dice);
                scratch.xtask(&["install", &tag(self.installed)]).exits(0);
                format!("install {}", tag(self.installed))
            }
            _ => {
                let target = self.any(dice);
                let parts = ["releases,app", "app", "releases"][usize::try_from(dice.roll(5).saturating_sub(2)).unwrap()];
                self.back(scratch, target, parts)
            }
        }
    }

    fn any(&self, dice: &mut Dice) -> u64 {
        *self.there.keys().nth(usize::try_from(dice.roll(self.there.len() as u64)).unwrap()).unwrap()
    }

    fn back(&mut self, scratch: &Scratch, target: u64, parts: &str) -> String {
        let run = scratch.xtask(&["rollback", "--to", &tag(target), "--only", parts, "--yes"]).exits(0);
        let story = format!("rollback {parts} {} from {}, {}", tag(target), tag(self.latest), tag(self.installed));
        let (releases, app) = (parts.contains("releases"), parts.contains("app") && target != self.installed);
        if !app && (!releases || target == self.latest) {
            assert!(run.stdout.contains("live already"), "{story}: {}", run.stdout);
            return story;
        }
        let releases = releases.then(|| (self.latest, self.mark(target)));
        self.stack.push(Back { to: target, app: app.then_some(self.installed), releases: releases.clone() });
        self.latest = releases.map_or(self.latest, |_| target);
        self.installed = if app { target } else { self.installed };
        story
    }

    /// What is latest already has nobody above it who would have to be marked.
    fn mark(&mut self, target: u64) -> Vec<u64> {
        let above = |minor: u64| minor > target && target != self.latest;
        let mut marked: Vec<u64> = self.there.iter().filter(|(minor, offered)| above(**minor) && **offered).map(|(minor, _)| *minor).collect();
        for minor in &marked {
            self.there.insert(*minor, false);
        }
        if self.there.insert(target, true) == Some(false) {
            marked.push(target);
        }
        marked
    }

    fn undo(&mut self, scratch: &Scratch) -> String {
        let Some(Back { to, releases, app }) = self.stack.last().cloned() else { return String::new() };
        // What became latest, or was installed, since stays so.
        let from = releases.as_ref().map(|(from, _)| *from).filter(|from| [to, *from].contains(&self.latest));
        let before = app.filter(|before| [to, *before].contains(&self.installed));
        if from.is_some_and(|from| from != to && !self.there.contains_key(&from)) {
            let run = scratch.xtask(&["rollback", "--undo", "--yes"]).exits(3);
            assert!(run.stderr.contains("is not published any more: nothing was changed"), "{}", run.stderr);
            return "nothing: an older rollback's origin was pruned".into();
        }
        let undone = scratch.xtask(&["rollback", "--undo", "--yes"]);
        if undone.code != Some(0) && before.is_some_and(|before| !self.there.contains_key(&before)) {
            return "nothing: what was installed before an older rollback was pruned".into();
        }
        undone.exits(0);
        for minor in releases.into_iter().flat_map(|(_, marked)| marked) {
            self.there.entry(minor).and_modify(|offered| *offered = !*offered);
        }
        self.stack.pop();
        self.latest = from.unwrap_or(self.latest);
        self.installed = before.unwrap_or(self.installed);
        format!("undo {} → {from:?}, {before:?}", tag(to))
    }
}

#[test]
fn any_sequence_keeps_what_a_rollback_needs() {
    for seed in [1, 7, 42, 107, 1234, 4711] {
        let scratch = product(&["1.0.0", "1.1.0", "1.2.0"]);
        let mut dice = Dice(seed);
        let there = [0, 1, 2].map(|minor| (minor, true)).into_iter().collect();
        let mut model = Model { there, latest: 2, installed: 2, stack: Vec::new(), next: 3 };
        let mut story = vec![format!("seed {seed}")];
        for _ in 0..18 {
            let sacred = model.sacred();
            let did = model.step(&scratch, &mut dice);
            story.push(did.clone());
            // Pruning alone may remove, and never what is sacred.
            let stays = if did.starts_with("prune") { sacred } else { model.there.keys().copied().collect() };
            model.check(&scratch, &stays, &story);
        }
    }
}
