//! The actions that pipelines use, each pinned by its full commit hash: a tag can be moved, a hash can't.

/// An action of a certain version.
pub(super) struct Pin {
    /// What stands for it in templates.
    pub(super) placeholder: &'static str,
    /// `owner/name`
    name: &'static str,
    /// The commit.
    hash: &'static str,
    /// What that commit was released as.
    version: &'static str,
}

impl Pin {
    const fn new(placeholder: &'static str, name: &'static str, hash: &'static str, version: &'static str) -> Self {
        Self { placeholder, name, hash, version }
    }

    /// What `uses:` takes.
    pub(super) fn uses(&self) -> String {
        format!("{}@{} # {}", self.name, self.hash, self.version)
    }
}

/// All of them. This version of checkout keeps annotated tags as they are; older ones replace them by their commit.
pub(super) const PINS: [Pin; 5] = [
    Pin::new("<actions/checkout>", "actions/checkout", "de0fac2e4500dabe0009e67214ff5f5447ce83dd", "v6.0.2"),
    Pin::new("<actions/upload-artifact>", "actions/upload-artifact", "b7c566a772e6b6bfb58ed0dc250532a479d7789f", "v6.0.0"),
    Pin::new("<actions/download-artifact>", "actions/download-artifact", "37930b1c2abaa49bbe596cd826c3c89aef350131", "v7.0.0"),
    Pin::new("<actions/attest-build-provenance>", "actions/attest-build-provenance", "977bb373ede98d70efdf65b84cb5f73e068dcc2a", "v3.0.0"),
    Pin::new("<actions/cache>", "actions/cache", "9255dc7a253b0ccc959486e2bca901246202afeb", "v5.0.1"),
];
