//! Downloads: through the public address, without the token; with it, through the API, where the public may not.
//!
//! It guarantees that what is returned was hashed from the bytes as they came, that a broken download goes on where it stopped,
//! and that a name from the net stays in its folder.

use std::{
    fs::File,
    io::Write as _,
    path::{Path, PathBuf},
};

use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use reqwest::header::{CONTENT_RANGE, ETAG, IF_RANGE, RANGE};

use super::{
    Hub,
    line::{Who, cause},
    names,
    pace::Cost,
    reply::{Fate, Reply},
};
use crate::{
    effects::{clock, crash, files},
    forge::{Asset, Fetched, Release},
    kernel::{Bar, Context as _, Digest, Events, Hasher, Result},
};

/// Bytes that come altered are asked for again; after so many times they are what the server has.
const ALTERED: u32 = 2;

/// A file that is coming in.
struct Incoming {
    path: PathBuf,
    file: Hasher<File>,
    size: u64,
    etag: Option<String>,
}

impl Incoming {
    fn start(path: PathBuf) -> Result<Self> {
        let file = File::create(&path).context(|| format!("create {}", path.display()))?;
        Ok(Self { path, file: Hasher::new(file), size: 0, etag: None })
    }

    fn restart(&mut self) -> Result<()> {
        *self = Self::start(std::mem::take(&mut self.path))?;
        Ok(())
    }

    fn take(&mut self, bytes: &[u8]) -> Result<()> {
        self.size += bytes.len() as u64;
        self.file.write_all(bytes).context(|| format!("write {}", self.path.display()))
    }
}

/// Where an asset comes from.
struct Source {
    url: String,
    who: Who,
}

impl Hub {
    /// Downloads side by side.
    pub(super) async fn fetch(&self, release: &Release, assets: &[Asset], folder: &Path, events: &Events) -> Result<Vec<Fetched>> {
        files::create_dir(folder)?;
        let total = assets.iter().map(|asset| asset.size).sum();
        let all = events.bar(format!("downloading {} files of {}", assets.len(), release.tag), Some(total));
        let coming = stream::iter(assets.iter().map(|asset| self.fetch_one(release, asset, folder, events, &all)));
        coming.buffered(self.line.settings.parallel.max(1)).try_collect().await
    }

    /// What an asset's bytes hash to, where the server doesn't tell.
    pub(super) async fn digest_of(&self, release: &Release, asset: &Asset) -> Result<Digest> {
        let folder = tempfile::tempdir().context(|| "make a folder for a download".into())?;
        let fetched = self.fetch(release, std::slice::from_ref(asset), folder.path(), &self.line.events).await?;
        fetched.first().map(|file| file.digest).context(|| format!("download {}", asset.name))
    }

    async fn fetch_one(&self, release: &Release, asset: &Asset, folder: &Path, events: &Events, all: &Bar) -> Result<Fetched> {
        let name = names::safe(&asset.name)?;
        let doing = || format!("download {name} of {}", release.tag);
        let mut incoming = Incoming::start(folder.join(format!(".{name}.part")))?;
        let mut source = self.source(release, asset);
        let mut patience = self.line.patience();
        let mut altered = 0;
        let bar = events.bar(name, Some(asset.size));
        loop {
            let before = incoming.size;
            let fate = self.pull(&source, asset, &mut incoming, &bar).await?;
            if incoming.size > before {
                // It moves: patience is for a server that gives nothing at all.
                patience = self.line.patience();
            }
            match fate {
                None if is_right(&mut incoming, asset)? || altered >= ALTERED => break,
                None => {
                    altered += 1;
                    incoming.restart()?;
                }
                Some(Fate::Answered(reply)) => source = self.other_source(&source, asset, &reply, &doing())?,
                Some(fate) => patience.endure(&self.line, fate).await.map_err(|error| error.within(doing()))?,
            }
        }
        all.advance(asset.size);
        finish(incoming, folder, name)
    }

    /// The public address for what is public, the API for drafts and private repositories.
    fn source(&self, release: &Release, asset: &Asset) -> Source {
        if release.draft || self.memory().private == Some(true) {
            return Source { url: self.line.address.of(&format!("/releases/assets/{}", asset.id)), who: Who::Us };
        }
        Source { url: asset.url.clone(), who: Who::Public }
    }

    /// The public was refused: the token may help, through the API's own address.
    fn other_source(&self, source: &Source, asset: &Asset, reply: &Reply, doing: &str) -> Result<Source> {
        let public = source.who == Who::Public && matches!(reply.status, 401 | 403 | 404);
        if public && self.line.token().is_some() {
            return Ok(Source { url: self.line.address.of(&format!("/releases/assets/{}", asset.id)), who: Who::Us });
        }
        Err(reply.error(doing))
    }

    /// One attempt; goes on where the last one stopped. None when the body ended as it should.
    async fn pull(&self, source: &Source, asset: &Asset, incoming: &mut Incoming, bar: &Bar) -> Result<Option<Fate>> {
        let mut request = self.line.download(&source.url, source.who);
        if incoming.size > 0 {
            request = request.header(RANGE, format!("bytes={}-", incoming.size));
            if let Some(etag) = &incoming.etag {
                request = request.header(IF_RANGE, etag);
            }
        }
        self.line.admit(Cost::Read).await?;
        let response = match request.send().await {
            Ok(response) => response,
            Err(error) => return Ok(Some(Fate::Unsure(cause(error)))),
        };
        match response.status().as_u16() {
            206 if continues(&response, incoming.size) => {}
            200 => incoming.restart()?,
            206 | 416 => {
                incoming.restart()?;
                return Ok(Some(Fate::Unsure("the server sent another part than asked for".into())));
            }
            status => {
                let headers = response.headers().clone();
                let body = response.text().await.unwrap_or_default();
                return Ok(Some(Reply { status, headers, body }.fate(clock::now())));
            }
        }
        incoming.etag = response.headers().get(ETAG).and_then(|value| value.to_str().ok()).filter(|etag| !etag.starts_with("W/")).map(str::to_owned);
        self.drain(response, asset, incoming, bar).await
    }

    async fn drain(&self, response: reqwest::Response, asset: &Asset, incoming: &mut Incoming, bar: &Bar) -> Result<Option<Fate>> {
        let mut body = response.bytes_stream();
        while let Some(block) = body.next().await {
            match block {
                Ok(bytes) => {
                    incoming.take(&bytes)?;
                    bar.advance(bytes.len() as u64);
                }
                Err(error) => return Ok(Some(Fate::Unsure(cause(error)))),
            }
            if incoming.size > asset.size {
                // Endless, or a page of something in between: no more of it is read.
                return Ok(None);
            }
        }
        if incoming.size < asset.size {
            return Ok(Some(Fate::Unsure(format!("the body ended after {} of {} bytes", incoming.size, asset.size))));
        }
        Ok(None)
    }
}

fn continues(response: &reqwest::Response, from: u64) -> bool {
    let range = response.headers().get(CONTENT_RANGE).and_then(|value| value.to_str().ok());
    from > 0 && range.is_some_and(|range| range.starts_with(&format!("bytes {from}-")))
}

/// Whether these are the bytes that the release names; where it names no digest, whoever asked compares.
fn is_right(incoming: &mut Incoming, asset: &Asset) -> Result<bool> {
    let Some(expected) = asset.digest.filter(|_| incoming.size == asset.size) else { return Ok(incoming.size == asset.size) };
    incoming.file.flush().context(|| format!("write {}", incoming.path.display()))?;
    Ok(files::digest(&incoming.path)?.1 == expected)
}

fn finish(incoming: Incoming, folder: &Path, name: &str) -> Result<Fetched> {
    let (file, size, digest) = incoming.file.finish();
    file.sync_all().context(|| format!("write {}", incoming.path.display()))?;
    let path = folder.join(name);
    files::rename(&incoming.path, &path)?;
    crash::point("download");
    Ok(Fetched { name: name.into(), path, size, digest })
}
