//! Publishing under faults, races and tampering: the log, the view `latest/`, their checks.

use std::sync::Arc;

use object_store::ObjectStore;
use object_store::local::LocalFileSystem;
use object_store::memory::InMemory;
use object_store::path::Path;
use tempfile::TempDir;

mod chaos;
mod faults;
mod latest;
mod log;
mod sample;

/// A store, and the root of a dataset in it.
type Place = (Arc<dyn ObjectStore>, Path);

/// The stores that every promise is kept on: memory, and a local disk with a root of its own.
fn stores() -> (TempDir, [Place; 2]) {
    let folder = tempfile::tempdir().unwrap();
    let disk = LocalFileSystem::new();
    let root = Path::from_absolute_path(folder.path().canonicalize().unwrap()).unwrap();
    (folder, [(Arc::new(InMemory::new()), Path::from("a/dataset")), (Arc::new(disk), root)])
}

fn block_on<F: Future>(work: F) -> F::Output {
    let runtime =
        tokio::runtime::Builder::new_multi_thread().enable_all().worker_threads(2).build();
    runtime.unwrap().block_on(work)
}
