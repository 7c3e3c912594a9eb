//! The job that is meant where a command names a run, not a job.

use super::surroundings::Here;
use crate::config::Job;
use crate::config::resolve::absolute_place;
use crate::error::{Error, ErrorKind, Result};
use crate::pipeline;

/// Name of the job that `typed` names; else of the only job, or of the one that publishes where
/// the run lies. Only targets on this machine are looked into.
///
/// # Errors
/// `Usage` when a job has mistakes, or it is not clear which one is meant.
pub(super) fn find(typed: Option<&str>, run: Option<&str>, here: &Here) -> Result<String> {
    if let Some(job) = typed {
        return Ok(job.to_owned());
    }
    let project = here.project()?;
    let names = project.job_names()?;
    if let [only] = names.as_slice() {
        return Ok(only.clone());
    }
    let mut found: Vec<(Job, String)> = Vec::new();
    for name in run.iter().flat_map(|_| &names) {
        let job = project.job(name)?;
        let target = absolute_place(project.root(), &job.target)?;
        let published_by = match run.filter(|_| !target.contains("://")) {
            Some(run) => pipeline::job_of_run(&target, &job.aws, run).unwrap_or(None),
            None => None,
        };
        found.extend(published_by.map(|by| (job, by)));
    }
    let by_name = found.iter().find(|(job, by)| job.name == *by);
    match (by_name, found.as_slice()) {
        (Some((job, _)), _) | (None, [(job, _)]) => Ok(job.name.clone()),
        _ => Err(Error::new(ErrorKind::Usage, "it is not clear which job is meant").with_help(
            match run.filter(|run| names.iter().any(|name| name == run)) {
                Some(job) => format!("`{job}` is a job, not a run: give --job {job}"),
                None => format!("give --job, one of {}", names.join(", ")),
            },
        )),
    }
}
