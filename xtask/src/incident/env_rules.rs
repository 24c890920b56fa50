//! An env file against its example: missing, unknown, empty, still a placeholder, wrong type of value. Pure: text in, findings out. No value is ever
//! part of a message.

use super::envfile::{self, Assignment, EnvText, is_placeholder};
use crate::kernel::Finding;

/// Compares. `elsewhere` says which variables come from the process's environment or the secret command.
pub fn compare(path: &str, env: &EnvText, example_path: &str, example: &EnvText, elsewhere: &dyn Fn(&str) -> bool) -> Vec<Finding> {
    let mut found = Vec::new();
    for wanted in example.set() {
        match env.get(&wanted.key) {
            Some(given) => found.extend(value(path, given, wanted)),
            None if elsewhere(&wanted.key) => {}
            None => found.push(missing(path, example_path, wanted)),
        }
    }
    found.extend(unknown(path, env, example_path, example));
    for wanted in example.assignments.iter().filter(|assignment| assignment.optional) {
        found.extend(env.get(&wanted.key).and_then(|given| kind_finding(path, given, wanted)));
    }
    found
}

/// What is wrong with a file by itself: lines that are no assignments, variables that are set twice.
pub fn alone(path: &str, env: &EnvText) -> Vec<Finding> {
    let odd = env.odd.iter().map(|line| {
        Finding::warning("env-syntax", "this line is neither an assignment nor a comment").file(path).line(*line).hint("write NAME=value, or put # before it")
    });
    let twice = env.set().filter(|assignment| env.get(&assignment.key).is_some_and(|last| last.line != assignment.line)).map(|assignment| {
        Finding::warning("env-twice", format!("{} is set again further down: this line has no effect", assignment.key))
            .file(path)
            .line(assignment.line)
            .hint("remove one of them")
    });
    odd.chain(twice).collect()
}

fn missing(path: &str, example_path: &str, wanted: &Assignment) -> Finding {
    let needed = wanted.value.is_empty() || is_placeholder(&wanted.value);
    let message = format!("{} is missing ({example_path}:{} has it)", wanted.key, wanted.line);
    let finding = if needed { Finding::error("env-missing", message) } else { Finding::warning("env-missing", message) };
    finding.file(path).hint(format!("add {}=… to {path}, or give it in the environment", wanted.key))
}

fn unknown(path: &str, env: &EnvText, example_path: &str, example: &EnvText) -> Vec<Finding> {
    let unknown = env.set().filter(|given| !example.assignments.iter().any(|known| known.key == given.key));
    unknown
        .map(|given| {
            let finding = Finding::warning("env-unknown", format!("{} is not in {example_path}", given.key)).file(path).line(given.line);
            let near = example.assignments.iter().map(|known| (strsim::damerau_levenshtein(&known.key, &given.key), &known.key)).min();
            match near.filter(|(distance, _)| *distance <= 2) {
                Some((_, key)) => finding.hint(format!("did you mean {key}?")),
                None => finding.hint(format!("add it to {example_path}, so that others know of it")),
            }
        })
        .collect()
}

fn value(path: &str, given: &Assignment, wanted: &Assignment) -> Option<Finding> {
    let at = |finding: Finding| finding.file(path).line(given.line);
    if given.value.trim().is_empty() {
        return (!wanted.value.is_empty() || secret(&given.key))
            .then(|| at(Finding::warning("env-empty", format!("{} is empty", given.key)).hint("fill it in, or remove the line")));
    }
    if is_placeholder(&given.value) {
        return Some(at(Finding::error("env-placeholder", format!("{} is still a placeholder", given.key)).hint("put the real value there")));
    }
    kind_finding(path, given, wanted)
}

fn secret(key: &str) -> bool {
    super::redact::certainty(key.as_bytes()).is_some()
}

fn kind_finding(path: &str, given: &Assignment, wanted: &Assignment) -> Option<Finding> {
    let kind = Kind::of(&wanted.key, &wanted.value)?;
    (!given.value.is_empty() && !given.value.contains("${") && !kind.fits(&given.value)).then(|| {
        Finding::error("env-type", format!("{} must be {}", given.key, kind.name())).file(path).line(given.line).hint(format!(
            "the example has {}={}",
            wanted.key,
            if secret(&wanted.key) { "…" } else { &wanted.value }
        ))
    })
}

/// What sort of value an example shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Number,
    Port,
    Truth,
    NumberOrTruth,
    Address,
}

impl Kind {
    fn of(key: &str, example: &str) -> Option<Self> {
        let lower = example.to_ascii_lowercase();
        match lower.as_str() {
            "true" | "false" | "yes" | "no" | "on" | "off" => Some(Self::Truth),
            "0" | "1" => Some(Self::NumberOrTruth),
            text if text.parse::<f64>().is_ok() && key.to_ascii_uppercase().ends_with("PORT") => Some(Self::Port),
            text if text.parse::<f64>().is_ok_and(f64::is_finite) => Some(Self::Number),
            text if text.split_once("://").is_some_and(|(scheme, rest)| !rest.is_empty() && is_scheme(scheme)) => Some(Self::Address),
            _ => None,
        }
    }

    fn fits(self, value: &str) -> bool {
        let truth = ["true", "false", "yes", "no", "on", "off", "0", "1"].contains(&value.to_ascii_lowercase().as_str());
        let number = value.parse::<f64>().is_ok_and(f64::is_finite);
        match self {
            Self::Number => number,
            Self::Port => value.parse::<u16>().is_ok_and(|port| port > 0),
            Self::Truth => truth,
            Self::NumberOrTruth => truth || number,
            Self::Address => {
                value.split_once("://").is_some_and(|(scheme, rest)| !rest.is_empty() && is_scheme(scheme) && !value.contains(char::is_whitespace))
            }
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Number => "a number",
            Self::Port => "a port from 1 to 65535",
            Self::Truth => "true or false",
            Self::NumberOrTruth => "a number, or true or false",
            Self::Address => "an address with a scheme, as in https://…",
        }
    }
}

fn is_scheme(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_alphabetic()) && text.chars().all(|c| c.is_ascii_alphanumeric() || "+-.".contains(c))
}

/// Reads both texts and compares them.
pub fn check(path: &str, text: &str, example: Option<(&str, &str)>, elsewhere: &dyn Fn(&str) -> bool) -> Vec<Finding> {
    let env = envfile::parse(text);
    let mut found = alone(path, &env);
    if let Some((example_path, example)) = example {
        found.extend(compare(path, &env, example_path, &envfile::parse(example), elsewhere));
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_of_difference_is_found() {
        let example = "API_KEY=your-key-here\nPORT=8000\nDEBUG=false\nURL=http://localhost:1\nMODEL=gpt\nNAME=x\nGIVEN=\n# OPT_PORT=1234\nTOKEN=\n";
        let text = "API_KEY=your-key-here\nPORT=80000\nDEBUG=maybe\nURL=localhost\nMODL=gpt\nNAME=\nOPT_PORT=x\nTOKEN=\n";
        let found = check(".env", text, Some((".env.example", example)), &|key| key == "GIVEN");
        let mut codes: Vec<_> = found.iter().map(|finding| (finding.code.as_str(), finding.line.unwrap_or(0))).collect();
        codes.sort_unstable();
        let wanted = [
            ("env-empty", 6),
            ("env-empty", 8),
            ("env-missing", 0),
            ("env-placeholder", 1),
            ("env-type", 2),
            ("env-type", 3),
            ("env-type", 4),
            ("env-type", 7),
            ("env-unknown", 5),
        ];
        assert_eq!(codes, wanted, "{found:#?}");
        assert!(found.iter().any(|finding| finding.hints.iter().any(|hint| hint == "did you mean MODEL?")), "{found:#?}");
    }

    #[test]
    fn a_file_like_its_example_is_fine() {
        assert_eq!(check(".env", "API_KEY=a8s7d6\nPORT=9000\n", Some((".env.example", "API_KEY=your-key\nPORT=8000\n#X=1\n")), &|_| false), []);
    }

    #[test]
    fn no_message_shows_a_value() {
        let found = check(".env", "PORT=canary-value\nPASSWORD=canary-value\nX Y canary-value\n", Some((".env.example", "PORT=1\nPASSWORD=1\n")), &|_| false);
        assert!(!format!("{found:?}").contains("canary-value"));
    }
}
