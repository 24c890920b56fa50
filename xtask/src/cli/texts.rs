//! `schema`, `completions`, `man`: texts made from the declarations themselves, so that they can't drift.

use clap::CommandFactory as _;

use super::args::{Cli, CompletionsArgs};
use crate::{
    kernel::{Context as _, Result},
    report::{Answer, View},
};

pub(super) fn schema() -> Answer {
    let schema = crate::config::schema();
    let text = serde_json::to_string_pretty(&schema).unwrap_or_default();
    Answer::new(&schema, View::Text(text))
}

pub(super) fn completions(args: &CompletionsArgs) -> Answer {
    let mut bytes = Vec::new();
    clap_complete::generate(args.shell, &mut Cli::command(), "xtask", &mut bytes);
    let text = String::from_utf8_lossy(&bytes).into_owned();
    Answer::new(&text, View::Text(text.clone()))
}

/// One page for all: the command, then each of its subcommands.
pub(super) fn man() -> Result<Answer> {
    let mut command = Cli::command();
    command.build();
    let mut bytes = Vec::new();
    clap_mangen::Man::new(command.clone()).render(&mut bytes).context(|| "write the manual page".into())?;
    for sub in command.get_subcommands().filter(|sub| sub.get_name() != "help") {
        let title = format!("xtask-{}", sub.get_name());
        clap_mangen::Man::new(sub.clone()).title(title).render(&mut bytes).context(|| "write the manual page".into())?;
    }
    let text = String::from_utf8_lossy(&bytes).into_owned();
    Ok(Answer::new(&text, View::Text(text.clone())))
}
