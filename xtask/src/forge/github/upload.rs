//! Assets on their way into a draft: streamed from disk side by side, each an own retried unit of look, delete, send, compare.
//!
//! It guarantees that memory doesn't grow with a file's size, that an asset counts as there only when the server's digest is ours,
//! and that nothing is replaced outside a draft.

use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};

use futures_util::{StreamExt as _, stream};
use tokio::io::AsyncReadExt as _;

use super::{
    Hub, convert,
    line::answered,
    names,
    pace::Cost,
    problem,
    releases::upload_address,
    reply::{Fate, Reply},
};
use crate::{
    effects::{clock, crash, files},
    forge::{Asset, Release, Upload},
    kernel::{Bar, Context as _, Error, Events, Result, human_bytes},
};

/// An upload that arrives altered is sent again; so often, and it is the line or the disk that is broken.
const ALTERED: u32 = 3;
/// So often a draft that this run saw may be unknown to the server; after that somebody removed it.
pub(super) const UNKNOWN: u32 = 3;
const BLOCK: usize = 256 * 1024;

/// What to do to a draft so that it holds exactly the uploads.
#[derive(Debug, Default)]
struct Plan<'a> {
    keep: Vec<Asset>,
    /// There under the right name and size, but the server tells no digest: the bytes decide.
    ask: Vec<(&'a Upload, Asset)>,
    remove: Vec<Asset>,
    send: Vec<&'a Upload>,
}

fn plan<'a>(there: &[Asset], uploads: &'a [Upload]) -> Plan<'a> {
    let mut wanted: BTreeMap<&str, &Upload> = uploads.iter().map(|upload| (upload.name.as_str(), upload)).collect();
    let mut plan = Plan::default();
    for asset in there {
        match wanted.get(asset.name.as_str()) {
            Some(upload) if is_same(asset, upload) => {
                plan.keep.push(asset.clone());
                wanted.remove(asset.name.as_str());
            }
            Some(upload) if asset.complete && asset.digest.is_none() && asset.size == upload.size => {
                plan.ask.push((upload, asset.clone()));
                wanted.remove(asset.name.as_str());
            }
            _ => plan.remove.push(asset.clone()),
        }
    }
    plan.send = uploads.iter().filter(|upload| wanted.contains_key(upload.name.as_str())).collect();
    plan
}

fn is_same(asset: &Asset, upload: &Upload) -> bool {
    asset.complete && asset.name == upload.name && asset.size == upload.size && asset.digest == Some(upload.digest)
}

/// What all uploads of a draft share.
struct Batch<'a> {
    draft: &'a Release,
    address: reqwest::Url,
    events: &'a Events,
    all: Bar,
    /// One has failed: what is under way ends, nothing new begins.
    stopped: AtomicBool,
}

impl Hub {
    /// Makes the draft's assets exactly these.
    pub(super) async fn upload(&self, draft: &Release, uploads: &[Upload], events: &Events) -> Result<Vec<Asset>> {
        check(uploads)?;
        let address = self.upload_address(draft).await?;
        let mut plan = plan(&draft.assets, uploads);
        for (upload, asset) in std::mem::take(&mut plan.ask) {
            match self.digest_of(draft, &asset).await? {
                digest if digest == upload.digest => plan.keep.push(Asset { digest: Some(digest), ..asset }),
                _ => {
                    plan.remove.push(asset);
                    plan.send.push(upload);
                }
            }
        }
        for asset in &plan.remove {
            self.delete_asset(asset).await?;
        }
        let total = plan.send.iter().map(|upload| upload.size).sum();
        let label = format!("uploading {} files to {}", plan.send.len(), draft.tag);
        let batch = Batch { draft, address, events, all: events.bar(label, Some(total)), stopped: AtomicBool::new(false) };
        let mut sent = Vec::new();
        plan.send.sort_by_key(|upload| upload.wave);
        for wave in plan.send.chunk_by(|one, next| one.wave == next.wave) {
            let sending = stream::iter(wave.iter().map(|upload| self.send_unless_stopped(&batch, upload)));
            let ended: Vec<Option<Result<Asset>>> = sending.buffer_unordered(self.line.settings.parallel.max(1)).collect().await;
            sent.extend(ended.into_iter().flatten().collect::<Result<Vec<Asset>>>()?);
        }
        let mut assets: Vec<Asset> = plan.keep.into_iter().chain(sent).collect();
        assets.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(assets)
    }

    /// Where the draft's assets go; the token goes along, so a foreign host is refused.
    async fn upload_address(&self, draft: &Release) -> Result<reqwest::Url> {
        let known = self.memory().uploads.get(&draft.id).cloned();
        let template = match known {
            Some(template) => template,
            None => {
                self.by_id(&draft.id).await?.context(|| format!("the draft {} of {} is gone", draft.id, draft.tag))?;
                self.memory().uploads.get(&draft.id).cloned().unwrap_or_default()
            }
        };
        let url = upload_address(&template)?;
        if self.line.address.may_upload_to(&url) {
            return Ok(url);
        }
        Err(Error::refused(format!("the server wants uploads at {}, which is neither the API's host nor its uploads host", url.host_str().unwrap_or_default()))
            .hint("check `forge.github.api`: the token is sent to that host only"))
    }

    /// All assets of a release, page by page.
    pub(super) async fn assets(&self, release: &str) -> Result<Vec<Asset>> {
        let url = self.line.address.of(&format!("/releases/{release}/assets?per_page=100"));
        self.line.read_all(&url, "list the assets").await?.into_iter().map(convert::asset).collect()
    }

    async fn delete_asset(&self, asset: &Asset) -> Result<()> {
        self.delete(&format!("/releases/assets/{}", asset.id), &format!("remove the asset {} from the draft", asset.name)).await
    }

    /// What was begun is brought to its end even when another file fails: the next run need not send it again.
    async fn send_unless_stopped(&self, batch: &Batch<'_>, upload: &Upload) -> Option<Result<Asset>> {
        if batch.stopped.load(Ordering::Relaxed) {
            return None;
        }
        let sent = self.send(batch, upload).await;
        if sent.is_err() {
            batch.stopped.store(true, Ordering::Relaxed);
        }
        Some(sent)
    }

    /// Sends one file until the server has it as it is here.
    async fn send(&self, batch: &Batch<'_>, upload: &Upload) -> Result<Asset> {
        let doing = || format!("upload {}", upload.name);
        let mut patience = self.line.patience();
        let mut furthest = 0;
        let (mut altered, mut unknown) = (0, 0);
        loop {
            let fate = self.put(batch, upload, &mut furthest).await?;
            let there = match fate {
                Fate::Answered(reply) if reply.is_good() => convert::asset(reply.json().unwrap_or_default()).ok(),
                Fate::Answered(reply) if reply.status == 422 && reply.has_code("already_exists") => self.find(batch, upload).await?,
                // A draft that was made a moment ago isn't known everywhere yet, not even where it is looked at.
                Fate::Answered(reply) if reply.status == 404 && (unknown < UNKNOWN || self.by_id(&batch.draft.id).await?.is_some()) => {
                    unknown += 1;
                    patience.after_failure("the server doesn't know the draft yet").await.map_err(|error| error.within(doing()))?;
                    continue;
                }
                Fate::Answered(reply) => return Err(refusal(&reply, &doing())),
                limited @ Fate::Limited { .. } => {
                    patience.endure(&self.line, limited).await.map_err(|error| error.within(doing()))?;
                    continue;
                }
                Fate::Unsure(why) => {
                    patience.after_failure(&why).await.map_err(|error| error.within(doing()))?;
                    self.find(batch, upload).await?
                }
            };
            let Some(asset) = there else {
                continue;
            };
            if let Some(asset) = self.accept(batch, upload, asset).await? {
                batch.all.advance(upload.size.saturating_sub(furthest));
                return Ok(asset);
            }
            altered += 1;
            if altered >= ALTERED {
                return Err(Error::mismatch(format!("{} arrives altered, {ALTERED} times now", upload.name))
                    .hint("something between here and GitHub, or the disk, changes bytes"));
            }
        }
    }

    /// The asset, if it is the file; anything else under the name is removed so that the file can be sent (again).
    async fn accept(&self, batch: &Batch<'_>, upload: &Upload, asset: Asset) -> Result<Option<Asset>> {
        if asset.name != upload.name {
            self.delete_asset(&asset).await?;
            return Err(Error::mismatch(format!("GitHub stored `{}` as `{}`", upload.name, asset.name)).hint(format!("name the file `{}`", asset.name)));
        }
        if is_same(&asset, upload) {
            return Ok(Some(asset));
        }
        if asset.complete && asset.digest.is_none() && asset.size == upload.size && self.digest_of(batch.draft, &asset).await? == upload.digest {
            return Ok(Some(Asset { digest: Some(upload.digest), ..asset }));
        }
        self.delete_asset(&asset).await?;
        Ok(None)
    }

    async fn find(&self, batch: &Batch<'_>, upload: &Upload) -> Result<Option<Asset>> {
        Ok(self.assets(&batch.draft.id).await?.into_iter().find(|asset| asset.name == upload.name))
    }

    /// One attempt at sending a file, watched: it ends when no byte has moved for the stall time-out.
    async fn put(&self, batch: &Batch<'_>, upload: &Upload, furthest: &mut u64) -> Result<Fate> {
        let file = files::open(&upload.path)?;
        let length = file.metadata().context(|| format!("look at {}", upload.path.display()))?.len();
        if length != upload.size {
            return Err(Error::mismatch(format!("{} has {length} bytes now, and had {} when it was verified", upload.path.display(), upload.size)));
        }
        self.line.admit(Cost::Create).await?;
        let moved = Arc::new(AtomicU64::new(0));
        let bar = batch.events.bar(&upload.name, Some(upload.size));
        let body = reqwest::Body::wrap_stream(blocks(tokio::fs::File::from_std(file), upload.size, Arc::clone(&moved)));
        let request = self.line.upload(batch.address.clone(), &upload.name, names::content_type(&upload.name), upload.size).body(body);
        let mut work = std::pin::pin!(async { answered(request.send().await).await });
        let (stall, mut seen, mut since) = (self.line.settings.stall, 0, Duration::ZERO);
        let beat = Duration::from_millis(100).min(stall);
        let fate = loop {
            let pulse = std::pin::pin!(clock::pause(beat));
            match futures_util::future::select(work.as_mut(), pulse).await {
                futures_util::future::Either::Left((fate, _)) => break fate,
                futures_util::future::Either::Right(_) => {}
            }
            let now = moved.load(Ordering::Relaxed);
            since = if now == seen { since + beat } else { Duration::ZERO };
            if since >= stall {
                break Fate::Unsure(format!("no byte moved for {} s", stall.as_secs()));
            }
            bar.advance(now.saturating_sub(seen));
            // A file that is sent again doesn't count twice in the bar of all.
            batch.all.advance(now.saturating_sub(*furthest));
            *furthest = now.max(*furthest);
            seen = now;
        };
        crash::point("upload");
        Ok(fate)
    }
}

/// The first `left` bytes of a file in blocks, counting them as they leave. One that ends earlier breaks the request off.
fn blocks(file: tokio::fs::File, left: u64, moved: Arc<AtomicU64>) -> impl futures_util::Stream<Item = std::io::Result<Vec<u8>>> {
    stream::try_unfold((file, left, moved), |(mut file, left, moved)| async move {
        let mut block = vec![0; usize::try_from(left).map_or(BLOCK, |left| left.min(BLOCK))];
        let read = file.read(&mut block).await?;
        block.truncate(read);
        moved.fetch_add(read as u64, Ordering::Relaxed);
        Ok((read > 0).then_some((block, (file, left.saturating_sub(read as u64), moved))))
    })
}

/// What GitHub would refuse anyway is refused before the first byte.
fn check(uploads: &[Upload]) -> Result<()> {
    let limits = super::limits();
    for upload in uploads {
        if upload.size == 0 {
            return Err(Error::refused(format!("{} is empty: GitHub takes no empty assets", upload.name)));
        }
        if upload.size >= limits.asset_size {
            let message = format!("{} has {}: an asset on GitHub must be under 2 GiB", upload.name, human_bytes(upload.size));
            return Err(Error::refused(message).hint("split it, or pack it tighter"));
        }
    }
    let names: Vec<String> = uploads.iter().map(|upload| upload.name.clone()).collect();
    let findings = names::judge(&names);
    if !findings.is_empty() {
        return Err(Error::findings("names that GitHub would change", findings));
    }
    if uploads.len() > limits.assets {
        return Err(Error::refused(format!("{} assets are more than the {} that a release may hold", uploads.len(), limits.assets)));
    }
    Ok(())
}

fn refusal(reply: &Reply, doing: &str) -> Error {
    if reply.status == 404 {
        return reply.error(doing).hint("or somebody removed the draft meanwhile: run it again");
    }
    problem::changing(reply, doing)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernel::Digest;

    fn upload(name: &str, bytes: &[u8]) -> Upload {
        Upload { name: name.into(), path: name.into(), size: bytes.len() as u64, digest: Digest::of(bytes), wave: 0 }
    }

    fn asset(name: &str, bytes: &[u8]) -> Asset {
        Asset { id: name.into(), name: name.into(), size: bytes.len() as u64, digest: Some(Digest::of(bytes)), complete: true, url: String::new() }
    }

    #[test]
    fn a_draft_is_made_exact() {
        let uploads = [upload("same", b"1"), upload("other", b"2"), upload("new", b"3"), upload("half", b"4"), upload("untold", b"5")];
        let half = Asset { complete: false, size: 0, digest: None, ..asset("half", b"") };
        let untold = Asset { digest: None, ..asset("untold", b"5") };
        let there = [asset("same", b"1"), asset("other", b"x"), asset("extra", b"e"), half, untold];
        let plan = plan(&there, &uploads);
        let names = |assets: &[Asset]| assets.iter().map(|asset| asset.name.clone()).collect::<Vec<_>>();
        assert_eq!(names(&plan.keep), ["same"]);
        assert_eq!(names(&plan.remove), ["other", "extra", "half"]);
        assert_eq!(plan.ask.len(), 1);
        assert_eq!(plan.send.iter().map(|upload| upload.name.as_str()).collect::<Vec<_>>(), ["other", "new", "half"]);
    }

    #[test]
    fn what_github_would_refuse_is_refused_first() {
        assert!(check(&[upload("empty", b"")]).unwrap_err().to_string().contains("empty"));
        let large = Upload { size: 1 << 31, ..upload("large", b"x") };
        assert!(check(&[large]).unwrap_err().to_string().contains("2 GiB"));
        assert!(check(&[upload("a b", b"x")]).is_err());
        let many: Vec<_> = (0..1001).map(|n| upload(&format!("f{n}"), b"x")).collect();
        assert!(check(&many).unwrap_err().to_string().contains("1001"));
    }
}
