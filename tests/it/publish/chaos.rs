//! A store that fails on command: before the effect of a call, or after it, when the effect is
//! there and only the reply is lost.

use std::fmt;
use std::ops::Range;
use std::sync::atomic::{AtomicU64, Ordering};

use async_trait::async_trait;
use bytes::Bytes;
use futures::stream::BoxStream;
use object_store::path::Path;
use object_store::{
    CopyOptions, Error, GetOptions, GetResult, ListResult, MultipartUpload, ObjectMeta,
    ObjectStore, ObjectStoreExt, PutMode, PutMultipartOptions, PutOptions, PutPayload, PutResult,
    Result,
};

/// When and how a call fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// Nothing happened.
    Before,
    /// Nothing happened, for lack of rights.
    Denied,
    /// It happened, the reply is lost.
    LostReply,
    /// It happened, the reply is lost, and the client's own second try was refused.
    RetriedByClient,
    /// Nothing happens, and no reply ever comes.
    Silence,
    /// An object that was there is overwritten, against the condition.
    Careless,
}

/// Decides what befalls call number `n` of a kind.
pub type Weather = Box<dyn Fn(u64) -> Option<Fault> + Send + Sync>;

/// A store behind bad weather. Only creations (`PutMode::Create`) and reads are struck.
pub struct ChaosStore<S> {
    inner: S,
    creations: (AtomicU64, Weather),
    reads: (AtomicU64, Weather),
}

impl<S> ChaosStore<S> {
    pub fn new(inner: S) -> Self {
        let calm = || (AtomicU64::new(0), Box::new(|_| None) as Weather);
        Self { inner, creations: calm(), reads: calm() }
    }

    pub fn creations(self, weather: impl Fn(u64) -> Option<Fault> + Send + Sync + 'static) -> Self {
        Self { creations: (AtomicU64::new(0), Box::new(weather)), ..self }
    }

    pub fn reads(self, weather: impl Fn(u64) -> Option<Fault> + Send + Sync + 'static) -> Self {
        Self { reads: (AtomicU64::new(0), Box::new(weather)), ..self }
    }

    /// Creations that were asked for.
    pub fn created(&self) -> u64 {
        self.creations.0.load(Ordering::Relaxed)
    }
}

/// Numbers from a seed, the same on every machine.
pub fn scattered(seed: u64, n: u64) -> u64 {
    let mut x = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15).wrapping_add(n);
    x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    x ^ (x >> 31)
}

fn next(calls: &(AtomicU64, Weather)) -> Option<Fault> {
    calls.1(calls.0.fetch_add(1, Ordering::Relaxed))
}

fn broken() -> Error {
    Error::Generic { store: "chaos", source: "the line is dead".into() }
}

fn exists(path: &Path) -> Error {
    Error::AlreadyExists { path: path.to_string(), source: "412".into() }
}

#[async_trait]
impl<S: ObjectStore> ObjectStore for ChaosStore<S> {
    async fn put_opts(
        &self,
        path: &Path,
        payload: PutPayload,
        options: PutOptions,
    ) -> Result<PutResult> {
        if options.mode != PutMode::Create {
            return self.inner.put_opts(path, payload, options).await;
        }
        let fault = next(&self.creations);
        match fault {
            Some(Fault::Before) => return Err(broken()),
            Some(Fault::Denied) => {
                let path = path.to_string();
                return Err(Error::PermissionDenied { path, source: "403".into() });
            }
            Some(Fault::Silence) => std::future::pending().await,
            Some(Fault::Careless) => return self.inner.put(path, payload).await,
            _ => {}
        }
        let done = self.inner.put_opts(path, payload, options).await?;
        match fault {
            Some(Fault::LostReply) => Err(broken()),
            Some(Fault::RetriedByClient) => Err(exists(path)),
            _ => Ok(done),
        }
    }

    async fn get_opts(&self, path: &Path, options: GetOptions) -> Result<GetResult> {
        match next(&self.reads) {
            Some(_) => Err(broken()),
            None => self.inner.get_opts(path, options).await,
        }
    }

    async fn put_multipart_opts(
        &self,
        path: &Path,
        options: PutMultipartOptions,
    ) -> Result<Box<dyn MultipartUpload>> {
        self.inner.put_multipart_opts(path, options).await
    }

    async fn get_ranges(&self, path: &Path, ranges: &[Range<u64>]) -> Result<Vec<Bytes>> {
        self.inner.get_ranges(path, ranges).await
    }

    fn delete_stream(
        &self,
        paths: BoxStream<'static, Result<Path>>,
    ) -> BoxStream<'static, Result<Path>> {
        self.inner.delete_stream(paths)
    }

    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, Result<ObjectMeta>> {
        self.inner.list(prefix)
    }

    async fn list_with_delimiter(&self, prefix: Option<&Path>) -> Result<ListResult> {
        self.inner.list_with_delimiter(prefix).await
    }

    async fn copy_opts(&self, from: &Path, to: &Path, options: CopyOptions) -> Result<()> {
        self.inner.copy_opts(from, to, options).await
    }
}

impl<S: fmt::Display> fmt::Display for ChaosStore<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "chaos over {}", self.inner)
    }
}

impl<S: fmt::Debug> fmt::Debug for ChaosStore<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.inner.fmt(f)
    }
}
