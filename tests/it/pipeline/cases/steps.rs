//! Cases of several steps, one after another over one dataset.
//!
//! `steps.toml` names the dataset and has a `[[step]]` for each thing done: `do` says what, `as_of` the
//! clock that it sees. `items`, `rates` and `contract` name files of the case, which hold from that
//! step on. The outcome is what each step tells, and the rows of what it recorded.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use consign::catalog::load_contract;
use consign::error::Result;
use consign::model::Sensitive;
use consign::pipeline::{self, Options, ReplayRequest};
use consign::plan::Plan;
use consign::telemetry::Progress;
use jiff::Timestamp;
use serde::Deserialize;

use super::{plan_of, shown, write_items};
use crate::pipeline::harness::Place;
use crate::pipeline::replay::records;

/// The steps of a case.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Steps {
    dataset: String,
    step: Vec<Step>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Step {
    #[serde(rename = "do")]
    what: What,
    as_of: Timestamp,
    /// Lines of an export, which the source holds from now on.
    items: Option<String>,
    /// Exchange rates that lie at the plan's place from now on.
    rates: Option<String>,
    /// A contract that the job has from now on.
    contract: Option<String>,
    /// Field and value by which a person is told, for an erasure.
    subject: Option<[String; 2]>,
}

#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(rename_all = "snake_case")]
enum What {
    Run,
    Replay,
    Retention,
    Erase,
}

/// The steps of the case, when it has several.
pub fn of(case: &Path) -> Option<Steps> {
    let text = fs::read_to_string(case.join("steps.toml")).ok()?;
    Some(toml::from_str(&text).unwrap_or_else(|e| panic!("{}: {e}", case.display())))
}

impl Steps {
    /// What becomes of the steps.
    pub fn outcome(&self, case: &Path) -> String {
        let place = Place::new();
        let mut plan = plan_of(case, &place, &self.dataset);
        let mut text = String::new();
        for (number, step) in (1..).zip(&self.step) {
            step.prepare(case, &place, &mut plan);
            let before = commits(&place);
            let name = format!("{:?}", step.what).to_lowercase();
            text.push_str(&format!("=== {number}. {name} at {}\n", step.as_of));
            match step.take(&plan) {
                Ok(told) => text.push_str(&format!("{told}\n")),
                Err(error) => {
                    text.push_str(&format!("{}\n", words(&place, &format!("{error:?}"))));
                }
            }
            match commits(&place) {
                after if after > before => {
                    assert_eq!(after, before + 1, "a step records one thing");
                    text.push_str(&shown(&place, &records(&place)[before].record));
                }
                _ => text.push_str("nothing is recorded\n"),
            }
            text.push('\n');
        }
        text
    }
}

impl Step {
    fn prepare(&self, case: &Path, place: &Place, plan: &mut Plan) {
        plan.as_of = self.as_of;
        if let Some(items) = &self.items {
            let _ = fs::remove_dir_all(place.path("export"));
            plan.sources = vec![write_items(place, &fs::read_to_string(case.join(items)).unwrap())];
        }
        if let Some(rates) = &self.rates {
            fs::copy(case.join(rates), place.path("rates.csv")).unwrap();
            plan.rates = Some(place.url("rates.csv"));
        }
        if let Some(contract) = &self.contract {
            plan.contract = Arc::new(load_contract(&case.join(contract)).unwrap());
        }
    }

    /// Does it, and says in one line how it went.
    fn take(&self, plan: &Plan) -> Result<String> {
        let progress = Arc::new(Progress::default());
        let options = Options { dry_run: false, fresh: false, started_at: self.as_of };
        match self.what {
            What::Run => {
                let summary = pipeline::run(plan, &progress, options)?;
                Ok(format!("{:?}", summary.outcome))
            }
            What::Replay => {
                let summary =
                    pipeline::replay(plan, &ReplayRequest::default(), &progress, options)?;
                let [replayed] = &summary.runs[..] else { panic!("one run has a quarantine") };
                Ok(format!("{:?}: {:?}", replayed.outcome, replayed.rows))
            }
            What::Retention => {
                let summary = pipeline::retention(plan, true, &progress, options)?;
                let days = summary.days.iter().map(|day| {
                    format!(", {}: {} rows changed", day.dt, day.changed_rows.unwrap_or(0))
                });
                let left: u64 = summary.quarantined_rows.values().sum();
                let hits = summary.proof.map_or(0, |proof| proof.searched.hits.len());
                let days: String = days.collect();
                Ok(format!(
                    "{:?}{days}, {left} refused rows gone, {hits} traces left",
                    summary.outcome
                ))
            }
            What::Erase => {
                let [field, value] = self.subject.as_ref().expect("an erasure names a subject");
                let value = Sensitive::new(value);
                let receipt = pipeline::erase(plan, field, &value, &progress, options)?;
                Ok(format!(
                    "{:?}: {} rows of {} days and {} refused rows gone, {} traces left",
                    receipt.outcome,
                    receipt.rows,
                    receipt.days.len(),
                    receipt.quarantined_rows,
                    receipt.proof.searched.hits.len()
                ))
            }
        }
    }
}

fn commits(place: &Place) -> usize {
    place.files("target").iter().filter(|file| file.starts_with("_log/0")).count()
}

/// Without the place, which is another each time.
fn words(place: &Place, text: &str) -> String {
    text.replace(&place.url(""), "")
}
