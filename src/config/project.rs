//! The folder that holds `jobs/` and `schemas/`, and the jobs in it.
//!
//! Does not own what a job says (`job`) nor the contracts (`catalog`).

use std::path::{Path, PathBuf};

use super::job::Job;
use super::mistakes::closest;
use crate::error::{Error, ErrorKind, Result, ResultExt as _};

/// A project on this machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Project {
    root: PathBuf,
}

impl Project {
    /// The project of which `root` is the folder.
    ///
    /// # Errors
    /// `Usage` when it has no `jobs/` or no `schemas/`.
    pub fn at(root: &Path) -> Result<Self> {
        let root = std::path::absolute(root)
            .or_err(ErrorKind::Usage, "find the project")
            .map_err(|e| e.with("folder", root.display()))?;
        if is_project(&root) {
            Ok(Self { root })
        } else {
            Err(Error::new(ErrorKind::Usage, "the folder is not a project")
                .with("folder", root.display())
                .with_help("a project is a folder with `jobs/` and `schemas/` in it"))
        }
    }

    /// The nearest project at or above `folder`.
    ///
    /// # Errors
    /// `Usage` when there is none.
    pub fn above(folder: &Path) -> Result<Self> {
        folder
            .ancestors()
            .find(|ancestor| is_project(ancestor))
            .map(|root| Self { root: root.to_owned() })
            .ok_or_else(|| {
                Error::new(ErrorKind::Usage, "no project here or above")
                    .with("folder", folder.display())
                    .with_help(
                        "go to a folder with `jobs/` and `schemas/` in it, or give --project DIR",
                    )
            })
    }

    /// Its folder, absolute.
    #[must_use]
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// Folder of the contracts.
    #[must_use]
    pub fn schemas(&self) -> PathBuf {
        self.root.join("schemas")
    }

    /// Names of the jobs in `jobs/`, ascending.
    ///
    /// # Errors
    /// `Usage` when the folder cannot be listed.
    pub fn job_names(&self) -> Result<Vec<String>> {
        let folder = self.root.join("jobs");
        let list = || -> std::io::Result<Vec<String>> {
            let mut names = Vec::new();
            for entry in std::fs::read_dir(&folder)? {
                let path = entry?.path();
                if path.extension().is_some_and(|e| e == "toml")
                    && let Some(stem) = path.file_stem().and_then(|s| s.to_str())
                {
                    names.push(stem.to_owned());
                }
            }
            names.sort();
            Ok(names)
        };
        list()
            .or_err(ErrorKind::Usage, "list the jobs")
            .map_err(|e| e.with("folder", folder.display()))
    }

    /// The job that `typed` means: a name in `jobs/`, or a path to a file.
    ///
    /// # Errors
    /// `Usage` when there is no such job, or it has mistakes.
    pub fn job(&self, typed: &str) -> Result<Job> {
        if is_path(typed) {
            return load(Path::new(typed), typed);
        }
        let path = self.root.join("jobs").join(format!("{typed}.toml"));
        if path.is_file() {
            return load(&path, &format!("jobs/{typed}.toml"));
        }
        let names = self.job_names()?;
        let help = match closest(typed, names.iter().map(String::as_str)) {
            Some(meant) => format!("did you mean `{meant}`?"),
            None if names.is_empty() => "`jobs/` holds no job yet".to_owned(),
            None => format!("the jobs here are: {}", names.join(", ")),
        };
        Err(Error::new(ErrorKind::Usage, format!("unknown job `{typed}`")).with_help(help))
    }
}

/// Whether an argument that may be a job's name or a path is a path.
#[must_use]
pub fn is_path(typed: &str) -> bool {
    typed.contains(['/', std::path::MAIN_SEPARATOR]) || typed.ends_with(".toml")
}

fn is_project(folder: &Path) -> bool {
    folder.join("jobs").is_dir() && folder.join("schemas").is_dir()
}

/// Reads a job file that people call `name`.
fn load(path: &Path, name: &str) -> Result<Job> {
    let text = std::fs::read_to_string(path)
        .or_err(ErrorKind::Usage, "read the job")
        .map_err(|e| e.with("file", name))?;
    let stem = path.file_stem().and_then(|s| s.to_str()).unwrap_or_default();
    Job::parse(name, stem, &text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn project() -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir_all(folder.path().join("jobs")).unwrap();
        std::fs::create_dir_all(folder.path().join("schemas/deep/er")).unwrap();
        std::fs::write(folder.path().join("jobs/orders-daily.toml"), "").unwrap();
        folder
    }

    #[test]
    fn the_nearest_folder_above_is_the_project() {
        let folder = project();
        let deep = folder.path().join("schemas/deep/er");
        assert_eq!(Project::above(&deep).unwrap().root(), folder.path());
        assert_eq!(Project::at(&deep).unwrap_err().kind(), ErrorKind::Usage);
    }

    #[test]
    fn an_unknown_job_is_answered_with_the_nearest_name() {
        let folder = project();
        let project = Project::at(folder.path()).unwrap();
        let slip = project.job("order-daily").unwrap_err();
        assert_eq!(slip.help(), Some("did you mean `orders-daily`?"));
        let stranger = project.job("invoices").unwrap_err();
        assert_eq!(stranger.help(), Some("the jobs here are: orders-daily"));
        assert_eq!(project.job("jobs/none.toml").unwrap_err().kind(), ErrorKind::Usage);
    }
}
