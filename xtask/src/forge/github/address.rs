//! Where GitHub is: the API's address, the repository in it, and which hosts may see the token.
//! Pure; it guarantees that an address which came from the network never gets the credential unless it is the API's own or its uploads host.

use reqwest::Url;

use crate::kernel::{Context as _, Error, Result};

/// The API of a GitHub, and a repository there.
#[derive(Clone, Debug)]
pub(super) struct Address {
    base: Url,
    repository: String,
}

impl Address {
    /// `https://api.github.com` or `https://host/api/v3`, and `owner/name`.
    pub fn new(api: &str, repository: &str) -> Result<Self> {
        let base = Url::parse(api.trim_end_matches('/')).context(|| format!("read the API's address `{}`", without_user(api)))?;
        if !matches!(base.scheme(), "http" | "https") || base.host_str().is_none() {
            return Err(
                Error::usage(format!("the API's address `{}` is not an http address", without_user(api))).hint("the usual one is https://api.github.com")
            );
        }
        if !base.username().is_empty() || base.password().is_some() {
            return Err(Error::usage("the API's address holds credentials").hint("set GH_TOKEN instead"));
        }
        check_repository(repository)?;
        Ok(Self { base, repository: repository.into() })
    }

    /// `acme/rocket`
    pub fn repository(&self) -> &str {
        &self.repository
    }

    /// The address of something in the repository: `/releases?per_page=100`.
    pub fn of(&self, path: &str) -> String {
        format!("{}/repos/{}{path}", self.api(), self.repository)
    }

    /// The API's address without a slash at its end.
    pub fn api(&self) -> &str {
        self.base.as_str().trim_end_matches('/')
    }

    /// A person's way to the repository.
    pub fn web(&self) -> String {
        let host = match self.base.host_str().unwrap_or_default() {
            "api.github.com" => "github.com".into(),
            host => self.base.port().map_or_else(|| host.to_owned(), |port| format!("{host}:{port}")),
        };
        format!("{}://{host}/{}", self.base.scheme(), self.repository)
    }

    /// Whether an address is the API's own: scheme, host and port.
    pub fn is_api(&self, url: &Url) -> bool {
        url.origin() == self.base.origin()
    }

    /// Whether uploads, and the token with them, may go to that address: the API itself, or its uploads host.
    pub fn may_upload_to(&self, url: &Url) -> bool {
        let (Some(host), Some(ours)) = (url.host_str(), self.base.host_str()) else { return false };
        let uploads = ours.strip_prefix("api.").map(|rest| format!("uploads.{rest}"));
        let sibling = uploads.as_deref() == Some(host) && url.port_or_known_default() == self.base.port_or_known_default();
        // On this machine uploads may have a port of their own; nothing leaves it.
        let loopback = host == ours && is_loopback(host);
        self.is_api(url) || (url.scheme() == self.base.scheme() && (sibling || loopback))
    }
}

fn is_loopback(host: &str) -> bool {
    matches!(host, "127.0.0.1" | "localhost" | "[::1]")
}

/// For messages: what stands before an `@` may be a password.
fn without_user(address: &str) -> String {
    match (address.split_once("://"), address.rsplit_once('@')) {
        (Some((scheme, _)), Some((_, host))) => format!("{scheme}://…@{host}"),
        _ => address.into(),
    }
}

fn check_repository(repository: &str) -> Result<()> {
    let plain = |part: &str| !part.is_empty() && part != "." && part != ".." && part.chars().all(|c| c.is_ascii_alphanumeric() || "-_.".contains(c));
    match repository.split_once('/') {
        Some((owner, name)) if plain(owner) && plain(name) => Ok(()),
        _ => Err(Error::usage(format!("`{repository}` is not a repository on GitHub")).hint("write it as owner/name in `project.repository`")),
    }
}

/// Takes `{?name,label}` off an address that the server gave as a template.
pub(super) fn plain(template: &str) -> &str {
    template.split('{').next().unwrap_or(template)
}

/// A name as a part of an address: `v1.0.0+build/2` keeps its slash, which GitHub takes as part of the ref.
pub(super) fn escape(text: &str) -> String {
    let kept = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.~/".contains(&byte);
    text.bytes().map(|byte| if kept(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(api: &str) -> Address {
        Address::new(api, "acme/rocket").unwrap()
    }

    fn url(text: &str) -> Url {
        Url::parse(text).unwrap()
    }

    #[test]
    fn builds_addresses_on_github_and_on_enterprise() {
        assert_eq!(at("https://api.github.com/").of("/releases"), "https://api.github.com/repos/acme/rocket/releases");
        assert_eq!(at("https://git.acme.test/api/v3").of("/releases"), "https://git.acme.test/api/v3/repos/acme/rocket/releases");
        assert_eq!(at("https://api.github.com").web(), "https://github.com/acme/rocket");
    }

    #[test]
    fn the_token_goes_to_the_api_and_its_uploads_host_only() {
        let github = at("https://api.github.com");
        assert!(github.may_upload_to(&url("https://uploads.github.com/repos/acme/rocket/releases/1/assets")));
        let foreign = ["https://uploads.evil.test/x", "http://uploads.github.com/x", "https://uploads.github.com:8443/x", "https://github.com/x"];
        assert!(foreign.iter().all(|other| !github.may_upload_to(&url(other))));
        assert!(at("https://git.acme.test/api/v3").may_upload_to(&url("https://git.acme.test/api/uploads/repos/x")));
        assert!(at("http://127.0.0.1:4000").may_upload_to(&url("http://127.0.0.1:4001/x")));
        assert!(!at("http://git.acme.test:80").may_upload_to(&url("http://git.acme.test:81/x")));
    }

    #[test]
    fn refuses_what_is_no_address_and_shows_no_password() {
        for bad in ["ftp://x", "nonsense", "https://ann:hunter2@api.github.com", "file:///etc"] {
            let error = Address::new(bad, "acme/rocket").unwrap_err();
            assert!(!error.chain().contains("hunter2"), "{error:?}");
        }
        for bad in ["rocket", "acme/rocket/x", "../rocket", "acme/..", "/", "a b/c"] {
            assert!(Address::new("https://api.github.com", bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn templates_and_refs() {
        assert_eq!(plain("https://uploads.github.com/repos/a/b/releases/1/assets{?name,label}"), "https://uploads.github.com/repos/a/b/releases/1/assets");
        assert_eq!(escape("app/v1.0.0+g1"), "app/v1.0.0%2Bg1");
    }
}
