//! A published dataset as a person names it: by its job, or by where it lies.

use super::surroundings::Here;
use crate::config::project::is_path;
use crate::config::resolve::absolute_place;
use crate::config::{Job, Project, values};
use crate::error::{Error, ErrorKind, Result};
use crate::plan::AwsOptions;

/// Where the dataset lies that `typed` means: a job's target, a URL, or a path from the working
/// folder on. Nothing typed means the target of the only job there is.
///
/// # Errors
/// `Usage` when there is no such job, or more than one to choose from.
pub(super) fn find(typed: Option<&str>, here: &Here) -> Result<Target> {
    let Some(typed) = typed else { return only_one(here) };
    let place = values::place(typed).map_err(|why| Error::new(ErrorKind::Usage, why))?;
    let is_folder = here.folder().join(&place).is_dir();
    if is_folder || place.contains("://") || (is_path(&place) && !place.ends_with(".toml")) {
        let url = absolute_place(here.folder(), &place)?;
        return Ok(Target { url, aws: AwsOptions::default() });
    }
    let project = here.project()?;
    Target::of(&project.job(&place)?, &project)
}

/// Where a dataset lies and how its store is reached.
#[derive(Debug)]
pub(super) struct Target {
    /// Root of the dataset.
    pub url: String,
    /// Settings of the job; those of the environment alone when no job was named.
    pub aws: AwsOptions,
}

impl Target {
    fn of(job: &Job, project: &Project) -> Result<Self> {
        Ok(Self { url: absolute_place(project.root(), &job.target)?, aws: job.aws.clone() })
    }
}

fn only_one(here: &Here) -> Result<Target> {
    let project = here.project()?;
    let names = project.job_names()?;
    let mut jobs = Vec::new();
    for name in &names {
        jobs.push(project.job(name)?);
    }
    jobs.sort_by(|a, b| a.target.cmp(&b.target));
    jobs.dedup_by(|a, b| a.target == b.target);
    match jobs.as_slice() {
        [job] => Target::of(job, &project),
        _ => Err(Error::new(ErrorKind::Usage, "there is more than one dataset to look at")
            .with_help(format!("name a job ({}) or a path", names.join(", ")))),
    }
}
