//! What `services` takes on the command line.

use clap::{Args, Subcommand};

/// What to do with the compose stack.
#[derive(Debug, Subcommand)]
pub(crate) enum Services {
    /// Start, and return when every service is healthy
    Up(Named),
    /// Stop and remove containers and networks; volumes stay
    Down {
        /// Destroy the volumes too, with their data
        #[arg(long)]
        volumes: bool,
    },
    /// Restart, and return when every service is healthy again
    Restart(Named),
    /// Image, tag, digest, health, ports, since when
    Status,
    /// What services print
    Logs {
        #[command(flatten)]
        named: Named,
        /// Go on until interrupted
        #[arg(short, long)]
        follow: bool,
        /// Only so many of the last lines
        #[arg(long, value_name = "N")]
        tail: Option<usize>,
    },
    /// Fetch the images
    Pull(Named),
}

/// Services by name.
#[derive(Debug, Args)]
pub(crate) struct Named {
    /// The services [default: all]
    #[arg(value_name = "SERVICE")]
    pub(crate) services: Vec<String>,
}

impl Services {
    /// The command's name.
    pub(crate) fn name(&self) -> &'static str {
        match self {
            Self::Up(_) => "services up",
            Self::Down { .. } => "services down",
            Self::Restart(_) => "services restart",
            Self::Status => "services status",
            Self::Logs { .. } => "services logs",
            Self::Pull(_) => "services pull",
        }
    }
}
