//! `consign erase`: one person goes from a dataset, with a receipt that does not say who.

use std::io::Read as _;
use std::path::PathBuf;

use clap::Args;

use super::job_args::JobArgs;
use super::output;
use super::retention::{proof, require_clean};
use super::signals::watched;
use super::surroundings::Here;
use crate::error::{Error, ErrorKind, Result, ResultExt as _};
use crate::model::Sensitive;
use crate::pipeline::{self, ErasureOutcome, ErasureReceipt};
use crate::report::table::count;

const EXAMPLES: &str = "\
Examples:
  consign erase orders-private --subject customer_email=- < address.txt
  consign erase orders-private --subject customer_id=- --receipt receipt.json

With `-` the value is read from standard input, and no other process sees it. Days with rows of the
person are published anew without them; old versions of these days, copies and refused rows go too.
A keyed mark stays, by which later runs leave the person out. Then everything that is left is searched
for what went. The receipt says what was done and not who it was.

Exits 7 when something that must be gone was found, or could not be read.";

/// Most bytes of a value.
const MAX_VALUE_BYTES: u64 = 1 << 16;

/// Erase one person from every day, copy and refused row of a dataset, and prove it
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Erase {
    #[command(flatten)]
    job: JobArgs,
    /// Field of the contract that tells the person, and its value, `-` for standard input
    #[arg(long, value_name = "FIELD=-", value_parser = subject)]
    subject: Subject,
    /// Write the receipt to this file as well
    #[arg(long, value_name = "FILE")]
    receipt: Option<PathBuf>,
    /// Print one JSON document instead of text
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Clone)]
struct Subject {
    field: String,
    /// None: from standard input.
    value: Option<Sensitive>,
}

fn subject(text: &str) -> Result<Subject, String> {
    match text.split_once('=') {
        Some((field, "-")) if !field.is_empty() => {
            Ok(Subject { field: field.to_owned(), value: None })
        }
        Some((field, value)) if !field.is_empty() && !value.is_empty() => {
            Ok(Subject { field: field.to_owned(), value: Some(Sensitive::new(value)) })
        }
        _ => Err("write FIELD=-, and give the value on standard input".to_owned()),
    }
}

impl Subject {
    fn value(&self) -> Result<Sensitive> {
        if let Some(value) = &self.value {
            tracing::warn!(
                "the value stands on the command line, where other processes and the shell's history \
                 can see it; give it on standard input"
            );
            return Ok(value.clone());
        }
        let mut text = String::new();
        std::io::stdin()
            .take(MAX_VALUE_BYTES)
            .read_to_string(&mut text)
            .or_err(ErrorKind::Usage, "cannot read the value from standard input")?;
        let value = text.trim_end_matches(['\r', '\n']);
        if value.trim().is_empty() || value.contains('\n') {
            let message = "standard input must hold one value, on one line";
            return Err(Error::new(ErrorKind::Usage, message).with("field", &self.field));
        }
        Ok(Sensitive::new(value))
    }
}

impl Erase {
    /// Erases and prints the receipt.
    pub fn execute(self, here: &Here) -> Result<()> {
        let plan = self.job.plan(here)?;
        let value = self.subject.value()?;
        let options = pipeline::Options { dry_run: false, fresh: false, started_at: here.now };
        let receipt = watched(here, |progress| {
            pipeline::erase(&plan, &self.subject.field, &value, progress, options)
        })?;
        if let Some(file) = &self.receipt {
            let doing = "the person is erased, but the receipt cannot be written";
            let text =
                serde_json::to_string_pretty(&receipt).or_err(ErrorKind::Unexpected, doing)?;
            std::fs::write(here.folder().join(file), text + "\n")
                .or_err(ErrorKind::Usage, doing)
                .map_err(|error| error.with("file", file.display()))?;
        }
        output::show(&receipt, self.json, render)?;
        require_clean(Some(&receipt.proof), &receipt.target)
    }
}

fn render(receipt: &ErasureReceipt) -> String {
    let mut text = format!("{}\nreceipt {}\n", receipt.target, receipt.receipt_id);
    text += &match (receipt.outcome, receipt.commit) {
        (ErasureOutcome::Erased, Some(commit)) => format!("commit {commit}\n"),
        _ => "was erased before; nothing was left of it\n".to_owned(),
    };
    let days: Vec<String> = receipt.days.iter().map(ToString::to_string).collect();
    if !days.is_empty() {
        text += &format!("{} rows gone from {}\n", count(receipt.rows), days.join(", "));
    }
    if receipt.quarantined_rows > 0 {
        text += &format!("{} rows gone from the quarantine\n", count(receipt.quarantined_rows));
    }
    text += &format!("{} objects deleted\n", count(receipt.objects_deleted));
    text += &format!(
        "later runs leave out rows with this {} (mark of key {})\n",
        receipt.field, receipt.key_id
    );
    text + &proof(&receipt.proof)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_subject_is_a_field_and_a_value_that_is_not_shown() {
        let typed = subject("email=a=b@x.org").unwrap();
        assert_eq!(typed.field, "email");
        assert_eq!(typed.value.as_ref().unwrap().expose(), "a=b@x.org");
        assert!(!format!("{typed:?}").contains("x.org"));
        assert!(subject("email=-").unwrap().value.is_none());
        for wrong in ["email", "=x", "email=", ""] {
            assert!(subject(wrong).is_err(), "{wrong}");
        }
    }
}
