//! Job + contract + overrides + clock and machine → [`Plan`]. Pure: what it needs to know of the
//! world is handed in.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use jiff::Timestamp;

use super::job::{Job, MIN_MEMORY_BYTES};
use crate::catalog::Contract;
use crate::error::{Error, ErrorKind, Result};
use crate::plan::{DaySelection, Plan, SourceSpec};

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
#[derive(Debug, Clone, Copy)]
pub struct Surroundings<'a> {
    /// The time of the call.
    pub now: Timestamp,
    /// Processors of the machine.
    pub processors: usize,
    /// Root of the project, from which relative places count.
    pub root: &'a Path,
    /// Folder for runs in flight.
    pub state_dir: &'a Path,
}

/// What the job means here and now.
///
/// # Errors
/// `Usage` when no days are named, the memory budget is too small to work with, or a place
/// cannot be written as text.
pub fn resolve(
    job: &Job,
    contract: Arc<Contract>,
    overrides: &Overrides,
    around: &Surroundings<'_>,
) -> Result<Plan> {
    let days = overrides.days.or(job.days).ok_or_else(|| {
        Error::new(ErrorKind::Usage, "no days to publish are named")
            .with("job", &job.name)
            .with_help("give --date DAY or --from DAY --to DAY, or add [days] to the job")
    })?;
    let memory_bytes = overrides.memory_bytes.unwrap_or(job.memory_bytes);
    if memory_bytes < MIN_MEMORY_BYTES {
        return Err(Error::new(ErrorKind::Usage, "the memory budget is too small to work with")
            .with("memory", format!("{memory_bytes} bytes"))
            .with_help(format!("give at least {} MB", MIN_MEMORY_BYTES / 1_000_000)));
    }
    let sources = job
        .sources
        .iter()
        .map(|source| absolute_source(around.root, source))
        .collect::<Result<_>>()?;
    Ok(Plan {
        job: job.name.clone(),
        contract,
        sources,
        days,
        as_of: overrides.as_of.unwrap_or(around.now),
        target: absolute_place(around.root, &job.target)?,
        sinks: job.sinks.clone(),
        reject_budget: job.reject_budget,
        latest: job.latest,
        threads: overrides.threads.or(job.threads).unwrap_or(around.processors).max(1),
        memory_bytes,
        staging: around.state_dir.join(&job.name),
    })
}

fn absolute_source(root: &Path, source: &SourceSpec) -> Result<SourceSpec> {
    let mut source = source.clone();
    match &mut source {
        SourceSpec::DynamodbExport { url } | SourceSpec::Mongodump { url, .. } => {
            *url = absolute_place(root, url)?;
        }
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
