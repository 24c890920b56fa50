//! Where releases live. One trait; a directory and GitHub behind it, held by the same conformance suite.
//!
//! A forge never shows half a release: everything is put into a draft, compared by digest, and then published in one step.

mod directory;
pub mod github;

mod model;

pub use directory::Directory;
pub use model::{Asset, Draft, Edit, Fetched, Intent, Limits, Release, Survey, Upload};

use std::path::Path;

use crate::kernel::{Events, Finding, Result};

/// A place that holds releases.
pub trait Forge: Send + Sync {
    /// `directory` or `github`.
    fn kind(&self) -> &'static str;

    /// Where it is, for a person: a path or an address.
    fn place(&self) -> String;

    /// What a release there may hold at the most.
    fn limits(&self) -> Limits;

    /// Starts the look that [`Self::survey`] will tell of, and one at the tag where its name is known already, beside other work. Nothing is
    /// waited for; whatever goes wrong shows where the result is asked for.
    fn look_ahead(&self, tag: Option<&str>) {
        let _ = tag;
    }

    /// Everything it holds that these credentials may see, drafts included: all pages.
    fn survey(&self) -> Result<Survey>;

    /// The survey with the release marked that is offered as latest: a request more where the list doesn't tell.
    fn survey_latest(&self) -> Result<Survey> {
        let mut survey = self.survey()?;
        if survey.releases.iter().any(|release| !release.draft) && !survey.releases.iter().any(|release| release.latest) {
            survey.mark(self.latest()?.as_deref());
        }
        Ok(survey)
    }

    /// Whether these credentials can change anything at all, as far as can be said without asking.
    fn may_write(&self) -> Result<()> {
        Ok(())
    }

    /// What stands in the way of publishing, as far as can be seen before anything is built or sent.
    fn preflight(&self, intent: &Intent, survey: &Survey) -> Result<Vec<Finding>>;

    /// Whether only making the draft can tell that this may be published at all: then it is made before anything is built.
    fn draft_comes_first(&self, intent: &Intent, survey: &Survey) -> bool {
        let _ = (intent, survey);
        false
    }

    /// What is good to know and stands in nobody's way, for whoever asks for all findings about the forge.
    fn inspect(&self, intent: &Intent) -> Result<Vec<Finding>> {
        let _ = intent;
        Ok(Vec::new())
    }

    /// The draft for that tag: adopted where one is there (the last run was killed), else made. More than one is an error.
    fn open_draft(&self, draft: &Draft, survey: &Survey) -> Result<Release>;

    /// Makes the draft's assets exactly these: what is there with the same digest is kept, what differs is replaced, what is extra is
    /// removed. Returns the assets as the forge tells them; a digest that differs from ours is a mismatch.
    fn upload(&self, draft: &Release, uploads: &[Upload], events: &Events) -> Result<Vec<Asset>>;

    /// Publishes a complete draft in one step; `latest` says whether it is offered as the newest.
    fn publish(&self, draft: &Release, latest: bool) -> Result<Release>;

    /// A published release as the public sees it: without credentials wherever the place is public.
    fn published(&self, tag: &str) -> Result<Option<Release>>;

    /// The tag that is offered as latest now.
    fn latest(&self) -> Result<Option<String>>;

    /// Offers this release as latest.
    fn elect(&self, release: &Release) -> Result<()>;

    /// Changes what may change after publishing.
    fn edit(&self, release: &Release, edit: &Edit) -> Result<Release>;

    /// Downloads assets into a folder through the public address, side by side; sizes and digests are of the bytes that came.
    fn fetch(&self, release: &Release, assets: &[Asset], folder: &Path, events: &Events) -> Result<Vec<Fetched>>;

    /// Removes what a doubled request of ours may have left beside a published release: drafts of its tag that hold nothing.
    fn tidy(&self, tag: &str, survey: &Survey, events: &Events) -> Result<()> {
        let _ = (tag, survey, events);
        Ok(())
    }

    /// Removes a release or a draft. The tag stays: this tool never moves or deletes tags.
    fn remove(&self, release: &Release) -> Result<()>;
}
