//! The job file as a person typed it: what to export, from where, to where, within which budget.
//!
//! Reading it notes every mistake with its line. Does not own the catalog, the clock or the
//! machine: those join in [`super::resolve()`].

use std::time::Duration;

use toml::de::{DeTable, DeValue};

use super::mistakes::Mistakes;
use super::section::{Section, boolean, choice, count, day, duration, percent, place, size, text};
use super::source::read_sources;
use crate::error::Result;
use crate::plan::{
    AwsOptions, DaySelection, FormulaGuard, ParquetCompression, RejectBudget, S3Encryption,
    S3Options, SinkSpec, SourceSpec,
};

/// Reject budget of a job that names none: 1 % of the rows in the window.
pub const DEFAULT_MAX_MILLIONTHS: u32 = 10_000;
/// Memory budget of a job that names none.
pub const DEFAULT_MEMORY_BYTES: u64 = 512_000_000;
/// Bytes of a live split after which its checkpoint is taken, when the job names none.
pub const DEFAULT_CHECKPOINT_BYTES: u64 = 64_000_000;
/// Least memory budget a run can work with.
pub const MIN_MEMORY_BYTES: u64 = 64_000_000;
/// Size at which the next file is begun, when the job names none.
pub const DEFAULT_TARGET_BYTES: u64 = 256_000_000;
/// Size of a Parquet row group, when the job names none.
pub const DEFAULT_ROW_GROUP_BYTES: u64 = 32_000_000;

/// A job, valid in itself. Places are as typed; a relative one counts from the project root.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Job {
    /// Its name: `name` of the file, else the file's own name.
    pub name: String,
    /// What it is for, for people.
    pub description: Option<String>,
    /// Dataset version to produce, `exported_orders@1`.
    pub dataset: String,
    /// Days to publish, unless the command line says.
    pub days: Option<DaySelection>,
    /// By which days are chosen when none are named, and what sources may leave out.
    pub slice: Option<JobSlice>,
    /// Where rows come from, at least one.
    pub sources: Vec<SourceSpec>,
    /// Place of the exchange rates.
    pub rates: Option<String>,
    /// Root of the dataset.
    pub target: String,
    /// Whether `latest/` is kept.
    pub latest: bool,
    /// Files to write for each day, at least one, no format twice.
    pub sinks: Vec<SinkSpec>,
    /// How many rejects may be.
    pub reject_budget: RejectBudget,
    /// Worker threads, unless the command line says.
    pub threads: Option<usize>,
    /// Memory budget of the run, unless the command line says.
    pub memory_bytes: u64,
    /// Bytes of a live split after which its checkpoint is taken.
    pub checkpoint_bytes: u64,
    /// How AWS services are reached, where the environment does not say.
    pub aws: AwsOptions,
}

/// The slice of a job as typed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JobSlice {
    /// Timestamp field that tells the slice a row is in.
    pub field: String,
    /// Zone whose days are meant; it must be the contract's.
    pub zone: Option<String>,
    /// How long after its end a day is complete.
    pub lag: Duration,
    /// How many complete days to publish: more than one for rows that come late.
    pub days: u32,
}

impl Job {
    /// Reads the text of a job file. `file` is what people call it, `stem` its name without
    /// ending.
    ///
    /// # Errors
    /// `Usage` with every mistake, each pointing at its line.
    pub fn parse(file: &str, stem: &str, text: &str) -> Result<Self> {
        let mut mistakes = Mistakes::new(file, text);
        let (document, syntax_errors) = DeTable::parse_recoverable(text);
        for error in syntax_errors {
            let message = error.message().replace('\n', ", ");
            mistakes.add(error.span().unwrap_or(text.len()..text.len()), message);
        }
        if !mistakes.is_empty() {
            // What else seems wrong may only follow from the broken syntax.
            return Err(mistakes.into_error());
        }
        match read_job(stem, document.get_ref(), &mut mistakes) {
            Some(job) if mistakes.is_empty() => Ok(job),
            _ => Err(mistakes.into_error()),
        }
    }
}

/// The job, when nothing that it cannot do without is missing.
fn read_job(stem: &str, document: &DeTable<'_>, mistakes: &mut Mistakes<'_>) -> Option<Job> {
    let known =
        ["job", "days", "slice", "source", "fx", "target", "sink", "reject", "run", "aws", "s3"];
    let root = Section::new("a job", 0..0, document, &known, mistakes);

    let known = ["name", "dataset", "description"];
    let head = root.section("job", "[job]", &known, mistakes);
    if head.is_none() && !root.mentions("job") {
        mistakes.add(0..0, "a job needs [job] with its `dataset`");
    }
    let head = head.as_ref();
    let name = head.and_then(|h| h.optional("name", job_name, mistakes));
    let dataset = head.and_then(|h| h.required("dataset", dataset_label, mistakes));
    let description = head.and_then(|h| h.optional("description", text, mistakes));
    if name.is_none()
        && let Err(why) = check_name(stem)
    {
        mistakes.add(0..0, format!("the file's name cannot be the job's: {why}"));
    }

    let days = read_days(&root, mistakes);
    let slice = read_slice(&root, mistakes);
    let sources = read_sources(&root, mistakes);
    let fx = root.section("fx", "[fx]", &["rates"], mistakes);
    let rates = fx.and_then(|fx| fx.required("rates", place, mistakes));

    let target = root.section("target", "[target]", &["url", "latest"], mistakes);
    if target.is_none() && !root.mentions("target") {
        mistakes.add(0..0, "a job needs [target] with its `url`");
    }
    let target = target.as_ref();
    let url = target.and_then(|t| t.required("url", place, mistakes));
    let latest = target.and_then(|t| t.optional("latest", boolean, mistakes));

    let sinks = read_sinks(&root, mistakes);
    let aws = read_aws(&root, mistakes);

    let reject = root.section("reject", "[reject]", &["max_percent", "max_rows"], mistakes);
    let reject = reject.as_ref();
    let reject_budget = RejectBudget {
        max_millionths: reject
            .and_then(|r| r.optional("max_percent", percent, mistakes))
            .unwrap_or(DEFAULT_MAX_MILLIONTHS),
        max_rows: reject.and_then(|r| r.optional("max_rows", count, mistakes)),
    };

    let run = root.section("run", "[run]", &["threads", "memory", "checkpoint"], mistakes);
    let run = run.as_ref();
    let threads = run.and_then(|r| r.optional("threads", threads, mistakes));
    let memory_bytes =
        run.and_then(|r| r.optional("memory", size, mistakes)).unwrap_or(DEFAULT_MEMORY_BYTES);

    Some(Job {
        name: name.unwrap_or_else(|| stem.to_owned()),
        description,
        dataset: dataset?,
        days,
        slice,
        sources,
        rates,
        target: url?,
        latest: latest.unwrap_or(true),
        sinks,
        reject_budget,
        threads,
        memory_bytes,
        checkpoint_bytes: run
            .and_then(|r| r.optional("checkpoint", size, mistakes))
            .unwrap_or(DEFAULT_CHECKPOINT_BYTES),
        aws,
    })
}

fn read_days(root: &Section<'_>, mistakes: &mut Mistakes<'_>) -> Option<DaySelection> {
    let days = root.section("days", "[days]", &["first", "last", "found"], mistakes)?;
    let found = days.optional("found", boolean, mistakes);
    let first = days.optional("first", day, mistakes);
    let last = days.optional("last", day, mistakes);
    let ranged = days.mentions("first") || days.mentions("last");
    if found == Some(true) {
        if ranged {
            mistakes
                .add(days.span("found"), "[days] is either `found = true` or `first` and `last`");
        }
        return Some(DaySelection::Found);
    }
    if !ranged && days.mentions("found") && found.is_none() {
        // What is wrong with it is told already.
        return None;
    }
    if !ranged {
        mistakes.add(days.span("found"), "[days] needs `first` and `last`, or `found = true`");
        return None;
    }
    for key in ["first", "last"] {
        if !days.mentions(key) {
            mistakes.add(days.span(key), format!("[days] needs `{key}` too"));
        }
    }
    let (first, last) = (first?, last?);
    if last < first {
        mistakes.add(days.span("last"), format!("`last` in [days] lies before `first`, {first}"));
    }
    Some(DaySelection::Range { first, last })
}

fn read_slice(root: &Section<'_>, mistakes: &mut Mistakes<'_>) -> Option<JobSlice> {
    let known = ["field", "zone", "lag", "days"];
    let slice = root.section("slice", "[slice]", &known, mistakes)?;
    let field = slice.required("field", text, mistakes);
    let days = slice.optional("days", count, mistakes).unwrap_or(1);
    if !(1..=3_660).contains(&days) {
        mistakes.add(slice.span("days"), "`days` in [slice]: must be a number from 1 to 3660");
    }
    Some(JobSlice {
        zone: slice.optional("zone", text, mistakes),
        lag: slice.optional("lag", duration, mistakes).unwrap_or_default(),
        days: u32::try_from(days).unwrap_or(1),
        field: field?,
    })
}

fn read_aws(root: &Section<'_>, mistakes: &mut Mistakes<'_>) -> AwsOptions {
    let aws = root.section("aws", "[aws]", &["profile", "region"], mistakes);
    let known = ["endpoint_url", "path_style", "encryption", "kms_key_id", "bucket_key"];
    let s3 = root.section("s3", "[s3]", &known, mistakes);
    let (aws, s3) = (aws.as_ref(), s3.as_ref());
    let uses_kms = s3.and_then(|s| s.optional("encryption", encryption, mistakes));
    let key_id = s3.and_then(|s| s.optional("kms_key_id", text, mistakes));
    let bucket_key = s3.and_then(|s| s.optional("bucket_key", boolean, mistakes));
    if let Some(s3) = s3.filter(|_| uses_kms != Some(true)) {
        let why = "it belongs to `encryption = \"aws:kms\"`";
        s3.refuse(&["kms_key_id", "bucket_key"], why, mistakes);
    }
    AwsOptions {
        profile: aws.and_then(|a| a.optional("profile", text, mistakes)),
        region: aws.and_then(|a| a.optional("region", text, mistakes)),
        s3: S3Options {
            endpoint_url: s3.and_then(|s| s.optional("endpoint_url", place, mistakes)),
            path_style: s3.and_then(|s| s.optional("path_style", boolean, mistakes)),
            encryption: uses_kms.map(|kms| match kms {
                true => S3Encryption::Kms { key_id, bucket_key: bucket_key.unwrap_or(true) },
                false => S3Encryption::S3Managed,
            }),
        },
    }
}

fn read_sinks(root: &Section<'_>, mistakes: &mut Mistakes<'_>) -> Vec<SinkSpec> {
    let known = ["format", "profile", "target_size", "row_group_size", "formula_guard"];
    let mut sinks = Vec::new();
    let mut formats = Vec::new();
    for sink in root.sections("sink", "[[sink]]", &known, mistakes) {
        let format = sink.required("format", sink_format, mistakes);
        let compression = sink.optional("profile", profile, mistakes);
        let target_bytes =
            sink.optional("target_size", size, mistakes).unwrap_or(DEFAULT_TARGET_BYTES);
        let row_group_bytes =
            sink.optional("row_group_size", size, mistakes).unwrap_or(DEFAULT_ROW_GROUP_BYTES);
        let formula_guard = sink.optional("formula_guard", formula_guard, mistakes);
        let Some(format) = format else { continue };
        if formats.contains(&format) {
            mistakes.add(sink.span("format"), "a job writes each format once");
        }
        formats.push(format);
        match format {
            SinkFormat::Parquet => {
                sink.refuse(&["formula_guard"], "only CSV needs it", mistakes);
                sinks.push(SinkSpec::Parquet {
                    compression: compression.unwrap_or(ParquetCompression::Zstd),
                    target_bytes,
                    row_group_bytes,
                });
            }
            SinkFormat::Csv => {
                sink.refuse(&["profile", "row_group_size"], "only Parquet has it", mistakes);
                sinks.push(SinkSpec::Csv {
                    target_bytes,
                    formula_guard: formula_guard.unwrap_or(FormulaGuard::Off),
                });
            }
        }
    }
    sinks
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum SinkFormat {
    Parquet,
    Csv,
}

fn sink_format(value: &DeValue<'_>) -> Result<SinkFormat, String> {
    choice(value, &[("parquet", SinkFormat::Parquet), ("csv", SinkFormat::Csv)])
}

/// Lake: zstd. BI: snappy.
fn profile(value: &DeValue<'_>) -> Result<ParquetCompression, String> {
    choice(value, &[("lake", ParquetCompression::Zstd), ("bi", ParquetCompression::Snappy)])
}

fn formula_guard(value: &DeValue<'_>) -> Result<FormulaGuard, String> {
    choice(value, &[("off", FormulaGuard::Off), ("prefix", FormulaGuard::Prefix)])
}

/// Whether it is by the key management service.
fn encryption(value: &DeValue<'_>) -> Result<bool, String> {
    choice(value, &[("AES256", false), ("aws:kms", true)])
}

fn threads(value: &DeValue<'_>) -> Result<usize, String> {
    match usize::try_from(count(value)?) {
        Ok(threads @ 1..=1024) => Ok(threads),
        _ => Err("must be a number from 1 to 1024".to_owned()),
    }
}

fn job_name(value: &DeValue<'_>) -> Result<String, String> {
    let name = text(value)?;
    check_name(&name).map(|()| name)
}

/// A job's name becomes a folder's.
fn check_name(name: &str) -> Result<(), String> {
    let allowed = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-' || b == b'_';
    if name.bytes().all(allowed) && name.bytes().next().is_some_and(|b| b.is_ascii_alphanumeric()) {
        Ok(())
    } else {
        Err("a job's name is made of a-z, 0-9, `-` and `_`".to_owned())
    }
}

fn dataset_label(value: &DeValue<'_>) -> Result<String, String> {
    let label = text(value)?;
    let major = label.split_once('@').map(|(name, major)| (!name.is_empty(), major.parse::<u32>()));
    match major {
        Some((true, Ok(_))) => Ok(label),
        _ => Err("must name a dataset and its major version, for instance \"orders@1\"".to_owned()),
    }
}

#[cfg(test)]
#[path = "job_tests.rs"]
mod tests;
