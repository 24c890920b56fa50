//! The credential. It comes from `GH_TOKEN` or `GITHUB_TOKEN` only and is shown by nothing: not by Debug, not in an error, not in a log.
//! It may touch the environment, once; it guarantees that whoever holds it can only turn it into a header marked as sensitive.

use std::fmt;

use reqwest::header::HeaderValue;

use crate::kernel::{Error, Kind, Result};

/// A token for GitHub.
#[derive(Clone)]
pub struct Token {
    header: HeaderValue,
    installation: bool,
}

impl Token {
    /// `GH_TOKEN`, else `GITHUB_TOKEN`; none where neither is set or both are empty.
    pub fn from_env() -> Result<Option<Self>> {
        for name in ["GH_TOKEN", "GITHUB_TOKEN"] {
            let value = std::env::var(name).unwrap_or_default();
            // Secrets that were pasted into a settings page often end with a line break.
            if !value.trim().is_empty() {
                return Self::new(&value).map(Some).map_err(|error| error.within(format!("read {name}")));
            }
        }
        Ok(None)
    }

    /// A token at hand.
    pub fn new(text: &str) -> Result<Self> {
        let text = text.trim();
        let wrong = || Error::new(Kind::Denied, "the token holds characters that no token has").hint("set GH_TOKEN to the token alone");
        if text.is_empty() || !text.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(wrong());
        }
        let mut header = HeaderValue::from_str(&format!("Bearer {text}")).map_err(|_| wrong())?;
        header.set_sensitive(true);
        Ok(Self { header, installation: text.starts_with("ghs_") })
    }

    /// The value of the Authorization header.
    pub(super) fn header(&self) -> HeaderValue {
        self.header.clone()
    }

    /// Whether it belongs to an installed app, as the token of GitHub Actions does. For those `permissions.push` is always false.
    pub(super) fn is_installation(&self) -> bool {
        self.installation
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn is_never_shown() {
        let token = Token::new(" ghs_secret\n").unwrap();
        assert!(token.is_installation());
        assert!(!format!("{token:?} {:?}", token.header()).contains("secret"));
        let error = Token::new("ghs_sec\nret").unwrap_err();
        assert!(!format!("{error:?}").contains("sec\nret"));
    }
}
