//! A published dataset as a person names it: by its job, or by where it lies.

use super::surroundings::Here;
use crate::config::project::is_path;
use crate::config::resolve::absolute_place;
use crate::config::values;
use crate::error::{Error, ErrorKind, Result};

/// Where the dataset lies that `typed` means: a job's target, a URL, or a path from the working
/// folder on. Nothing typed means the target of the only job there is.
///
/// # Errors
/// `Usage` when there is no such job, or more than one to choose from.
pub(super) fn find(typed: Option<&str>, here: &Here) -> Result<String> {
    let Some(typed) = typed else { return only_one(here) };
    let place = values::place(typed).map_err(|why| Error::new(ErrorKind::Usage, why))?;
    let is_folder = here.folder().join(&place).is_dir();
    if is_folder || place.contains("://") || (is_path(&place) && !place.ends_with(".toml")) {
        return absolute_place(here.folder(), &place);
    }
    let project = here.project()?;
    absolute_place(project.root(), &project.job(&place)?.target)
}

fn only_one(here: &Here) -> Result<String> {
    let project = here.project()?;
    let names = project.job_names()?;
    let mut targets = Vec::new();
    for name in &names {
        targets.push(project.job(name)?.target);
    }
    targets.sort();
    targets.dedup();
    match targets.as_slice() {
        [target] => absolute_place(project.root(), target),
        _ => Err(Error::new(ErrorKind::Usage, "there is more than one dataset to look at")
            .with_help(format!("name a job ({}) or a path", names.join(", ")))),
    }
}
