//! Names inside a backup: raw bytes with `/` between parts, so that no name is too odd to be kept. Pure.
//!
//! Guarantees: a [`Name`] never leads out of the folder that it is joined to.

use std::{
    fmt,
    path::{Path, PathBuf},
};

use serde::{Deserialize, Serialize};

use crate::kernel::{Error, Result};

/// A relative path; empty for the root itself.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Name(Vec<u8>);

impl Name {
    /// The root.
    pub fn root() -> Self {
        Self::default()
    }

    /// Takes a name as an archive writes it: `./` before and `/` behind it are dropped; what leads out is refused.
    pub fn from_archive(raw: &[u8]) -> Result<Self> {
        let refuse = |why: &str| Err(Error::mismatch(format!("the archive holds `{}`: {why}", escaped(raw))).hint("this is no backup; nothing was written"));
        if raw.starts_with(b"/") {
            return refuse("an absolute path");
        }
        if raw.contains(&0) {
            return refuse("a name with a NUL byte");
        }
        let parts: Vec<&[u8]> = raw.split(|byte| *byte == b'/').filter(|part| !part.is_empty() && *part != b".").collect();
        if parts.contains(&&b".."[..]) {
            return refuse("a path that leads out");
        }
        if cfg!(windows) && parts.iter().any(|part| part.iter().any(|byte| matches!(byte, b':' | b'\\'))) {
            return refuse("a name that means another place on Windows");
        }
        Ok(Self(parts.join(&b'/')))
    }

    /// The raw bytes, `/` between parts.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// Whether it is the root.
    pub fn is_root(&self) -> bool {
        self.0.is_empty()
    }

    /// The entry of that name in this folder.
    #[must_use]
    pub fn child(&self, part: &[u8]) -> Self {
        let mut bytes = self.0.clone();
        if !bytes.is_empty() {
            bytes.push(b'/');
        }
        bytes.extend_from_slice(part);
        Self(bytes)
    }

    /// The folder that holds it; none for the root.
    pub fn parent(&self) -> Option<Self> {
        if self.is_root() {
            return None;
        }
        let end = self.0.iter().rposition(|byte| *byte == b'/').unwrap_or(0);
        Some(Self(self.0.get(..end).unwrap_or_default().to_vec()))
    }

    /// The last part.
    pub fn last(&self) -> &[u8] {
        self.0.rsplit(|byte| *byte == b'/').next().unwrap_or_default()
    }

    /// Whether it is that name or lies below it.
    pub fn is_within(&self, folder: &Self) -> bool {
        folder.is_root() || self == folder || self.0.strip_prefix(folder.as_bytes()).is_some_and(|rest| rest.first() == Some(&b'/'))
    }

    /// As settings write it: nothing for the root.
    pub fn text(&self) -> String {
        if self.is_root() { String::new() } else { self.to_string() }
    }

    /// What it is called seen from that folder; none when it isn't in it.
    pub fn strip(&self, folder: &Self) -> Option<Self> {
        if folder.is_root() {
            return Some(self.clone());
        }
        match self.0.strip_prefix(folder.as_bytes())? {
            [] => Some(Self::root()),
            [b'/', rest @ ..] => Some(Self(rest.to_vec())),
            _ => None,
        }
    }

    /// That name inside this folder.
    #[must_use]
    pub fn join(&self, rest: &Self) -> Self {
        if rest.is_root() { self.clone() } else { self.child(rest.as_bytes()) }
    }

    /// Where it is below a folder of this machine.
    pub fn below(&self, root: &Path) -> PathBuf {
        if self.is_root() { root.to_path_buf() } else { root.join(os(&self.0)) }
    }
}

impl From<&str> for Name {
    fn from(text: &str) -> Self {
        Self(text.as_bytes().to_vec())
    }
}

/// Bytes as this system's path.
#[cfg(unix)]
pub fn os(bytes: &[u8]) -> PathBuf {
    use std::os::unix::ffi::OsStrExt as _;
    PathBuf::from(std::ffi::OsStr::from_bytes(bytes))
}

/// Bytes as this system's path.
#[cfg(not(unix))]
pub fn os(bytes: &[u8]) -> PathBuf {
    PathBuf::from(String::from_utf8_lossy(bytes).into_owned())
}

/// This system's path as bytes, `/` between parts.
#[cfg(unix)]
pub fn bytes(path: &Path) -> Vec<u8> {
    use std::os::unix::ffi::OsStrExt as _;
    path.as_os_str().as_bytes().to_vec()
}

/// This system's path as bytes, `/` between parts.
#[cfg(not(unix))]
pub fn bytes(path: &Path) -> Vec<u8> {
    path.to_string_lossy().replace('\\', "/").into_bytes()
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&if self.is_root() { ".".to_owned() } else { escaped(&self.0) })
    }
}

impl fmt::Debug for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{self}`")
    }
}

impl From<Name> for String {
    fn from(name: Name) -> Self {
        name.to_string()
    }
}

impl TryFrom<String> for Name {
    type Error = Error;
    fn try_from(text: String) -> Result<Self> {
        Self::from_archive(&unescaped(&text)?)
    }
}

/// Bytes as text that can be read back: a backslash, control characters and what is no UTF-8 become `\xNN`.
pub fn escaped(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len());
    for chunk in bytes.utf8_chunks() {
        for c in chunk.valid().chars() {
            if c == '\\' || c.is_control() {
                c.encode_utf8(&mut [0; 4]).bytes().for_each(|byte| text.push_str(&format!("\\x{byte:02x}")));
            } else {
                text.push(c);
            }
        }
        chunk.invalid().iter().for_each(|byte| text.push_str(&format!("\\x{byte:02x}")));
    }
    text
}

/// The bytes that [`escaped`] shows.
pub fn unescaped(text: &str) -> Result<Vec<u8>> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("\\x") {
        let byte = after.get(..2).and_then(|hex| u8::from_str_radix(hex, 16).ok());
        let byte = byte.ok_or_else(|| Error::mismatch(format!("`{text}` is not a name as a manifest writes it")))?;
        bytes.extend_from_slice(before.as_bytes());
        bytes.push(byte);
        rest = after.get(2..).unwrap_or_default();
    }
    bytes.extend_from_slice(rest.as_bytes());
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn any_bytes_survive_as_text(bytes: Vec<u8>) {
            prop_assert_eq!(unescaped(&escaped(&bytes)).unwrap(), bytes);
        }

        #[test]
        fn no_name_leads_out(raw: Vec<u8>) {
            if let Ok(name) = Name::from_archive(&raw) {
                prop_assert!(name.below(Path::new("/base")).starts_with("/base"));
                prop_assert!(!name.as_bytes().split(|b| *b == b'/').any(|part| part == b".."));
            }
        }
    }

    #[test]
    fn what_leads_out_is_refused() {
        for bad in ["/etc/passwd", "../x", "a/../../x", "a/..", "a\0b"] {
            assert!(Name::from_archive(bad.as_bytes()).is_err(), "{bad:?}");
        }
        assert_eq!(Name::from_archive(b"./a//b/").unwrap(), Name::from("a/b"));
        assert!(Name::from_archive(b"./").unwrap().is_root());
    }

    #[test]
    fn families_are_known() {
        let name = Name::from("a/b/c");
        assert_eq!((name.parent().unwrap(), name.last()), (Name::from("a/b"), &b"c"[..]));
        assert!(name.is_within(&Name::from("a/b")) && name.is_within(&Name::root()) && !name.is_within(&Name::from("a/bc")));
        assert_eq!(Name::from("x").parent(), Some(Name::root()));
        assert_eq!(name.strip(&Name::from("a/b")), Some(Name::from("c")));
        assert_eq!((name.strip(&name), name.strip(&Name::from("a/bc"))), (Some(Name::root()), None));
        assert_eq!((Name::root().join(&name), name.join(&Name::root())), (name.clone(), name));
    }
}
