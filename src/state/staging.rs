//! The folder of one run in flight: who holds it, which splits are finished in it.
//!
//! A folder is named by the run's idempotency key, so an interrupted run is found again by the
//! next run of the same job over the same input, and by no other.

use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use serde::Serialize;

use crate::error::{Error, ErrorKind, Result};
use crate::model::{Split, SplitId};

use super::{Checkpoint, LiveReading};

pub(super) const LOCK: &str = "lock";
const READING: &str = "reading.json";

/// An open, locked staging folder.
#[derive(Debug)]
pub struct Staging {
    dir: PathBuf,
    // Held for as long as the run lives; the system lets go of it when the process dies.
    _lock: File,
}

impl Staging {
    /// Opens the folder of `key` below `root`. When another process works in it, opens a folder
    /// of this run alone, so that two runs of one job never share files. Folders of other keys
    /// that no process holds are removed: their input is gone or has changed.
    ///
    /// # Errors
    /// `Permission` or `Transient` when the folder cannot be made or locked.
    pub fn open(root: &Path, key: &str, run_id: &str) -> Result<Self> {
        fs::create_dir_all(root).map_err(|e| io_error("make the staging folder", root, e))?;
        let short = &key[..key.len().min(24)];
        remove_abandoned(root, short)?;
        let shared = root.join(short);
        if let Some(lock) = lock(&shared)? {
            return Ok(Self { dir: shared, _lock: lock });
        }
        Self::own(root.join(format!("{short}-{run_id}")))
    }

    /// Opens a folder of this run alone, and touches no other.
    ///
    /// # Errors
    /// `Conflict` when another run has the same id, `Permission` or `Transient` when the folder
    /// cannot be made or locked.
    pub fn open_apart(root: &Path, run_id: &str) -> Result<Self> {
        Self::own(root.join(format!("apart-{run_id}")))
    }

    fn own(dir: PathBuf) -> Result<Self> {
        match lock(&dir)? {
            Some(lock) => Ok(Self { dir, _lock: lock }),
            None => {
                Err(Error::new(ErrorKind::Conflict, "the staging folder is held by another run")
                    .with("folder", dir.display()))
            }
        }
    }

    /// Forgets whatever an interrupted run left in the folder.
    ///
    /// # Errors
    /// `Permission` or `Transient` from the file system.
    pub fn clear(&self) -> Result<()> {
        let clear = || -> std::io::Result<()> {
            for entry in fs::read_dir(&self.dir)? {
                let path = entry?.path();
                if path.is_dir() {
                    fs::remove_dir_all(path)?;
                } else if path.file_name().is_some_and(|name| name != LOCK) {
                    fs::remove_file(path)?;
                }
            }
            Ok(())
        };
        clear().map_err(|e| io_error("clear the staging folder", &self.dir, e))
    }

    /// The folder itself, for files of the run as a whole.
    #[must_use]
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// The folder of a split's files.
    #[must_use]
    pub fn split_dir(&self, split: SplitId) -> PathBuf {
        self.dir.join(format!("split-{:05}", split.0))
    }

    /// An empty folder for a split that is extracted (again).
    ///
    /// # Errors
    /// `Permission` or `Transient` from the file system.
    pub fn clear_split(&self, split: SplitId) -> Result<PathBuf> {
        let dir = self.split_dir(split);
        if dir.exists() {
            fs::remove_dir_all(&dir).map_err(|e| io_error("clear a split's folder", &dir, e))?;
        }
        fs::create_dir_all(&dir).map_err(|e| io_error("make a split's folder", &dir, e))?;
        Ok(dir)
    }

    /// The checkpoint of `split`, when it was read before, to its end or in part, and all its
    /// files are whole.
    ///
    /// # Errors
    /// `Permission` or `Transient` when a checkpoint is there but cannot be read.
    pub fn load(&self, split: &Split) -> Result<Option<Checkpoint>> {
        let path = self.checkpoint_path(split.id);
        let text = match fs::read(&path) {
            Ok(text) => text,
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(e) => return Err(io_error("read a checkpoint", &path, e)),
        };
        // One that another version wrote, or that a full disk cut, is redone.
        let Ok(checkpoint) = serde_json::from_slice::<Checkpoint>(&text) else { return Ok(None) };
        let dir = self.split_dir(split.id);
        let whole = checkpoint.split == *split
            && checkpoint
                .files()
                .all(|f| fs::metadata(dir.join(&f.name)).is_ok_and(|m| m.len() == f.bytes));
        Ok(whole.then_some(checkpoint))
    }

    /// Records how far a split is read. Its files must have been synced before.
    ///
    /// # Errors
    /// `Permission` or `Transient` from the file system.
    pub fn save(&self, checkpoint: &Checkpoint) -> Result<()> {
        let path = self.checkpoint_path(checkpoint.split.id);
        replace(&path, checkpoint).map_err(|e| io_error("save a checkpoint", &path, e))
    }

    /// The live reading that was interrupted here, and when it last made progress.
    ///
    /// # Errors
    /// `Permission` or `Transient` when one is there but cannot be read.
    pub fn load_reading(&self) -> Result<Option<(LiveReading, SystemTime)>> {
        let path = self.dir.join(READING);
        let text = match fs::read(&path) {
            Ok(text) => text,
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(e) => return Err(io_error("read what an interrupted run left", &path, e)),
        };
        let Ok(reading) = serde_json::from_slice(&text) else { return Ok(None) };
        let entries = fs::read_dir(&self.dir)
            .map_err(|e| io_error("list the staging folder", &self.dir, e))?;
        let changed = entries.flatten().filter_map(|entry| entry.metadata().ok()?.modified().ok());
        Ok(changed.max().map(|last| (reading, last)))
    }

    /// Records how the live sources are cut, before any of them is read.
    ///
    /// # Errors
    /// `Permission` or `Transient` from the file system.
    pub fn save_reading(&self, reading: &LiveReading) -> Result<()> {
        let path = self.dir.join(READING);
        replace(&path, reading).map_err(|e| io_error("save how the sources are cut", &path, e))
    }

    /// Removes the folder: what it held is published.
    ///
    /// # Errors
    /// `Permission` or `Transient` from the file system.
    pub fn remove(self) -> Result<()> {
        fs::remove_dir_all(&self.dir).map_err(|e| io_error("remove staged files", &self.dir, e))
    }

    fn checkpoint_path(&self, split: SplitId) -> PathBuf {
        self.dir.join(format!("split-{:05}.json", split.0))
    }
}

/// Writes a JSON file that is, at every moment, either the old or the new one.
fn replace(path: &Path, content: &impl Serialize) -> std::io::Result<()> {
    let partial = path.with_extension("partial");
    let mut file = File::create(&partial)?;
    file.write_all(&serde_json::to_vec(content)?)?;
    file.sync_all()?;
    fs::rename(&partial, path)
}

pub(super) fn lock(dir: &Path) -> Result<Option<File>> {
    let open = || -> std::io::Result<File> {
        fs::create_dir_all(dir)?;
        File::options().create(true).truncate(false).write(true).open(dir.join(LOCK))
    };
    let file = open().map_err(|e| io_error("open the staging lock", dir, e))?;
    match file.try_lock() {
        Ok(()) => Ok(Some(file)),
        Err(fs::TryLockError::WouldBlock) => Ok(None),
        Err(fs::TryLockError::Error(e)) => Err(io_error("lock the staging folder", dir, e)),
    }
}

fn remove_abandoned(root: &Path, keep: &str) -> Result<()> {
    let entries = fs::read_dir(root).map_err(|e| io_error("list the staging folder", root, e))?;
    for entry in entries.flatten() {
        let dir = entry.path();
        let held_or_ours = entry.file_name().to_string_lossy() == *keep
            || !dir.join(LOCK).is_file()
            || lock(&dir)?.is_none();
        if !held_or_ours {
            fs::remove_dir_all(&dir).map_err(|e| io_error("remove old staged files", &dir, e))?;
        }
    }
    Ok(())
}

/// A failure of the local file system while staging.
#[must_use]
pub fn io_error(doing: &str, path: &Path, error: std::io::Error) -> Error {
    use std::io::ErrorKind as Io;
    let (kind, help) = match error.kind() {
        Io::PermissionDenied | Io::ReadOnlyFilesystem => {
            (ErrorKind::Permission, "give this user write access, or set CONSIGN_STATE_DIR")
        }
        Io::StorageFull | Io::QuotaExceeded => {
            (ErrorKind::Transient, "free space there, or set CONSIGN_STATE_DIR to a larger disk")
        }
        _ => (ErrorKind::Transient, "run the same command again; finished splits are kept"),
    };
    Error::new(kind, format!("could not {doing}"))
        .with("path", path.display())
        .with_help(help)
        .with_source(error)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{ObjectPart, Part, RawFormat};
    use crate::state::StagedFile;
    use std::collections::BTreeMap;

    fn split() -> Split {
        Split {
            id: SplitId(3),
            source: 0,
            name: "a.bson".into(),
            part: Part::Object(ObjectPart {
                path: "a.bson".into(),
                gzip: false,
                range: None,
                md5_base64: None,
            }),
            format: RawFormat::Bson,
            bytes: 10,
            expected_rows: None,
        }
    }

    fn checkpoint(file_bytes: u64) -> Checkpoint {
        Checkpoint {
            split: split(),
            position: None,
            rows_read: 1,
            days: BTreeMap::new(),
            warnings: BTreeMap::new(),
            zones: crate::model::ZoneSpans::default(),
            runs: vec![],
            indexes: vec![],
            unique_values: vec![],
            rejects: vec![StagedFile { name: "rejects".into(), bytes: file_bytes }],
            sums: BTreeMap::new(),
        }
    }

    #[test]
    fn a_checkpoint_counts_only_with_its_whole_files_and_the_same_split() {
        let root = tempfile::tempdir().unwrap();
        let staging = Staging::open(root.path(), "key", "r1").unwrap();
        assert_eq!(staging.load(&split()).unwrap(), None);
        let dir = staging.clear_split(SplitId(3)).unwrap();
        fs::write(dir.join("rejects"), b"1234").unwrap();
        staging.save(&checkpoint(4)).unwrap();
        assert_eq!(staging.load(&split()).unwrap(), Some(checkpoint(4)));
        assert_eq!(staging.load(&Split { bytes: 11, ..split() }).unwrap(), None);
        fs::write(dir.join("rejects"), b"123").unwrap();
        assert_eq!(staging.load(&split()).unwrap(), None);
    }

    #[test]
    fn a_second_run_gets_a_folder_of_its_own_and_abandoned_folders_go() {
        let root = tempfile::tempdir().unwrap();
        let first = Staging::open(root.path(), "key", "r1").unwrap();
        let second = Staging::open(root.path(), "key", "r2").unwrap();
        assert_ne!(first.split_dir(SplitId(0)), second.split_dir(SplitId(0)));
        drop((first, second));
        let other = Staging::open(root.path(), "other", "r3").unwrap();
        let left: Vec<_> = fs::read_dir(root.path()).unwrap().flatten().collect();
        assert_eq!(left.len(), 1, "only the folder of the open run is left");
        other.remove().unwrap();
    }
}
