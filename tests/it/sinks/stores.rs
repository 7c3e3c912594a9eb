//! Stores that fail: the kind of the failure reaches the caller, and nothing is left half-done.

use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};

use async_trait::async_trait;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use consign::error::{Error, ErrorKind};
use consign::plan::{AwsOptions, FormulaGuard};
use consign::sinks::{filtered_rows, quarantine, reread};
use consign::storage::{self, Location};
use futures::stream::BoxStream;
use object_store::memory::InMemory;
use object_store::path::Path;
use object_store::{
    CopyOptions, GetOptions, GetResult, ListResult, MultipartUpload, ObjectMeta, ObjectStore,
    PutMultipartOptions, PutOptions, PutPayload, PutResult, UploadPart,
};

use crate::services::block_on;
use crate::services::s3::Bucket;

use super::orders::{Order, contract, order, rows, series};
use super::{Place, both, csv_sink, parquet_sink};

/// A store that answers a number of calls of each kind and refuses those after.
#[derive(Debug, Default)]
struct Failing {
    inner: InMemory,
    puts: AtomicI64,
    parts: Arc<AtomicI64>,
    gets: AtomicI64,
    denied: bool,
    /// Whether a call that creates an object does so, and then refuses.
    loses_replies: bool,
    aborted: Arc<AtomicU64>,
}

impl Failing {
    fn new(puts: i64, parts: i64, gets: i64) -> Self {
        let (puts, parts, gets) = (puts.into(), Arc::new(parts.into()), gets.into());
        Self { puts, parts, gets, ..Self::default() }
    }

    fn answer(&self, left: &AtomicI64) -> object_store::Result<()> {
        if left.fetch_sub(1, Ordering::Relaxed) > 0 {
            return Ok(());
        }
        match self.denied {
            true => Err(object_store::Error::PermissionDenied {
                path: String::new(),
                source: "403".into(),
            }),
            false => Err(broken()),
        }
    }
}

fn broken() -> object_store::Error {
    object_store::Error::Generic { store: "failing", source: "the line is dead".into() }
}

impl std::fmt::Display for Failing {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("failing")
    }
}

#[async_trait]
impl ObjectStore for Failing {
    async fn put_opts(
        &self,
        path: &Path,
        payload: PutPayload,
        options: PutOptions,
    ) -> object_store::Result<PutResult> {
        if self.loses_replies {
            self.inner.put_opts(path, payload, options).await?;
            return Err(broken());
        }
        self.answer(&self.puts)?;
        self.inner.put_opts(path, payload, options).await
    }

    async fn put_multipart_opts(
        &self,
        path: &Path,
        options: PutMultipartOptions,
    ) -> object_store::Result<Box<dyn MultipartUpload>> {
        let inner = self.inner.put_multipart_opts(path, options).await?;
        let (left, aborted) = (Arc::clone(&self.parts), Arc::clone(&self.aborted));
        Ok(Box::new(FailingParts { inner, left, loses_replies: self.loses_replies, aborted }))
    }

    async fn get_opts(&self, path: &Path, options: GetOptions) -> object_store::Result<GetResult> {
        if !options.head {
            self.answer(&self.gets)?;
        }
        self.inner.get_opts(path, options).await
    }

    async fn get_ranges(&self, path: &Path, at: &[Range<u64>]) -> object_store::Result<Vec<Bytes>> {
        self.answer(&self.gets)?;
        self.inner.get_ranges(path, at).await
    }

    fn delete_stream(
        &self,
        paths: BoxStream<'static, object_store::Result<Path>>,
    ) -> BoxStream<'static, object_store::Result<Path>> {
        self.inner.delete_stream(paths)
    }

    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, object_store::Result<ObjectMeta>> {
        self.inner.list(prefix)
    }

    async fn list_with_delimiter(&self, prefix: Option<&Path>) -> object_store::Result<ListResult> {
        self.inner.list_with_delimiter(prefix).await
    }

    async fn copy_opts(
        &self,
        from: &Path,
        to: &Path,
        options: CopyOptions,
    ) -> object_store::Result<()> {
        self.inner.copy_opts(from, to, options).await
    }
}

#[derive(Debug)]
struct FailingParts {
    inner: Box<dyn MultipartUpload>,
    left: Arc<AtomicI64>,
    loses_replies: bool,
    aborted: Arc<AtomicU64>,
}

#[async_trait]
impl MultipartUpload for FailingParts {
    fn put_part(&mut self, data: PutPayload) -> UploadPart {
        match self.left.fetch_sub(1, Ordering::Relaxed) > 0 {
            true => self.inner.put_part(data),
            false => Box::pin(async { Err(broken()) }),
        }
    }

    async fn complete(&mut self) -> object_store::Result<PutResult> {
        if self.loses_replies {
            self.inner.complete().await?;
            return Err(broken());
        }
        match self.left.fetch_sub(1, Ordering::Relaxed) > 0 {
            true => self.inner.complete().await,
            false => Err(broken()),
        }
    }

    async fn abort(&mut self) -> object_store::Result<()> {
        self.aborted.fetch_add(1, Ordering::Relaxed);
        self.inner.abort().await
    }
}

/// 12 MB of text, of which a codec can spare a quarter: two parts.
fn large() -> arrow::record_batch::RecordBatch {
    let note = |n: u64| -> String {
        let bytes: Vec<u8> =
            (0..98_304).flat_map(|i| scattered(n << 32 | i).to_le_bytes()).collect();
        STANDARD.encode(bytes)
    };
    let orders: Vec<Order> =
        (0..12).map(|n| Order { note: Some(note(n)), ..order(&format!("ord_{n:02}")) }).collect();
    rows(&orders)
}

fn scattered(n: u64) -> u64 {
    let x = n.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    x ^ (x >> 31)
}

fn write(
    place: &Place,
    sink: &consign::plan::SinkSpec,
    rows: &arrow::record_batch::RecordBatch,
) -> Error {
    let mut writer = place.writer(sink, &contract());
    let written = writer.write(rows).and_then(|()| writer.close());
    written.expect_err("the store refuses")
}

fn nothing_lies(store: &Failing) -> bool {
    use futures::StreamExt;
    futures::executor::block_on(store.inner.list(None).collect::<Vec<_>>()).is_empty()
}

#[test]
fn a_store_that_refuses_a_file_is_a_passing_fault_or_a_missing_right() {
    for (denied, kind) in [(false, ErrorKind::Transient), (true, ErrorKind::Permission)] {
        for sink in both() {
            let store = Arc::new(Failing { denied, ..Failing::new(0, 9, 0) });
            let error = write(&Place::on(store.clone()), &sink, &series(0..100));
            assert_eq!(error.kind(), kind, "{error:?}");
            assert!(nothing_lies(&store));
        }
    }
}

/// However far a large file has come when the store fails: the kind survives the encoder, and
/// the parts are taken back.
#[test]
fn a_large_file_that_cannot_be_finished_leaves_nothing() {
    let rows = large();
    for sink in [parquet_sink(1 << 30, 1 << 20), csv_sink(1 << 30, FormulaGuard::Off)] {
        for parts in 0..3 {
            let store = Arc::new(Failing::new(9, parts, 0));
            let error = write(&Place::on(store.clone()), &sink, &rows);
            assert_eq!(error.kind(), ErrorKind::Transient, "after {parts} parts: {error:?}");
            assert_eq!(store.aborted.load(Ordering::Relaxed), 1, "after {parts} parts");
            assert!(nothing_lies(&store));
        }
        let store = Arc::new(Failing::new(0, 9, i64::MAX));
        let place = Place::on(store.clone());
        let written = place.write_one(&sink, &rows);
        assert!(written.file.bytes > 8 << 20, "{} bytes are one part", written.file.bytes);
        let found = reread(&place.destination, &written.file, &contract()).unwrap();
        consign::sinks::compare(&written.file, &found).unwrap();
        assert_eq!(store.aborted.load(Ordering::Relaxed), 0);
    }
}

/// The file is there, only the word of it was lost.
#[test]
fn a_lost_reply_is_no_failure() {
    let sinks = [parquet_sink(1 << 30, 1 << 20), csv_sink(1 << 30, FormulaGuard::Off)];
    for rows in [large(), series(0..100)] {
        for sink in &sinks {
            let store = Failing { loses_replies: true, ..Failing::new(0, 99, i64::MAX) };
            let place = Place::on(Arc::new(store));
            let written = place.write_one(sink, &rows);
            let found = reread(&place.destination, &written.file, &contract()).unwrap();
            consign::sinks::compare(&written.file, &found).unwrap();
            // What another run left under the name is not ours.
            let error = write(&place, sink, &series(0..7));
            assert_eq!(error.kind(), ErrorKind::Conflict, "{error:?}");
        }
    }
}

/// Rows that a writer sends on before it is closed: it waits until it has a thousand.
fn many_wide_rows() -> arrow::record_batch::RecordBatch {
    let wide = |n| Order { note: Some("wide ".repeat(500)), ..order(&format!("ord_{n:05}")) };
    rows(&(0..8_192).map(wide).collect::<Vec<_>>())
}

#[test]
fn on_s3_a_large_file_goes_in_parts_and_one_that_fails_leaves_none() {
    let bucket = block_on(Bucket::create());
    let sink = csv_sink(1 << 30, FormulaGuard::Off);
    let rows = many_wide_rows();
    let place = Place::on(Arc::new(block_on(crate::storage::store(&bucket))));
    let written = place.write_one(&sink, &rows);
    assert!(written.file.bytes > 16 << 20, "{} bytes", written.file.bytes);
    let found = reread(&place.destination, &written.file, &contract()).unwrap();
    consign::sinks::compare(&written.file, &found).unwrap();
    let error = write(&place, &sink, &rows);
    assert_eq!(error.kind(), ErrorKind::Conflict, "{error:?}");
    assert_eq!(block_on(bucket.pending_uploads()), [], "a lost race is cleaned up");
    block_on(bucket.delete_object(&format!("lake/orders/{}", written.file.path)));

    let begun = || {
        for _ in 0..3 {
            let mut writer = place.writer(&sink, &contract());
            writer.write(&rows.slice(0, 8_000)).unwrap();
            let pending = block_on(bucket.pending_uploads());
            if pending.len() == 1 {
                return (writer, pending);
            }
            // A beginning whose reply was lost is sent again, and the first one stays pending.
            drop(writer);
            block_on(bucket.abort_uploads());
        }
        panic!("an upload is never begun once")
    };
    drop(begun());
    assert_eq!(block_on(bucket.pending_uploads()), [], "given up");

    // The upload ends behind the writer's back: what follows is refused.
    let (mut writer, pending) = begun();
    let (key, id) = &pending[0];
    block_on(async {
        let (client, bucket) = (&bucket.client, &bucket.name);
        loop {
            let parts = client.list_parts().bucket(bucket).key(key).upload_id(id).send().await;
            if parts.unwrap().parts().len() == 2 {
                break;
            }
        }
        let abort = client.abort_multipart_upload().bucket(bucket).key(key).upload_id(id);
        abort.send().await.unwrap();
    });
    let rest = rows.slice(8_000, 192);
    let error = writer.write(&rest).and_then(|()| writer.close()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Transient, "{error:?}");
    assert_eq!(block_on(bucket.pending_uploads()), [], "a part failed");
    assert_eq!(block_on(bucket.keys("lake/orders")), Vec::<String>::new());
    block_on(bucket.delete());
}

#[test]
fn a_writer_that_is_given_up_leaves_nothing() {
    let store = Arc::new(Failing::new(9, 9, 0));
    let place = Place::on(store.clone());
    let mut writer = place.writer(&csv_sink(1 << 30, FormulaGuard::Off), &contract());
    writer.write(&many_wide_rows()).unwrap();
    drop(writer);
    assert_eq!(store.aborted.load(Ordering::Relaxed), 1);
    assert!(nothing_lies(&store));
}

/// A fault of the store while a file is decoded must not pass for a damaged file: the one is
/// tried again, the other stops the run for good.
#[test]
fn a_store_that_fails_while_a_file_is_read_back_is_not_a_damaged_file() {
    for (denied, kind) in [(false, ErrorKind::Transient), (true, ErrorKind::Permission)] {
        for sink in both() {
            let mut failures = 0;
            for gets in 0.. {
                let store = Failing { denied, ..Failing::new(9, 9, gets) };
                let place = Place::on(Arc::new(store));
                let written = place.write_one(&sink, &series(0..2_000));
                let read = reread(&place.destination, &written.file, &contract());
                let Err(error) = read else { break };
                assert_eq!(error.kind(), kind, "after {gets} reads: {error:?}");
                failures += 1;
            }
            assert!(failures >= 2, "bytes and rows are read");
        }
    }
}

#[test]
fn a_filtered_count_and_the_quarantine_tell_a_failing_store_too() {
    let place = Place::on(Arc::new(Failing::new(9, 9, 0)));
    let written = place.write_one(&both()[0], &series(0..100));
    let error = filtered_rows(&place.destination, &written.file, &written.probes[0]).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Transient, "{error:?}");
    let mut none = |_| Ok(true);
    let error = quarantine::read_quarantine(&place.destination, &written.file, &mut none);
    assert_eq!(error.unwrap_err().kind(), ErrorKind::Transient);
}

#[test]
fn a_file_is_never_written_over() {
    for sink in both() {
        let place = Place::new();
        let first = place.write_one(&sink, &series(0..100));
        let bytes = place.read(&first.file.path);
        let error = write(&place, &sink, &series(0..50));
        assert_eq!(error.kind(), ErrorKind::Conflict, "{error:?}");
        assert_eq!(place.read(&first.file.path), bytes);
    }
}

fn open_existing(url: &str) -> consign::error::Result<Location> {
    futures::executor::block_on(storage::open_existing(url, &AwsOptions::default()))
}

fn open_or_create(url: &str) -> consign::error::Result<Location> {
    futures::executor::block_on(storage::open_or_create(url, &AwsOptions::default()))
}

/// The store of a local folder, as a run opens it.
#[test]
fn a_local_folder_is_a_store() {
    let folder = tempfile::tempdir().unwrap();
    let url = folder.path().join("new/dataset");
    let location = open_or_create(url.to_str().unwrap()).unwrap();
    for sink in both() {
        let mut place = Place::on(location.store.clone());
        place.destination.root = location.prefix.clone();
        let written = place.write_one(&sink, &large());
        let found = reread(&place.destination, &written.file, &contract()).unwrap();
        consign::sinks::compare(&written.file, &found).unwrap();
    }
    let reopened = open_existing(url.to_str().unwrap()).unwrap();
    assert_eq!(reopened.prefix, location.prefix);
}

#[test]
fn places_that_cannot_be_opened_say_why() {
    let folder = tempfile::tempdir().unwrap();
    let missing = folder.path().join("missing");
    let missing = missing.to_str().unwrap();
    let error = open_existing(missing).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Usage);
    assert!(error.to_string().contains(missing) && error.help().is_some());
    for url in ["gs://b", "https://example.org/x", "file://host/x"] {
        for error in [open_existing(url).unwrap_err(), open_or_create(url).unwrap_err()] {
            assert_eq!(error.kind(), ErrorKind::Usage, "{url}: {error}");
            assert!(error.help().unwrap().contains("file:///"), "{url}");
        }
    }
    let file = folder.path().join("file");
    std::fs::write(&file, "x").unwrap();
    let below = file.join("below");
    assert!(open_or_create(below.to_str().unwrap()).is_err());
    assert!(open_existing(file.to_str().unwrap()).is_ok(), "a file is a place as well");
    let url = format!("file://{}", file.display());
    let opened = open_existing(&url).unwrap();
    assert_eq!((opened.url.as_str(), opened.prefix.filename()), (url.as_str(), Some("file")));
}
