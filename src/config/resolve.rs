//! Job + contract + overrides + clock and machine → [`Plan`]. Pure: what it needs to know of the
//! world is handed in.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};

use super::job::{Job, MIN_MEMORY_BYTES};
use crate::catalog::Contract;
use crate::error::{Error, ErrorKind, Result};
use crate::model::Sensitive;
use crate::plan::{DaySelection, Plan, Slice, SourceSpec};
use crate::transform::{complete_days, instants_of_days};

/// What the command line says instead of the job.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Overrides {
    /// Days to publish.
    pub days: Option<DaySelection>,
    /// The run's clock.
    pub as_of: Option<Timestamp>,
    /// Worker threads.
    pub threads: Option<usize>,
    /// Memory budget, bytes.
    pub memory_bytes: Option<u64>,
}

/// What the run finds around it.
#[derive(Clone, Copy)]
pub struct Surroundings<'a> {
    /// The time of the call.
    pub now: Timestamp,
    /// Processors of the machine.
    pub processors: usize,
    /// Root of the project, from which relative places count.
    pub root: &'a Path,
    /// Folder for runs in flight.
    pub state_dir: &'a Path,
    /// File of the keys of pseudonyms, absolute.
    pub privacy_key_file: Option<&'a Path>,
    /// Looks up a secret by the name of its variable.
    pub secret: &'a dyn Fn(&str) -> Option<Sensitive>,
}

/// What the job means here and now.
///
/// # Errors
/// `Usage` when no days are named, the memory budget is too small to work with, a place cannot be
/// written as text, or exchange rates are named without need or needed and not named.
pub fn resolve(
    job: &Job,
    contract: Arc<Contract>,
    overrides: &Overrides,
    around: &Surroundings<'_>,
) -> Result<Plan> {
    let as_of = overrides.as_of.unwrap_or(around.now);
    let days = days(job, &contract, overrides.days, as_of)?;
    let slice = slice(job, &contract, days)?;
    let memory_bytes = overrides.memory_bytes.unwrap_or(job.memory_bytes);
    if memory_bytes < MIN_MEMORY_BYTES {
        return Err(Error::new(ErrorKind::Usage, "the memory budget is too small to work with")
            .with("memory", format!("{memory_bytes} bytes"))
            .with_help(format!("give at least {} MB", MIN_MEMORY_BYTES / 1_000_000)));
    }
    let rates = rates(job, &contract, around)?;
    let sources =
        job.sources.iter().map(|source| resolve_source(source, around)).collect::<Result<_>>()?;
    Ok(Plan {
        job: job.name.clone(),
        contract,
        sources,
        days,
        slice,
        rates,
        as_of,
        target: absolute_place(around.root, &job.target)?,
        sinks: job.sinks.clone(),
        reject_budget: job.reject_budget,
        latest: job.latest,
        threads: overrides.threads.or(job.threads).unwrap_or(around.processors).max(1),
        memory_bytes,
        checkpoint_bytes: job.checkpoint_bytes,
        staging: around.state_dir.join(&job.name),
        aws: job.aws.clone(),
        privacy_key_file: around.privacy_key_file.map(Path::to_path_buf),
    })
}

/// The days to publish: those of the command line, of the job, or the newest complete ones of
/// its slice.
fn days(
    job: &Job,
    contract: &Contract,
    asked_for: Option<DaySelection>,
    as_of: Timestamp,
) -> Result<DaySelection> {
    if let Some(days) = asked_for.or(job.days) {
        return Ok(days);
    }
    let Some(slice) = &job.slice else {
        return Err(Error::new(ErrorKind::Usage, "no days to publish are named")
            .with("job", &job.name)
            .with_help("give --date DAY or --from DAY --to DAY, or add [days] to the job"));
    };
    let lag = SignedDuration::try_from(slice.lag).unwrap_or(SignedDuration::MAX);
    let (first, last) = complete_days(&contract.business_date, as_of, lag, slice.days)?;
    Ok(DaySelection::Range { first, last })
}

/// What the sources may leave out: every instant that is of none of the days.
fn slice(job: &Job, contract: &Contract, days: DaySelection) -> Result<Option<Slice>> {
    let Some(slice) = &job.slice else { return Ok(None) };
    let date = &contract.business_date;
    if slice.field != date.field {
        // A day is replaced as a whole. Rows picked by another field would be a part of it.
        let message = "the slice is not by the field that tells a row's day";
        return Err(Error::new(ErrorKind::Usage, message)
            .with("slice", &slice.field)
            .with("day", &date.field)
            .with_help(format!(
                "slice by `{}`, or use a contract whose businessDate is `{}`: a day is replaced as \
                 a whole, and the rows that another field picks would be a part of it",
                date.field, slice.field
            )));
    }
    if let Some(zone) = slice.zone.as_ref().filter(|zone| **zone != date.zone) {
        return Err(Error::new(ErrorKind::Usage, "the slice names another zone than the contract")
            .with("slice", zone)
            .with("contract", &date.zone)
            .with_help("leave `zone` out, or write the contract's"));
    }
    let DaySelection::Range { first, last } = days else { return Ok(None) };
    let (from, to) = instants_of_days(date, first, last)?;
    Ok(Some(Slice { field: slice.field.clone(), from, to }))
}

/// Where the exchange rates lie that the contract needs.
fn rates(job: &Job, contract: &Contract, around: &Surroundings<'_>) -> Result<Option<String>> {
    match (&job.rates, contract.converts()) {
        (Some(place), true) => absolute_place(around.root, place).map(Some),
        (None, false) => Ok(None),
        (None, true) => Err(Error::new(
            ErrorKind::Usage,
            "the contract converts amounts to dollars, and the job names no exchange rates",
        )
        .with("job", &job.name)
        .with("contract", contract.label())
        .with_help(
            "add [fx] with `rates`, the path or URL of a rate file (see `consign fx import`)",
        )),
        (Some(_), false) => Err(Error::new(
            ErrorKind::Usage,
            "the job names exchange rates, and its contract converts nothing",
        )
        .with("job", &job.name)
        .with("contract", contract.label())
        .with_help("take [fx] out, or name a version of the dataset that has amounts in dollars")),
    }
}

fn resolve_source(source: &SourceSpec, around: &Surroundings<'_>) -> Result<SourceSpec> {
    let mut source = with_secrets(source, around.secret)?;
    if let SourceSpec::DynamodbExport { url } | SourceSpec::Mongodump { url, .. } = &mut source {
        *url = absolute_place(around.root, url)?;
    }
    Ok(source)
}

/// The source with the secrets that it names by their variables.
///
/// # Errors
/// `Usage` when one is not set.
pub fn with_secrets(
    source: &SourceSpec,
    secret: &dyn Fn(&str) -> Option<Sensitive>,
) -> Result<SourceSpec> {
    let mut source = source.clone();
    if let SourceSpec::Mongodb(collection) = &mut source {
        let variable = &collection.uri_variable;
        collection.uri = secret(variable).ok_or_else(|| {
            Error::new(ErrorKind::Usage, "the connection string of MongoDB is not set")
                .with("variable", variable)
                .with_help(format!(
                    "set {variable} in the environment, for instance to \
                     mongodb://localhost:27017; it does not belong in the job"
                ))
        })?;
    }
    Ok(source)
}

/// A URL as it is, a path from `root` on.
///
/// # Errors
/// `Usage` when the path is not valid Unicode.
pub fn absolute_place(root: &Path, place: &str) -> Result<String> {
    if place.contains("://") {
        return Ok(place.to_owned());
    }
    let path: PathBuf = root.join(place).components().collect();
    path.into_os_string().into_string().map_err(|path| {
        Error::new(ErrorKind::Usage, "the path is not valid Unicode")
            .with("path", Path::new(&path).display())
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::{Exchange, Limits, contract::BusinessDate};

    const JOB: &str = r#"
        job.dataset = "orders@1"
        source = [{ kind = "mongodump", url = "dump/./orders.bson" },
                  { kind = "dynamodb_export", url = "file:///data/export" }]
        target.url = "/srv/out"
        sink = [{ format = "csv" }]
    "#;

    fn contract() -> Arc<Contract> {
        Arc::new(Contract {
            id: "orders".to_owned(),
            dataset: "orders".to_owned(),
            version: "1.0.0".to_owned(),
            description: String::new(),
            sha256: String::new(),
            fields: vec![],
            key: vec![],
            version_field: String::new(),
            business_date: BusinessDate { field: String::new(), zone: "UTC".to_owned() },
            exchange: Exchange::default(),
            privacy: None,
            limits: Limits::default(),
            rules: vec![],
            unique: vec![],
        })
    }

    fn resolved(job: &str, overrides: &Overrides) -> Result<Plan> {
        let job = Job::parse("jobs/daily.toml", "daily", job).unwrap();
        let around = Surroundings {
            now: Timestamp::UNIX_EPOCH,
            processors: 0,
            root: Path::new("/project"),
            state_dir: Path::new("/state"),
            privacy_key_file: None,
            secret: &|_| None,
        };
        resolve(&job, contract(), overrides, &around)
    }

    #[test]
    fn places_count_from_the_root_and_the_machine_fills_the_rest() {
        let overrides = Overrides { days: Some(DaySelection::Found), ..Overrides::default() };
        let plan = resolved(JOB, &overrides).unwrap();
        let urls: Vec<_> = plan
            .sources
            .iter()
            .map(|source| match source {
                SourceSpec::DynamodbExport { url } | SourceSpec::Mongodump { url, .. } => url,
                live => panic!("{live:?} is no file"),
            })
            .collect();
        assert_eq!(urls, ["/project/dump/orders.bson", "file:///data/export"]);
        assert_eq!(plan.target, "/srv/out");
        assert_eq!(plan.staging, Path::new("/state/daily"));
        assert_eq!((plan.threads, plan.as_of), (1, Timestamp::UNIX_EPOCH));
        assert_eq!(plan.memory_bytes, 512_000_000);
    }

    #[test]
    fn the_command_line_wins_over_the_job() {
        let job = format!("days.found = true\nrun.threads = 3\nrun.memory = \"1GB\"\n{JOB}");
        let plan = resolved(&job, &Overrides::default()).unwrap();
        assert_eq!((plan.days, plan.threads), (DaySelection::Found, 3));
        assert_eq!(plan.memory_bytes, 1_000_000_000);

        let day = jiff::civil::date(2026, 8, 1);
        let overrides = Overrides {
            days: Some(DaySelection::Range { first: day, last: day }),
            as_of: Some(Timestamp::MAX),
            threads: Some(2),
            memory_bytes: Some(MIN_MEMORY_BYTES),
        };
        let plan = resolved(&job, &overrides).unwrap();
        assert_eq!(Some(plan.days), overrides.days);
        assert_eq!((plan.threads, plan.as_of), (2, Timestamp::MAX));
        assert_eq!(plan.memory_bytes, MIN_MEMORY_BYTES);
    }

    const SLICE: &str = r#"
        job.dataset = "orders@1"
        source = [{ kind = "mongodb", database = "shop", collection = "orders" }]
        target.url = "/srv/out"
        sink = [{ format = "csv" }]
        slice = { field = "created_at", lag = "2h", days = 2 }
    "#;

    fn sliced(job: &str, overrides: &Overrides, secret: Option<&str>) -> Result<Plan> {
        let job = Job::parse("jobs/daily.toml", "daily", job).unwrap();
        let mut contract = Arc::unwrap_or_clone(contract());
        contract.business_date =
            BusinessDate { field: "created_at".to_owned(), zone: "America/New_York".to_owned() };
        let around = Surroundings {
            now: "2026-08-03T06:00:00Z".parse().unwrap(),
            processors: 1,
            root: Path::new("/project"),
            state_dir: Path::new("/state"),
            privacy_key_file: None,
            secret: &|name| secret.filter(|_| name == "MONGODB_URI").map(Sensitive::new),
        };
        resolve(&job, Arc::new(contract), overrides, &around)
    }

    #[test]
    fn a_slice_chooses_the_newest_complete_days_and_their_instants() {
        let day = |d| jiff::civil::date(2026, 8, d);
        let uri = Some("mongodb://me:hunter2@host");
        let plan = sliced(SLICE, &Overrides::default(), uri).unwrap();
        assert_eq!(plan.days, DaySelection::Range { first: day(1), last: day(2) });
        let slice = plan.slice.as_ref().unwrap();
        assert_eq!(slice.from.to_string(), "2026-08-01T04:00:00Z");
        assert_eq!(slice.to.to_string(), "2026-08-03T04:00:00Z");
        assert!(!format!("{plan:?}").contains("hunter2"), "a plan does not show a secret");

        let days = DaySelection::Range { first: day(5), last: day(5) };
        let overrides = Overrides { days: Some(days), ..Overrides::default() };
        let slice = sliced(SLICE, &overrides, uri).unwrap().slice.unwrap();
        assert_eq!(slice.from.to_string(), "2026-08-05T04:00:00Z");
        assert_eq!(slice.to.to_string(), "2026-08-06T04:00:00Z");
    }

    #[test]
    fn a_slice_that_would_replace_a_day_by_a_part_of_it_is_refused() {
        let other = SLICE.replace("created_at", "updated_at");
        let error = sliced(&other, &Overrides::default(), Some("mongodb://host")).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Usage);
        assert!(error.help().is_some_and(|help| help.contains("slice by `created_at`")));
        let zone = SLICE.replace("lag", "zone = \"UTC\", lag");
        assert!(sliced(&zone, &Overrides::default(), Some("mongodb://host")).is_err());
    }

    #[test]
    fn a_connection_string_that_is_not_set_is_asked_for_by_its_variable() {
        let error = sliced(SLICE, &Overrides::default(), None).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Usage);
        assert!(error.help().is_some_and(|help| help.contains("set MONGODB_URI")));
    }

    #[test]
    fn a_run_without_days_or_memory_is_refused_with_help() {
        let no_days = resolved(JOB, &Overrides::default()).unwrap_err();
        assert_eq!(no_days.kind(), ErrorKind::Usage);
        assert!(no_days.help().is_some_and(|help| help.contains("--date")));

        let overrides = Overrides {
            days: Some(DaySelection::Found),
            memory_bytes: Some(MIN_MEMORY_BYTES - 1),
            ..Overrides::default()
        };
        let no_memory = resolved(JOB, &overrides).unwrap_err();
        assert!(no_memory.to_string().starts_with("the memory budget is too small"));
    }
}
