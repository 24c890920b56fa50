//! The double's answers: one function a route, by GitHub's description and by what practice adds to it.

use serde_json::{Value, json};

use super::{
    http::{Request, Response},
    state::{Ref, Release, State, TOKEN, rename},
};

/// Which of the double's hosts was asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    Api,
    Uploads,
    Web,
    Objects,
}

/// Answers a request, changing the state where it says so.
pub fn answer(state: &mut State, role: Role, request: &Request) -> Response {
    match role {
        Role::Objects => return object(state, request),
        Role::Web => return web(state, request),
        Role::Api | Role::Uploads => {}
    }
    if request.header("user-agent").is_none_or(str::is_empty) {
        return message(403, "Request forbidden by administrative rules. Please make sure your request has a User-Agent header");
    }
    let ours = match request.header("authorization").and_then(|value| value.split_once(' ')).map(|(_, token)| token) {
        Some(TOKEN) => true,
        Some(_) => return message(401, "Bad credentials"),
        None => false,
    };
    let path = request.path.trim_start_matches("/api/v3").trim_start_matches("/api/uploads");
    if path.starts_with("/graphql") || path == "/api/graphql" {
        return super::graphql::answer(state, request);
    }
    if path == "/installation/repositories" {
        return if state.installation && ours {
            Response::json(200, &json!({"total_count": 1, "repositories": []}))
        } else {
            message(403, "You must authenticate with an installation access token")
        };
    }
    // GitHub redirects names to numbers in its Link headers.
    let path = path.replacen("/repositories/1", &format!("/repos/{}", state.repository), 1);
    let known = path.strip_prefix(&format!("/repos/{}", state.repository)).filter(|_| ours || !state.private);
    let Some(rest) = known else { return message(404, "Not Found") };
    let parts: Vec<&str> = rest.split('/').filter(|part| !part.is_empty()).collect();
    let method = if request.method == "HEAD" { "GET" } else { request.method.as_str() };
    if method != "GET" && !ours {
        return message(if state.private { 404 } else { 401 }, "Requires authentication");
    }
    // Who may not write learns that the thing isn't there.
    if method != "GET" && !(state.can_push || state.installation) {
        return message(404, "Not Found");
    }
    if method != "GET" && state.archived {
        return message(403, "Repository was archived so is read-only.");
    }
    route(state, method, &parts, request, ours)
}

fn route(state: &mut State, method: &str, parts: &[&str], request: &Request, ours: bool) -> Response {
    let drafts = ours && (state.can_push || state.installation);
    match (method, parts) {
        ("GET", []) => repository(state, ours),
        ("GET", ["immutable-releases"]) if state.immutable => Response::json(200, &json!({"enabled": true, "enforced_by_owner": false})),
        ("GET", ["git", "ref", "heads", name @ ..]) => branch(state, &name.join("/")),
        ("GET", ["git", "ref", "tags", name @ ..]) => tag(state, &name.join("/")),
        ("GET", ["git", "tags", sha]) => tag_object(state, sha),
        ("GET", ["releases"]) => list(state, request, drafts),
        ("POST", ["releases"]) => create(state, &request.json()),
        ("POST", ["releases", "generate-notes"]) => notes(&request.json()),
        ("GET", ["releases", "latest"]) => state.latest().map_or_else(missing, |release| Response::json(200, &state.release_json(release))),
        ("GET", ["releases", "tags", tag @ ..]) => {
            state.release(&tag.join("/")).map_or_else(missing, |release| Response::json(200, &state.release_json(release)))
        }
        ("GET", ["releases", "assets", id]) => asset(state, id, request, drafts),
        ("DELETE", ["releases", "assets", id]) => delete_asset(state, id),
        ("GET", ["releases", id, "assets"]) => assets(state, id, request, drafts),
        ("POST", ["releases", id, "assets"]) => upload(state, id, request),
        ("GET", ["releases", id]) => one(state, id, drafts),
        ("PATCH", ["releases", id]) => change(state, id, &request.json()),
        ("DELETE", ["releases", id]) => delete(state, id),
        _ => missing(),
    }
}

pub fn message(status: u16, text: &str) -> Response {
    Response::json(status, &json!({"message": text, "documentation_url": "https://docs.github.com/rest", "status": status.to_string()}))
}

fn missing() -> Response {
    message(404, "Not Found")
}

fn invalid(resource: &str, field: &str, code: &str, text: Option<&str>) -> Response {
    let mut error = json!({"resource": resource, "code": code, "field": field});
    if let (Some(text), Some(map)) = (text, error.as_object_mut()) {
        map.insert("message".into(), json!(text));
    }
    Response::json(422, &json!({"message": "Validation Failed", "errors": [error], "documentation_url": "https://docs.github.com/rest"}))
}

fn repository(state: &State, ours: bool) -> Response {
    let name = state.repository.split('/').nth(1).unwrap_or_default();
    let mut json = json!({
        "id": 1, "node_id": "R_1", "name": name, "full_name": state.repository, "private": state.private, "archived": state.archived, "disabled": false,
        "url": format!("{}/repos/{}", state.hosts.api, state.repository), "html_url": format!("{}/{}", state.hosts.web, state.repository),
        "default_branch": "main", "fork": false, "owner": {"login": state.repository.split('/').next()}, "visibility": "something new",
    });
    if let (true, Some(map)) = (ours, json.as_object_mut()) {
        let push = state.can_push && !state.installation;
        map.insert("permissions".into(), json!({"admin": false, "maintain": false, "push": push, "triage": push, "pull": true}));
    }
    let response = Response::json(200, &json);
    match &state.scopes {
        Some(scopes) => response.header("x-oauth-scopes", scopes),
        None => response,
    }
}

fn reference(state: &State, full: &str, kind: &str, sha: &str) -> Response {
    let repo = format!("{}/repos/{}", state.hosts.api, state.repository);
    let object = json!({"type": kind, "sha": sha, "url": format!("{repo}/git/{kind}s/{sha}")});
    Response::json(200, &json!({"ref": full, "node_id": "REF_1", "url": format!("{repo}/git/{full}"), "object": object}))
}

fn branch(state: &State, name: &str) -> Response {
    state.branches.get(name).map_or_else(missing, |sha| reference(state, &format!("refs/heads/{name}"), "commit", sha))
}

fn tag(state: &State, name: &str) -> Response {
    let full = format!("refs/tags/{name}");
    match state.tags.get(name) {
        Some(Ref::Commit(sha)) => reference(state, &full, "commit", sha),
        Some(Ref::Annotated { object, .. }) => reference(state, &full, "tag", object),
        None => missing(),
    }
}

fn tag_object(state: &State, sha: &str) -> Response {
    let found = state.tags.iter().find_map(|(name, tag)| match tag {
        Ref::Annotated { object, commit } if object == sha => Some((name, commit)),
        _ => None,
    });
    let Some((name, commit)) = found else { return missing() };
    let repo = format!("{}/repos/{}", state.hosts.api, state.repository);
    Response::json(
        200,
        &json!({
            "node_id": "T_1", "tag": name, "sha": sha, "url": format!("{repo}/git/tags/{sha}"), "message": name,
            "tagger": {"date": "2026-01-01T00:00:00Z", "email": "ann@example.invalid", "name": "Ann"},
            "object": {"sha": commit, "type": "commit", "url": format!("{repo}/git/commits/{commit}")},
        }),
    )
}

/// Cuts a page out and says where the next one is: by the repository's number, as GitHub does.
fn paged(state: &State, items: Vec<Value>, request: &Request, rest: &str) -> Response {
    let number = |name: &str, default: usize| request.param(name).and_then(|value| value.parse().ok()).unwrap_or(default);
    let (size, page) = (number("per_page", 30).clamp(1, 100), number("page", 1).max(1));
    let last = items.len().div_ceil(size).max(1);
    let cut: Vec<Value> = items.into_iter().skip((page - 1) * size).take(size).collect();
    let response = Response::json(200, &Value::Array(cut));
    let link = |page: usize, rel: &str| format!("<{}/repositories/1/{rest}?per_page={size}&page={page}>; rel=\"{rel}\"", state.hosts.api);
    let mut links = Vec::new();
    if page > 1 {
        links.extend([link(page - 1, "prev"), link(1, "first")]);
    }
    if page < last {
        links.extend([link(page + 1, "next"), link(last, "last")]);
    }
    if links.is_empty() { response } else { response.header("link", links.join(", ")) }
}

fn list(state: &State, request: &Request, drafts: bool) -> Response {
    let items = state.listed(drafts).into_iter().map(|release| state.release_json(release)).collect();
    paged(state, items, request, "releases")
}

fn find<'a>(state: &'a State, id: &str, drafts: bool) -> Option<&'a Release> {
    let id: u64 = id.parse().ok()?;
    state.releases.iter().find(|release| release.id == id && (drafts || !release.draft))
}

fn one(state: &State, id: &str, drafts: bool) -> Response {
    find(state, id, drafts).map_or_else(missing, |release| Response::json(200, &state.release_json(release)))
}

fn assets(state: &State, id: &str, request: &Request, drafts: bool) -> Response {
    let Some(release) = find(state, id, drafts) else { return missing() };
    let place = if release.draft { format!("untagged-{id}") } else { release.tag.clone() };
    let items = release.assets.iter().map(|asset| state.asset_json(asset, &place)).collect();
    paged(state, items, request, &format!("releases/{id}/assets"))
}

fn create(state: &mut State, body: &Value) -> Response {
    let text = |key: &str| body.get(key).and_then(Value::as_str).map(str::to_owned);
    let flag = |key: &str| body.get(key).and_then(Value::as_bool).unwrap_or(false);
    let Some(tag) = text("tag_name").filter(|tag| !tag.is_empty()) else { return invalid("Release", "tag_name", "missing_field", None) };
    if state.workflow_trap {
        return missing();
    }
    if let Some(refusal) = refuse_tag(state, &tag, flag("draft"), None) {
        return refusal;
    }
    let (id, now) = (state.id(), state.now());
    let generated = flag("generate_release_notes").then(|| format!("## What's Changed\n* everything in {tag}"));
    let release = Release {
        id,
        tag: tag.clone(),
        target: text("target_commitish").unwrap_or_else(|| "main".into()),
        name: text("name"),
        body: text("body").or(generated),
        draft: true,
        prerelease: flag("prerelease"),
        immutable: false,
        created: now,
        published: None,
        assets: Vec::new(),
    };
    state.releases.push(release);
    if !flag("draft") {
        publish(state, id);
        elect(state, id, text("make_latest").as_deref().unwrap_or("true"));
    }
    let made = find(state, &id.to_string(), true).map(|release| state.release_json(release)).unwrap_or_default();
    let location = made.get("url").and_then(Value::as_str).unwrap_or_default().to_owned();
    Response::json(201, &made).header("location", location)
}

/// Burnt tags are refused always; a tag that is published already, when something is to be published. Drafts may share one.
fn refuse_tag(state: &State, tag: &str, draft: bool, except: Option<u64>) -> Option<Response> {
    if state.burnt.contains(tag) {
        return Some(invalid("Release", "tag_name", "custom", Some("tag_name was used by an immutable release")));
    }
    let taken = state.releases.iter().any(|release| !release.draft && release.tag == tag && Some(release.id) != except);
    (!draft && taken).then(|| invalid("Release", "tag_name", "already_exists", None))
}

fn publish(state: &mut State, id: u64) {
    let (now, immutable) = (state.now(), state.immutable);
    let Some(release) = state.by_id(id) else { return };
    release.draft = false;
    release.immutable = immutable;
    release.published.get_or_insert(now);
    let (tag, target) = (release.tag.clone(), release.target.clone());
    state.tags.entry(tag).or_insert(Ref::Commit(target));
}

fn elect(state: &mut State, id: u64, make_latest: &str) {
    let eligible = state.by_id(id).is_some_and(|release| !release.draft && !release.prerelease);
    match make_latest {
        "true" if eligible => state.elected = Some(id),
        "legacy" => state.elected = None,
        "false" if state.elected == Some(id) => state.elected = None,
        _ => {}
    }
}

fn change(state: &mut State, id: &str, body: &Value) -> Response {
    let Some(release) = find(state, id, true) else { return missing() };
    let (id, was_draft, tag) = (release.id, release.draft, release.tag.clone());
    let text = |key: &str| body.get(key).and_then(Value::as_str).map(str::to_owned);
    let publishing = was_draft && body.get("draft").and_then(Value::as_bool) == Some(false);
    let new_tag = text("tag_name").unwrap_or(tag);
    if let Some(refusal) = refuse_tag(state, &new_tag, !publishing && was_draft, Some(id)) {
        return refusal;
    }
    let Some(release) = state.by_id(id) else { return missing() };
    if !release.immutable {
        release.tag = new_tag;
    }
    release.name = text("name").or(release.name.take());
    release.body = text("body").or(release.body.take());
    release.target = text("target_commitish").unwrap_or_else(|| release.target.clone());
    release.prerelease = body.get("prerelease").and_then(Value::as_bool).unwrap_or(release.prerelease);
    if publishing {
        publish(state, id);
    }
    let make_latest = text("make_latest").or_else(|| publishing.then(|| "true".into()));
    if let Some(make_latest) = make_latest {
        elect(state, id, &make_latest);
    }
    one(state, &id.to_string(), true)
}

fn delete(state: &mut State, id: &str) -> Response {
    let Some(release) = find(state, id, true).cloned() else { return missing() };
    if release.immutable {
        state.burnt.insert(release.tag);
    }
    state.releases.retain(|other| other.id != release.id);
    Response::new(204)
}

fn upload(state: &mut State, id: &str, request: &Request) -> Response {
    let Some(release) = find(state, id, true).cloned() else { return missing() };
    let Some(name) = request.param("name").map(rename).filter(|name| !name.is_empty()) else {
        return invalid("ReleaseAsset", "name", "missing_field", None);
    };
    if release.immutable {
        return message(422, "Cannot upload assets to an immutable release.");
    }
    if request.body.is_empty() {
        return message(400, "Bad Content-Length: 0");
    }
    if release.assets.iter().any(|asset| asset.name == name) {
        return invalid("ReleaseAsset", "name", "already_exists", None);
    }
    if release.assets.len() >= 1000 {
        return invalid("ReleaseAsset", "release_id", "custom", Some("file count exceeds the limit of 1000"));
    }
    let made = state.asset(&name, request.param("label"), request.header("content-type").unwrap_or("application/octet-stream"), &request.body);
    let place = if release.draft { format!("untagged-{id}") } else { release.tag.clone() };
    let json = state.asset_json(&made, &place);
    if let Some(release) = state.by_id(release.id) {
        release.assets.push(made);
    }
    Response::json(201, &json)
}

/// What a 502 in the middle of an upload leaves: the name, taken, and nothing in it.
pub fn leave_starter(state: &mut State, request: &Request) {
    let id = request.path.split('/').rev().nth(1).and_then(|id| id.parse().ok()).unwrap_or_default();
    let mut made = state.asset(request.param("name").unwrap_or_default(), None, "application/octet-stream", b"");
    made.state = "starter".into();
    made.digest = None;
    if let Some(release) = state.by_id(id).filter(|release| release.assets.iter().all(|asset| asset.name != made.name)) {
        release.assets.push(made);
    }
}

fn asset(state: &State, id: &str, request: &Request, drafts: bool) -> Response {
    let id: u64 = id.parse().unwrap_or_default();
    let found = state
        .releases
        .iter()
        .filter(|release| drafts || !release.draft)
        .find_map(|release| Some((release, release.assets.iter().find(|asset| asset.id == id)?)));
    let Some((release, asset)) = found else { return missing() };
    if request.header("accept") == Some("application/octet-stream") {
        if state.inline {
            return Response::new(200).header("content-type", "application/octet-stream").with_body(asset.bytes.as_slice());
        }
        return Response::new(302).header("location", format!("{}/{id}?signature=abc", state.hosts.objects));
    }
    Response::json(200, &state.asset_json(asset, &release.tag))
}

fn delete_asset(state: &mut State, id: &str) -> Response {
    let id: u64 = id.parse().unwrap_or_default();
    let Some(release) = state.releases.iter_mut().find(|release| release.assets.iter().any(|asset| asset.id == id)) else { return missing() };
    if release.immutable {
        return message(422, "Cannot delete assets from an immutable release.");
    }
    release.assets.retain(|asset| asset.id != id);
    Response::new(204)
}

fn notes(body: &Value) -> Response {
    let tag = body.get("tag_name").and_then(Value::as_str).unwrap_or_default();
    Response::json(200, &json!({"name": tag, "body": format!("## What's Changed\n* everything in {tag}")}))
}

/// github.com: only what is public, and only by redirect.
fn web(state: &State, request: &Request) -> Response {
    let rest = request.path.strip_prefix(&format!("/{}/releases/download/", state.repository)).filter(|_| !state.private);
    let found = rest
        .and_then(|rest| rest.rsplit_once('/'))
        .and_then(|(tag, name)| state.release(tag)?.assets.iter().find(|asset| asset.name == name && asset.state == "uploaded").map(|asset| asset.id));
    match found {
        Some(id) => Response::new(302).header("location", format!("{}/{id}?signature=abc", state.hosts.objects)),
        None => Response::new(404).with_body("<html><title>Not Found</title>"),
    }
}

/// Where the bytes are: signed addresses, no credentials, parts on request.
fn object(state: &State, request: &Request) -> Response {
    let id: u64 = request.path.trim_start_matches('/').parse().unwrap_or_default();
    let Some(asset) = state.releases.iter().flat_map(|release| &release.assets).find(|asset| asset.id == id) else { return missing() };
    if request.header("authorization").is_some() {
        return message(400, "Only one auth mechanism allowed");
    }
    let from = request.header("range").and_then(|range| range.strip_prefix("bytes=")?.strip_suffix('-')?.parse::<usize>().ok());
    let (response, bytes) = match from {
        Some(from) if from < asset.bytes.len() => {
            let range = format!("bytes {from}-{}/{}", asset.bytes.len() - 1, asset.bytes.len());
            (Response::new(206).header("content-range", range), asset.bytes.get(from..).unwrap_or_default())
        }
        Some(_) => (Response::new(416), &[][..]),
        None => (Response::new(200), asset.bytes.as_slice()),
    };
    response.header("etag", format!("\"{id}\"")).header("accept-ranges", "bytes").header("content-type", "application/octet-stream").with_body(bytes)
}
