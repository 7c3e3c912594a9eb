//! `consign fx`: the exchange rates that amounts are converted by.

use std::path::Path;

use clap::{Args, Subcommand};
use jiff::civil::Date;
use serde_json::{Value, json};

use super::output;
use super::surroundings::Here;
use crate::catalog::{Catalog, Exchange, Rounding};
use crate::config::project::is_path;
use crate::config::resolve::absolute_place;
use crate::config::values;
use crate::error::{Error, ErrorKind, Result};
use crate::fx::rates::Dated;
use crate::fx::{Code, Factor, Rates, standing};
use crate::model::{date_of_days, days_of_date};
use crate::pipeline::{self, ImportSummary};
use crate::plan::AwsOptions;
use crate::report::table::{Table, count};

/// Where the rates of a project lie when nothing is said.
const DEFAULT_PLACE: &str = "fx/rates.csv";

/// Digits after the point of a rate that is shown. Amounts are converted by the exact quotes.
const SHOWN_SCALE: u8 = 12;

const EXAMPLES: &str = "\
Examples:
  consign fx import eurofxref-hist.csv                    add a file of the ECB to fx/rates.csv
  consign fx import corrected.csv --to orders-usd --replace
  consign fx show orders-usd                              the rates that orders of the last day get
  consign fx show --date 2026-04-06 --currency JPY --json

A rate file is eurofxref-hist.csv of the European Central Bank (units for one euro, N/A for gaps),
or has the header date,currency,usd_rate: dollars for one unit of the currency. An order gets the
last rate on or before its day, unless that is older than the contract allows.";

/// Keep exchange rates, and show which one an order of a day gets
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Fx {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Check a rate file and add its rates to those of a place; what stands there is never lost
    Import(Import),
    /// Show the rates that orders of a day get: rate, its day, its age, the hash of the file
    Show(Show),
}

#[derive(Debug, Args)]
struct Import {
    /// File of the ECB, or with a line for each rate: a path or URL
    file: String,
    /// Where the rates are kept: a path, a URL, or a job with [fx] [default: fx/rates.csv]
    #[arg(long, value_name = "PLACE")]
    to: Option<String>,
    /// Take the rates of the file where the place has others
    #[arg(long)]
    replace: bool,
    /// Print one JSON document instead of text
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Args)]
struct Show {
    /// Where the rates are kept: a path, a URL, or a job with [fx] [default: fx/rates.csv]
    place: Option<String>,
    /// Day of the order [default: the last day that has rates]
    #[arg(long, value_name = "DAY", value_parser = values::day)]
    date: Option<Date>,
    /// One currency only, for instance JPY
    #[arg(long, value_name = "CODE", value_parser = code)]
    currency: Option<Code>,
    /// Print one JSON document instead of text
    #[arg(long)]
    json: bool,
}

impl Fx {
    /// Imports or shows.
    pub fn execute(self, here: &Here) -> Result<()> {
        match self.command {
            Command::Import(import) => import.execute(here),
            Command::Show(show) => show.execute(here),
        }
    }
}

impl Import {
    fn execute(self, here: &Here) -> Result<()> {
        let to = RatePlace::find(self.to.as_deref(), here)?;
        let from = place_from(here.folder(), &self.file)?;
        let imported = pipeline::import_rates(&from, &to.place, self.replace, &to.aws)?;
        if self.json {
            output::print_json(&imported_json(&imported))?;
        } else {
            output::print(&imported_text(&imported))?;
        }
        Ok(())
    }
}

impl Show {
    fn execute(self, here: &Here) -> Result<()> {
        let RatePlace { place, aws, max_staleness_days } =
            RatePlace::find(self.place.as_deref(), here)?;
        let rates = pipeline::read_rates(&place, &aws)?;
        let last_day = rates.table.days().map(|(_, last)| last);
        let Some(date) = self.date.or(last_day) else {
            return Err(Error::new(ErrorKind::Usage, "the rate file holds no rate"));
        };
        let currencies = self.currency.map_or_else(|| rates.currencies(), |code| vec![code]);
        let shown = Shown { rates: &rates, date, max_staleness_days, currencies };
        if self.json {
            output::print_json(&shown.json())?;
        } else {
            output::print(&shown.text())?;
        }
        Ok(())
    }
}

/// A rate file as a person names it.
struct RatePlace {
    place: String,
    aws: AwsOptions,
    max_staleness_days: u32,
}

impl RatePlace {
    /// The place that `typed` means: a path from the working folder on, a URL, or the rates of a
    /// job. Nothing typed means those of the project.
    fn find(typed: Option<&str>, here: &Here) -> Result<Self> {
        let of_place = |place| Self {
            place,
            aws: AwsOptions::default(),
            max_staleness_days: Exchange::default().max_staleness_days,
        };
        let Some(typed) = typed else {
            return absolute_place(here.project()?.root(), DEFAULT_PLACE).map(of_place);
        };
        let is_job = !typed.contains("://")
            && !here.folder().join(typed).is_file()
            && (typed.ends_with(".toml") || !(is_path(typed) || typed.ends_with(".csv")));
        if !is_job {
            return place_from(here.folder(), typed).map(of_place);
        }
        let project = here.project()?;
        let job = project.job(typed)?;
        let Some(rates) = &job.rates else {
            return Err(Error::new(ErrorKind::Usage, "the job names no exchange rates")
                .with("job", &job.name)
                .with_help("name a job that has [fx], or the place of a rate file"));
        };
        let contract = Catalog::open(&project.schemas())?.resolve(&job.dataset)?;
        Ok(Self {
            place: absolute_place(project.root(), rates)?,
            aws: job.aws.clone(),
            max_staleness_days: contract.exchange.max_staleness_days,
        })
    }
}

/// A path or URL, without credentials.
fn place_from(folder: &Path, typed: &str) -> Result<String> {
    let place = values::place(typed).map_err(|why| Error::new(ErrorKind::Usage, why))?;
    absolute_place(folder, &place)
}

fn code(text: &str) -> Result<Code, String> {
    Code::parse(text).ok_or_else(|| format!("`{text}` is no currency; write for instance JPY"))
}

/// Codes of a table that no order can have.
fn strangers(rates: &Rates) -> Vec<String> {
    let codes = rates.table.currencies();
    codes.iter().filter(|code| standing(**code).is_none()).map(ToString::to_string).collect()
}

fn imported_json(imported: &ImportSummary) -> Value {
    let days = imported.rates.table.days();
    json!({
        "place": imported.place,
        "sha256": imported.rates.sha256,
        "read": imported.read,
        "new": imported.new,
        "changed": imported.changed.len(),
        "quotes": imported.rates.table.len(),
        "first_day": days.map(|(first, _)| first),
        "last_day": days.map(|(_, last)| last),
        "currencies": imported.rates.currencies().iter().map(ToString::to_string)
            .collect::<Vec<_>>(),
        "unknown": strangers(&imported.rates),
    })
}

fn imported_text(imported: &ImportSummary) -> String {
    let number = |n: usize| count(u64::try_from(n).unwrap_or(u64::MAX));
    let mut text = format!(
        "{}: {} rates read, {} new, {} changed\n",
        imported.place,
        number(imported.read),
        number(imported.new),
        number(imported.changed.len()),
    );
    text += &facts(&imported.rates);
    let strangers = strangers(&imported.rates);
    if !strangers.is_empty() {
        text += &format!(
            "note: no order can be in {}: ISO 4217 has no such money\n",
            strangers.join(", ")
        );
    }
    text
}

/// What a file holds.
fn facts(rates: &Rates) -> String {
    let mut table = Table::new("ll");
    table.row(["sha256", &rates.sha256]);
    if let Some((first, last)) = rates.table.days() {
        table.row(["days", &format!("{first} to {last}")]);
    }
    let codes: Vec<String> = rates.currencies().iter().map(ToString::to_string).collect();
    table.row(["currencies", &codes.join(" ")]);
    table.to_string()
}

/// What orders of a day get.
struct Shown<'a> {
    rates: &'a Rates,
    date: Date,
    max_staleness_days: u32,
    currencies: Vec<Code>,
}

impl Shown<'_> {
    fn rate(&self, code: Code) -> Option<(String, Date, u32)> {
        let day = days_of_date(self.date);
        let Dated { rate, day: of } = self.rates.rate_on(code, day, self.max_staleness_days)?;
        let unscaled = Factor::new(&rate, 0, SHOWN_SCALE)?.apply(1, Rounding::HalfEven)?;
        let one = 10i128.pow(u32::from(SHOWN_SCALE));
        let text = format!("{}.{:012}", unscaled / one, unscaled % one);
        Some((text, date_of_days(of)?, day.abs_diff(of)))
    }

    fn json(&self) -> Value {
        let rates = self.currencies.iter().map(|code| match self.rate(*code) {
            Some((rate, date, age)) => json!({
                "currency": code.as_str(), "usd_rate": rate, "rate_date": date, "age_days": age,
            }),
            None => json!({
                "currency": code.as_str(), "usd_rate": null, "rate_date": null, "age_days": null,
            }),
        });
        json!({
            "place": self.rates.place,
            "sha256": self.rates.sha256,
            "date": self.date,
            "max_staleness_days": self.max_staleness_days,
            "rates": rates.collect::<Vec<_>>(),
        })
    }

    fn text(&self) -> String {
        let mut table = Table::new("lrll");
        table.row(["", "dollars for one", "rate of", "age"]);
        for code in &self.currencies {
            match self.rate(*code) {
                Some((rate, date, age)) => {
                    let age = if age == 1 { "1 day".to_owned() } else { format!("{age} days") };
                    table.row([code.as_str(), &rate, &date.to_string(), &age]);
                }
                None => table.row([code.as_str(), "none", "", "refused as fx_rate_missing"]),
            }
        }
        let (date, place) = (self.date, &self.rates.place);
        format!(
            "orders of {date} by {place}, rates at most {} days old\n{}\n{table}",
            self.max_staleness_days,
            facts(self.rates),
        )
    }
}
