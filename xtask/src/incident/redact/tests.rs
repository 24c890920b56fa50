//! The redactor's promises, tried with canaries in every encoding and every cut.

use std::sync::LazyLock;

use super::*;
use proptest::prelude::*;

const GITHUB: &str = concat!("gh", "p_0123456789abcdefghijABCDEFGHIJ012345");

static MATCHER: LazyLock<Arc<Matcher>> = LazyLock::new(|| Arc::new(Matcher::new(&[Secret::new("APP_CANARY", "hunter2/Zebra+9")])));

fn redacted(text: &str) -> String {
    Redactor::with(MATCHER.clone()).text(text)
}

#[track_caller]
fn hides(text: &str, secret: &str) {
    let out = redacted(text);
    assert!(!out.contains(secret), "{secret:?} is left in {out:?}");
    assert_eq!(out.matches('\n').count(), text.matches('\n').count(), "{out:?}");
    assert_eq!(redacted(&out), out, "a second pass changes nothing");
}

#[track_caller]
fn leaves(text: &str) {
    assert_eq!(redacted(text), text);
}

#[test]
fn the_same_secret_gets_the_same_token() {
    let out = redacted(&format!("a {GITHUB} b\ntoken={GITHUB}\nx hunter2/Zebra+9 aHVudGVyMi9aZWJyYSs5 hunter2%2FZebra%2B9"));
    assert_eq!(
        out,
        "a [redacted:github-token:1] b\ntoken=[redacted:github-token:1]\nx [redacted:app-canary:2] [redacted:app-canary:2] [redacted:app-canary:2]"
    );
}

#[test]
fn keys_and_values() {
    for text in [
        "password=s3cr3tX9",
        "PASSWORD='s3cr3tX9 and more'",
        "\"apiKey\": \"s3cr3tX9\"",
        "SECRET_TOKEN: s3cr3tX9",
        "{\"msg\":\"{\\\"api_key\\\":\\\"s3cr3tX9\\\",\\\"a\\\":1}\"}",
        "{\\\\\\\"password\\\\\\\":\\\\\\\"s3cr3tX9\\\\\\\"}",
        "run --password s3cr3tX9 --verbose",
        "[\"--token\", \"s3cr3tX9\"]",
        "<password>s3cr3tX9</password>",
        "{\"name\": \"DB_PASSWORD\", \"value\": \"s3cr3tX9\"}",
        "- name: DB_PASSWORD\n  value: s3cr3tX9\n",
        "GET /x?access_token=s3cr3tX9&page=2",
        "\x1b[3mpassword\x1b[0m\x1b[2m=\x1b[0ms3cr3tX9",
        "x\\npassword=s3cr3tX9\\ny",
        "Authorization: Bearer s3cr3tX9aaaaaaaaaaaaaaa",
        "authorization: Basic dXNlcjpzM2NyM3RYOQ==",
        "Config { password: Some(\"s3cr3tX9\"), user: \"ann\" }",
        "&quot;password&quot;:&quot;s3cr3tX9&quot;",
        "password%3Ds3cr3tX9",
        "os.environ['API_KEY'] = 's3cr3tX9'",
        "Cookie: theme=dark; sid=s3cr3tX9; x=1",
        "Set-Cookie: sid=s3cr3tX9; Path=/; HttpOnly",
        "db: postgres://ann:s3cr3tX9@db:5432/x",
        "redis://:s3cr3tX9@localhost:6379",
        "https://s3cr3tX9s3cr3tX9s3cr3tX9@example.org/x",
        "AccountName=x;AccountKey=s3cr3tX9==;EndpointSuffix=core",
    ] {
        hides(text, "s3cr3tX9");
    }
    hides("authorization: Basic dXNlcjpzM2NyM3RYOQ==", "dXNlcjpzM2NyM3RYOQ");
}

#[test]
fn ordinary_lines_stay() {
    for text in [
        "unexpected token: string at line 3",
        "max_tokens=4096 total_tokens: 123 tokens=5",
        "PWD=/home/ann/project",
        "the key: value store was opened, cache_key=abc12345678",
        "password: ${DB_PASSWORD}",
        "api_key=<your-key>",
        "https://example.org:8080/a@b/c and http://medium.com/@ann",
        "commit 0123456789abcdef0123456789abcdef01234567",
        "basic authentication is used; bearer of news",
        "task-force-abcdefgh-ijklmnop-1234 risk-adjusted",
        "authored by ann, passed 12 tests, monkey=banana",
        "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----",
    ] {
        leaves(text);
    }
}

const KEY: &str = "MIIEvQIBADANBgkqhkiG9w0BAQEFAASCBKcwggSjAgEAAoIBAQC7";

#[test]
fn private_keys_in_every_dress() {
    let begin = concat!("-----BEGIN RSA PRIVATE", " KEY-----");
    let end = concat!("-----END RSA PRIVATE", " KEY-----");
    for text in [
        format!("{begin}\n{KEY}\n{KEY}\nAB==\n{end}\nafter"),
        format!("{begin}\nProc-Type: 4,ENCRYPTED\nDEK-Info: AES-128-CBC,00FF\n\n{KEY}\nAB==\n{end}\nafter"),
        format!("{{\"k\":\"{begin}\\n{KEY}\\n{KEY}\\nAB==\\n{end}\\n\"}}\nafter"),
        format!("web-1  | {begin}\nweb-1  | {KEY}\nweb-1  | AB==\nweb-1  | {end}\nafter"),
        format!("{begin}\n{KEY}\n{KEY}\ncut off here, after"),
        format!("{begin}\r\n{KEY}\r\n{end}\r\nafter"),
    ] {
        hides(&text, "MIIEvQ");
        hides(&text, "AB==");
        assert!(redacted(&text).contains("after"), "{}", redacted(&text));
    }
}

#[test]
fn every_shape_is_found_in_every_place() {
    let body = "A1b2C3d4E5f6A7b8C9d0A1b2C3d4E5f6A7b8C9d0A1b2C3d4E5f6A7b8C9d0A1b2C3d4".repeat(3);
    for shape in shapes::SHAPES {
        let body = match shape.class {
            class::Class::Hex => body.to_lowercase(),
            class::Class::Upper => body.to_uppercase(),
            _ => body.clone(),
        };
        let secret = format!("{}{body}", shape.anchor);
        for around in ["{}", "x {} y", "\"{}\"", "a\\n{}\\n", "k=%20{}", "\x1b[32m{}\x1b[0m", "\\u0022{}\\u0022"] {
            hides(&around.replace("{}", &secret), &secret);
        }
    }
}

#[test]
fn a_line_without_end_needs_no_memory_and_hides_all() {
    struct Endless(usize, usize);
    impl Read for Endless {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            let start = b"password=\"";
            let n = buffer.len().min(self.1 - self.0);
            for (index, byte) in buffer[..n].iter_mut().enumerate() {
                *byte = start.get(self.0 + index).copied().unwrap_or(b'q');
            }
            self.0 += n;
            Ok(n)
        }
    }
    let mut out = Vec::new();
    Redactor::new(&[]).copy(Endless(0, 8 << 20), &mut out).unwrap();
    assert_eq!(String::from_utf8(out).unwrap(), "password=\"[redacted:secret:1]");
}

#[test]
fn no_byte_is_lost_where_nothing_is_secret() {
    let bytes: Vec<u8> = (0..200_000_u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
    let (out, counts) = Redactor::new(&[]).bytes(&bytes);
    assert!(counts.is_empty() && out == bytes);
}

/// Reads in pieces of given sizes.
struct Pieces<'a>(&'a [u8], Vec<usize>, usize);

impl Read for Pieces<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let size = self.1[self.2 % self.1.len()].clamp(1, buffer.len());
        self.2 += 1;
        let (head, tail) = self.0.split_at(size.min(self.0.len()));
        buffer[..head.len()].copy_from_slice(head);
        self.0 = tail;
        Ok(head.len())
    }
}

fn piece() -> impl Strategy<Value = Vec<u8>> {
    let text = |text: &'static str| Just(text.as_bytes().to_vec());
    prop_oneof![
        proptest::collection::vec(any::<u8>(), 0..40),
        "[ -~\n]{0,60}".prop_map(String::into_bytes),
        text("hunter2/Zebra+9"),
        text("aHVudGVyMi9aZWJyYSs5"),
        text("hunter2%2fZebra%2B9"),
        text("\"password\": \""),
        text("token="),
        text("Cookie: a=b; sid=0123456789; "),
        text("://ann:"),
        text("@host/"),
        text("\\\""),
        text("\n"),
        text("-----BEGIN PRIVATE KEY-----\n"),
        text("MIIEvQIBADANBgkqhkiG9w0BAQEFAASC\n"),
        text("-----END PRIVATE KEY-----\n"),
        text("eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.abcdefgh"),
        Just(GITHUB.as_bytes().to_vec()),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 80, failure_persistence: None, rng_seed: proptest::test_runner::RngSeed::Fixed(6), ..ProptestConfig::default() })]

    #[test]
    fn the_cut_never_shows(pieces in proptest::collection::vec(piece(), 0..30), block in 20_usize..400, sizes in proptest::collection::vec(1_usize..90, 1..5)) {
        let input = pieces.concat();
        // Enough before and after it that blocks end within what matters.
        let input = [b"x\n".repeat(usize::from(block % 2 == 0) * 300), input, b"\nno\n".repeat(view::AHEAD / 4)].concat();
        let (whole, counts) = Redactor::with(MATCHER.clone()).bytes(&input);
        let mut small = Redactor::with(MATCHER.clone());
        small.block = block;
        let mut out = Vec::new();
        let again = small.copy(Pieces(&input, sizes, 0), &mut out).unwrap();
        prop_assert_eq!(String::from_utf8_lossy(&out), String::from_utf8_lossy(&whole));
        prop_assert_eq!(again, counts);
        prop_assert!(!whole.windows(15).any(|window| window == b"hunter2/Zebra+9"));
        prop_assert_eq!(whole.iter().filter(|byte| **byte == b'\n').count(), input.iter().filter(|byte| **byte == b'\n').count());
    }
}
