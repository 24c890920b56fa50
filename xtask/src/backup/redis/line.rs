//! One `redis-cli` that is kept open: starting one, in a container above all, costs a hundred times what a question does. Knows how it takes
//! commands on its standard input and where an answer ends; what the answer means is the caller's.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
};

use crate::{
    effects::{
        dialogue::{Dialogue, Heard},
        process::Program,
    },
    kernel::Result,
};

/// How an answer looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// One line of JSON, or one that begins with `error:`.
    Json,
    /// As many lines as it likes: it is followed by another question, whose answer ends it.
    Text,
}

/// Follows a question whose answer has no end of its own. While the server loads its data it is refused: an error line ends an answer too.
const MARK: &str = "xtask-answered";

/// The open client, if one is; shared by all handles of a server.
#[derive(Clone, Default)]
pub struct Line(Arc<Mutex<Option<Dialogue>>>);

impl Line {
    /// The one to that server, which `key` tells from others. A client ends with the server's container, or when this program does.
    pub fn to(key: String) -> Self {
        static LINES: Mutex<BTreeMap<String, Line>> = Mutex::new(BTreeMap::new());
        LINES.lock().unwrap_or_else(PoisonError::into_inner).entry(key).or_default().clone()
    }

    /// Asks, through a client that `program` starts where none is open. The inner error is what it said when it gave no answer.
    ///
    /// A client that was open may have been cut off meanwhile, as servers with a `timeout` do: then a new one asks again. Nothing that is asked does
    /// harm when it is done twice.
    pub fn ask(&self, program: &dyn Fn() -> Result<Program>, words: &[&str], form: Form) -> Result<Result<String, String>> {
        tracing::debug!(question = words.join(" "), "asked the server");
        let mut open = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(dialogue) = open.take()
            && let Ok(answer) = talk(dialogue, words, form, &mut open)?
        {
            return Ok(Ok(answer));
        }
        talk(Dialogue::start(&program()?)?, words, form, &mut open)
    }
}

/// One question and its answer; the client stays open where it can.
fn talk(mut dialogue: Dialogue, words: &[&str], form: Form, open: &mut Option<Dialogue>) -> Result<Result<String, String>> {
    dialogue.say(&words.iter().map(|word| quoted(word)).collect::<Vec<_>>().join(" "));
    if form == Form::Text {
        dialogue.say(&format!("PING {MARK}"));
    }
    let answer = hear(&mut dialogue, form)?;
    if dialogue.is_open() {
        *open = Some(dialogue);
    }
    Ok(answer)
}

/// Listens until the answer is whole. After a complaint nothing more is asked of this client: it says what it has to say, and ends.
fn hear(dialogue: &mut Dialogue, form: Form) -> Result<Result<String, String>> {
    let (mut lines, mut complaints) = (Vec::new(), Vec::new());
    while !is_whole(&lines, form) {
        match dialogue.hear()? {
            Heard::Line(line) => lines.push(line),
            Heard::Complaint(line) => {
                complaints.push(line);
                dialogue.close();
            }
            Heard::End => return Ok(Err(if complaints.is_empty() { lines } else { complaints }.join("\n"))),
        }
    }
    if form == Form::Text {
        lines.pop();
        // Cut off at the question, it connects anew for the mark: every text has at least its heading.
        if lines.is_empty() {
            return Ok(Err("the connection was cut off".into()));
        }
    }
    Ok(Ok(lines.join("\n")))
}

fn is_whole(lines: &[String], form: Form) -> bool {
    let ends = |line: &String| line.trim_matches('"') == MARK || (line.starts_with("error:") && lines.len() > 1);
    match form {
        Form::Json => !lines.is_empty(),
        Form::Text => lines.last().is_some_and(ends),
    }
}

/// A word as the client reads it: quoted, with what would end it escaped.
fn quoted(word: &str) -> String {
    let escaped = word.chars().map(|c| match c {
        '"' | '\\' => format!("\\{c}"),
        c if c.is_ascii_control() => format!("\\x{:02x}", u32::from(c)),
        c => c.to_string(),
    });
    format!("\"{}\"", escaped.collect::<String>())
}

#[cfg(test)]
#[cfg(unix)]
mod tests {
    use super::*;

    /// A client that answers each line with a script's text, and tells how often it was started.
    fn answers(script: &str, form: Form) -> (Result<String, String>, Result<String, String>, usize) {
        let folder = tempfile::tempdir().unwrap();
        let log = folder.path().join("started");
        let program = || Ok(Program::shell(&format!("echo x >> '{}'; {script}", log.display())));
        let line = Line::default();
        let ask = || line.ask(&program, &["a b", "\"c\\\n"], form).unwrap();
        let (first, second) = (ask(), ask());
        (first, second, std::fs::read_to_string(&log).unwrap().lines().count())
    }

    #[test]
    fn one_client_answers_all() {
        let echo = "while read -r x; do printf '%s\\n' \"$x\"; done";
        let sent = Ok(r#""a b" "\"c\\\x0a""#.to_owned());
        assert_eq!(answers(echo, Form::Json), (sent.clone(), sent, 1));
        let info = "while read -r x; do read -r y; printf 'a:1\\r\\nb:2\\r\\n\\n\"%s\"\\n' \"${y#PING }\"; done";
        let text = Ok("a:1\r\nb:2\r\n".to_owned());
        assert_eq!(answers(info, Form::Text), (text.clone().map(|text| text.replace('\r', "")), text.map(|text| text.replace('\r', "")), 1));
    }

    #[test]
    fn a_server_that_loads_refuses_the_mark_and_one_that_refuses_all_is_understood() {
        let loading = "while read -r x; do read -r y; echo loading:1; echo 'error:\"LOADING\"'; done";
        assert_eq!(answers(loading, Form::Text), (Ok("loading:1".into()), Ok("loading:1".into()), 1));
        let refused = "while read -r x; do echo 'error:\"NOAUTH\"'; done";
        let no = Ok("error:\"NOAUTH\"".to_owned());
        assert_eq!(answers(refused, Form::Text), (no.clone(), no, 1));
    }

    #[test]
    fn what_cannot_answer_says_why_and_is_started_anew() {
        let cut_off = "read -r x; printf '%s\\n' \"$x\"; read -r x; echo 'Server closed the connection' >&2";
        let sent = Ok(r#""a b" "\"c\\\x0a""#.to_owned());
        assert_eq!(answers(cut_off, Form::Json), (sent.clone(), sent, 2));
        let mark_only = "read -r x; read -r y; echo a:1; echo \"${y#PING }\"; read -r x; read -r y; echo \"${y#PING }\"; read -r x";
        assert_eq!(answers(mark_only, Form::Text), (Ok("a:1".into()), Ok("a:1".into()), 2));
        let refused = "while read -r x; do echo 'Could not connect' >&2; done";
        let why = Err("Could not connect".to_owned());
        assert_eq!(answers(refused, Form::Json), (why.clone(), why, 2));
        let gone = "echo 'Unrecognized option' >&2; exit 1";
        assert_eq!(answers(gone, Form::Text).0, Err("Unrecognized option".into()));
    }
}
