//! What an answer of the server means: pure reading of status, headers and body.
//! It guarantees that every answer falls into one of four: good, wait so long, unsure (look before trying again), or final with a reason.

use std::time::Duration;

use chrono::{DateTime, Utc};
use reqwest::header::HeaderMap;
use serde_json::Value;

use crate::kernel::{Error, Kind};

/// An answer, whole.
#[derive(Debug)]
pub(super) struct Reply {
    /// The HTTP status.
    pub status: u16,
    /// Its headers.
    pub headers: HeaderMap,
    /// Its body as text; bytes that are no UTF-8 are replaced.
    pub body: String,
}

/// What to make of an attempt.
#[derive(Debug)]
pub(super) enum Fate {
    /// The server answered and means it.
    Answered(Reply),
    /// The server did nothing and says to wait.
    Limited {
        /// What it names as the reason.
        why: String,
        /// How long; none where it doesn't say.
        wait: Option<Duration>,
    },
    /// Nobody knows whether it was done.
    Unsure(String),
}

impl Reply {
    /// 2xx.
    pub fn is_good(&self) -> bool {
        (200..300).contains(&self.status)
    }

    /// A header as text.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// The body, if it is JSON.
    pub fn json(&self) -> Option<Value> {
        serde_json::from_str(&self.body).ok()
    }

    /// What it says in its own words: `message`, and what each entry of `errors` adds.
    pub fn message(&self) -> String {
        let Some(json) = self.json() else { return page(&self.body) };
        let text = |value: &Value, key: &str| value.get(key).and_then(Value::as_str).map(str::to_owned);
        let mut parts: Vec<String> = text(&json, "message").into_iter().collect();
        for error in json.get("errors").and_then(Value::as_array).into_iter().flatten() {
            let words = ["resource", "field", "code", "message"].iter().filter_map(|key| text(error, key));
            parts.push(error.as_str().map_or_else(|| words.collect::<Vec<_>>().join(" "), str::to_owned));
        }
        if parts.is_empty() { "no reason given".into() } else { parts.join("; ") }
    }

    /// Whether one of its errors has that code, as `already_exists`.
    pub fn has_code(&self, code: &str) -> bool {
        let json = self.json().unwrap_or_default();
        json.get("errors").and_then(Value::as_array).is_some_and(|errors| errors.iter().any(|error| error.get("code").and_then(Value::as_str) == Some(code)))
    }

    /// Sorts it.
    pub fn fate(self, now: DateTime<Utc>) -> Fate {
        if let Some(why) = self.limit() {
            let wait = self.wait(now);
            return Fate::Limited { why, wait };
        }
        if self.status >= 500 || self.status == 408 || (self.is_good() && !self.body.is_empty() && self.json().is_none()) {
            return Fate::Unsure(format!("the server answered {}: {}", self.status, page(&self.body)));
        }
        Fate::Answered(self)
    }

    fn limit(&self) -> Option<String> {
        let exhausted = self.header("x-ratelimit-remaining") == Some("0");
        let told = self.header("retry-after").is_some();
        let message = self.message();
        let lower = message.to_lowercase();
        let secondary = lower.contains("secondary rate limit") || lower.contains("abuse detection");
        match self.status {
            429 => Some(format!("the server limits its requests ({message})")),
            403 if secondary => Some("the server's secondary rate limit".into()),
            403 if told || exhausted || lower.contains("rate limit exceeded") => Some("the server's rate limit".into()),
            503 if told => Some("the server is busy".into()),
            _ => None,
        }
    }

    /// Retry-After (seconds or a date), else the reset of an exhausted quota; the server's own clock counts, where it tells it.
    fn wait(&self, now: DateTime<Utc>) -> Option<Duration> {
        let date = |text: &str| DateTime::parse_from_rfc2822(text).ok().map(|time| time.with_timezone(&Utc));
        let now = self.header("date").and_then(date).unwrap_or(now);
        let until = |time: DateTime<Utc>| (time - now).to_std().unwrap_or_default();
        if let Some(text) = self.header("retry-after") {
            return text.trim().parse().ok().map(Duration::from_secs).or_else(|| date(text).map(until));
        }
        let reset = self.header("x-ratelimit-reset").filter(|_| self.header("x-ratelimit-remaining") == Some("0"))?;
        // One second more: both clocks count whole seconds.
        DateTime::from_timestamp(reset.parse().ok()?, 0).map(|time| until(time) + Duration::from_secs(1))
    }

    /// The failure that a final answer stands for.
    pub fn error(&self, doing: &str) -> Error {
        let message = self.message();
        let error = |kind| Error::new(kind, format!("{doing}: the server answered {}: {message}", self.status));
        match self.status {
            401 => error(Kind::Denied).hint("the token is wrong or has expired: set GH_TOKEN to a valid one"),
            403 => error(Kind::Denied).hint("the token needs `contents: write` on this repository (classic tokens: the scope `repo`)"),
            404 => error(Kind::Denied).hint("check `project.repository`; for a private repository set GH_TOKEN to a token that may see it"),
            301 | 302 | 307 | 308 => error(Kind::Refused).hint("the repository has moved: change `project.repository` or the origin remote"),
            409 | 410 | 422 | 451 => error(Kind::Refused),
            _ => error(Kind::Unexpected),
        }
    }
}

/// The first words of what should have been JSON; of a page, its title.
fn page(body: &str) -> String {
    let lower = body.to_ascii_lowercase();
    let title = lower.find("<title>").zip(lower.find("</title>")).and_then(|(from, to)| body.get(from + 7..to));
    let text = title.unwrap_or(body).split_whitespace().take(20).collect::<Vec<_>>().join(" ");
    match (title, text.is_empty()) {
        (_, true) => "an empty body".into(),
        (Some(_), _) => format!("a page titled \"{text}\""),
        (None, _) => format!("\"{}\"", text.chars().take(120).collect::<String>()),
    }
}

/// The address of the next page, from a Link header.
pub(super) fn next_page(headers: &HeaderMap) -> Option<String> {
    let link = headers.get("link")?.to_str().ok()?;
    link.split(',').find_map(|part| {
        let (address, rest) = part.trim().strip_prefix('<')?.split_once('>')?;
        rest.split(';').any(|word| matches!(word.trim(), "rel=\"next\"" | "rel=next")).then(|| address.to_owned())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reply(status: u16, headers: &[(&'static str, &str)], body: &str) -> Reply {
        let headers = headers.iter().map(|(name, value)| ((*name).parse().unwrap(), value.parse().unwrap())).collect();
        Reply { status, headers, body: body.into() }
    }

    fn now() -> DateTime<Utc> {
        DateTime::from_timestamp(1_769_860_800, 0).unwrap()
    }

    #[test]
    fn waits_as_told() {
        type Case = (u16, &'static [(&'static str, &'static str)], &'static str, Option<u64>);
        let cases: [Case; 7] = [
            (429, &[("retry-after", "7")], "", Some(7)),
            (403, &[("retry-after", "Sat, 31 Jan 2026 12:01:00 +0000")], "{}", Some(60)),
            (403, &[("x-ratelimit-remaining", "0"), ("x-ratelimit-reset", "1769860830")], "{}", Some(31)),
            // The server's clock is half a minute ahead of ours.
            (403, &[("x-ratelimit-remaining", "0"), ("x-ratelimit-reset", "1769860860"), ("date", "Sat, 31 Jan 2026 12:00:30 GMT")], "{}", Some(31)),
            (403, &[], r#"{"message":"You have exceeded a secondary rate limit."}"#, None),
            (429, &[("x-ratelimit-remaining", "12"), ("x-ratelimit-reset", "1769860830")], "{}", None),
            (503, &[("retry-after", "2")], "<html>", Some(2)),
        ];
        for (status, headers, body, seconds) in cases {
            match reply(status, headers, body).fate(now()) {
                Fate::Limited { wait, .. } => assert_eq!(wait.map(|wait| wait.as_secs()), seconds, "{status} {headers:?}"),
                other => panic!("{status} {headers:?}: {other:?}"),
            }
        }
    }

    #[test]
    fn a_plain_403_is_final_and_a_broken_200_is_unsure() {
        let denied = reply(403, &[("x-ratelimit-remaining", "4999")], r#"{"message":"Resource not accessible by integration"}"#);
        let Fate::Answered(denied) = denied.fate(now()) else { panic!("a 403 without limits is an answer") };
        assert_eq!(denied.error("publish v1.0.0").kind(), Kind::Denied);
        for (status, body) in [(200, "{\"id\":"), (200, "<html><title>Hello</title>"), (502, ""), (500, "{}")] {
            assert!(matches!(reply(status, &[], body).fate(now()), Fate::Unsure(_)), "{status} {body}");
        }
    }

    #[test]
    fn reads_messages() {
        let body = r#"{"message":"Validation Failed","errors":[{"resource":"ReleaseAsset","code":"already_exists","field":"name"},"odd"]}"#;
        let taken = reply(422, &[], body);
        assert_eq!(taken.message(), "Validation Failed; ReleaseAsset name already_exists; odd");
        assert!(taken.has_code("already_exists") && !taken.has_code("missing"));
        assert_eq!(reply(502, &[], "<HTML><title>Unicorn!\n </title>").message(), "a page titled \"Unicorn!\"");
    }

    #[test]
    fn finds_the_next_page() {
        let link =
            r#"<https://api.github.com/repositories/1/releases?page=1>; rel="prev", <https://api.github.com/repositories/1/releases?page=3>; rel="next""#;
        let links = reply(200, &[("link", link)], "");
        assert_eq!(next_page(&links.headers).unwrap(), "https://api.github.com/repositories/1/releases?page=3");
        assert_eq!(next_page(&reply(200, &[("link", "<x>; rel=\"last\"")], "").headers), None);
    }
}
