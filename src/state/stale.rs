//! Staging folders that nobody works in any more.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use crate::error::Result;

use super::staging::{LOCK, io_error, lock};

/// Folders below `root` that no process holds and in which nothing has changed since `before`.
/// With `remove`, removes them.
///
/// # Errors
/// `Permission` or `Transient` from the file system.
pub fn stale_staging(root: &Path, before: SystemTime, remove: bool) -> Result<Vec<PathBuf>> {
    let mut stale = Vec::new();
    for (dir, changed) in staging_folders(root)? {
        if changed >= before {
            continue;
        }
        let Some(_lock) = lock(&dir)? else { continue };
        if remove {
            fs::remove_dir_all(&dir).map_err(|e| io_error("remove old staged files", &dir, e))?;
        }
        stale.push(dir);
    }
    Ok(stale)
}

/// Staging folders below `root`, ascending, each with when something last changed in it.
///
/// # Errors
/// `Permission` or `Transient` from the file system.
pub fn staging_folders(root: &Path) -> Result<Vec<(PathBuf, SystemTime)>> {
    let entries = match fs::read_dir(root) {
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries.map_err(|e| io_error("list the staging folder", root, e))?,
    };
    let folders = entries.flatten().map(|entry| entry.path());
    let staging = folders.filter(|dir| dir.join(LOCK).is_file());
    let mut found: Vec<_> = staging.filter_map(|dir| Some((last_change(&dir)?, dir))).collect();
    found.sort();
    Ok(found.into_iter().map(|(changed, dir)| (dir, changed)).collect())
}

/// Every file below `root`, in no order; none when it is absent.
///
/// # Errors
/// `Permission` or `Transient` from the file system.
pub fn files_below(root: &Path) -> Result<Vec<PathBuf>> {
    let (mut files, mut folders) = (Vec::new(), vec![root.to_owned()]);
    while let Some(folder) = folders.pop() {
        let entries = match fs::read_dir(&folder) {
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => continue,
            entries => entries.map_err(|e| io_error("list a folder", &folder, e))?,
        };
        for entry in entries {
            let entry = entry.map_err(|e| io_error("list a folder", &folder, e))?;
            let is_folder = entry.file_type().is_ok_and(|kind| kind.is_dir());
            if is_folder { &mut folders } else { &mut files }.push(entry.path());
        }
    }
    Ok(files)
}

fn last_change(dir: &Path) -> Option<SystemTime> {
    let files = files_below(dir).ok()?;
    let changed = files.iter().filter_map(|file| fs::metadata(file).ok()?.modified().ok());
    changed.max()
}
