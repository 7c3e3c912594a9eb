//! mongodump files: what is read, how they are cut, and what is refused.

use std::io::Write;

use consign::error::ErrorKind;
use consign::model::PageContent;
use consign::sources::mongodb::{Mongodump, Stated};
use consign::sources::{ReadOptions, Source};
use flate2::Compression;
use flate2::write::GzEncoder;
use proptest::prelude::*;
use sha2::{Digest, Sha256};

use super::{ROADS, SMALL, bytes_of, folder, read_all, refuses};

const METADATA: &[u8] = br#"{"indexes":[],"collectionName":"orders","type":"collection"}"#;

/// A document whose one field holds `bytes` bytes of text.
fn document(bytes: usize) -> Vec<u8> {
    let text = "x".repeat(bytes);
    bson::serialize_to_vec(&bson::doc! { "text": text }).unwrap()
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

async fn dump(files: &[(&str, &[u8])], file: &str, options: ReadOptions) -> Mongodump {
    Mongodump::new(folder(files).await, file, Stated::default(), options)
}

/// A dump of `bytes` with the right count beside it.
async fn plain(bytes: &[u8], options: ReadOptions) -> Mongodump {
    dump(&[("orders.bson", bytes)], "orders.bson", options).await
}

#[tokio::test]
async fn a_dump_is_read_whole() {
    let bytes = [document(3), document(10), document(0)].concat();
    let files: &[(&str, &[u8])] = &[
        ("orders.bson", &bytes),
        ("orders.metadata.json", METADATA),
        ("orders.bson.count", b"3\n"),
    ];
    let source = dump(files, "orders.bson", ReadOptions::new(1_000)).await;
    let (plan, pages) = read_all(&source).await.unwrap();
    assert_eq!(plan.summary.kind, "mongodump");
    assert_eq!(plan.summary.location, "memory://a place/orders.bson");
    assert_eq!(plan.summary.consistency, "unordered_dump");
    assert_eq!(plan.summary.fingerprint, hex::encode(Sha256::digest(&bytes)));
    assert_eq!(plan.summary.unverified, None);
    assert_eq!(plan.summary.expected_rows, Some(3));
    assert_eq!(plan.splits.len(), 1);
    assert_eq!(plan.splits[0].name, "orders.bson");
    assert_eq!(plan.splits[0].expected_rows, Some(3));
    assert_eq!(bytes_of(&pages[0]), bytes);
}

#[tokio::test]
async fn a_compressed_dump_is_read_whole() {
    let bytes = [document(3), document(400), document(0)].concat();
    let stored = [gzip(&bytes[..20]), gzip(&bytes[20..])].concat();
    let metadata = gzip(METADATA);
    let sha256 = format!("{}  orders.bson.gz\n", hex::encode_upper(Sha256::digest(&stored)));
    let files: &[(&str, &[u8])] = &[
        ("orders.bson.gz", &stored),
        ("orders.metadata.json.gz", &metadata),
        ("orders.bson.gz.sha256", sha256.as_bytes()),
    ];
    for road in ROADS {
        let (plan, pages) = read_all(&dump(files, "orders.bson.gz", road).await).await.unwrap();
        assert_eq!(plan.summary.fingerprint, hex::encode(Sha256::digest(&stored)));
        assert_eq!(plan.summary.unverified, None);
        assert_eq!(plan.summary.expected_rows, None);
        assert_eq!(plan.splits.len(), 1);
        assert_eq!(bytes_of(&pages[0]), bytes);
    }
}

#[tokio::test]
async fn an_empty_dump_has_one_split_of_no_rows() {
    for (file, bytes) in [("orders.bson", Vec::new()), ("orders.bson.gz", gzip(b""))] {
        let (plan, pages) = read_all(&dump(&[(file, &bytes)], file, SMALL).await).await.unwrap();
        assert_eq!(plan.splits.len(), 1);
        assert!(pages[0].is_empty());
    }
}

#[tokio::test]
async fn a_dump_that_nothing_vouches_for_says_so() {
    let plan = plain(&document(3), SMALL).await.plan().await.unwrap();
    let why = plan.summary.unverified.unwrap();
    assert!(why.contains("orders.bson.sha256") && why.contains("orders.bson.count"), "{why}");
}

#[tokio::test]
async fn what_the_job_states_is_enforced() {
    let bytes = [document(3), document(4)].concat();
    let right = hex::encode(Sha256::digest(&bytes));
    let open = async |rows, sha256: Option<&str>| {
        let stated = Stated { rows, sha256: sha256.map(str::to_owned) };
        Mongodump::new(folder(&[("orders.bson", &bytes)]).await, "orders.bson", stated, SMALL)
    };
    let (plan, _) = read_all(&open(Some(2), Some(&right)).await).await.unwrap();
    assert_eq!(plan.summary.unverified, None);
    refuses(&open(Some(3), None).await, "orders.bson", "as many rows as stated").await;
    refuses(&open(None, Some(&"0".repeat(64))).await, "orders.bson", "SHA-256").await;
}

#[tokio::test]
async fn what_lies_beside_the_dump_is_enforced() {
    let bytes = [document(3), document(4)].concat();
    let wrong_sha256 = "0".repeat(64);
    for (sidecar, text, named, why) in [
        ("orders.bson.count", "1", "orders.bson", "as many rows as stated"),
        ("orders.bson.count", "two", "orders.bson.count", "number of documents"),
        ("orders.bson.sha256", &wrong_sha256, "orders.bson", "SHA-256 is not the one"),
        ("orders.bson.sha256", "", "orders.bson.sha256", "SHA-256 in hex"),
        ("orders.metadata.json", "{", "orders.metadata.json", "not JSON"),
    ] {
        let files: &[(&str, &[u8])] = &[("orders.bson", &bytes), (sidecar, text.as_bytes())];
        refuses(&dump(files, "orders.bson", SMALL).await, named, why).await;
    }
}

#[tokio::test]
async fn a_wrong_count_of_a_compressed_dump_is_refused() {
    let stored = gzip(&document(3));
    let files: &[(&str, &[u8])] = &[("o.bson.gz", &stored), ("o.bson.gz.count", b"2")];
    refuses(&dump(files, "o.bson.gz", SMALL).await, "o.bson.gz", "as many rows").await;
}

#[tokio::test]
async fn a_document_cut_anywhere_is_refused_with_its_offset() {
    let (first, second) = (document(3), document(30));
    let bytes = [first.clone(), second].concat();
    for length in first.len() + 1..bytes.len() {
        let offset = format!("offset: {}", first.len());
        let cut = plain(&bytes[..length], SMALL).await;
        refuses(&cut, "orders.bson", "within a document").await;
        refuses(&cut, "orders.bson", &offset).await;
        let stored = gzip(&bytes[..length]);
        for road in ROADS {
            let cut = dump(&[("orders.bson.gz", &stored)], "orders.bson.gz", road).await;
            refuses(&cut, "orders.bson.gz", "cut off").await;
            refuses(&cut, "orders.bson.gz", &offset).await;
        }
    }
}

#[tokio::test]
async fn a_size_that_cannot_be_is_refused_with_its_offset() {
    let first = document(3);
    let offset = format!("offset: {}", first.len());
    for size in [0_u32, 4, 0x8000_0000, u32::MAX] {
        let bytes = [&first[..], &size.to_le_bytes(), &document(3)].concat();
        let source = plain(&bytes, SMALL).await;
        refuses(&source, "orders.bson", "a size that cannot be").await;
        refuses(&source, "orders.bson", &offset).await;
        let stored = gzip(&bytes);
        let source = dump(&[("orders.bson.gz", &stored)], "orders.bson.gz", SMALL).await;
        refuses(&source, "orders.bson.gz", &offset).await;
    }
    // A size that reaches beyond the end.
    let bytes = [&first[..], &100_000_u32.to_le_bytes(), &document(3)].concat();
    refuses(&plain(&bytes, SMALL).await, "orders.bson", &offset).await;
}

#[tokio::test]
async fn a_cut_or_littered_gzip_dump_is_refused() {
    let whole = gzip(&document(300));
    let cut = dump(&[("o.bson.gz", &whole[..whole.len() - 1])], "o.bson.gz", SMALL).await;
    refuses(&cut, "o.bson.gz", "cut off").await;
    let littered = [&whole[..], b"garbage"].concat();
    let littered = dump(&[("o.bson.gz", &littered)], "o.bson.gz", SMALL).await;
    refuses(&littered, "o.bson.gz", "follow the end").await;
}

#[tokio::test]
async fn a_document_too_large_is_skipped_over() {
    let large = document(100_000);
    let bytes = [document(3), large.clone(), document(4)].concat();
    let stored = gzip(&bytes);
    let one_split = ReadOptions { split_bytes: 1_000_000, ..SMALL };
    for (file, stored) in [("orders.bson", &bytes), ("orders.bson.gz", &stored)] {
        let source = dump(&[(file, stored)], file, one_split).await;
        let (_, pages) = read_all(&source).await.unwrap();
        let [before, skipped, after] = &pages[0][..] else { panic!("three pages") };
        assert_eq!(bytes_of([before]), document(3));
        let PageContent::Oversized { row_bytes, head, .. } = &skipped.content else { panic!() };
        assert_eq!(*row_bytes, large.len() as u64);
        assert_eq!(head[..], large[..64 * 1024]);
        assert_eq!((after.first_row, bytes_of([after])), (2, document(4)));
    }
}

#[tokio::test]
async fn a_file_that_changes_while_it_is_read_is_refused() {
    let folder = folder(&[("orders.bson", &document(3))]).await;
    let source = Mongodump::new(folder.clone(), "orders.bson", Stated::default(), SMALL);
    let plan = source.plan().await.unwrap();
    let path = folder.prefix.clone().join("orders.bson");
    let other = bytes::Bytes::from(document(3));
    object_store::ObjectStoreExt::put(&folder.store, &path, other.into()).await.unwrap();
    let error = super::pages_of(&source, &plan.splits[0]).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Verification, "{error:?}");
    assert!(error.to_string().contains("changed meanwhile"), "{error}");
}

#[tokio::test]
async fn what_is_no_dump_of_a_collection_is_refused_as_usage() {
    let missing = dump(&[], "orders.bson", SMALL).await.plan().await.unwrap_err();
    assert_eq!(missing.kind(), ErrorKind::Usage);
    let files: &[(&str, &[u8])] =
        &[("orders.bson", b""), ("orders.metadata.json", br#"{"type":"timeseries"}"#)];
    let other = dump(files, "orders.bson", SMALL).await.plan().await.unwrap_err();
    assert_eq!(other.kind(), ErrorKind::Usage);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    /// Whatever the sizes: the splits tile the file, the pages tile the splits.
    #[test]
    fn splits_and_pages_tile_the_dump(
        sizes in prop::collection::vec(0_usize..120, 0..40),
        page_bytes in 1_usize..200,
        fetch_bytes in 1_u64..100,
        split_bytes in 1_u64..500,
    ) {
        let bytes: Vec<u8> = sizes.iter().flat_map(|size| document(*size)).collect();
        let options = ReadOptions { page_bytes, fetch_bytes, split_bytes, ..SMALL };
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let (plan, pages) = runtime.block_on(async {
            read_all(&plain(&bytes, options).await).await.unwrap()
        });
        let mut end = 0;
        for (id, split) in (0..).zip(&plan.splits) {
            let range = split.object().unwrap().range.unwrap();
            prop_assert_eq!((split.id.0, range.0), (id, end));
            prop_assert_eq!(split.bytes, range.1 - range.0);
            prop_assert!(split.bytes >= split_bytes || end + split.bytes == bytes.len() as u64);
            end = range.1;
        }
        prop_assert_eq!(end, bytes.len() as u64);
        let rows: u64 = plan.splits.iter().filter_map(|split| split.expected_rows).sum();
        prop_assert_eq!(rows, sizes.len() as u64);
        let mut offset = 0;
        for page in pages.iter().flatten() {
            prop_assert_eq!(page.offset_bytes, offset);
            offset += bytes_of([page]).len() as u64;
        }
        prop_assert_eq!(bytes_of(pages.iter().flatten()), bytes);
    }
}
