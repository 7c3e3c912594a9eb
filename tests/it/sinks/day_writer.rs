//! The files of a day: where parts end, that bytes depend on rows alone, that keys ascend.

use arrow::array::RecordBatch;
use consign::error::ErrorKind;
use consign::model::FileFormat;
use consign::plan::{FormulaGuard, SinkSpec};
use consign::sinks::{compare, reread};
use parquet::file::reader::{FileReader, SerializedFileReader};

use super::orders::{contract, decimals_of, order, rows, series};
use super::{Place, RUN, both, csv_sink, parquet_sink};

const ROWS: u32 = 6_000;

/// Sinks that begin a new part every thousand rows or two.
fn small_parts() -> [SinkSpec; 2] {
    [parquet_sink(30_000, 12_000), csv_sink(250_000, FormulaGuard::Off)]
}

#[test]
fn bytes_depend_on_the_rows_and_not_on_how_they_came() {
    let all = series(0..ROWS);
    let cut_by = |sizes: &[usize]| {
        let (mut batches, mut first) = (vec![], 0);
        for size in sizes.iter().cycle() {
            let length = (*size).min(all.num_rows() - first);
            batches.push(all.slice(first, length));
            first += length;
            if first == all.num_rows() {
                return batches;
            }
        }
        unreachable!()
    };
    for sink in small_parts() {
        let written = |batches: &[RecordBatch]| {
            let files = Place::new().write(&sink, batches);
            files.into_iter().map(|written| (written.file, written.probes)).collect::<Vec<_>>()
        };
        let whole = written(std::slice::from_ref(&all));
        for sizes in [&[1_024][..], &[1, 0, 2, 977, 3_000], &[1_023, 1_025]] {
            assert_eq!(written(&cut_by(sizes)), whole, "{sink:?} by {sizes:?}");
        }
    }
}

#[test]
fn a_full_part_is_followed_by_the_next() {
    let all = series(0..ROWS);
    for sink in small_parts() {
        let place = Place::new();
        let files = place.write(&sink, std::slice::from_ref(&all));
        assert!(files.len() >= 3, "{} parts prove little", files.len());
        let mut last_key = String::new();
        for (i, written) in files.iter().enumerate() {
            let file = &written.file;
            let extension = file.format.extension();
            let name = format!("_data/dt=2026-08-01/v-{RUN}/part-{i:05}.{extension}");
            assert_eq!(file.path, name);
            assert!(file.rows > 0);
            assert!(Some(&last_key) < file.min_key.as_ref() && file.min_key < file.max_key);
            last_key = file.max_key.clone().unwrap();
            assert_eq!(file.dt, Some("2026-08-01".parse().unwrap()));
            let found = reread(&place.destination, file, &contract()).unwrap();
            compare(file, &found).unwrap();
        }
        assert_eq!(files.iter().map(|w| w.file.rows).sum::<u64>(), u64::from(ROWS));
        assert_eq!(last_key, format!("ord_{:07}", ROWS - 1));
        for (column, scale) in [("amount", 3), ("exact", 9)] {
            let total: i128 = files.iter().map(|w| unscaled(&w.file.sums[column], scale)).sum();
            assert_eq!(total, decimals_of(&all, column).iter().sum::<i128>(), "{column}");
        }
    }
}

/// The digits of a decimal that is written at `scale`.
fn unscaled(text: &str, scale: usize) -> i128 {
    let (whole, fraction) = text.split_once('.').unwrap();
    assert_eq!(fraction.len(), scale, "{text}");
    format!("{whole}{fraction}").parse().unwrap()
}

#[test]
fn a_day_without_rows_has_one_file_like_any_other() {
    for sink in both() {
        let place = Place::new();
        for batches in [vec![], vec![series(0..0)]] {
            let place = Place::new();
            let files = place.write(&sink, &batches);
            let [written] = files.as_slice() else { panic!("{} files", files.len()) };
            let file = &written.file;
            assert_eq!((file.rows, &file.min_key, &file.max_key), (0, &None, &None));
            assert_eq!((file.sums["amount"].as_str(), written.probes.len()), ("0.000", 0));
            let found = reread(&place.destination, file, &contract()).unwrap();
            compare(file, &found).unwrap();
        }
        let empty = place.write_one(&sink, &series(0..0)).file;
        let empty_bytes = place.read(&empty.path);
        let other = Place::new();
        let full = other.write_one(&sink, &series(0..100)).file;
        let full_bytes = other.read(&full.path);
        if full.format == FileFormat::Csv {
            assert!(full_bytes.starts_with(&empty_bytes), "the header is the same");
            continue;
        }
        let open = |bytes| SerializedFileReader::new(bytes).unwrap();
        let (empty, full) = (open(empty_bytes), open(full_bytes));
        let of = |file: &SerializedFileReader<bytes::Bytes>| {
            let metadata = file.metadata().file_metadata().clone();
            (metadata.schema_descr().root_schema().clone(), metadata.key_value_metadata().cloned())
        };
        assert_eq!(of(&empty), of(&full), "schema and metadata are the same");
    }
}

#[test]
fn keys_that_do_not_ascend_are_refused() {
    let batch = |ids: &[&str]| rows(&ids.iter().map(|id| order(id)).collect::<Vec<_>>());
    for (name, batches) in [
        ("descends", vec![batch(&["a", "c", "b"])]),
        ("stands twice", vec![batch(&["a", "a"])]),
        ("descends between batches", vec![batch(&["a", "c"]), batch(&["b"])]),
        ("stands in two batches", vec![batch(&["a", "c"]), batch(&[]), batch(&["c"])]),
        ("is not the order of bytes", vec![batch(&["a", "B"])]),
    ] {
        for sink in both() {
            let place = Place::new();
            let mut writer = place.writer(&sink, &contract());
            let error = batches.iter().try_for_each(|rows| writer.write(rows)).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Unexpected, "{name}");
            assert_eq!(error.to_string(), "rows did not come in key order", "{name}");
        }
    }
}
