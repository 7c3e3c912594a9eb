//! Sources through their front door: the samples, every fault of a file, pages and splits of any
//! size.

mod dynamodb;
mod dynamodb_table;
#[path = "../../examples/generate_orders/generator/mod.rs"]
#[allow(dead_code, reason = "the example's own way to print is not used here")]
pub mod generator;
mod mongodb;
mod mongodb_live;
mod samples;

use std::sync::Arc;

use bytes::Bytes;
use consign::error::{ErrorKind, Result};
use consign::model::{PageContent, RawPage, Split};
use consign::sources::{ReadOptions, Source, SourcePlan};
use consign::storage::Location;
use futures::TryStreamExt;
use object_store::memory::InMemory;
use object_store::path::Path;
use object_store::{ObjectStore, ObjectStoreExt};

/// Sizes small enough that a few rows make several pages, fetches and splits.
const SMALL: ReadOptions = ReadOptions {
    page_bytes: 100,
    fetch_bytes: 37,
    split_bytes: 150,
    max_row_bytes: 1_000,
    whole_file_bytes: 0,
};

/// Both ways in which a gzip file is inflated: step by step and at once.
const ROADS: [ReadOptions; 2] = [SMALL, ReadOptions { whole_file_bytes: 64 << 20, ..SMALL }];

/// A folder in memory that holds `files`.
async fn folder(files: &[(&str, &[u8])]) -> Location {
    let store: Arc<dyn ObjectStore> = Arc::new(InMemory::new());
    for (name, bytes) in files {
        let path = Path::from(format!("a place/{name}"));
        store.put(&path, Bytes::copy_from_slice(bytes).into()).await.unwrap();
    }
    Location { store, prefix: Path::from("a place"), url: "memory://a place".to_owned() }
}

async fn pages_of(source: &dyn Source, split: &Split) -> Result<Vec<RawPage>> {
    source.read(split, None).try_collect().await
}

/// Plans and reads the whole source.
async fn read_all(source: &dyn Source) -> Result<(SourcePlan, Vec<Vec<RawPage>>)> {
    let plan = source.plan().await?;
    let mut pages = Vec::new();
    for split in &plan.splits {
        pages.push(pages_of(source, split).await?);
    }
    Ok((plan, pages))
}

/// The rows of pages that hold no row too large, one after the other.
fn bytes_of<'a>(pages: impl IntoIterator<Item = &'a RawPage>) -> Vec<u8> {
    let mut all = Vec::new();
    for page in pages {
        match &page.content {
            PageContent::Rows { bytes, .. } => all.extend_from_slice(bytes),
            other => panic!("not rows that follow each other: {other:?}"),
        }
    }
    all
}

/// Planning or reading must fail as `Verification`, and the message must name `file` and say
/// `why`.
async fn refuses(source: &dyn Source, file: &str, why: &str) {
    let error = match read_all(source).await {
        Ok(_) => panic!("{file}: nothing was found wrong, expected: {why}"),
        Err(error) => error,
    };
    assert_eq!(error.kind(), ErrorKind::Verification, "{error:?}");
    let text = error.to_string();
    assert!(text.contains(file), "{text:?} does not name {file}");
    assert!(text.contains(why), "{text:?} does not say {why:?}");
}
