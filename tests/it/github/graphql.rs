//! The one GraphQL question that `gh release list` asks.

use serde_json::{Value, json};

use super::{
    http::{Request, Response},
    state::State,
};

/// Releases as nodes; anything else is not known here.
pub fn answer(state: &State, request: &Request) -> Response {
    let query = request.json();
    let query = query.get("query").and_then(Value::as_str).unwrap_or_default();
    if !query.contains("releases(") {
        return Response::json(200, &json!({"errors": [{"message": "the double doesn't know this question"}]}));
    }
    let latest = state.latest().map(|release| release.id);
    let nodes: Vec<Value> = state
        .listed(true)
        .into_iter()
        .map(|release| {
            let json = state.release_json(release);
            json!({
                "name": release.name, "tagName": release.tag, "isDraft": release.draft, "isLatest": latest == Some(release.id),
                "isPrerelease": release.prerelease, "createdAt": json.get("created_at"), "publishedAt": json.get("published_at"),
            })
        })
        .collect();
    Response::json(200, &json!({"data": {"repository": {"releases": {"nodes": nodes, "pageInfo": {"hasNextPage": false, "endCursor": null}}}}}))
}
