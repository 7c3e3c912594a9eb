//! `consign privacy audit`: what below a dataset can hold personal data, and until when it may.

use clap::Args;
use jiff::Timestamp;

use super::surroundings::Here;
use super::{output, target};
use crate::config::values;
use crate::error::{Error, ErrorKind, Result};
use crate::pipeline::{self, AuditSummary};
use crate::report::table::{Table, count};

const EXAMPLES: &str = "\
Examples:
  consign privacy audit orders-private
  consign privacy audit s3://lake/exported_orders --as-of 2026-12-01T00:00:00Z --json

Exits 3 when something is overdue: `consign retention apply` brings it in order. Files that the
program did not write are listed and never overdue; look at them yourself.";

/// List everything that can hold personal data, and when it must be gone or hold less
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Audit {
    /// Where the dataset lies, or the job that publishes it
    #[arg(value_name = "TARGET|JOB")]
    target: String,
    /// The instant at which to tell what is overdue [default: the time of the call]
    #[arg(long, value_name = "INSTANT", value_parser = values::instant)]
    as_of: Option<Timestamp>,
    /// Print one JSON document instead of text
    #[arg(long)]
    json: bool,
}

impl Audit {
    /// Lists, and fails when something is overdue.
    pub fn execute(self, here: &Here) -> Result<()> {
        let found = target::find(Some(&self.target), here)?;
        let project = here.project()?;
        let is_job = project.job_names()?.contains(&self.target);
        let staging = is_job.then(|| here.state_dir(&project).join(&self.target));
        let as_of = self.as_of.unwrap_or(here.now);
        let audit = pipeline::audit(
            &found.url,
            &found.aws,
            &project.schemas(),
            staging.as_deref(),
            as_of,
            here.now,
        )?;
        output::show(&audit, self.json, render)?;
        if audit.overdue == 0 {
            return Ok(());
        }
        Err(Error::new(ErrorKind::Gate, "personal data is kept longer than it may be")
            .with("target", found.url)
            .with("overdue", audit.overdue)
            .with_help("`consign retention apply` with the job brings it in order"))
    }
}

fn render(audit: &AuditSummary) -> String {
    let mut table = Table::new("llll");
    for object in &audit.objects {
        let until = match (object.expires_at, object.overdue) {
            (Some(at), _) => format!("until {at}"),
            (None, true) => "should be gone".to_owned(),
            (None, false) => "nothing comes of age".to_owned(),
        };
        let overdue = if object.overdue { "OVERDUE" } else { "" };
        table.row([
            overdue.to_owned(),
            object.class.as_str().to_owned(),
            until,
            object.path.clone(),
        ]);
    }
    format!(
        "{}\n{}{} objects can hold personal data at {}, {} overdue\n",
        audit.target,
        table,
        count(audit.objects.len() as u64),
        audit.as_of,
        count(audit.overdue),
    )
}
