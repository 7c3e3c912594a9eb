//! Publishing under faults, races and tampering: the log, the view `latest/`, their checks.

use std::sync::{Arc, LazyLock};

use consign::storage::s3::S3Store;
use object_store::ObjectStore;
use object_store::local::LocalFileSystem;
use object_store::memory::InMemory;
use object_store::path::Path;
use tempfile::TempDir;

use crate::services::s3::Bucket;
use crate::services::{block_on, unique_name};

mod chaos;
mod faults;
mod latest;
mod log;
mod sample;

/// A store, and the root of a dataset in it.
type Place = (Arc<dyn ObjectStore>, Path);

/// The stores that every promise is kept on: memory, a local disk with a root of its own, and S3.
fn stores() -> (TempDir, [Place; 3]) {
    let folder = tempfile::tempdir().unwrap();
    let disk = LocalFileSystem::new();
    let root = Path::from_absolute_path(folder.path().canonicalize().unwrap()).unwrap();
    let memory: Place = (Arc::new(InMemory::new()), Path::from("a/dataset"));
    let s3: Place = (Arc::new(s3()), Path::from(unique_name("dataset")));
    (folder, [memory, (Arc::new(disk), root), s3])
}

/// A bucket that these tests share; it goes with the server.
fn s3() -> S3Store {
    static BUCKET: LazyLock<Bucket> = LazyLock::new(|| block_on(Bucket::create()));
    block_on(crate::storage::store(&BUCKET))
}
