//! The whole command line, declared in one place. What is typed here is resolved in the command's own file.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

use crate::report::Colour;

/// Releases that can be taken back, data that can be brought back.
#[derive(Debug, Parser)]
#[command(name = "xtask", bin_name = "xtask", version, about, long_about = None, propagate_version = true, max_term_width = 100)]
pub(crate) struct Cli {
    #[command(flatten)]
    pub(crate) global: Global,
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// Options that every command takes.
#[derive(Clone, Debug, Default, Args)]
pub(crate) struct Global {
    /// The configuration file [default: the nearest xtask.toml]
    #[arg(long, global = true, value_name = "FILE", help_heading = "Everywhere")]
    pub(crate) config: Option<PathBuf>,
    /// Print one JSON document
    #[arg(long, global = true, help_heading = "Everywhere")]
    pub(crate) json: bool,
    /// Show what child processes print (-vv: what this program does, -vvv: every effect)
    #[arg(short, long, global = true, action = clap::ArgAction::Count, help_heading = "Everywhere")]
    pub(crate) verbose: u8,
    /// Only warnings and errors
    #[arg(short, long, global = true, help_heading = "Everywhere")]
    pub(crate) quiet: bool,
    /// When to colour
    #[arg(long, global = true, value_enum, value_name = "WHEN", default_value = "auto", help_heading = "Everywhere")]
    pub(crate) color: Colour,
    /// Don't ask
    #[arg(short, long, global = true, help_heading = "Everywhere")]
    pub(crate) yes: bool,
    /// Print the plan, touch nothing
    #[arg(long, global = true, help_heading = "Everywhere")]
    pub(crate) dry_run: bool,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Edit every version source, keeping its formatting
    Bump(super::bump::Args),
    /// The compose stack, with health gates
    #[command(subcommand)]
    Services(super::services::Services),
    /// Print the JSON Schema of xtask.toml
    Schema,
}

impl Command {
    /// The command's name in the JSON document, in the ledger and in messages.
    pub(crate) fn name(&self) -> &'static str {
        match self {
            Self::Bump(_) => "bump",
            Self::Services(command) => command.name(),
            Self::Schema => "schema",
        }
    }
}
