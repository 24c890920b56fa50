//! What a drill writes and how it reads it back: nonces, nodes, edges, an index, names in many scripts; one canonical digest over ordered answers.

use serde_json::{Value, json};

use crate::{
    backup::Redis,
    kernel::{Digest, Error, Result},
};

const GRAPH: &str = "drill";
const NODES: u64 = 300;
const UNICODE: &str = "Zoë 日本語 🜁 עברית — \\u0000-free";

/// Whether the server has graphs.
pub fn has_graphs(redis: &Redis) -> Result<bool> {
    match redis.ask(&["GRAPH.LIST"]) {
        Ok(_) => Ok(true),
        Err(error) if error.chain().contains("unknown command") => Ok(false),
        Err(error) => Err(error),
    }
}

/// Writes what must come back.
pub fn seed(redis: &Redis, nonce: &str) -> Result<()> {
    // In one call: each is a program of its own that is started in the container.
    let pairs: Vec<String> = (0..50).flat_map(|n| [format!("drill:{n}"), format!("{nonce}:{n}:{UNICODE}")]).collect();
    let words: Vec<&str> = std::iter::once("MSET").chain(pairs.iter().map(String::as_str)).collect();
    redis.ask(&words)?;
    redis.ask(&["HSET", "drill:hash", "nonce", nonce, "name", UNICODE])?;
    if has_graphs(redis)? {
        let nodes = format!("UNWIND range(1, {NODES}) AS i CREATE (:Person {{id: i, nonce: '{nonce}', name: '{UNICODE} ' + toString(i)}})");
        redis.ask(&["GRAPH.QUERY", GRAPH, &nodes])?;
        redis.ask(&["GRAPH.QUERY", GRAPH, "MATCH (a:Person), (b:Person) WHERE b.id = a.id + 1 CREATE (a)-[:KNOWS {since: a.id}]->(b)"])?;
        redis.ask(&["GRAPH.QUERY", GRAPH, "CREATE INDEX FOR (p:Person) ON (p.id)"])?;
    }
    Ok(())
}

/// Writes what must be absent after the restore.
pub fn write_more(redis: &Redis, nonce: &str) -> Result<()> {
    redis.ask(&["SET", "drill:0", &format!("changed {nonce}")])?;
    redis.ask(&["SET", "drill:late", nonce])?;
    if has_graphs(redis)? {
        redis.ask(&["GRAPH.QUERY", GRAPH, "CREATE (:Late {id: 1000000})"])?;
        redis.ask(&["GRAPH.QUERY", GRAPH, "MATCH (p:Person {id: 7}) DETACH DELETE p"])?;
    }
    Ok(())
}

/// Digest over everything that was written, in a fixed order, without what differs from run to run (times in answers).
pub fn digest(redis: &Redis) -> Result<Digest> {
    let mut keys: Vec<String> = (0..50).map(|n| format!("drill:{n}")).collect();
    keys.push("drill:late".into());
    let words: Vec<&str> = std::iter::once("MGET").chain(keys.iter().map(String::as_str)).collect();
    let mut all = vec![redis.ask(&words)?, redis.ask(&["HMGET", "drill:hash", "nonce", "name"])?];
    if has_graphs(redis)? {
        let names = redis.ask(&["GRAPH.LIST"])?;
        let there = names.as_array().is_some_and(|names| names.contains(&json!(GRAPH)));
        for query in if there { QUERIES } else { &[] } {
            all.push(rows(&redis.ask(&["GRAPH.RO_QUERY", GRAPH, query])?)?);
        }
        all.push(names);
    }
    Ok(Digest::of(Value::from(all).to_string().as_bytes()))
}

const QUERIES: &[&str] = &[
    "MATCH (n) RETURN labels(n), n.id, n.nonce, n.name ORDER BY n.id, n.name",
    "MATCH (a)-[k]->(b) RETURN a.id, type(k), k.since, b.id ORDER BY a.id, b.id",
    "CALL db.indexes() YIELD label, properties, entitytype RETURN label, properties, entitytype ORDER BY label",
];

/// Head and rows; the statistics behind them tell times.
fn rows(answer: &Value) -> Result<Value> {
    match answer.as_array().map(Vec::as_slice) {
        Some([head, rows, _]) => Ok(json!([head, rows])),
        _ => Err(Error::unexpected(format!("a graph query was answered with {answer}"))),
    }
}

/// Whether there is nothing at all.
pub fn is_empty(redis: &Redis) -> Result<bool> {
    Ok(redis.ask(&["DBSIZE"])? == json!(0))
}

/// Writes one more thing, to see that the restored server takes writes and keeps them over a restart.
pub fn touch(redis: &Redis) -> Result<()> {
    redis.ask(&["SET", "drill:after", "1"]).map(drop)
}

/// Whether it kept that.
pub fn touched(redis: &Redis) -> Result<bool> {
    Ok(redis.ask(&["GET", "drill:after"])? == json!("1"))
}
