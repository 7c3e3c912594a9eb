//! `consign get`: one live row, and how the contract judges it.

use clap::Args;
use serde_json::Value;

use super::live_place::LivePlace;
use super::output;
use super::surroundings::Here;
use crate::error::{ErrorKind, Result, ResultExt as _};
use crate::pipeline::{self, FoundRow};
use crate::report::table::Table;

const EXAMPLES: &str = "\
Examples:
  consign get orders-table ord_7f3k9q2m                  the place and contract of a job
  consign get dynamodb://orders 'ORDER#1,v1' --dataset exported_orders@1
  consign get dynamodb://orders '{\"order_id\":{\"N\":\"48213\"}}' --dataset exported_orders@1
  consign get mongodb:shop.orders ord_7f3k9q2m --json

The row is shown as it is, personal data included. That there is none is no error: the text says
so, and --json prints null.";

/// Show one item or document, and how the contract judges it
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Get {
    /// `dynamodb://TABLE`, `mongodb:DB.COLL`, or a job that reads one of them
    source: String,
    /// Key: as text (parts of a table's key with a comma between them), or in the JSON of its service
    key: String,
    /// Contract to judge by [default: the job's, or the only one]
    #[arg(long, value_name = "DATASET")]
    dataset: Option<String>,
    /// Print one JSON document instead of text
    #[arg(long)]
    json: bool,
}

impl Get {
    /// Looks and prints.
    pub fn execute(self, here: &Here) -> Result<()> {
        let place = LivePlace::find(&self.source, here)?;
        let contract = place.contract(self.dataset.as_deref(), &here.project()?)?;
        let found =
            pipeline::get(&place.source, &self.key, &contract, place.rates.as_deref(), &place.aws)?;
        match (&found, self.json) {
            (Some(found), true) => output::print_json(found)?,
            (None, true) => output::print_json(&Value::Null)?,
            (Some(found), false) => output::print(&render(found)?)?,
            (None, false) => {
                output::print(&format!("not found: {} has no row with this key\n", self.source))?
            }
        };
        Ok(())
    }
}

fn render(found: &FoundRow) -> Result<String> {
    let row = serde_json::to_string_pretty(&found.row)
        .or_err(ErrorKind::Unexpected, "could not show the row")?;
    let judgement = &found.judgement;
    let contract = format!("{} ({})", judgement.dataset, judgement.contract_version);
    let verdict = match (judgement.verdict, &judgement.excluded_by) {
        ("publish", _) => "it would be published".to_owned(),
        (_, Some(rule)) => format!("it would be left out by the rule {rule}"),
        _ => "it would be refused, into the quarantine".to_owned(),
    };
    let mut table = Table::new("llll");
    for reason in &judgement.reasons {
        let what = reason.field.as_deref().or(reason.rule.as_deref()).unwrap_or_default();
        let found = reason.found.map(|found| format!("found {found}")).unwrap_or_default();
        table.row([reason.code, what, &found, reason.meaning]);
    }
    let day = judgement.day.as_deref().unwrap_or("unknown");
    let mut text = format!("{}\n{row}\n\n{contract}: {verdict}; day {day}\n{table}", found.source);
    for rule in &judgement.warnings {
        text += &format!("warning: it breaks the rule {rule}\n");
    }
    Ok(text)
}
