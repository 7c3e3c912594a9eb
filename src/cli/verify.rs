//! `consign verify`: re-read a published dataset and compare it with its commit records.

use clap::Args;

use super::signals::watched;
use super::surroundings::Here;
use super::{output, target};
use crate::error::{Error, ErrorKind, Result};
use crate::pipeline::{self, VerifySummary};
use crate::report::table::count;

const EXAMPLES: &str = "\
Examples:
  consign verify orders-daily
  consign verify out/exported_orders --json

Exits 7 when anything is not as recorded.";

/// Re-read a published dataset and compare every file with its commit record
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Verify {
    /// Where the dataset lies, or the job that publishes it
    target: String,
    /// Print one JSON document instead of text
    #[arg(long)]
    json: bool,
}

impl Verify {
    /// Verifies and prints what was found.
    pub fn execute(self, here: &Here) -> Result<()> {
        let target = target::find(Some(&self.target), here)?;
        let schemas = here.project()?.schemas();
        let found = watched(here, |progress| {
            pipeline::verify(&target.url, &target.aws, &schemas, progress)
        })?;
        output::show(&found, self.json, render)?;
        match found.problems.len() {
            0 => Ok(()),
            n => Err(Error::new(ErrorKind::Verification, "the dataset is not as it was recorded")
                .with("target", target.url)
                .with("problems", n)),
        }
    }
}

fn counted(number: u64, noun: &str) -> String {
    let plural = if number == 1 { "" } else { "s" };
    format!("{} {noun}{plural}", count(number))
}

fn render(found: &VerifySummary) -> String {
    let mut text = format!(
        "{}\n{}, {}, {}, {}\n",
        found.target,
        counted(found.commits, "commit"),
        counted(found.days, "day"),
        counted(found.files, "file"),
        counted(found.rows, "row"),
    );
    for problem in &found.problems {
        text += &format!("problem: {problem}\n");
    }
    if found.commits == 0 && found.problems.is_empty() {
        text += "nothing is published there\n";
    } else if found.problems.is_empty() {
        text += "every file is as its commit record says\n";
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn problems_are_listed() {
        let mut found = VerifySummary {
            target: "/out".to_owned(),
            commits: 1,
            days: 2,
            files: 3,
            rows: 4_000,
            problems: vec![],
        };
        let counts = "/out\n1 commit, 2 days, 3 files, 4,000 rows\n";
        assert_eq!(render(&found), format!("{counts}every file is as its commit record says\n"));
        found.problems.push("a file is gone".to_owned());
        assert_eq!(render(&found), format!("{counts}problem: a file is gone\n"));
        (found.commits, found.problems) = (0, vec![]);
        assert!(render(&found).ends_with("nothing is published there\n"));
    }
}
