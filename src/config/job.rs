//! The job file as a person typed it: what to export, from where, to where, within which budget.
//!
//! Reading it notes every mistake with its line. Does not own the catalog, the clock or the
//! machine: those join in [`super::resolve()`].

use toml::de::{DeTable, DeValue};

use super::mistakes::Mistakes;
use super::section::{Section, boolean, count, day, percent, place, size, text};
use crate::error::Result;
use crate::plan::{
    AwsOptions, DaySelection, FormulaGuard, ParquetCompression, RejectBudget, SinkSpec, SourceSpec,
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
pub const DEFAULT_ROW_GROUP_BYTES: u64 = 64_000_000;

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
    /// Where rows come from, at least one.
    pub sources: Vec<SourceSpec>,
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
    let known = ["job", "days", "source", "target", "sink", "reject", "run"];
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
    let sources = read_sources(&root, mistakes);

    let target = root.section("target", "[target]", &["url", "latest"], mistakes);
    if target.is_none() && !root.mentions("target") {
        mistakes.add(0..0, "a job needs [target] with its `url`");
    }
    let target = target.as_ref();
    let url = target.and_then(|t| t.required("url", place, mistakes));
    let latest = target.and_then(|t| t.optional("latest", boolean, mistakes));

    let sinks = read_sinks(&root, mistakes);

    let reject = root.section("reject", "[reject]", &["max_percent", "max_rows"], mistakes);
    let reject = reject.as_ref();
    let reject_budget = RejectBudget {
        max_millionths: reject
            .and_then(|r| r.optional("max_percent", percent, mistakes))
            .unwrap_or(DEFAULT_MAX_MILLIONTHS),
        max_rows: reject.and_then(|r| r.optional("max_rows", count, mistakes)),
    };

    let run = root.section("run", "[run]", &["threads", "memory"], mistakes);
    let run = run.as_ref();
    let threads = run.and_then(|r| r.optional("threads", threads, mistakes));
    let memory_bytes =
        run.and_then(|r| r.optional("memory", size, mistakes)).unwrap_or(DEFAULT_MEMORY_BYTES);

    Some(Job {
        name: name.unwrap_or_else(|| stem.to_owned()),
        description,
        dataset: dataset?,
        days,
        sources,
        target: url?,
        latest: latest.unwrap_or(true),
        sinks,
        reject_budget,
        threads,
        memory_bytes,
        checkpoint_bytes: DEFAULT_CHECKPOINT_BYTES,
        aws: AwsOptions::default(),
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

fn read_sources(root: &Section<'_>, mistakes: &mut Mistakes<'_>) -> Vec<SourceSpec> {
    let dump_only = ["expected_rows", "expected_sha256"];
    let known = ["kind", "url", "expected_rows", "expected_sha256"];
    let mut sources = Vec::new();
    for source in root.sections("source", "[[source]]", &known, mistakes) {
        let kind = source.required("kind", source_kind, mistakes);
        let url = source.required("url", place, mistakes);
        let expected_rows = source.optional("expected_rows", count, mistakes);
        let expected_sha256 = source.optional("expected_sha256", sha256, mistakes);
        match (kind, url) {
            (Some(SourceKind::DynamodbExport), url) => {
                let why = "an export states its counts and checksums in its manifests";
                source.refuse(&dump_only, why, mistakes);
                sources.extend(url.map(|url| SourceSpec::DynamodbExport { url }));
            }
            (Some(SourceKind::Mongodump), Some(url)) => {
                sources.push(SourceSpec::Mongodump { url, expected_rows, expected_sha256 });
            }
            _ => {}
        }
    }
    sources
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

#[derive(Clone, Copy)]
enum SourceKind {
    DynamodbExport,
    Mongodump,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum SinkFormat {
    Parquet,
    Csv,
}

fn source_kind(value: &DeValue<'_>) -> Result<SourceKind, String> {
    match text(value)?.as_str() {
        "dynamodb_export" => Ok(SourceKind::DynamodbExport),
        "mongodump" => Ok(SourceKind::Mongodump),
        _ => Err("must be \"dynamodb_export\" or \"mongodump\"".to_owned()),
    }
}

fn sink_format(value: &DeValue<'_>) -> Result<SinkFormat, String> {
    match text(value)?.as_str() {
        "parquet" => Ok(SinkFormat::Parquet),
        "csv" => Ok(SinkFormat::Csv),
        _ => Err("must be \"parquet\" or \"csv\"".to_owned()),
    }
}

fn profile(value: &DeValue<'_>) -> Result<ParquetCompression, String> {
    match text(value)?.as_str() {
        "lake" => Ok(ParquetCompression::Zstd),
        "bi" => Ok(ParquetCompression::Snappy),
        _ => Err("must be \"lake\" (zstd) or \"bi\" (snappy)".to_owned()),
    }
}

fn formula_guard(value: &DeValue<'_>) -> Result<FormulaGuard, String> {
    match text(value)?.as_str() {
        "off" => Ok(FormulaGuard::Off),
        "prefix" => Ok(FormulaGuard::Prefix),
        _ => Err("must be \"off\" or \"prefix\"".to_owned()),
    }
}

fn threads(value: &DeValue<'_>) -> Result<usize, String> {
    match usize::try_from(count(value)?) {
        Ok(threads @ 1..=1024) => Ok(threads),
        _ => Err("must be a number from 1 to 1024".to_owned()),
    }
}

fn sha256(value: &DeValue<'_>) -> Result<String, String> {
    let text = text(value)?;
    if text.len() == 64 && text.bytes().all(|b| b.is_ascii_hexdigit()) {
        Ok(text.to_ascii_lowercase())
    } else {
        Err("must be a SHA-256: 64 hexadecimal digits".to_owned())
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
