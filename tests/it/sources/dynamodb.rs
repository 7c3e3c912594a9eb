//! DynamoDB exports: what is read, and what is refused.

use std::io::Write;

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use consign::catalog::Contract;
use consign::error::ErrorKind;
use consign::model::{PageContent, RawFormat};
use consign::sources::dynamodb::DynamodbExport;
use consign::sources::{ReadOptions, Source};
use consign::storage::Location;
use flate2::Compression;
use flate2::write::GzEncoder;
use md5::{Digest, Md5};
use object_store::ObjectStoreExt;
use proptest::prelude::*;

use crate::pipeline::harness::contract;

use super::{ROADS, SMALL, bytes_of, folder, read_all, refuses};

/// An export as files, free to be spoilt.
struct Export {
    summary: String,
    lines: Vec<String>,
    data: Vec<(String, Vec<u8>)>,
    md5_files: bool,
}

impl Export {
    /// Files of rows, named `a.json.gz`, `b.json.gz` and so on.
    fn of(files: &[&[&str]]) -> Self {
        let stored: Vec<_> = files.iter().map(|rows| (rows.len(), gzip(&lines(rows)))).collect();
        Self::stored(&stored)
    }

    fn stored(files: &[(usize, Vec<u8>)]) -> Self {
        let data: Vec<(String, Vec<u8>)> = ('a'..)
            .zip(files)
            .map(|(letter, (_, bytes))| (format!("data/{letter}.json.gz"), bytes.clone()))
            .collect();
        let lines = data.iter().zip(files).map(|((path, bytes), (items, _))| {
            let md5 = BASE64.encode(Md5::digest(bytes));
            format!(
                "{{\"itemCount\":{items},\"md5Checksum\":\"{md5}\",\"etag\":\"x-1\",\
                 \"dataFileS3Key\":\"some/prefix/AWSDynamoDB/0178-a/{path}\"}}"
            )
        });
        let items: usize = files.iter().map(|(items, _)| items).sum();
        let summary = format!(
            "{{\"exportTime\":\"2026-08-03T02:00:00.028Z\",\"itemCount\":{items},\
             \"outputFormat\":\"DYNAMODB_JSON\"}}"
        );
        Self { summary, lines: lines.collect(), data, md5_files: true }
    }

    async fn open(&self, options: ReadOptions) -> DynamodbExport {
        let manifest: String = self.lines.iter().map(|line| format!("{line}\n")).collect();
        let mut files: Vec<(&str, &[u8])> = vec![
            ("manifest-summary.json", self.summary.as_bytes()),
            ("manifest-files.json", manifest.as_bytes()),
            ("_started", b""),
        ];
        let md5s = [&self.summary, &manifest].map(|text| BASE64.encode(Md5::digest(text)));
        if self.md5_files {
            files.push(("manifest-summary.md5", md5s[0].as_bytes()));
            files.push(("manifest-files.md5", md5s[1].as_bytes()));
        }
        files.extend(self.data.iter().map(|(path, bytes)| (path.as_str(), bytes.as_slice())));
        DynamodbExport::new(folder(&files).await, Some(&contract("exported_orders")), options)
    }

    /// Replaces the first data file, and its checksum with it.
    fn store(&mut self, bytes: Vec<u8>) {
        let line = self.lines[0].clone();
        let old = BASE64.encode(Md5::digest(&self.data[0].1));
        self.lines[0] = line.replace(&old, &BASE64.encode(Md5::digest(&bytes)));
        self.data[0].1 = bytes;
    }
}

fn export_at(place: Location) -> DynamodbExport {
    DynamodbExport::new(place, Some(&contract("exported_orders")), SMALL)
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn lines<T: AsRef<str>>(rows: &[T]) -> Vec<u8> {
    rows.iter().flat_map(|row| format!("{}\n", row.as_ref()).into_bytes()).collect()
}

const ROWS: &[&str] = &[r#"{"Item":{"id":{"S":"1"}}}"#, r#"{"Item":{"id":{"S":"2"}}}"#];

#[tokio::test]
async fn an_export_is_read_file_by_file() {
    let export = Export::of(&[ROWS, &[], &["{}"]]).open(SMALL).await;
    let (plan, pages) = read_all(&export).await.unwrap();
    assert_eq!(plan.summary.kind, "dynamodb_export");
    assert_eq!(plan.summary.location, "memory://a place");
    assert_eq!(plan.summary.consistency, "point_in_time");
    assert_eq!(plan.summary.as_of.as_deref(), Some("2026-08-03T02:00:00.028Z"));
    assert_eq!(plan.summary.expected_rows, Some(3));
    assert_eq!(plan.summary.unverified, None);
    assert_eq!(plan.summary.fingerprint.len(), 64);
    let names: Vec<_> = plan.splits.iter().map(|split| split.name.as_str()).collect();
    assert_eq!(names, ["data/a.json.gz", "data/b.json.gz", "data/c.json.gz"]);
    assert_eq!(bytes_of(&pages[0]), lines(ROWS));
    assert!(pages[1].is_empty());
    assert_eq!(bytes_of(&pages[2]), b"{}\n");
}

#[tokio::test]
async fn the_fingerprint_tells_contents_apart_and_nothing_else() {
    let fingerprint =
        async |export: &Export| export.open(SMALL).await.plan().await.unwrap().summary.fingerprint;
    let mut export = Export::of(&[ROWS, &[]]);
    let first = fingerprint(&export).await;
    export.lines.iter_mut().for_each(|line| *line = line.replace("some/prefix/", ""));
    assert_eq!(fingerprint(&export).await, first, "where the bucket kept it means nothing");
    export.store(gzip(&lines(&["{}", "{}"])));
    assert_ne!(fingerprint(&export).await, first);
}

#[tokio::test]
async fn the_md5_files_may_be_absent() {
    let export = Export { md5_files: false, ..Export::of(&[ROWS]) };
    read_all(&export.open(SMALL).await).await.unwrap();
}

#[tokio::test]
async fn a_data_file_of_no_bytes_is_empty() {
    let export = Export::stored(&[(0, Vec::new())]);
    let (_, pages) = read_all(&export.open(SMALL).await).await.unwrap();
    assert!(pages[0].is_empty());
}

#[tokio::test]
async fn all_members_of_a_gzip_file_are_read() {
    let members = [gzip(&lines(&ROWS[..1])), gzip(b""), gzip(&lines(&ROWS[1..]))].concat();
    let export = Export::stored(&[(2, members)]);
    for road in ROADS {
        let (_, pages) = read_all(&export.open(road).await).await.unwrap();
        assert_eq!(bytes_of(&pages[0]), lines(ROWS));
    }
}

#[tokio::test]
async fn a_row_too_large_is_skipped_over() {
    let large = "x".repeat(100_000);
    let rows = ["{}", &large, r#"{"Item":{}}"#];
    let export = Export::of(&[&rows]).open(SMALL).await;
    let (_, pages) = read_all(&export).await.unwrap();
    let [before, skipped, after] = &pages[0][..] else { panic!("three pages") };
    assert_eq!((before.first_row, before.offset_bytes), (0, 0));
    assert_eq!((skipped.first_row, skipped.offset_bytes), (1, 3));
    let PageContent::Oversized { row_bytes, head, .. } = &skipped.content else { panic!() };
    assert_eq!(*row_bytes, 100_000);
    assert_eq!(head[..], large.as_bytes()[..64 * 1024]);
    assert_eq!((after.first_row, after.offset_bytes), (2, 100_004));
    assert_eq!(bytes_of([after]), b"{\"Item\":{}}\n");
}

#[tokio::test]
async fn a_missing_data_file_is_named() {
    let mut export = Export::of(&[ROWS, ROWS]);
    export.data.pop();
    refuses(&export.open(SMALL).await, "data/b.json.gz", "missing").await;
}

#[tokio::test]
async fn a_missing_manifest_of_files_is_named() {
    let summary = br#"{"itemCount":0}"#;
    let at = folder(&[("manifest-summary.json", summary)]).await;
    refuses(&export_at(at), "manifest-files.json", "missing").await;
}

#[tokio::test]
async fn manifests_that_do_not_add_up_are_refused() {
    let mut export = Export::of(&[ROWS]);
    export.summary = export.summary.replace("\"itemCount\":2", "\"itemCount\":3");
    refuses(&export.open(SMALL).await, "manifest-files.json", "do not add up").await;

    let mut export = Export::of(&[ROWS]);
    export.lines.push(export.lines[0].clone());
    refuses(&export.open(SMALL).await, "manifest-files.json", "listed twice").await;

    let mut export = Export::of(&[ROWS]);
    export.lines[0].truncate(20);
    refuses(&export.open(SMALL).await, "manifest-files.json", "not written as AWS does").await;
}

#[tokio::test]
async fn an_altered_manifest_is_refused() {
    for name in ["manifest-summary", "manifest-files"] {
        let md5 = format!("{name}.md5");
        let at = folder(&[
            ("manifest-summary.json", br#"{"itemCount":0}"#),
            ("manifest-files.json", b""),
            (&md5, BASE64.encode(Md5::digest("another text")).as_bytes()),
        ])
        .await;
        let file = format!("{name}.json");
        refuses(&export_at(at), &file, "the MD5 of the manifest").await;
    }
}

#[tokio::test]
async fn a_wrong_count_of_a_file_is_refused() {
    for items in ["1", "3"] {
        let mut export = Export::of(&[ROWS]);
        let count = format!("\"itemCount\":{items}");
        export.summary = export.summary.replace("\"itemCount\":2", &count);
        export.lines[0] = export.lines[0].replace("\"itemCount\":2", &count);
        refuses(&export.open(SMALL).await, "data/a.json.gz", "not hold as many rows").await;
    }
}

#[tokio::test]
async fn an_altered_data_file_is_refused() {
    let mut export = Export::of(&[ROWS, ROWS]);
    export.data[0].1 = gzip(&lines(&[ROWS[1], ROWS[0]]));
    for road in ROADS {
        refuses(&export.open(road).await, "data/a.json.gz", "MD5").await;
    }
}

#[tokio::test]
async fn a_gzip_file_cut_anywhere_is_refused() {
    let whole = gzip(&lines(ROWS));
    for length in 1..whole.len() {
        let mut export = Export::of(&[ROWS]);
        export.store(whole[..length].to_vec());
        for road in ROADS {
            refuses(&export.open(road).await, "data/a.json.gz", "cut off").await;
        }
    }
}

#[tokio::test]
async fn garbage_behind_a_gzip_file_is_refused() {
    for garbage in [&b"\0"[..], b"garbage", b"\x1f\x8b garbage"] {
        let mut export = Export::of(&[ROWS]);
        export.store([&gzip(&lines(ROWS)), garbage].concat());
        // A single zero byte could still begin a header; it is refused all the same.
        let why = if garbage.len() == 1 { "gzip data is cut off" } else { "follow the end" };
        for road in ROADS {
            refuses(&export.open(road).await, "data/a.json.gz", why).await;
        }
    }
}

#[tokio::test]
async fn damaged_gzip_data_is_refused() {
    let mut stored = gzip(&lines(ROWS));
    let crc = stored.len() - 8;
    stored[crc] ^= 1;
    let mut export = Export::of(&[ROWS]);
    export.store(stored);
    for road in ROADS {
        refuses(&export.open(road).await, "data/a.json.gz", "damaged").await;
    }
}

#[tokio::test]
async fn a_gzip_bomb_is_refused() {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(&vec![b'\n'; 12 * 1024 * 1024]).unwrap();
    let bomb = encoder.finish().unwrap();
    let export = Export::stored(&[(0, bomb)]);
    for whole_file_bytes in [0, 64 << 20] {
        let options = ReadOptions { whole_file_bytes, ..ReadOptions::new(1_000) };
        refuses(&export.open(options).await, "data/a.json.gz", "200 times").await;
    }
}

#[tokio::test]
async fn exports_of_another_kind_are_refused_as_usage() {
    let full = Export::of(&[ROWS]).summary;
    let summaries = [
        full.replace('}', r#","exportType":"SOME_EXPORT"}"#),
        full.replace("DYNAMODB_JSON", "ION"),
        incremental("OLD_IMAGE").replace("DYNAMODB_JSON", "ION"),
    ];
    for summary in summaries {
        let export = Export { summary, ..Export::of(&[ROWS]) };
        let error = export.open(SMALL).await.plan().await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Usage, "{error:?}");
        assert!(error.help().is_some_and(|help| help.contains("export the table again")));
    }
    let export = Export { summary: incremental("OLD_IMAGE"), ..Export::of(&[ROWS]) };
    let error = export.open(SMALL).await.plan().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Usage, "{error:?}");
    assert!(error.help().is_some_and(|help| help.contains("NEW_IMAGE")));
}

/// The summary of an incremental export of two changes.
fn incremental(view: &str) -> String {
    let full = Export::of(&[ROWS]).summary.replace("exportTime", "exportToTime");
    let says = format!(
        ",\"exportFromTime\":\"2026-08-03T01:00:00Z\",\"outputView\":\"{view}\",\
         \"exportType\":\"INCREMENTAL_EXPORT\"}}"
    );
    full.replace('}', &says)
}

#[tokio::test]
async fn an_incremental_export_holds_changes_of_a_range() {
    for view in ["NEW_IMAGE", "NEW_AND_OLD_IMAGES"] {
        let export = Export { summary: incremental(view), ..Export::of(&[ROWS]) };
        let (plan, pages) = read_all(&export.open(SMALL).await).await.unwrap();
        assert_eq!(plan.summary.kind, "dynamodb_export");
        let range = "changes [2026-08-03T01:00:00Z, 2026-08-03T02:00:00.028Z]";
        assert_eq!(plan.summary.consistency, range);
        assert!(plan.summary.holds_changes_only());
        assert_eq!(plan.summary.as_of.as_deref(), Some("2026-08-03T02:00:00.028Z"));
        assert_eq!(plan.splits[0].format, RawFormat::DynamodbChange);
        assert_eq!(bytes_of(&pages[0]), lines(ROWS));
    }
    let kind = r#","exportType":"INCREMENTAL_EXPORT""#;
    let export =
        Export { summary: incremental("NEW_IMAGE").replace(kind, ""), ..Export::of(&[ROWS]) };
    let plan = export.open(SMALL).await.plan().await.unwrap();
    assert!(plan.summary.holds_changes_only(), "a range says it too");
}

#[tokio::test]
async fn an_incremental_export_without_its_range_is_refused() {
    for time in ["exportFromTime", "exportToTime"] {
        let summary = incremental("NEW_IMAGE").replace(time, "anotherTime");
        let export = Export { summary, ..Export::of(&[ROWS]) };
        refuses(&export.open(SMALL).await, "manifest-summary.json", time).await;
    }
}

#[tokio::test]
async fn data_files_lie_in_the_folder_or_beside_it_when_exports_share_them() {
    let summary = incremental("NEW_IMAGE").replace("\"itemCount\":2", "\"itemCount\":4");
    let export = Export { summary, ..Export::of(&[ROWS, ROWS]) };
    let manifest = export.lines.join("\n");
    let fingerprint = export.open(SMALL).await.plan().await.unwrap().summary.fingerprint;
    let files: [(&str, &[u8]); 5] = [
        ("0178-a/manifest-summary.json", export.summary.as_bytes()),
        ("0178-a/manifest-files.json", manifest.as_bytes()),
        ("0178-a/data/a.json.gz", &export.data[0].1),
        ("data/a.json.gz", b"of another export"),
        ("data/b.json.gz", &export.data[1].1),
    ];
    let mut at = folder(&files).await;
    at.prefix = at.prefix.join("0178-a");
    let (plan, pages) = read_all(&export_at(at.clone())).await.unwrap();
    let paths: Vec<_> =
        plan.splits.iter().map(|s| (s.name.as_str(), &*s.object().unwrap().path)).collect();
    let expected = [("data/a.json.gz", "data/a.json.gz"), ("data/b.json.gz", "../data/b.json.gz")];
    assert_eq!(paths, expected);
    assert_eq!(plan.summary.fingerprint, fingerprint, "where the files lie means nothing");
    assert_eq!(bytes_of(&pages[1]), lines(ROWS));

    // A full export has all its files itself.
    let full = Export::of(&[ROWS, ROWS]).summary;
    let path = at.prefix.clone().join("manifest-summary.json");
    at.store.put(&path, full.into_bytes().into()).await.unwrap();
    refuses(&export_at(at), "data/b.json.gz", "missing").await;
}

#[tokio::test]
async fn changes_need_a_contract_that_compares_copies_by_instants() {
    let mut contract = Contract::clone(&contract("exported_orders"));
    contract.version_field = "order_id".to_owned();
    let export = Export { summary: incremental("NEW_IMAGE"), ..Export::of(&[ROWS]) };
    let manifest = export.lines.join("\n");
    let at = folder(&[
        ("manifest-summary.json", export.summary.as_bytes()),
        ("manifest-files.json", manifest.as_bytes()),
    ])
    .await;
    let error = DynamodbExport::new(at, Some(&contract), SMALL).plan().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Usage, "{error:?}");
    assert!(error.to_string().contains("not a timestamp"), "{error}");
    assert!(error.help().is_some_and(|help| help.contains("versionField")));
}

#[tokio::test]
async fn a_folder_without_an_export_is_refused_as_usage() {
    let at = folder(&[("data/a.json.gz", b"")]).await;
    let error = export_at(at).plan().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Usage);
    assert!(error.help().is_some_and(|help| help.contains("manifest-summary.json")));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    /// Whatever the sizes: the pages are the file, their positions are where they say.
    #[test]
    fn pages_reassemble_to_the_file(
        rows in prop::collection::vec("[a-z]{1,60}", 0..40),
        last_line_ends in any::<bool>(),
        page_bytes in 1_usize..200,
        fetch_bytes in 1_u64..100,
        road in prop::sample::select(&ROADS),
    ) {
        let mut bytes = lines(&rows);
        if !last_line_ends {
            bytes.pop();
        }
        let options = ReadOptions { page_bytes, fetch_bytes, ..road };
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let (_, pages) = runtime.block_on(async {
            let export = Export::stored(&[(rows.len(), gzip(&bytes))]).open(options).await;
            read_all(&export).await.unwrap()
        });
        prop_assert_eq!(bytes_of(&pages[0]), bytes);
        let (mut row, mut offset) = (0, 0);
        for page in &pages[0] {
            prop_assert_eq!((page.first_row, page.offset_bytes), (row, offset));
            let bytes = bytes_of([page]);
            offset += bytes.len() as u64;
            row += bytes.split(|b| *b == b'\n').filter(|line| !line.is_empty()).count() as u64;
        }
        prop_assert_eq!(row, rows.len() as u64);
    }
}
