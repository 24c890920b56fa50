//! `xtask redact`: every encoding of every canary, at every place of a block, judged by Python's own encoders.

use std::{
    io::Write as _,
    process::{Command, Stdio},
};

use super::{CANARIES, project};
use crate::support::Scratch;

/// Writes a canary in many encodings, one a line. The encoders are Python's: what this program thinks of an encoding doesn't count here.
const ENCODERS: &str = r#"
import base64, binascii, html, json, shlex, sys, urllib.parse, quopri, codecs
value = sys.argv[1]; b = value.encode()
out = [value, repr(value), shlex.quote(value), json.dumps(value), json.dumps({"k": value}), json.dumps(json.dumps({"k": value})), json.dumps(json.dumps(json.dumps(value)))]
out += [json.dumps(value).replace("/", "\\/"), json.dumps(value).replace("&", "\\u0026").replace("+", "\\u002b")]
out += [html.escape(value), html.escape(value, quote=True).replace("&#x27;", "&#39;")]
out += [urllib.parse.quote(value), urllib.parse.quote(value, safe=""), urllib.parse.quote_plus(value), urllib.parse.quote(urllib.parse.quote(value, safe=""), safe="")]
out += ["".join("%%%02x" % c for c in b), urllib.parse.quote(value, safe="").lower() if value.islower() else ""]
for shift in ("", "a", "ab"):
    for end in ("", "z", "yz"):
        text = (shift + value + end).encode()
        for encode in (base64.b64encode, base64.urlsafe_b64encode):
            e = encode(text).decode(); out += [e, e.rstrip("="), urllib.parse.quote(e, safe=""), json.dumps(e)]
out += [base64.b64encode(base64.b64encode(b)).decode(), base64.b64encode(("Bearer " + value).encode()).decode(), base64.b64encode(("ann:" + value).encode()).decode()]
out += [base64.b64encode(value.encode("utf-16-le")).decode(), b.hex(), b.hex().upper(), b.hex(" "), b.hex(":"), base64.b32encode(b).decode()]
sys.stdout.write("\n".join("line %d: %s" % (n, line) for n, line in enumerate(out)) + "\n")
"#;

/// What must not be left: any stretch of the canary, or of its usual encodings, that is long enough to tell it.
fn stretches(value: &str) -> Vec<String> {
    let python = "import sys,base64,json\nv=sys.argv[1].encode()\nprint(json.dumps([base64.b64encode(b'a'*s+v).decode()[(4,4,4)[s]:-4][:12] for s in range(3)]+[v.hex()[4:20],v.decode()[2:12]]))";
    let output = Command::new("python3").args(["-c", python, value]).output().expect("python3 runs");
    serde_json::from_slice(&output.stdout).expect("a list")
}

fn filter(scratch: &Scratch, input: Vec<u8>) -> (String, String) {
    let mut command = scratch.command(env!("CARGO_BIN_EXE_xtask"));
    command.env("SHELL_SECRET", CANARIES[3].1).arg("redact").stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().expect("start xtask");
    let mut pipe = child.stdin.take().expect("a pipe");
    let writer = std::thread::spawn(move || pipe.write_all(&input));
    let output = child.wait_with_output().expect("xtask ends");
    writer.join().expect("the writer ends").expect("all was read");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    (String::from_utf8_lossy(&output.stdout).into_owned(), String::from_utf8_lossy(&output.stderr).into_owned())
}

fn encoded(value: &str) -> Vec<u8> {
    let output = Command::new("python3").args(["-c", ENCODERS, value]).output().expect("python3 runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    output.stdout
}

#[test]
fn every_encoding_of_every_canary_is_hidden() {
    let scratch = project();
    for (name, value) in CANARIES {
        let input = encoded(value);
        let lines = input.iter().filter(|byte| **byte == b'\n').count();
        let (out, _) = filter(&scratch, input);
        assert_eq!(out.lines().count(), lines, "line structure");
        let stretches = stretches(value);
        let label = name.to_lowercase().replace('_', "-");
        for (number, line) in out.lines().enumerate() {
            let empty = line.trim_end().ends_with(':');
            assert!(empty || line.contains(&format!("[redacted:{label}:")) || line.contains("[redacted:"), "{name}, line {number} went through: {line}");
            for stretch in &stretches {
                assert!(!line.contains(stretch.as_str()), "{name}: {stretch:?} is left in {line}");
            }
        }
    }
}

#[test]
fn a_canary_across_the_border_of_blocks_is_hidden() {
    let scratch = project();
    let value = CANARIES[2].1;
    // Blocks are 1 MiB, with up to 32.5 KiB beside them: canaries stand across every place where one could end.
    let mut input = Vec::new();
    while input.len() < 3 << 20 {
        input.extend_from_slice(value.as_bytes());
        input.extend_from_slice(&b"...................."[..input.len() % 17 + 2]);
    }
    let (out, _) = filter(&scratch, input);
    assert!(!out.contains(&value[2..10]) && out.contains("[redacted:cmd-token:1]"));
    assert!(out.split("[redacted:cmd-token:1]").all(|between| between.bytes().all(|byte| byte == b'.')), "nothing but what stood between them is left");
}

#[test]
fn bytes_that_are_no_text_pass_through() {
    let scratch = Scratch::new();
    let path = scratch.path().join("bytes");
    let bytes: Vec<u8> = (0..100_000_u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 23) as u8).collect();
    std::fs::write(&path, &bytes).unwrap();
    let out = scratch.path().join("out");
    let run = scratch.xtask(&["redact", path.to_str().unwrap(), "--out", out.to_str().unwrap(), "--json"]).exits(0).json();
    assert_eq!(run["data"]["redacted"], serde_json::json!({}));
    assert_eq!(std::fs::read(&out).unwrap(), bytes);
}

#[test]
fn standard_output_holds_one_thing() {
    let run = Scratch::new().xtask(&["redact", "--json"]).exits(2);
    assert_eq!(run.json()["outcome"], "error");
}

/// Base64 of a text around the canary, broken into lines as MIME, PEM and YAML do, with what a log puts before each line.
const WRAPPED: &str = r#"
import base64, sys, textwrap
value = sys.argv[1].encode(); out = []
for width in (60, 64, 76):
    for shift in range(0, 75, 7):
        text = b"x" * shift + value + b"; and what follows it in the same file, which goes on for a while\n" * 2
        lines = textwrap.wrap(base64.b64encode(text).decode(), width)
        for before in ("", "    ", "web-1  | ", "Jan 31 12:00:00 host app[12]: "):
            out += ["--"] + [before + line for line in lines]
sys.stdout.write("\n".join(out) + "\n")
"#;

#[test]
fn base64_that_was_broken_into_lines_is_hidden() {
    let scratch = project();
    for (name, value) in CANARIES {
        let output = Command::new("python3").args(["-c", WRAPPED, value]).output().expect("python3 runs");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let (lines, blocks) = (output.stdout.iter().filter(|byte| **byte == b'\n').count(), output.stdout.windows(3).filter(|three| three == b"--\n").count());
        let (out, _) = filter(&scratch, output.stdout);
        assert_eq!(out.lines().count(), lines, "line structure");
        let joined: String = out.lines().map(|line| line.rsplit(' ').next().unwrap_or_default()).collect();
        for stretch in stretches(value) {
            assert!(!joined.contains(&stretch), "{name}: {stretch:?} is left, put together from lines");
        }
        let label = format!("[redacted:{}:", name.to_lowercase().replace('_', "-"));
        assert!(out.matches(&label).count() >= blocks, "{name}: {} of {blocks}", out.matches(&label).count());
    }
}

#[test]
fn bytes_as_numbers_are_hidden() {
    let scratch = project();
    let value = CANARIES[2].1;
    let numbers: Vec<String> = value.bytes().map(|byte| byte.to_string()).collect();
    let text = format!("[{}]\n{}\n", numbers.join(", "), numbers.join(","));
    let (out, _) = filter(&scratch, text.into_bytes());
    assert_eq!(out, "[[redacted:cmd-token:1]]\n[redacted:cmd-token:1]\n");
}

#[test]
fn lines_are_written_while_the_input_waits() {
    let scratch = project();
    let mut command = scratch.command(env!("CARGO_BIN_EXE_xtask"));
    command.arg("redact").stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
    let mut child = command.spawn().expect("start xtask");
    let (mut input, output) = (child.stdin.take().expect("a pipe"), child.stdout.take().expect("a pipe"));
    let (send, lines) = std::sync::mpsc::channel();
    let reader = std::thread::spawn(move || {
        std::io::BufRead::lines(std::io::BufReader::new(output)).map_while(Result::ok).for_each(|line| drop(send.send(line)));
    });
    let next = || lines.recv_timeout(std::time::Duration::from_secs(60)).expect("a line while the input is still open");
    let begin = concat!("-----BEGIN PRIVATE", " KEY-----");
    input.write_all(b"one fromcommand-77Xq\ntwo, not yet complete: fromcom").unwrap();
    assert_eq!(next(), "one [redacted:cmd-token:1]");
    input.write_all(b"mand-77Xq\npassword:\n").unwrap();
    assert_eq!((next().as_str(), next().as_str()), ("two, not yet complete: [redacted:cmd-token:1]", "password:"));
    input.write_all(format!("{begin}\nMIIEvQIBADANBgkqhkiG9w0BAQEFAASCBKcwggSjAgEAAoIBAQC7\n").as_bytes()).unwrap();
    std::thread::sleep(std::time::Duration::from_millis(100));
    input.write_all(concat!("QQ==\n-----END PRIVATE", " KEY-----\nafter\n").as_bytes()).unwrap();
    let rest: Vec<String> = (0..5).map(|_| next()).collect();
    assert_eq!(rest.last().map(String::as_str), Some("after"), "{rest:?}");
    assert!(!rest.concat().contains("MIIEv") && !rest.concat().contains("QQ=="), "{rest:?}");
    drop(input);
    assert!(child.wait().unwrap().success());
    reader.join().unwrap();
}

#[test]
fn what_can_t_be_seen_or_known_is_refused() {
    let scratch = project();
    let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    packed.write_all(b"in use: fromcommand-77Xq\n").unwrap();
    scratch.write("logs/main.log.1", packed.finish().unwrap());
    let run = scratch.xtask(&["redact", "logs/main.log.1"]).exits(2);
    assert!(run.stdout.is_empty() && run.stderr.contains("zcat"), "{}", run.stderr);
    let wide: Vec<u8> = [0xff, 0xfe].into_iter().chain("token fromcommand-77Xq\r\n".encode_utf16().flat_map(u16::to_le_bytes)).collect();
    scratch.write("logs/wide.log", wide);
    assert_eq!(scratch.xtask(&["redact", "logs/wide.log"]).exits(0).stdout, "token [redacted:cmd-token:1]\n");
    scratch.write("xtask.toml", "schema = 1\nnonsense");
    let run = scratch.xtask(&["redact", "logs/wide.log"]).exits(2);
    assert!(run.stdout.is_empty() && run.stderr.contains("can't be hidden"), "without its configuration nobody knows its secrets: {}", run.stderr);
}
