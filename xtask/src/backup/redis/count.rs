//! What a server holds: keys, and graphs with their nodes and relations. Reads only.

use serde_json::Value;

use super::{
    super::probe::{Counts, Graph},
    Redis,
};
use crate::kernel::{Error, Result};

/// Counts everything.
pub fn count(redis: &Redis) -> Result<Counts> {
    let keyspace = redis.info("keyspace")?;
    // db0:keys=500,expires=0,avg_ttl=0
    let of_database = |value: &String| value.split(',').find_map(|pair| pair.strip_prefix("keys=")?.parse::<u64>().ok());
    let keys = keyspace.values().filter_map(of_database).sum();
    let mut counts = Counts { keys, ..Counts::default() };
    for name in graphs(redis)? {
        let nodes = number(redis, &name, "MATCH (n) RETURN count(n)")?;
        let relations = number(redis, &name, "MATCH ()-[r]->() RETURN count(r)")?;
        counts.graphs.insert(name, Graph { nodes, relations });
    }
    Ok(counts)
}

/// The graphs' names; none where the server has no graph module.
pub fn graphs(redis: &Redis) -> Result<Vec<String>> {
    let names = match redis.ask(&["GRAPH.LIST"]) {
        Ok(names) => names,
        Err(error) if error.chain().contains("unknown command") => return Ok(Vec::new()),
        Err(error) => return Err(error),
    };
    let mut names: Vec<String> = names.as_array().into_iter().flatten().filter_map(Value::as_str).map(str::to_owned).collect();
    names.sort();
    Ok(names)
}

fn number(redis: &Redis, graph: &str, query: &str) -> Result<u64> {
    let answer = redis.ask(&["GRAPH.RO_QUERY", graph, query])?;
    let cell = answer.get(1).and_then(|rows| rows.get(0)).and_then(|row| row.get(0));
    cell.and_then(Value::as_u64).ok_or_else(|| Error::unexpected(format!("graph `{graph}` could not be counted: the server answered {answer}")))
}
