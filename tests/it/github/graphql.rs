//! The two GraphQL questions that `gh release` asks: all releases, and whether a draft has that tag.

use serde_json::{Value, json};

use super::{
    http::{Request, Response},
    state::State,
};

/// Anything else is not known here.
pub fn answer(state: &State, request: &Request) -> Response {
    let body = request.json();
    let query = body.get("query").and_then(Value::as_str).unwrap_or_default();
    if query.contains("release(tagName") {
        let tag = body.pointer("/variables/tagName").and_then(Value::as_str).unwrap_or_default();
        let found = state.releases.iter().find(|release| release.tag == tag);
        let found = found.map(|release| json!({"databaseId": release.id, "isDraft": release.draft}));
        return Response::json(200, &json!({"data": {"repository": {"release": found}}}));
    }
    if !query.contains("releases(") {
        return Response::json(200, &json!({"errors": [{"message": format!("the double doesn't know the question {query}")}]}));
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
