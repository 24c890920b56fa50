//! The line to GitHub: every request of this room goes through here, so that pacing, waiting, retrying and the token are in one place.
//!
//! It guarantees: reads are repeated until they are answered or patience ends; a write is attempted once, and its caller looks before trying again;
//! every wait is told to whoever watches; the token goes to the API and its uploads host and is marked as sensitive.

use std::{
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

use octocrab::Octocrab;
use reqwest::{
    Method,
    header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderValue, USER_AGENT},
};
use serde_json::Value;

use super::{
    Settings,
    address::Address,
    pace::{Cost, Pace},
    patience::{Patience, Told},
    reply::{Fate, Reply, next_page},
    token::Token,
};
use crate::{
    effects::{clock, crash, network},
    kernel::{Context as _, Error, Events, Result},
};

/// As whom to ask.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Who {
    /// With the token, where there is one.
    Us,
    /// As anybody from the street.
    Public,
}

/// The line.
pub(super) struct Line {
    octocrab: Octocrab,
    downloads: reqwest::Client,
    uploads: reqwest::Client,
    token: Option<Token>,
    pace: Mutex<Pace>,
    told: Told,
    /// Where it leads.
    pub address: Address,
    /// How it behaves.
    pub settings: Settings,
    /// Who watches.
    pub events: Events,
}

impl Line {
    /// Opens it; nothing is sent yet.
    pub fn open(settings: Settings, token: Option<Token>, events: Events) -> Result<Self> {
        let timeouts = network::Timeouts { connect: settings.connect, stall: settings.stall };
        let downloads = network::client(timeouts)?;
        // Octocrab's own retry would repeat a POST at once and make a second draft: that feature is not even compiled in.
        // It gets no token either: each request carries its own, so that the public's view can be asked for with the same client.
        let octocrab = Octocrab::builder()
            .base_uri(settings.api.as_str())
            .context(|| "read the API's address".into())?
            .add_header(ACCEPT, "application/vnd.github+json".into())
            .add_header("x-github-api-version".parse().context(|| "name a header".into())?, "2022-11-28".into())
            .build_with_reqwest(downloads.clone())
            .context(|| "set up the GitHub client".into())?;
        let address = Address::new(&settings.api, &settings.repository)?;
        let uploads = network::upload_client(timeouts)?;
        Ok(Self { octocrab, downloads, uploads, token, pace: Mutex::default(), told: Told::default(), address, settings, events })
    }

    /// Whether there is a token.
    pub fn token(&self) -> Option<&Token> {
        self.token.as_ref()
    }

    /// Patience for one request.
    pub fn patience(&self) -> Patience<'_> {
        Patience::new(&self.settings, &self.events, &self.told)
    }

    /// Reads from the API, again and again while it makes sense. Any final answer is returned, good or not.
    pub async fn read(&self, url: &str, who: Who) -> Result<Reply> {
        let mut patience = self.patience();
        loop {
            self.admit(Cost::Read).await?;
            match self.read_once(url, who).await {
                Fate::Answered(reply) => return Ok(reply),
                fate => patience.endure(self, fate).await.map_err(|error| error.within(format!("read {url}")))?,
            }
        }
    }

    /// Every page of a list.
    pub async fn read_all(&self, url: &str, doing: &str) -> Result<Vec<Value>> {
        let mut items = Vec::new();
        let mut next = Some(url.to_owned());
        while let Some(url) = next.take() {
            let reply = self.read(&url, Who::Us).await?;
            if !reply.is_good() {
                return Err(reply.error(doing));
            }
            match reply.json() {
                Some(Value::Array(page)) => items.extend(page),
                _ => return Err(Error::unexpected(format!("{doing}: the server answered with something that is not a list"))),
            }
            next = self.next(&reply)?;
        }
        Ok(items)
    }

    /// The next page's address; one on another host would get the token and is refused.
    fn next(&self, reply: &Reply) -> Result<Option<String>> {
        let Some(next) = next_page(&reply.headers) else { return Ok(None) };
        let url = reqwest::Url::parse(&next).context(|| "read the address of the next page".into())?;
        if self.address.is_api(&url) {
            return Ok(Some(next));
        }
        Err(Error::unexpected(format!("the server's next page is on another host ({})", url.host_str().unwrap_or_default())))
    }

    /// One attempt at a read.
    pub async fn read_once(&self, url: &str, who: Who) -> Fate {
        let mut headers = HeaderMap::new();
        headers.insert(USER_AGENT, HeaderValue::from_static(network::USER_AGENT));
        if let (Who::Us, Some(token)) = (who, &self.token) {
            headers.insert(AUTHORIZATION, token.header());
        }
        let answer = match self.octocrab._get_with_headers(url, Some(headers)).await {
            Ok(answer) => answer,
            Err(error) => return Fate::Unsure(octocrab_cause(&error)),
        };
        let (status, headers) = (answer.status().as_u16(), answer.headers().clone());
        tracing::debug!(url, status, "GET");
        match self.octocrab.body_to_string(answer).await {
            Ok(body) => Reply { status, headers, body }.fate(clock::now()),
            Err(error) => Fate::Unsure(octocrab_cause(&error)),
        }
    }

    /// One attempt at a write. The caller decides what to do about anything but an answer.
    pub async fn write(&self, method: Method, url: &str, json: Option<&Value>, cost: Cost) -> Result<Fate> {
        let mut request = self.with_token(self.uploads.request(method.clone(), url)).timeout(self.settings.stall);
        if let Some(json) = json {
            request = request.json(json);
        }
        self.admit(cost).await?;
        let fate = answered(request.send().await).await;
        crash::point(&format!("{method} {}", url.strip_prefix(self.address.api()).unwrap_or(url)));
        Ok(fate)
    }

    /// The request that carries an asset's bytes; the caller has asked for admission and has checked the host.
    pub fn upload(&self, url: reqwest::Url, name: &str, content_type: &'static str, size: u64) -> reqwest::RequestBuilder {
        let request = self.uploads.post(url).query(&[("name", name)]).header(CONTENT_TYPE, content_type);
        self.with_token(request.header(reqwest::header::CONTENT_LENGTH, size))
    }

    /// A download. Redirects are followed; the token doesn't follow to another host.
    pub fn download(&self, url: &str, who: Who) -> reqwest::RequestBuilder {
        let request = self.downloads.get(url).header(ACCEPT, "application/octet-stream");
        if who == Who::Us { self.with_token(request) } else { request }
    }

    fn with_token(&self, request: reqwest::RequestBuilder) -> reqwest::RequestBuilder {
        match &self.token {
            Some(token) => request.header(AUTHORIZATION, token.header()),
            None => request,
        }
    }

    /// Waits until the published limits allow the request.
    pub async fn admit(&self, cost: Cost) -> Result<()> {
        loop {
            let verdict = self.pace.lock().unwrap_or_else(PoisonError::into_inner).admit(cost, Instant::now());
            let Err(wait) = verdict else { return Ok(()) };
            self.tell("keeping within the server's limits", wait)?;
            // A hold is told in hastened time already: hastening it twice would only look again and again.
            clock::pause(self.settings.hastened(wait).max(wait.min(Duration::from_millis(250)))).await;
        }
    }

    /// The server said to wait: nothing else goes out before then either.
    pub fn hold(&self, wait: Duration) {
        let until = Instant::now() + self.settings.hastened(wait);
        self.pace.lock().unwrap_or_else(PoisonError::into_inner).hold(until);
    }

    /// Tells of a wait that all transfers share, once; refuses one that is too long.
    fn tell(&self, why: &str, wait: Duration) -> Result<()> {
        let patience = self.patience();
        patience.may_wait(why, wait)?;
        patience.tell(why, wait);
        Ok(())
    }
}

/// What came of a request: its answer, or why nobody knows.
pub(super) async fn answered(sent: reqwest::Result<reqwest::Response>) -> Fate {
    let response = match sent {
        Ok(response) => response,
        Err(error) => return Fate::Unsure(cause(error)),
    };
    let (status, headers) = (response.status().as_u16(), response.headers().clone());
    match response.bytes().await {
        Ok(bytes) => Reply { status, headers, body: String::from_utf8_lossy(&bytes).into_owned() }.fate(clock::now()),
        Err(error) => Fate::Unsure(cause(error)),
    }
}

/// Why a request failed, without its address: a redirect's address is signed, and the signature is a credential.
pub(super) fn cause(error: reqwest::Error) -> String {
    let error = error.without_url();
    if error.is_timeout() { format!("no answer in time ({})", chain(&error)) } else { chain(&error) }
}

fn octocrab_cause(error: &octocrab::Error) -> String {
    match error {
        // Its own words end in a backtrace and hold the address; the innermost cause says it.
        octocrab::Error::Service { source, .. } => source.downcast_ref::<octocrab::Error>().map_or_else(|| innermost(&**source), octocrab_cause),
        other => innermost(other),
    }
}

fn innermost(error: &dyn std::error::Error) -> String {
    let mut last = error;
    while let Some(source) = last.source() {
        last = source;
    }
    last.to_string()
}

fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(error) = source {
        text = format!("{text}: {error}");
        source = error.source();
    }
    text
}
