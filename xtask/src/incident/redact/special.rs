//! Secrets with a grammar of their own: credentials in URLs, JSON web tokens, authorization schemes, cookies, private keys, bot tokens.

use super::{
    class::Class,
    commands,
    span::{Span, Stage, identity},
    tokens,
    view::{AHEAD, View},
};

/// Which grammar.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Special {
    /// `://user:password@host`
    UrlPassword,
    /// `eyJ….….…`
    Jwt,
    /// `Bearer …`
    Bearer,
    /// `Basic …` whose decoded text holds a colon.
    Basic,
    /// `-----BEGIN … PRIVATE KEY-----`
    PrivateKey,
    /// `123456789:AA…`
    Telegram,
    /// A fixed part in the middle: `….atlasv1.…`
    Middle(&'static Middle),
    /// `SK` and 32 hexadecimal digits.
    Twilio,
    /// `curl -u ann:…`, `redis-cli -a …`, `mysql -p…`, `sshpass -p …`
    CommandLine(&'static str),
    /// `MTIz….….…`: a bot's number in base64, a time, a signature.
    Discord,
    /// `?code=…` of an authorization.
    Code,
    /// `IDENTIFIED BY '…'`
    Identified,
    /// `thin:ann/…@host`
    Oracle,
}

/// What stands before and after a fixed part.
#[derive(Debug, PartialEq, Eq)]
pub struct Middle {
    anchor: &'static str,
    before: (Class, usize),
    after: (Class, usize),
}

static ATLAS: Middle = Middle { anchor: ".atlasv1.", before: (Class::Alnum, 14), after: (Class::Slug, 60) };
static AZURE_7: Middle = Middle { anchor: "7Q~", before: (Class::Slug, 3), after: (Class::Tilde, 31) };
static AZURE_8: Middle = Middle { anchor: "8Q~", before: (Class::Slug, 3), after: (Class::Tilde, 31) };
static AZDO: Middle = Middle { anchor: "AZDO", before: (Class::Alnum, 76), after: (Class::Alnum, 4) };
static MAILCHIMP: Middle = Middle { anchor: "-us", before: (Class::Hex, 32), after: (Class::Alnum, 1) };

impl Special {
    /// All of them, with the text that each begins with.
    pub const ALL: &[(Self, &'static str, &'static str)] = &[
        (Self::UrlPassword, "url-password", "://"),
        (Self::Jwt, "jwt", "eyJ"),
        (Self::Bearer, "bearer-token", "bearer"),
        (Self::Basic, "basic-auth", "basic"),
        (Self::PrivateKey, "private-key", "-----BEGIN"),
        (Self::Telegram, "telegram-token", ":AA"),
        (Self::Middle(&ATLAS), "terraform-token", ATLAS.anchor),
        (Self::Middle(&AZURE_7), "azure-secret", AZURE_7.anchor),
        (Self::Middle(&AZURE_8), "azure-secret", AZURE_8.anchor),
        (Self::Middle(&AZDO), "azure-devops-token", AZDO.anchor),
        (Self::Middle(&MAILCHIMP), "mailchimp-key", MAILCHIMP.anchor),
        (Self::CommandLine("curl"), "password", "curl"),
        (Self::CommandLine("redis-cli"), "password", "redis-cli"),
        (Self::CommandLine("mysql"), "password", "mysql"),
        (Self::CommandLine("sshpass"), "password", "sshpass"),
        (Self::Discord, "discord-token", "MTA"),
        (Self::Discord, "discord-token", "MTE"),
        (Self::Discord, "discord-token", "MTI"),
        (Self::Discord, "discord-token", "MTM"),
        (Self::Discord, "discord-token", "MTQ"),
        (Self::Code, "authorization-code", "?code="),
        (Self::Code, "authorization-code", "&code="),
        (Self::Identified, "password", "identified by"),
        (Self::Oracle, "url-password", ":thin:"),
    ];

    /// What a Twilio key begins with: one for each first digit.
    pub fn twilio() -> impl Iterator<Item = String> {
        "0123456789abcdef".chars().map(|digit| format!("SK{digit}"))
    }

    /// Finds what must be hidden at this place.
    pub fn find(self, view: View<'_>, at: usize, label: u32, spans: &mut Vec<Span>) {
        match self {
            Self::UrlPassword => spans.extend(url_password(view, at, label)),
            Self::Jwt => spans.extend(jwt(view, at, label)),
            Self::Bearer => spans.extend(bearer(view, at, label)),
            Self::Basic => spans.extend(basic(view, at, label)),
            Self::PrivateKey => private_key(view, at, label, spans),
            Self::Telegram => spans.extend(telegram(view, at, label)),
            Self::Middle(middle) => spans.extend(middle.find(view, at, label)),
            Self::Twilio => spans.extend(twilio(view, at, label)),
            Self::CommandLine(program) => spans.extend(commands::find(view, at, program, label)),
            Self::Discord => spans.extend(discord(view, at, label)),
            Self::Code => spans.extend(code(view, at, label)),
            Self::Identified => spans.extend(commands::identified(view, at, label)),
            Self::Oracle => spans.extend(commands::oracle(view, at, label)),
        }
    }
}

fn shape(label: u32, start: usize, end: usize) -> Span {
    Span::new(Stage::Shape, label, start, end)
}

/// The password before the last `@` of the authority; a lone user name counts when it is as long as a token.
fn url_password(view: View<'_>, at: usize, label: u32) -> Option<Span> {
    const MOST: usize = 1024;
    let start = at + 3;
    let word = view.from(start);
    let word = word.get(..MOST).unwrap_or(word);
    let end = word.iter().position(|byte| byte.is_ascii_whitespace() || matches!(byte, b'"' | b'\'' | b'`' | b'<' | b'>' | b'\\' | 0x1b)).unwrap_or(word.len());
    let word = word.get(..end).filter(|word| !word.starts_with(tokens::OPENING.as_bytes()))?;
    let authority = word.iter().position(|byte| matches!(byte, b'/' | b'?' | b'#')).unwrap_or(word.len());
    let colon = word.get(..authority)?.iter().position(|byte| *byte == b':');
    let sign = word.get(..authority)?.iter().rposition(|byte| *byte == b'@').or_else(|| late_sign(word, colon, authority))?;
    let secret = match colon.filter(|colon| *colon < sign) {
        Some(colon) => colon + 1..sign,
        None if sign >= 16 => 0..sign,
        None => return None,
    };
    let value = word.get(secret.clone())?;
    (!value.is_empty() && !is_place(value)).then(|| shape(label, start + secret.start, start + secret.end))
}

/// A password that holds `/`, `?` or `#` itself; a port before the path is none.
fn late_sign(word: &[u8], colon: Option<usize>, authority: usize) -> Option<usize> {
    let port = word.get(colon? + 1..authority)?;
    let sign = word.iter().position(|byte| *byte == b'@')?;
    (!port.iter().all(u8::is_ascii_digit) && !word.get(..colon?)?.contains(&b'.')).then_some(sign)
}

/// A placeholder, or a token of ours.
fn is_place(value: &[u8]) -> bool {
    value.starts_with(tokens::OPENING.as_bytes())
        || matches!(value, [b'$', ..] | [b'{', .., b'}'] | [b'%', _])
        || value.iter().all(|byte| matches!(byte, b'*' | b'.' | b'x' | b'X'))
}

fn jwt(view: View<'_>, at: usize, label: u32) -> Option<Span> {
    const MOST: usize = 8 * 1024;
    if !view.reads(at, "eyj") || view.slice(at, at + 3) != b"eyJ" || !view.starts_word(at) {
        return None;
    }
    let head = view.run(at, Class::Slug, 2048);
    let body = view.run(head + 1, Class::Slug, MOST);
    if head - at < 8 || view.get(head) != Some(b'.') || body - head < 5 {
        return None;
    }
    let end = if view.get(body) == Some(b'.') { view.run(body + 1, Class::Dotted, MOST) } else { body };
    Some(shape(label, at, end).open((end - body >= MOST || body - head > MOST).then_some(Class::Dotted)))
}

fn bearer(view: View<'_>, at: usize, label: u32) -> Option<Span> {
    let start = after_scheme(view, at, "bearer")?;
    let end = view.run(start, Class::NotSpace, 4096);
    let word = view.slice(start, end);
    let run = word.iter().position(|byte| !Class::Base64.holds(*byte) && !matches!(byte, b'.' | b'~')).unwrap_or(word.len());
    let token = word.get(..run)?;
    let looks = run >= 20 || run >= 8 && token.iter().any(u8::is_ascii_digit);
    looks.then(|| shape(label, start, start + run).open((run == 4096).then_some(Class::NotSpace)))
}

/// Where the credential after a scheme's name begins.
fn after_scheme(view: View<'_>, at: usize, scheme: &str) -> Option<usize> {
    let end = at + scheme.len();
    let start = if view.reads(end, "%20") { end + 3 } else { view.skip_blanks(end) };
    (start > end && view.reads(at, scheme)).then_some(start)
}

fn basic(view: View<'_>, at: usize, label: u32) -> Option<Span> {
    let start = after_scheme(view, at, "basic")?;
    let end = view.run(start, Class::Base64, 1024);
    let decoded = decode_base64(view.slice(start, end));
    let is_pair = decoded.len() >= 3 && decoded.contains(&b':') && decoded.iter().all(|byte| !byte.is_ascii_control());
    is_pair.then(|| shape(label, start, end))
}

/// Decodes standard base64 as far as it goes.
pub fn decode_base64(text: &[u8]) -> Vec<u8> {
    let mut bits = 0_u32;
    let mut count = 0;
    let mut out = Vec::new();
    for &byte in text {
        let value = match byte {
            b'A'..=b'Z' => byte - b'A',
            b'a'..=b'z' => byte - b'a' + 26,
            b'0'..=b'9' => byte - b'0' + 52,
            b'+' | b'-' => 62,
            b'/' | b'_' => 63,
            _ => break,
        };
        bits = bits << 6 | u32::from(value);
        count += 6;
        if count >= 8 {
            count -= 8;
            out.extend(u8::try_from(bits >> count & 0xff));
        }
    }
    out
}

impl Middle {
    fn find(&self, view: View<'_>, at: usize, label: u32) -> Option<Span> {
        let from = at + self.anchor.len();
        let fits = view.slice(at, from) == self.anchor.as_bytes();
        let before = view.until(at).iter().rev().take_while(|byte| self.before.0.holds(**byte)).take(128).count();
        let end = fits.then(|| view.run(from, self.after.0, 512))?;
        let exact = self.before.1 == 3 || before == self.before.1;
        (exact && before >= self.before.1 && end - from >= self.after.1).then(|| shape(label, at - self.before.1, end))
    }
}

fn twilio(view: View<'_>, at: usize, label: u32) -> Option<Span> {
    let end = view.run(at + 2, Class::Hex, 40);
    let alone = view.get(end).is_none_or(|next| !next.is_ascii_alphanumeric());
    (view.slice(at, at + 2) == b"SK" && end == at + 34 && alone && view.starts_word(at)).then(|| shape(label, at, end))
}

fn discord(view: View<'_>, at: usize, label: u32) -> Option<Span> {
    let number = view.run(at, Class::Alnum, 40);
    let time = view.run(number + 1, Class::Slug, 16);
    let end = view.run(time + 1, Class::Slug, 80);
    let dots = view.get(number) == Some(b'.') && view.get(time) == Some(b'.');
    let fits = (22..=28).contains(&(number - at)) && (6..=7).contains(&(time - number - 1)) && end - time > 27;
    (dots && fits && view.slice(at, at + 2) == b"MT" && view.starts_word(at)).then(|| shape(label, at, end))
}

/// An exit code or a country's code is shorter.
fn code(view: View<'_>, at: usize, label: u32) -> Option<Span> {
    let end = view.run(at + 6, Class::Path, 2048);
    let body = view.slice(at + 6, end);
    let is = view.reads(at + 1, "code=") && body.len() >= 10 && body.iter().any(u8::is_ascii_digit) && body.iter().any(u8::is_ascii_alphabetic);
    is.then(|| shape(label, at + 6, end))
}

fn telegram(view: View<'_>, at: usize, label: u32) -> Option<Span> {
    let digits = view.until(at).iter().rev().take_while(|byte| byte.is_ascii_digit()).count();
    let end = view.run(at + 1, Class::Slug, 64);
    ((6..=12).contains(&digits) && view.slice(at, at + 3) == b":AA" && (33..=40).contains(&(end - at - 1))).then(|| shape(label, at + 1, end))
}

/// Hides the body of a private key line by line, whatever stands before it on the line (the names that compose puts there), in one line of JSON
/// with `\n` in it, or cut off before its end. The lines with BEGIN and END stay, so that a reader sees what was there.
fn private_key(view: View<'_>, at: usize, label: u32, spans: &mut Vec<Span>) {
    let Some(mut start) = key_header(view, at) else { return };
    let first = spans.len();
    loop {
        let line = view.from(start);
        let length = line.iter().position(|byte| *byte == b'\n').unwrap_or(line.len());
        let Some(text) = line.get(..length) else { break };
        let dashes = text.windows(8).position(|window| window == b"-----END");
        let body = text.get(..dashes.unwrap_or(length)).unwrap_or(text);
        let ours = key_line(view, start, body, label, spans);
        start += length + 1;
        if dashes.is_some() || !ours || start >= view.end() || start >= at + AHEAD {
            break;
        }
    }
    let whole: Vec<u8> = spans.get(first..).unwrap_or_default().iter().flat_map(|span| view.slice(span.start, span.end).to_vec()).collect();
    let reaches = view.end() == at + AHEAD;
    for span in spans.get_mut(first..).unwrap_or_default() {
        span.identity = Some(identity(&whole));
        span.open = (reaches && span.end >= view.end().saturating_sub(1)).then_some(Class::KeyBody);
    }
}

/// Whether a private key begins here whose end isn't there yet. Until then nobody can tell which short line is its last.
pub fn is_open_key(view: View<'_>, at: usize) -> bool {
    const LARGEST: usize = 16 * 1024;
    let rest = view.from(at);
    rest.len() < LARGEST && !rest.windows(8).any(|window| window == b"-----END") && key_header(view, at).is_some()
}

/// One past `-----BEGIN … PRIVATE KEY…-----`, where that stands here.
fn key_header(view: View<'_>, at: usize) -> Option<usize> {
    let line = view.from(at + 10);
    let line = line.get(..80).unwrap_or(line);
    let end = line.windows(5).position(|window| window == b"-----")?;
    let name = line.get(..end)?;
    let is_private = name.windows(11).any(|window| window == b"PRIVATE KEY")
        && name.iter().all(|byte| byte.is_ascii_uppercase() || matches!(byte, b' ' | b'0'..=b'9' | b'-'));
    is_private.then_some(at + 10 + end + 5)
}

/// Hides what belongs to the key on one line; says whether the key may go on after it.
fn key_line(view: View<'_>, start: usize, line: &[u8], label: u32, spans: &mut Vec<Span>) -> bool {
    let text = line.trim_ascii_end();
    let is_header = text.windows(2).any(|window| window == b": ") && !text.ends_with(b"=");
    if text.trim_ascii().is_empty() || is_header && text.len() < 120 {
        return true;
    }
    let escaped = text.windows(2).any(|window| matches!(window, b"\\n" | b"\\r"));
    let from = if escaped { 0 } else { text.iter().rposition(|byte| matches!(byte, b' ' | b'\t' | b'|' | b'>')).map_or(0, |at| at + 1) };
    let body = text.get(from..).unwrap_or_default();
    let run = Class::KeyBody.run(body);
    // A short line is the key's last one; else the key was cut off before it, and this is what the log says next.
    let next = view.from(start + line.len());
    let ends_soon = next.get(..200).unwrap_or(next).windows(8).any(|window| window == b"-----END");
    if run < 40 && !ends_soon {
        return false;
    }
    if run > 0 && !body.starts_with(tokens::OPENING.as_bytes()) {
        let tail = body.get(..run).map_or(0, |body| body.len() - body.trim_ascii_end().len());
        spans.push(shape(label, start + from, start + from + run - tail).open((view.end() == start + from + run).then_some(Class::KeyBody)));
    }
    run == body.len() && !body.is_empty()
}
