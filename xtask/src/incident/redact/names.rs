//! Which key names say that their value is secret: `DB_PASSWORD`, `apiKey`, `x-auth-token`. Pure; shared by the redactor and the checks.

/// Where in a name to look closer: every secret name holds one of these.
pub const ANCHORS: &[&str] = &[
    "pass",
    "pwd",
    "secret",
    "token",
    "key",
    "auth",
    "cookie",
    "credential",
    "jwt",
    "sess",
    "sig",
    "dsn",
    "bearer",
    "psk",
    "bindpw",
    "pw=",
    "pw:",
    "kennwort",
    "senha",
    "otp",
    "mfa",
    "assertion",
    "saml",
    "_pat",
    "masterauth",
    "pincode",
];

/// How sure a name makes us.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Certainty {
    /// Prose uses the word too: `token: unexpected end`. The value must look like a secret.
    Maybe,
    /// The value is secret, whatever it looks like.
    Sure,
}

/// Ends of a name, without its separators, that make the value secret.
const SURE: &[&str] = &[
    "password",
    "passwd",
    "passphrase",
    "passwort",
    "userpass",
    "dbpass",
    "rootpass",
    "sshpass",
    "pgpass",
    "pwd",
    "clientsecret",
    "appsecret",
    "apisecret",
    "secretkey",
    "secretaccesskey",
    "sharedsecret",
    "apikey",
    "xapikey",
    "accesskey",
    "accesskeyid",
    "privatekey",
    "accountkey",
    "sharedaccesskey",
    "storagekey",
    "encryptionkey",
    "decryptionkey",
    "signingkey",
    "authkey",
    "masterkey",
    "servicekey",
    "servicerolekey",
    "sessionkey",
    "hmackey",
    "jwtkey",
    "licensekey",
    "deploykey",
    "webhookkey",
    "adminkey",
    "clientkey",
    "cookiesecret",
    "sessionsecret",
    "webhooksecret",
    "jwtsecret",
    "credentials",
    "credential",
    "authorization",
    "sessionid",
    "phpsessid",
    "connectsid",
    "setcookie",
    "accesstoken",
    "authtoken",
    "apitoken",
    "refreshtoken",
    "idtoken",
    "bearertoken",
    "sessiontoken",
    "securitytoken",
    "csrftoken",
    "xsrftoken",
    "bottoken",
    "personalaccesstoken",
    "oauthtoken",
    "deploytoken",
    "registrytoken",
    "npmtoken",
    "githubtoken",
    "gitlabtoken",
    "vaulttoken",
    "amzsignature",
    "amzcredential",
    "subscriptionkey",
    "functionskey",
    "clientassertion",
    "samlresponse",
    "idtokenhint",
    "clientkeydata",
    "secretkeybase",
    "requirepass",
    "masterauth",
    "passcode",
    "pincode",
    "otpcode",
    "mfacode",
    "kennwort",
    "motdepasse",
    "bindpw",
    "psk",
    "githubpat",
];

/// Whole names or ends that prose and programs use for other things too.
const MAYBE: &[&str] =
    &["secret", "secrets", "token", "auth", "cookie", "jwt", "session", "signature", "sig", "pass", "oauth", "bearer", "pw", "otp", "senha", "assertion"];

/// Ends that only look like one: counts, kinds, places, parsers' tokens.
const NOT: &[&str] = &[
    "publickey",
    "primarykey",
    "foreignkey",
    "compass",
    "bypass",
    "getpass",
    "maxtoken",
    "nexttoken",
    "pagetoken",
    "nextpagetoken",
    "continuationtoken",
    "eostoken",
    "bostoken",
    "padtoken",
    "unktoken",
    "stoptoken",
    "pushtoken",
    "cancellationtoken",
    "cancelationtoken",
    "nextoken",
    "oldpwd",
];

/// What a name says; `None`: nothing secret.
pub fn certainty(name: &[u8]) -> Option<Certainty> {
    let flat: Vec<u8> = name.iter().filter(|byte| byte.is_ascii_alphanumeric()).map(u8::to_ascii_lowercase).collect();
    let ends = |list: &[&str]| list.iter().any(|end| flat.ends_with(end.as_bytes()));
    if flat == b"pwd" && name.iter().all(u8::is_ascii_uppercase) || ends(NOT) {
        // `PWD` is the working folder.
        return None;
    }
    if ends(SURE) || is_shouted(name) {
        return Some(Certainty::Sure);
    }
    let last = last_word(name);
    MAYBE.iter().any(|word| last.eq_ignore_ascii_case(word.as_bytes())).then_some(if is_compound(name) { Certainty::Sure } else { Certainty::Maybe })
}

/// `API key: …`, `secret key is …`: a name of two words, as people write it.
pub fn is_spoken(before: &[u8], name: &[u8]) -> bool {
    const FIRST: [&[u8]; 8] = [b"api", b"access", b"secret", b"private", b"signing", b"encryption", b"master", b"license"];
    let word = || before.strip_suffix(b" ").unwrap_or_default().rsplit(|byte| !byte.is_ascii_alphabetic()).next().unwrap_or_default();
    (name.eq_ignore_ascii_case(b"key") || name.eq_ignore_ascii_case(b"token")) && FIRST.iter().any(|first| word().eq_ignore_ascii_case(first))
}

/// `OPENAI_KEY`, `STRIPE_SECRET`, `DB_PASS`: an environment variable whose last word is a secret's.
fn is_shouted(name: &[u8]) -> bool {
    const LAST: [&[u8]; 8] = [b"KEY", b"SECRET", b"SECRETS", b"TOKEN", b"PASS", b"PASSWORD", b"PAT", b"CREDENTIALS"];
    const OTHER_KEYS: [&[u8]; 8] = [b"PUBLIC", b"PRIMARY", b"FOREIGN", b"SORT", b"CACHE", b"REGISTRY", b"HOT", b"PARTITION"];
    let shouted = name.contains(&b'_') && name.iter().all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit() || *byte == b'_');
    let mut words = name.rsplit(|byte| *byte == b'_');
    let last = words.next().unwrap_or_default();
    let before = words.next().unwrap_or_default();
    shouted && LAST.contains(&last) && !OTHER_KEYS.contains(&before)
}

/// More than one word, in snake, kebab or camel case: `github_token`, `botToken`.
fn is_compound(name: &[u8]) -> bool {
    last_word(name).len() < name.len()
}

fn last_word(name: &[u8]) -> &[u8] {
    let start = name.iter().rposition(|byte| !byte.is_ascii_alphanumeric()).map_or(0, |at| at + 1);
    let word = name.get(start..).unwrap_or_default();
    let hump = word.iter().zip(word.iter().skip(1)).rposition(|(a, b)| a.is_ascii_lowercase() && b.is_ascii_uppercase());
    word.get(hump.map_or(0, |at| at + 1)..).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::{Certainty::*, *};

    #[test]
    fn names_are_told_apart() {
        for name in [
            "password",
            "DB_PASSWORD",
            "apiKey",
            "x-api-key",
            "OPENAI_KEY",
            "client_secret",
            "botToken",
            "AWS_SECRET_ACCESS_KEY",
            "github_token",
            "dbPass",
            "npassword",
        ] {
            assert_eq!(certainty(name.as_bytes()), Some(Sure), "{name}");
        }
        for name in ["token", "secret", "session", "auth", "cookie", "pass"] {
            assert_eq!(certainty(name.as_bytes()), Some(Maybe), "{name}");
        }
        for name in [
            "key",
            "PWD",
            "OLDPWD",
            "public_key",
            "max_tokens",
            "tokens",
            "compass",
            "keyboard",
            "monkey",
            "PRIMARY_KEY",
            "author",
            "passed",
            "next_page_token",
            "sort_key",
        ] {
            assert_eq!(certainty(name.as_bytes()), None, "{name}");
        }
    }
}
