//! Which of the redactor's hits in source code are worth a person's time. A redactor may hide too much, a check that cries wolf is switched off:
//! so examples, placeholders, code and words are told from secrets here. Pure.

use super::redact::{Hit, decode_base64};

/// Words that a secret doesn't hold, but an example does.
const EXAMPLES: &[&str] = &[
    "example",
    "sample",
    "dummy",
    "fake",
    "mock",
    "test",
    "demo",
    "placeholder",
    "changeme",
    "change-me",
    "change_me",
    "your",
    "xxxx",
    "todo",
    "insert",
    "replace",
    "redacted",
    "secret",
    "passw",
    "foo",
    "bar",
    "abcd",
    "bcdef",
    "1234",
    "4321",
    "deadbeef",
    "0000",
    "1111",
    "aaaa",
    "qwerty",
    "lorem",
    "hunter2",
    "token",
    "api_key",
    "apikey",
    "invalid",
    "correct",
    "horse",
    "default",
    "user",
    "admin",
    "guest",
    "root",
    "postgres",
    "mysql",
    "redis",
    "rabbit",
    "minio",
    "spam",
    "eggs",
    "hello",
    "world",
    "key_id",
    "privatekey",
    "publickey",
    "a1b2c3",
    "b1c2d3",
];

/// Values that stand in the standards themselves (RFC 5849, 6749, 6750, 7519, 7617) and in everything that explains them.
const PUBLISHED: &[&str] = &[
    "czZCaGRSa3F0Mz",
    "QWxhZGRpbjpvcGVuIHNlc2FtZQ",
    "SplxlOBeZQQYbYS6WxSbIA",
    "2YotnFZFEjr1zCsicMWpAA",
    "tGzv3JOkF0XG5Qx2TlKWIA",
    "i1WsRn1uB1",
    "mF_9.B5f-4.1JqM",
    "ad180jjd733klru7",
    "wOJIO9A2W5mFwDgiDvZbTSMK",
    "bYT5CMsGcbgUdFHObYMEfcx6bsw",
    "djosJKDKJSD8743243",
    "eyJzdWIiOiIxMjM0NTY3ODkwI",
    "eyJzb21lIjoicGF5bG9hZCJ9",
    "eyJpc3MiOiJqb2UiLA0KICJleHAi",
];

/// A line that says so is left alone.
const INLINE: &[&str] = &["xtask:allow-secret", "xtask: allow-secret", "gitleaks:allow", "pragma: allowlist secret"];

/// Kinds of files that hold settings, not code: there a value of a secret's name is one, even if a person thought it up.
const SETTINGS: &[&str] = &[".yml", ".yaml", ".toml", ".ini", ".cfg", ".conf", ".properties", ".env", ".json", ".tfvars", ".xml"];

/// Whether a hit is a secret that somebody put there.
pub fn is_secret(hit: &Hit<'_>, line: &[u8], path: &str) -> bool {
    let line_text = String::from_utf8_lossy(line.get(..2000).unwrap_or(line));
    if INLINE.iter().any(|allow| line_text.contains(allow)) {
        return false;
    }
    if hit.known {
        return true;
    }
    let value = hit.value.trim_ascii();
    let value_text = String::from_utf8_lossy(value);
    if PUBLISHED.iter().any(|published| value_text.contains(published)) {
        return false;
    }
    match hit.label {
        "private-key" => value.len() >= 40 && value.iter().any(u8::is_ascii_digit),
        "url-password" => is_password(value) && !is_example_host(&line_text),
        "basic-auth" => decode_base64(value).split(|byte| *byte == b':').nth(1).is_some_and(is_password),
        "password" => is_password(value),
        "bearer-token" | "cookie" | "jwt" => is_random(value),
        "authorization-code" => is_random(value) && !is_reserved_host(&line_text),
        // Other programs' names begin with `sk-` too.
        "openai-key" => is_varied(value) && value.split(|byte| *byte == b'-').any(|part| part.len() >= 16),
        _ if hit.by_name => is_random(value) || is_settings(path) && is_password(value) && value.len() <= 64,
        _ => is_varied(value),
    }
}

/// Whether a file lies where tests and examples do: what is found there weighs less.
pub fn is_test_path(path: &str) -> bool {
    const FOLDERS: [&str; 12] = ["test", "tests", "testdata", "test_data", "testing", "fixtures", "fixture", "examples", "example", "docs", "doc", "benches"];
    let lower = path.to_ascii_lowercase();
    lower.split('/').any(|part| FOLDERS.contains(&part)) || lower.contains("test") && lower.rsplit('/').next().is_some_and(|name| name.contains("test"))
}

fn is_settings(path: &str) -> bool {
    let name = path.rsplit('/').next().unwrap_or(path).to_ascii_lowercase();
    let is_lock = name.contains("lock") || name.starts_with("package") || name.contains("schema");
    !is_lock && (SETTINGS.iter().any(|ending| name.ends_with(ending)) || name.starts_with(".env"))
}

/// A host that documentation uses, or this very machine.
fn is_example_host(line: &str) -> bool {
    ["@example.", "@localhost", "@127.0.0.1", ".example", "@host", "@myhost", "@proxy", "@server", "@hostname", "@db"].iter().any(|host| line.contains(host))
}

/// A host that stands for any (RFC 2606).
fn is_reserved_host(line: &str) -> bool {
    ["example.com", "example.org", "example.net", ".example", ".test", ".invalid", "localhost"].iter().any(|host| line.contains(host))
}

fn holds_example(value: &[u8]) -> bool {
    let text = String::from_utf8_lossy(value).to_ascii_lowercase();
    EXAMPLES.iter().any(|word| text.contains(word))
}

/// Only what a value is made of, no code around it.
fn is_literal(value: &[u8]) -> bool {
    let plain = |byte: &u8| byte.is_ascii_alphanumeric() || b"+/=_-.!@#%^&*~?|,:".contains(byte);
    value.iter().all(plain) && !value.windows(2).any(|pair| matches!(pair, b"::" | b".." | b"->" | b"//" | b"=="))
}

/// What a provider's token looks like after its fixed beginning: no examples, not one letter over and over.
fn is_varied(value: &[u8]) -> bool {
    entropy(value) >= 3.2 && !holds_example(value)
}

/// What a person thinks up as a password: long enough, letters and digits, no word of documentation.
fn is_password(value: &[u8]) -> bool {
    let mixed = value.iter().any(u8::is_ascii_digit) && value.iter().any(u8::is_ascii_alphabetic);
    value.len() >= 8 && mixed && is_literal(value) && !holds_example(value) && entropy(value) >= 2.8 && turns(value) >= 2
}

/// What a machine draws: long, of many different characters, changing between letters, cases and digits all the time as names and words don't.
fn is_random(value: &[u8]) -> bool {
    let hex = value.iter().all(u8::is_ascii_hexdigit);
    let digits = value.iter().filter(|byte| byte.is_ascii_digit()).count();
    let enough = if hex { value.len() >= 32 && entropy(value) >= 3.0 } else { value.len() >= 16 && entropy(value) >= 3.5 };
    let body = value.len() <= 512 && digits >= 2 && digits < value.len() - digits.min(value.len() / 4) && is_literal(value);
    enough && body && turns(value) * 4 >= value.len() && !holds_example(value) && !is_pathlike(value) && !is_name(value) && !is_public(value)
}

/// Dotted names, paths and addresses change class often too.
fn is_pathlike(value: &[u8]) -> bool {
    let separators = value.iter().filter(|byte| matches!(byte, b'.' | b'/' | b'-' | b'_' | b':' | b',')).count();
    separators * 6 > value.len() || value.starts_with(b"http") || value.starts_with(b"/") || value.starts_with(b".")
}

/// Names in code: `ECDSA_P384_SHA384`, `X509HardwareKeyUsageFlags`. Whole words of letters make up half of them, or all is shouted.
fn is_name(value: &[u8]) -> bool {
    let shouted = value.contains(&b'_') && !value.iter().any(u8::is_ascii_lowercase);
    // `Seed` and `seed` are words, a capital begins one.
    let words = value.chunk_by(|a, b| a.is_ascii_alphabetic() && b.is_ascii_lowercase());
    let in_words: usize = words.filter(|word| word.len() >= 3 && word.iter().all(u8::is_ascii_alphabetic)).map(<[u8]>::len).sum();
    shouted || in_words * 2 > value.len()
}

/// Digests and identifiers: random, but no secrets.
fn is_public(value: &[u8]) -> bool {
    let dashes: Vec<usize> = value.iter().enumerate().filter(|(_, byte)| **byte == b'-').map(|(at, _)| at).collect();
    let uuid = value.len() == 36 && dashes == [8, 13, 18, 23];
    uuid || value.starts_with(b":")
        || value.ends_with(b":")
        || [&b"sha256"[..], b"sha512", b"sha1", b"sha-256", b"thumbprint"].iter().any(|name| value.windows(name.len()).any(|part| part == *name))
}

/// How often the class of character changes: upper case, lower case, digit, other.
fn turns(value: &[u8]) -> usize {
    let class = |byte: u8| match byte {
        b'a'..=b'z' => 0,
        b'A'..=b'Z' => 1,
        b'0'..=b'9' => 2,
        _ => 3,
    };
    value.iter().zip(value.iter().skip(1)).filter(|(a, b)| class(**a) != class(**b)).count()
}

/// Shannon's entropy, in bits a character.
pub fn entropy(value: &[u8]) -> f64 {
    let mut counts = [0_u32; 256];
    for &byte in value {
        if let Some(count) = counts.get_mut(usize::from(byte)) {
            *count += 1;
        }
    }
    let total = value.len() as f64;
    counts.iter().filter(|count| **count > 0).map(|&count| f64::from(count) / total).map(|share| -share * share.log2()).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judged(label: &str, by_name: bool, value: &str, path: &str) -> bool {
        is_secret(&Hit { label, line: 1, value: value.as_bytes(), by_name, known: false }, value.as_bytes(), path)
    }

    #[test]
    fn secrets_are_told_from_examples() {
        assert!(judged("secret", true, "kJ8s9Dk2LmQ0pZx7Vb4N", "src/main.py"));
        assert!(judged("secret", true, "9f86d081884c7d659a2feaa0c55ad015", "src/main.py"));
        assert!(judged("secret", true, "Zebra91-kite", "config/prod.yml"));
        assert!(judged("url-password", false, "Zebra91kite", "src/db.py"));
        for value in ["self.token_cache2", "your-api-key-12345", "AKIAIOSFODNN7EXAMPLE", "config.auth.token1", "os.environ2", "xxxxxxxxxxxxxxxxxx12"] {
            assert!(!judged("secret", true, value, "src/main.py"), "{value}");
        }
        assert!(!judged("secret", true, "Zebra91-kite", "src/main.py"), "in code only what is random");
    }

    #[test]
    fn what_real_repositories_hold_is_none() {
        for (label, by_name, value) in [
            ("secret", true, "Curve25519SeedBin"),
            ("secret", true, "ed25519.Ed25519PrivateKey"),
            ("secret", true, "2YotnFZFEjr1zCsicMWpAA"),
            ("basic-auth", false, "czZCaGRSa3F0MzpnWDFmQmF0M2JW"),
            ("authorization-code", false, "SplxlOBeZQQYbYS6WxSbIA"),
            ("password", false, "property_name"),
        ] {
            assert!(!judged(label, by_name, value, "src/main.rs"), "{value}");
        }
        let code = Hit { label: "authorization-code", line: 1, value: b"u3F05aEObJuP2k7DordviIgW5wl52N", by_name: false, known: false };
        assert!(!is_secret(&code, b"https://client.example.com/cb?code=u3F05aEObJuP2k7DordviIgW5wl52N", "a.py"));
        assert!(is_secret(&code, b"https://client.acme.io/cb?code=u3F05aEObJuP2k7DordviIgW5wl52N", "a.py")); // xtask:allow-secret: made up
    }

    #[test]
    fn a_line_can_say_that_it_is_no_secret() {
        let hit =
            Hit { label: "github-token", line: 1, value: concat!("ghp_", "k3J8s9Dk2LmQ0pZx7Vb4Nw5Rt6Yu1Io8Pa2S").as_bytes(), by_name: false, known: false };
        assert!(is_secret(&hit, b"token", "a.py"));
        assert!(!is_secret(&hit, b"token  # xtask:allow-secret: revoked long ago", "a.py"));
    }
}
