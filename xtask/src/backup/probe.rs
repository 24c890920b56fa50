//! What a probe counts: keys and graphs, before and after a copy. Comparison is pure.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// What a server holds.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counts {
    /// Keys over all databases. With graphs it says little: temporary keys come and go around saves.
    pub keys: u64,
    /// Each graph's nodes and relations; empty without the graph module.
    #[serde(default)]
    pub graphs: BTreeMap<String, Graph>,
}

/// One graph.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Graph {
    /// Nodes.
    pub nodes: u64,
    /// Relations.
    pub relations: u64,
}

/// Counted before and after: a server that is written to meanwhile lies in between.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Probe {
    /// Before the copy.
    pub before: Counts,
    /// After it.
    pub after: Counts,
}

impl Counts {
    /// Whether there is nothing.
    pub fn is_empty(&self) -> bool {
        self.keys == 0 && self.graphs.is_empty()
    }

    /// For a person: `3 graphs, 1200 nodes, 3400 relations` or `500 keys`.
    pub fn text(&self) -> String {
        if self.graphs.is_empty() {
            return plural(self.keys, "key");
        }
        let (nodes, relations) = self.graphs.values().fold((0, 0), |(n, r), graph| (n + graph.nodes, r + graph.relations));
        format!("{}, {}, {}", plural(self.graphs.len() as u64, "graph"), plural(nodes, "node"), plural(relations, "relation"))
    }

    /// How much there is, for telling whether it shrank.
    pub fn weight(&self) -> u64 {
        if self.graphs.is_empty() { self.keys } else { self.graphs.values().map(|graph| graph.nodes + graph.relations).sum() }
    }
}

impl Probe {
    /// What differs from what was counted; empty when all is there.
    pub fn differences(&self, found: &Counts) -> Vec<String> {
        let mut all = Vec::new();
        let graphs = !self.before.graphs.is_empty() || !self.after.graphs.is_empty();
        if !graphs && !between(self.before.keys, self.after.keys, found.keys) {
            all.push(format!("{} keys instead of {}", found.keys, range(self.before.keys, self.after.keys)));
        }
        let none = Graph::default();
        let names = self.before.graphs.keys().chain(self.after.graphs.keys()).chain(found.graphs.keys());
        for name in names.collect::<std::collections::BTreeSet<_>>() {
            let (before, after) = (self.before.graphs.get(name), self.after.graphs.get(name));
            let Some(now) = found.graphs.get(name) else {
                if before.is_some() && after.is_some() {
                    all.push(format!("graph `{name}` is missing"));
                }
                continue;
            };
            let (before, after) = (before.unwrap_or(&none), after.unwrap_or(&none));
            for (what, low, high, now) in [("nodes", before.nodes, after.nodes, now.nodes), ("relations", before.relations, after.relations, now.relations)] {
                if !between(low, high, now) {
                    all.push(format!("graph `{name}` has {now} {what} instead of {}", range(low, high)));
                }
            }
        }
        all
    }

    /// What is missing, for a server that clients use already: more than was counted is fine.
    pub fn missing(&self, found: &Counts) -> Vec<String> {
        let least = |a: &Counts, b: &Counts| if a.weight() <= b.weight() { a.clone() } else { b.clone() };
        let least = least(&self.before, &self.after);
        let mut all = Vec::new();
        if least.graphs.is_empty() && found.keys < least.keys {
            all.push(format!("{} keys instead of {}", found.keys, least.keys));
        }
        for (name, graph) in &least.graphs {
            match found.graphs.get(name) {
                None => all.push(format!("graph `{name}` is missing")),
                Some(now) if now.nodes < graph.nodes || now.relations < graph.relations => {
                    all.push(format!(
                        "graph `{name}` has {} nodes and {} relations instead of {} and {}",
                        now.nodes, now.relations, graph.nodes, graph.relations
                    ));
                }
                Some(_) => {}
            }
        }
        all
    }
}

fn plural(count: u64, what: &str) -> String {
    format!("{count} {what}{}", if count == 1 { "" } else { "s" })
}

fn between(a: u64, b: u64, now: u64) -> bool {
    (a.min(b)..=a.max(b)).contains(&now)
}

fn range(a: u64, b: u64) -> String {
    if a == b { a.to_string() } else { format!("{} to {}", a.min(b), a.max(b)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counts(keys: u64, graphs: &[(&str, u64, u64)]) -> Counts {
        Counts { keys, graphs: graphs.iter().map(|(name, nodes, relations)| ((*name).into(), Graph { nodes: *nodes, relations: *relations })).collect() }
    }

    #[test]
    fn a_served_copy_lies_between_before_and_after() {
        let probe = Probe { before: counts(500, &[]), after: counts(600, &[]) };
        assert!(probe.differences(&counts(550, &[])).is_empty());
        assert_eq!(probe.differences(&counts(302, &[])), ["302 keys instead of 500 to 600"]);
    }

    #[test]
    fn graphs_count_more_than_keys() {
        let probe = Probe { before: counts(9, &[("g", 5, 4)]), after: counts(7, &[("g", 5, 4)]) };
        assert!(probe.differences(&counts(1, &[("g", 5, 4)])).is_empty(), "temporary keys come and go");
        assert_eq!(probe.differences(&counts(9, &[])), ["graph `g` is missing"]);
        assert_eq!(probe.differences(&counts(9, &[("g", 5, 3)])), ["graph `g` has 3 relations instead of 4"]);
        assert!(!probe.differences(&counts(9, &[("g", 5, 4), ("h", 1, 0)])).is_empty(), "a graph too many is a difference");
        assert!(probe.missing(&counts(9, &[("g", 6, 4), ("h", 1, 0)])).is_empty());
    }
}
