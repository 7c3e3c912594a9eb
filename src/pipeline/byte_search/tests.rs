use std::io::Write;
use std::sync::Arc;

use ::parquet::arrow::ArrowWriter;
use ::parquet::basic::{Compression, Encoding, ZstdLevel};
use ::parquet::file::properties::{EnabledStatistics, WriterProperties, WriterPropertiesBuilder};
use arrow::array::{
    ArrayRef, BinaryArray, ListBuilder, RecordBatch, StringArray, StringBuilder, StructArray,
};
use arrow::datatypes::{DataType, Field};
use object_store::local::LocalFileSystem;
use object_store::path::Path as StorePath;
use parquet_crate::Result as ParquetResult;

use super::*;
use crate::pipeline::start_runtime;

const SOUGHT: &str = "anna.schmidt.42@example.org";

/// A folder that is searched as a store, and the places where `SOUGHT` was found in its one file.
struct Folder {
    dir: tempfile::TempDir,
    runtime: tokio::runtime::Runtime,
}

impl Folder {
    fn new() -> Self {
        Self { dir: tempfile::tempdir().unwrap(), runtime: start_runtime().unwrap() }
    }

    fn put(&self, name: &str, bytes: &[u8]) -> Haystack {
        std::fs::write(self.dir.path().join(name), bytes).unwrap();
        Haystack::Object(name.to_owned())
    }

    fn search(&self, haystacks: &[Haystack], needles: &Needles) -> Searched {
        let root = self.dir.path().canonicalize().unwrap();
        let destination = Destination {
            store: Arc::new(LocalFileSystem::new()),
            root: StorePath::from_absolute_path(root).unwrap(),
            runtime: self.runtime.handle().clone(),
        };
        search(&destination, haystacks, needles).unwrap()
    }
}

fn needles(values: &[&str]) -> Needles {
    Needles::new(values.iter().map(|value| value.as_bytes().into()))
}

/// Where `sought` is found in an object of that name and content.
fn places(name: &str, bytes: &[u8], sought: &str) -> Vec<Place> {
    let folder = Folder::new();
    let haystack = folder.put(name, bytes);
    let searched = folder.search(&[haystack], &needles(&[sought]));
    assert_eq!(searched.unreadable, Vec::<String>::new());
    searched.hits.iter().map(|hit| hit.place).collect()
}

fn compressed() -> WriterPropertiesBuilder {
    WriterProperties::builder()
        .set_compression(Compression::ZSTD(ZstdLevel::try_new(1).unwrap()))
        .set_statistics_enabled(EnabledStatistics::None)
}

fn parquet_of(column: ArrayRef, properties: WriterPropertiesBuilder) -> Vec<u8> {
    let rows = RecordBatch::try_from_iter([("column", column)]).unwrap();
    let write = || -> ParquetResult<Vec<u8>> {
        let mut writer = ArrowWriter::try_new(Vec::new(), rows.schema(), Some(properties.build()))?;
        writer.write(&rows)?;
        writer.into_inner()
    };
    write().unwrap()
}

/// 200 addresses, each twice, so that compression has something to do; the one that is sought among
/// them unless it is `left_out`.
fn addresses(left_out: bool) -> ArrayRef {
    let all = (0..400).map(|i| i / 2).filter(|i| !(left_out && *i == 42));
    Arc::new(StringArray::from_iter_values(all.map(|i| format!("anna.schmidt.{i}@example.org"))))
}

#[test]
fn a_value_in_a_dictionary_is_found() {
    let file = |left_out| parquet_of(addresses(left_out), compressed());
    assert_eq!(places("a.parquet", &file(false), SOUGHT), [Place::Dictionary, Place::Cell]);
    assert_eq!(places("a.parquet", &file(true), SOUGHT), []);
}

#[test]
fn a_value_in_a_compressed_page_is_found() {
    let properties = || compressed().set_dictionary_enabled(false);
    let file = |left_out| parquet_of(addresses(left_out), properties());
    assert_eq!(places("a.parquet", &file(false), SOUGHT), [Place::Page, Place::Cell]);
    assert_eq!(places("a.parquet", &file(true), SOUGHT), []);
}

#[test]
fn a_value_that_a_delta_encoding_cuts_into_pieces_is_found_in_its_cell_alone() {
    let properties = || {
        let properties = compressed().set_dictionary_enabled(false);
        properties.set_encoding(Encoding::DELTA_BYTE_ARRAY)
    };
    let file = |left_out| parquet_of(addresses(left_out), properties());
    assert_eq!(places("a.parquet", &file(false), SOUGHT), [Place::Cell]);
    assert_eq!(places("a.parquet", &file(true), SOUGHT), []);
}

#[test]
fn a_value_in_statistics_is_found_whole_and_cut_short() {
    let properties = || {
        let properties = compressed().set_statistics_enabled(EnabledStatistics::Page);
        properties.set_dictionary_enabled(false).set_encoding(Encoding::DELTA_BYTE_ARRAY)
    };
    let whole: ArrayRef = Arc::new(StringArray::from(vec!["aaaaaaaa", SOUGHT]));
    assert_eq!(
        places("a.parquet", &parquet_of(whole, properties()), SOUGHT),
        [
            Place::Bytes,
            Place::Unescaped,
            Place::Page,
            Place::Statistics,
            Place::ColumnIndex,
            Place::Cell
        ]
    );
    for (text, other) in [("s".repeat(100), "zzz"), ("é".repeat(60), "a"), ("z".repeat(90), "a")] {
        let rows = |text: &str| -> ArrayRef { Arc::new(StringArray::from(vec![text, other])) };
        let found = places("a.parquet", &parquet_of(rows(&text), properties()), &text);
        assert!(found.contains(&Place::Statistics), "{found:?}");
        assert!(found.contains(&Place::ColumnIndex), "{found:?}");
        assert!(!found.contains(&Place::Bytes), "{found:?}");
        // One that is like it as far as it was cut is told too; one that differs before is not.
        let cut = format!("{}{}", &text[..text.len() / 4], "#".repeat(50));
        assert_eq!(places("a.parquet", &parquet_of(rows(&text), properties()), &cut), []);
    }
}

#[test]
fn statistics_that_outlived_their_value_are_found() {
    // As a rewrite would leave them that goes through cells alone: the bounds of the old file.
    let properties = || compressed().set_statistics_enabled(EnabledStatistics::Chunk);
    let rows: ArrayRef = Arc::new(StringArray::from(vec![SOUGHT, "zzz"]));
    let file = parquet_of(rows, properties());
    let bytes = Bytes::from(file);
    let reader = ::parquet::file::serialized_reader::SerializedFileReader::new(bytes).unwrap();
    let metadata = ::parquet::file::reader::FileReader::metadata(&reader);
    let (needles, mut found) = (needles(&[SOUGHT]), Found::default());
    let pass = needles.passes().next().unwrap().unwrap();
    parquet::search_bounds(metadata, &[0], &pass, &mut found);
    assert_eq!(found.counts, BTreeMap::from([(Place::Statistics, 1)]));
}

#[test]
fn a_bloom_filter_is_asked() {
    let properties = || compressed().set_bloom_filter_enabled(true);
    let file = |left_out| parquet_of(addresses(left_out), properties());
    let found = places("a.parquet", &file(false), SOUGHT);
    assert_eq!(found, [Place::Dictionary, Place::BloomFilter, Place::Cell]);
    assert_eq!(places("a.parquet", &file(true), "nobody.at.all@example.org"), []);
}

#[test]
fn values_within_lists_and_structs_are_found() {
    let mut list = ListBuilder::new(StringBuilder::new());
    list.append_value([Some("other"), Some(SOUGHT)]);
    list.append_null();
    let list: ArrayRef = Arc::new(list.finish());
    let field = Arc::new(Field::new("inner", list.data_type().clone(), true));
    let nested: ArrayRef = Arc::new(StructArray::from(vec![(field, list)]));
    let found = places("a.parquet", &parquet_of(nested, compressed()), SOUGHT);
    assert!(found.contains(&Place::Cell), "{found:?}");
}

#[test]
fn source_bytes_in_a_quarantine_are_read_through_their_escapes() {
    let raw = br#"{"Item":{"email":{"S":"anna.schmidt.42\u0040example.org"}}}"#;
    let rows: ArrayRef = Arc::new(BinaryArray::from(vec![raw.as_slice(); 50]));
    assert_eq!(rows.data_type(), &DataType::Binary);
    let found = places("q.parquet", &parquet_of(rows, compressed()), SOUGHT);
    assert_eq!(found, [Place::Unescaped]);
}

#[test]
fn cells_of_csv_are_read_through_their_quotes_and_the_json_in_them() {
    let name = "Anna \"the\ngreat\", Schmidt";
    let csv = "id,name\r\n1,\"Anna \"\"the\ngreat\"\", Schmidt\"\r\n";
    assert_eq!(places("a.csv", csv.as_bytes(), name), [Place::Unquoted, Place::Unescaped]);
    let nested = r#"1,"{""name"":""Anna \""the\ngreat\"", Schmidt""}""#;
    assert_eq!(places("a.csv", nested.as_bytes(), name), [Place::Unescaped]);
    assert_eq!(places("a.csv", b"1,\"Anna the great\"", name), []);
}

#[test]
fn records_are_read_through_their_escapes() {
    let name = "Anna \"the great\" Schmidt";
    let record = serde_json::json!({ "settings": { "note": name } }).to_string();
    assert_eq!(places("00000000000000000001.json", record.as_bytes(), name), [Place::Unescaped]);
}

#[test]
fn gzip_is_inflated() {
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    for i in 0..100 {
        writeln!(gzip, "anna.schmidt.{i}@example.org").unwrap();
    }
    let bytes = gzip.finish().unwrap();
    assert_eq!(places("a.json.gz", &bytes, SOUGHT), [Place::Unescaped, Place::Inflated]);
}

#[test]
fn a_value_that_two_blocks_share_is_found_once() {
    for before in [BLOCK_BYTES - 1, BLOCK_BYTES - SOUGHT.len() + 1, BLOCK_BYTES, 2 * BLOCK_BYTES] {
        let mut bytes = vec![b'.'; before];
        bytes.extend_from_slice(SOUGHT.as_bytes());
        bytes.extend(vec![b'.'; BLOCK_BYTES]);
        let folder = Folder::new();
        let haystack = folder.put("a.bin", &bytes);
        let searched = folder.search(&[haystack], &needles(&[SOUGHT]));
        let raw = searched.hits.iter().find(|hit| hit.place == Place::Bytes).unwrap();
        assert_eq!(raw.count, 1, "{before}");
    }
}

#[test]
fn a_file_of_this_machine_is_searched_like_an_object() {
    let folder = Folder::new();
    let file = parquet_of(addresses(false), compressed());
    folder.put("part-00000.parquet#1", &file);
    let path = folder.dir.path().join("part-00000.parquet#1");
    let searched =
        folder.search(&[Haystack::File("left over".to_owned(), path)], &needles(&[SOUGHT]));
    let hits: Vec<_> = searched.hits.iter().map(|hit| (hit.object.as_str(), hit.place)).collect();
    assert_eq!(hits, [("left over", Place::Dictionary), ("left over", Place::Cell)]);
    assert_eq!((searched.objects, searched.bytes), (1, file.len() as u64));
}

#[test]
fn what_cannot_be_read_proves_nothing() {
    let folder = Folder::new();
    let file = parquet_of(addresses(true), compressed());
    let cut = folder.put("cut.parquet", &file[..file.len() - 9]);
    let gone = Haystack::Object("gone.parquet".to_owned());
    let sound = folder.put("sound.parquet", &file);
    let searched = folder.search(&[cut, gone, sound], &needles(&[SOUGHT]));
    assert_eq!(searched.unreadable, ["cut.parquet", "gone.parquet"]);
    assert!(!searched.is_clean());
}

#[test]
fn many_values_take_several_passes_and_miss_nothing() {
    let folder = Folder::new();
    let haystack = folder.put("a.parquet", &parquet_of(addresses(false), compressed()));
    let values: Vec<String> =
        (0..60).map(|i| format!("anna.schmidt.{}@example.org", i * 10)).collect();
    let needles = needles(&values.iter().map(String::as_str).collect::<Vec<_>>());
    let searched = folder.search(&[haystack], &needles.with_pass_bytes(100));
    assert_eq!((searched.values, searched.passes), (60, 20));
    let cells = searched.hits.iter().find(|hit| hit.place == Place::Cell).unwrap();
    assert_eq!(cells.count, 40, "twenty of the addresses are there, each twice");
}

#[test]
fn values_that_are_too_short_to_be_sought_are_not() {
    let needles = needles(&["Anna", "", "Schmidt", "Schmidt"]);
    assert_eq!(needles.len(), 1);
}
