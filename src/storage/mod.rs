//! Opens the place a URL names as an object store.
//!
//! A place is a local folder or a prefix of an S3 bucket. Does not own what is kept there.

pub mod aws;
pub mod s3;

use std::net::IpAddr;
use std::path::PathBuf;
use std::sync::Arc;

use object_store::ObjectStore;
use object_store::local::LocalFileSystem;
use object_store::path::Path;

use crate::error::{Error, ErrorKind, Result, ResultExt, causes};
use crate::plan::AwsOptions;

/// A place in a store.
#[derive(Debug, Clone)]
pub struct Location {
    /// The store.
    pub store: Arc<dyn ObjectStore>,
    /// The place within the store.
    pub prefix: Path,
    /// The URL or path it was named by, without credentials.
    pub url: String,
}

/// Goes into the extensions of `PutMultipartOptions`: the upload must create its object, and end
/// with `AlreadyExists` where one is. S3 keeps to it; a local folder, which has no such call,
/// replaces what is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CreateOnly;

/// Whether a host, by name or address, is this machine.
#[must_use]
pub fn is_loopback(host: &str) -> bool {
    host.eq_ignore_ascii_case("localhost")
        || host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

/// Whether `url` names a place in S3.
#[must_use]
pub fn is_s3(url: &str) -> bool {
    url.starts_with("s3://")
}

/// Opens a file or folder that must exist.
///
/// # Errors
/// `Usage` when it does not, or when the URL names a store that cannot be opened; `Permission`
/// and `Transient` from S3.
pub async fn open_existing(url: &str, aws: &AwsOptions) -> Result<Location> {
    if is_s3(url) {
        return s3::locate(url, aws, true).await;
    }
    let path = local_path(url)?;
    let path = path.canonicalize().map_err(|e| {
        io_error(ErrorKind::Usage, "could not open", url, e)
            .with_help("check the path; paths in a job are relative to the project's folder")
    })?;
    location(&path, url)
}

/// Opens a folder, made when it does not exist. A bucket is not made.
///
/// # Errors
/// `Permission` when it cannot be made, `Usage` when the URL names a store that cannot be opened;
/// `Permission` and `Transient` from S3.
pub async fn open_or_create(url: &str, aws: &AwsOptions) -> Result<Location> {
    if is_s3(url) {
        return s3::locate(url, aws, false).await;
    }
    let path = local_path(url)?;
    std::fs::create_dir_all(&path)
        .and_then(|()| path.canonicalize())
        .map_err(|e| {
            io_error(ErrorKind::Permission, "could not make the folder", url, e)
                .with_help("give this user write access there, or choose another target")
        })
        .and_then(|path| location(&path, url))
}

fn location(path: &std::path::Path, url: &str) -> Result<Location> {
    // Durable before it is reported: a commit must survive a power cut.
    let store = LocalFileSystem::new().with_fsync(true);
    let prefix = Path::from_absolute_path(path)
        .or_err(ErrorKind::Usage, "could not use the path")
        .map_err(|e| e.with("path", url))?;
    Ok(Location { store: Arc::new(store), prefix, url: url.to_owned() })
}

fn local_path(url: &str) -> Result<PathBuf> {
    match url.split_once("://") {
        None => Ok(PathBuf::from(url)),
        Some(("file", path)) if path.starts_with('/') => Ok(PathBuf::from(path)),
        Some((scheme, _)) => {
            Err(Error::new(ErrorKind::Usage, "this kind of store is not supported")
                .with("scheme", scheme)
                .with_help("use a path, or a URL that begins with file:/// or s3://"))
        }
    }
}

fn io_error(kind: ErrorKind, doing: &str, url: &str, error: std::io::Error) -> Error {
    let kind = match error.kind() {
        std::io::ErrorKind::PermissionDenied => ErrorKind::Permission,
        _ => kind,
    };
    Error::new(kind, doing).with("path", url).with_source(error)
}

/// The object at `path` below `root`.
#[must_use]
pub fn below(root: &Path, path: &str) -> Path {
    root.parts().chain(Path::from(path).parts()).collect()
}

/// A failure of a store while `doing` something to `path`.
#[must_use]
pub fn store_error(doing: &str, path: &Path, error: object_store::Error) -> Error {
    use object_store::Error as Store;
    if let Some(none) = s3::lacking_credentials(&error) {
        return none.into_error(format!("could not {doing}")).with("object", path);
    }
    if let Some((kind, help)) = s3::advice(&error) {
        return Error::new(kind, format!("could not {doing}"))
            .with("object", path)
            .with_help(help)
            .with_source(error);
    }
    let (kind, help) = match &error {
        Store::NotFound { .. } => {
            (ErrorKind::Verification, "the object should be there; was it removed?")
        }
        Store::PermissionDenied { .. } | Store::Unauthenticated { .. } => {
            (ErrorKind::Permission, "check the credentials and rights of this user")
        }
        _ => match io_kind(&error) {
            Some(std::io::ErrorKind::PermissionDenied | std::io::ErrorKind::ReadOnlyFilesystem) => {
                (ErrorKind::Permission, "check the rights of this user")
            }
            Some(std::io::ErrorKind::StorageFull) => {
                (ErrorKind::Transient, "free space there; finished work is kept")
            }
            _ => (ErrorKind::Transient, "run the same command again; finished work is kept"),
        },
    };
    Error::new(kind, format!("could not {doing}"))
        .with("object", path)
        .with_help(help)
        .with_source(error)
}

/// The system's own word for a failure, somewhere below the store's error.
fn io_kind(error: &object_store::Error) -> Option<std::io::ErrorKind> {
    causes(error).find_map(|cause| cause.downcast_ref::<std::io::Error>()).map(|io| io.kind())
}
