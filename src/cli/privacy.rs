//! `consign privacy`: the keys that pseudonyms and suppression marks are taken with, and the audit.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use jiff::Timestamp;
use jiff::civil::Date;

use super::output;
use super::privacy_audit::Audit;
use super::surroundings::Here;
use crate::error::Result;
use crate::model::date_of_days;
use crate::pipeline;

const EXAMPLES: &str = "\
Examples:
  consign privacy new-key --to ~/.config/consign/privacy.toml
  consign privacy new-key --id 2026Q4 --to new.toml

Let CONSIGN_PRIVACY_KEY_FILE name the file. Its first key takes new pseudonyms; those behind it
still recognise what they have taken. Nobody but its owner may read the file. Keep a copy in a safe
place: without the key of a suppression mark a dataset is not published any more.";

/// Take pseudonyms of people with keys of your own, and see what is kept of them
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Privacy {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Make a key file with a new random key, which only you may read; none is overwritten
    NewKey(NewKey),
    Audit(Audit),
}

#[derive(Debug, Args)]
struct NewKey {
    /// What the key is called in pseudonyms and records [default: year and quarter, like 2026Q4]
    #[arg(long, value_name = "ID")]
    id: Option<String>,
    /// The file to make
    #[arg(long, value_name = "FILE")]
    to: PathBuf,
}

impl Privacy {
    /// Does what was asked.
    pub fn execute(self, here: &Here) -> Result<()> {
        match self.command {
            Command::NewKey(new_key) => new_key.execute(here),
            Command::Audit(audit) => audit.execute(here),
        }
    }
}

impl NewKey {
    fn execute(self, here: &Here) -> Result<()> {
        let id = self.id.unwrap_or_else(|| quarter(here.now));
        let file = here.folder().join(&self.to);
        pipeline::create_key_file(&file, &id)?;
        output::print(&format!(
            "made key {id} in {}\nlet CONSIGN_PRIVACY_KEY_FILE name this file, and keep a copy in a \
             safe place\n",
            file.display()
        ))?;
        Ok(())
    }
}

/// `2026Q4`, in UTC.
fn quarter(now: Timestamp) -> String {
    let days = i32::try_from(now.as_second().div_euclid(24 * 60 * 60)).unwrap_or(0);
    let date = date_of_days(days).unwrap_or(Date::ZERO);
    format!("{}Q{}", date.year(), (date.month() + 2) / 3)
}
