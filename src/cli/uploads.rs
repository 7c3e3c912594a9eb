//! `consign uploads`: multipart uploads that were begun and never ended, and their end.

use clap::{Args, Subcommand};
use jiff::SignedDuration;
use serde_json::json;

use super::surroundings::Here;
use super::{output, target};
use crate::error::{ErrorKind, Result, ResultExt as _};
use crate::pipeline::{self, PendingUpload};
use crate::report::table::Table;

const EXAMPLES: &str = "\
Examples:
  consign uploads list orders-daily
  consign uploads list s3://lake/exported_orders --json
  consign uploads abort orders-daily --older-than 24h

A run aborts its own uploads when it fails; one that was killed leaves them. Their parts take
space, and no listing of objects shows them. A run in flight has pending uploads too: abort only
what is older than any run.";

/// Look at multipart uploads in S3 that were never completed, and abort them
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Uploads {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// List pending uploads below a dataset
    List(List),
    /// Abort pending uploads below a dataset, and say which
    Abort(Abort),
}

#[derive(Debug, Args)]
struct List {
    /// Where the dataset lies, or the job that publishes it
    target: String,
    /// Print one JSON document instead of text
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Args)]
struct Abort {
    /// Where the dataset lies, or the job that publishes it
    target: String,
    /// Only those that began longer ago, for instance 24h or 90m
    #[arg(long, value_name = "AGE", value_parser = age)]
    older_than: Option<SignedDuration>,
}

const NONE_HERE: &str = "a local folder has no multipart uploads\n";

impl Uploads {
    /// Lists or aborts.
    pub fn execute(self, here: &Here) -> Result<()> {
        match self.command {
            Command::List(list) => list.execute(here),
            Command::Abort(abort) => abort.execute(here),
        }
    }
}

impl List {
    fn execute(self, here: &Here) -> Result<()> {
        let target = target::find(Some(&self.target), here)?;
        let pending = pipeline::pending_uploads(&target.url, &target.aws)?;
        if self.json {
            let uploads = pending.unwrap_or_default();
            output::print_json(&json!({ "target": target.url, "uploads": uploads }))?;
        } else {
            output::print(&render(pending.as_deref()))?;
        }
        Ok(())
    }
}

impl Abort {
    fn execute(self, here: &Here) -> Result<()> {
        let target = target::find(Some(&self.target), here)?;
        let begun_before = self.older_than.map(|age| here.now.checked_sub(age)).transpose();
        let begun_before = begun_before.or_err(ErrorKind::Usage, "the age is before all time")?;
        let mut tell = |upload: &PendingUpload| {
            output::print(&format!("aborted  {}\n", cells(upload).join("  "))).map(drop)
        };
        match pipeline::abort_uploads(&target.url, &target.aws, begun_before, &mut tell)? {
            None => output::print(NONE_HERE)?,
            Some(0) => output::print("nothing to abort\n")?,
            Some(_) => true,
        };
        Ok(())
    }
}

fn age(text: &str) -> Result<SignedDuration, String> {
    text.parse()
        .ok()
        .filter(|age: &SignedDuration| !age.is_negative())
        .ok_or_else(|| format!("`{text}` is not an age; write for instance 24h or 90m"))
}

fn render(pending: Option<&[PendingUpload]>) -> String {
    match pending {
        None => NONE_HERE.to_owned(),
        Some([]) => "no upload is pending\n".to_owned(),
        Some(pending) => {
            let mut table = Table::new("lll");
            pending.iter().for_each(|upload| table.row(cells(upload)));
            table.to_string()
        }
    }
}

/// When it began, what it would become, and its id.
fn cells(upload: &PendingUpload) -> [String; 3] {
    let at =
        upload.initiated_at.map_or_else(|| "at an unknown time".to_owned(), |at| at.to_string());
    [at, upload.key.clone(), upload.upload_id.clone()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn uploads_are_listed_with_their_begin() {
        let upload = PendingUpload {
            key: "a/part-00000.parquet".to_owned(),
            upload_id: "id".to_owned(),
            initiated_at: "2026-08-03T02:00:00Z".parse().ok(),
        };
        assert_eq!(render(Some(&[upload])), "2026-08-03T02:00:00Z  a/part-00000.parquet  id\n");
        assert_eq!(render(Some(&[])), "no upload is pending\n");
        assert_eq!(render(None), NONE_HERE);
    }

    #[test]
    fn ages_are_durations() {
        assert_eq!(age("2h"), Ok(SignedDuration::from_hours(2)));
        assert_eq!(age("90m"), Ok(SignedDuration::from_mins(90)));
        for wrong in ["", "2", "-2h", "yesterday", "1mo"] {
            assert!(age(wrong).is_err(), "{wrong}");
        }
    }
}
