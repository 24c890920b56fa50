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
    /// Migrate to hardened settings: back up, remove the old containers, start anew, compare
    Harden,
    /// Switch services to other images, backed up and proven; back again where that fails
    Switch(Switch),
}

/// Which images.
#[derive(Debug, Args)]
pub(crate) struct Switch {
    /// The images, e.g. falkordb=falkordb/falkordb:v4.14.5
    #[arg(value_name = "SERVICE=IMAGE", required_unless_present = "undo", conflicts_with = "undo")]
    pub(crate) images: Vec<String>,
    /// Go back: from a switch that was interrupted, else from the last one
    #[arg(long)]
    pub(crate) undo: bool,
    /// Restore the newest verified backup that the image can read, together with it
    #[arg(long, conflicts_with_all = ["undo", "no_backup"])]
    pub(crate) with_data: bool,
    /// Don't back up what the services write
    #[arg(long)]
    pub(crate) no_backup: bool,
    /// Why, for the ledger
    #[arg(long)]
    pub(crate) reason: Option<String>,
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
            Self::Harden => "services harden",
            Self::Switch(_) => "services switch",
        }
    }
}
