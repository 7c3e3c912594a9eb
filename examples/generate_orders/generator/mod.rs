//! Made-up orders and users: which rows there are, and into which files they go.
//!
//! A row depends on the seed and its number alone, so that two ranges or two formats agree on the
//! orders they share. What goes wrong in a row is in `dirt`, how it is written in `dynamodb` and
//! `mongodb`.

mod dirt;
pub mod dynamodb;
pub mod mongodb;
mod orders;
pub mod prng;
mod users;
pub mod value;

use std::collections::BTreeMap;
use std::io;
use std::path::PathBuf;

use clap::ValueEnum;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{Span, Timestamp};

use dirt::Row;
use prng::Prng;

/// What to write.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Dataset {
    /// Orders of a shop.
    Orders,
    /// Its users.
    Users,
}

/// How to write it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// DynamoDB Export to S3.
    Dynamodb,
    /// mongodump.
    Mongodb,
}

/// Which state of an order is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Revisions {
    /// The state every source agrees on.
    Current,
    /// An older state of every even order and a newer one of every odd order.
    Mixed,
}

/// What to generate.
#[derive(Debug, Clone)]
pub struct Options {
    /// What to write.
    pub dataset: Dataset,
    /// How to write it.
    pub format: Format,
    /// Folder to write to.
    pub out: PathBuf,
    /// Logical rows; copies come on top.
    pub rows: u64,
    /// Number of the first row.
    pub first_row: u64,
    /// Data files of an export.
    pub files: usize,
    /// Whether a mongodump is compressed.
    pub gzip: bool,
    /// Equal seeds give equal rows.
    pub seed: u64,
    /// Share of rows with something wrong in them.
    pub dirty_percent: u64,
    /// First civil day in New York.
    pub first_day: Date,
    /// Number of days.
    pub days: i64,
    /// Which state of an order is written.
    pub revisions: Revisions,
    /// Whether everything refused, excluded or written twice is left out.
    pub clean: bool,
}

/// What was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Summary {
    /// Folder of the export, or file of the dump.
    pub location: PathBuf,
    /// Rows, copies included.
    pub rows: u64,
    /// Rows that are not plain, by what is special about them.
    pub special: BTreeMap<&'static str, u64>,
}

impl Summary {
    /// One JSON document.
    #[must_use]
    pub fn to_json(&self) -> String {
        serde_json::json!({ "location": self.location, "rows": self.rows, "special": self.special })
            .to_string()
    }
}

/// The time orders are made in.
#[derive(Debug, Clone)]
pub struct Window {
    /// First millisecond of the first day in New York.
    pub first_ms: i64,
    /// When the export was taken: two hours before the last day ends.
    pub export: Timestamp,
}

/// Writes what `options` ask for.
pub fn generate(options: &Options) -> io::Result<Summary> {
    let window = window(options).map_err(io::Error::other)?;
    let (location, mut sink) = match options.format {
        Format::Dynamodb => dynamodb::Export::create(options, &window)?,
        Format::Mongodb => mongodb::Dump::create(options)?,
    };
    let mut summary = Summary { location, rows: 0, special: BTreeMap::new() };
    each_row(options, |row| {
        if let Some(special) = row.special {
            *summary.special.entry(special).or_default() += 1;
        }
        summary.rows += 1;
        sink.write(row)
    })?;
    sink.finish(&window)?;
    Ok(summary)
}

/// Draws the rows that `options` ask for, in the order in which they are written.
pub fn each_row(options: &Options, mut take: impl FnMut(&Row) -> io::Result<()>) -> io::Result<()> {
    let window = window(options).map_err(io::Error::other)?;
    let mut dirt = dirt::Dirt::new(options);
    for number in options.first_row..options.first_row + options.rows {
        let rng = Prng::for_row(options.seed, number);
        dirt.rows(number, rng, &window).iter().try_for_each(&mut take)?;
    }
    Ok(())
}

/// Where rows go.
trait Sink {
    fn write(&mut self, row: &Row) -> io::Result<()>;
    fn finish(self: Box<Self>, window: &Window) -> io::Result<()>;
}

fn window(options: &Options) -> Result<Window, jiff::Error> {
    let new_york = TimeZone::get("America/New_York")?;
    let first = options.first_day.to_zoned_datetime(new_york.clone())?;
    let end = options
        .first_day
        .checked_add(Span::new().days(options.days))?
        .to_zoned_datetime(new_york)?;
    let export = end.timestamp().checked_sub(Span::new().hours(2))?;
    Ok(Window { first_ms: first.timestamp().as_millisecond(), export })
}
