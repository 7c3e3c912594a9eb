//! A bucket of S3, or of a store that speaks its language, as an object store.
//!
//! Owns what is asked of S3 and what its replies mean. Does not own paths below a dataset's root
//! nor the protocol of publishing (`publish`). No call with a condition is sent twice: who
//! cannot tell what became of it has to look.

mod checksum;
mod connection;
mod copy;
mod delete;
mod description;
mod fault;
mod list;
mod multipart;
mod pending;
mod place;
mod read;
mod write;

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use futures::stream::BoxStream;
use object_store::path::Path;
use object_store::{
    CopyMode, CopyOptions, Error as StoreError, GetOptions, GetResult, ListResult, MultipartUpload,
    ObjectMeta, ObjectStore, PutMultipartOptions, PutOptions, PutPayload, PutResult,
};

use super::aws::{LoadConfig, loader};
use super::{Location, store_error};
use crate::error::{Error, ErrorKind, Result};
use crate::plan::{AwsOptions, S3Options};
use connection::Connection;

use fault::Fault;
pub(super) use fault::{advice, lacking_credentials};
pub use pending::PendingUpload;

/// A bucket. Cheap to clone.
#[derive(Debug, Clone)]
pub struct S3Store {
    connection: Arc<Connection>,
}

impl S3Store {
    /// The bucket of this name; nothing is asked of it yet. `load` gives the AWS configuration,
    /// now and whenever the credentials have run out.
    pub async fn connect(bucket: &str, options: S3Options, load: LoadConfig) -> Self {
        Self { connection: Arc::new(Connection::new(bucket, options, load).await) }
    }

    /// The multipart uploads below `prefix` that wait for their end.
    ///
    /// # Errors
    /// `Usage`, `Permission` and `Transient` from the store.
    pub async fn pending_uploads(&self, prefix: &Path) -> Result<Vec<PendingUpload>> {
        let listed = pending::list(&self.connection, prefix).await;
        listed.map_err(|error| store_error("list the pending uploads", prefix, error))
    }

    /// Gives up a multipart upload: its parts are removed. One that has ended meanwhile is no
    /// failure.
    ///
    /// # Errors
    /// `Usage`, `Permission` and `Transient` from the store.
    pub async fn abort_upload(&self, upload: &PendingUpload) -> Result<()> {
        let path = Path::from(upload.key.as_str());
        let aborted = multipart::abort(&self.connection, &upload.key, &upload.upload_id).await;
        aborted.map_err(|error| store_error("abort an upload", &path, error))
    }

    /// Whether anything lies at or below `prefix`. A user who may not list cannot tell, and is
    /// told by what follows.
    async fn holds(&self, prefix: &Path) -> Result<bool> {
        let error = |fault: Fault| store_error("look into the bucket", prefix, fault.about(prefix));
        match list::has_objects(&self.connection, prefix).await {
            Ok(true) => return Ok(true),
            Ok(false) => {}
            Err(fault) if fault.is_denied() => return Ok(true),
            Err(fault) => return Err(error(fault)),
        }
        if prefix.is_root() {
            return Ok(true);
        }
        let head = GetOptions::new().with_head(true);
        match read::get(Arc::clone(&self.connection), prefix, head).await {
            Ok(_) | Err(StoreError::PermissionDenied { .. }) => Ok(true),
            Err(StoreError::NotFound { .. }) => Ok(false),
            Err(error) => Err(store_error("look into the bucket", prefix, error)),
        }
    }
}

/// The bucket and prefix that `url` names, `s3://bucket/prefix`. The bucket must exist.
///
/// # Errors
/// `Usage` when the URL is not of that form or there is no such bucket, `Permission` without
/// credentials, `Transient` from the store.
pub async fn open(url: &str, aws: &AwsOptions) -> Result<(S3Store, Path)> {
    let (store, prefix, _) = look(url, aws).await?;
    Ok((store, prefix))
}

/// As [`open`]; something must lie at the prefix when `must_exist`.
pub(super) async fn locate(url: &str, aws: &AwsOptions, must_exist: bool) -> Result<Location> {
    let (store, prefix, exists) = look(url, aws).await?;
    if must_exist && !exists {
        return Err(Error::new(ErrorKind::Usage, "could not open: nothing is there")
            .with("url", url)
            .with_help("check the bucket and the prefix"));
    }
    Ok(Location { store: Arc::new(store), prefix, url: url.to_owned() })
}

async fn look(url: &str, aws: &AwsOptions) -> Result<(S3Store, Path, bool)> {
    let (bucket, prefix) = place::parse(url)?;
    let store = S3Store::connect(&bucket, aws.s3.clone(), loader(aws)).await;
    let exists = store.holds(&prefix).await.map_err(|error| error.with("url", url))?;
    Ok((store, prefix, exists))
}

impl fmt::Display for S3Store {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "s3://{}", self.connection.bucket)
    }
}

#[async_trait]
impl ObjectStore for S3Store {
    async fn put_opts(
        &self,
        path: &Path,
        payload: PutPayload,
        options: PutOptions,
    ) -> object_store::Result<PutResult> {
        write::put(&self.connection, path, payload, options).await
    }

    /// The upload creates its object when the options carry [`super::CreateOnly`], else it
    /// replaces what is there.
    async fn put_multipart_opts(
        &self,
        path: &Path,
        options: PutMultipartOptions,
    ) -> object_store::Result<Box<dyn MultipartUpload>> {
        let upload = multipart::begin(Arc::clone(&self.connection), path, &options).await?;
        Ok(Box::new(upload))
    }

    async fn get_opts(&self, path: &Path, options: GetOptions) -> object_store::Result<GetResult> {
        read::get(Arc::clone(&self.connection), path, options).await
    }

    fn delete_stream(
        &self,
        paths: BoxStream<'static, object_store::Result<Path>>,
    ) -> BoxStream<'static, object_store::Result<Path>> {
        delete::delete(Arc::clone(&self.connection), paths)
    }

    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, object_store::Result<ObjectMeta>> {
        list::objects(Arc::clone(&self.connection), prefix, None)
    }

    fn list_with_offset(
        &self,
        prefix: Option<&Path>,
        offset: &Path,
    ) -> BoxStream<'static, object_store::Result<ObjectMeta>> {
        list::objects(Arc::clone(&self.connection), prefix, Some(offset))
    }

    async fn list_with_delimiter(&self, prefix: Option<&Path>) -> object_store::Result<ListResult> {
        list::folder(Arc::clone(&self.connection), prefix).await
    }

    async fn copy_opts(
        &self,
        from: &Path,
        to: &Path,
        options: CopyOptions,
    ) -> object_store::Result<()> {
        let create_only = options.mode == CopyMode::Create;
        copy::copy(Arc::clone(&self.connection), from, to, create_only).await
    }
}
