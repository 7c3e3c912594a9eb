//! Parquet: the types of the columns, what comes back, and whether statistics can be trusted.

use std::collections::BTreeMap;

use arrow::array::RecordBatch;
use arrow::compute::concat_batches;
use bytes::Bytes;
use consign::plan::{ParquetCompression, SinkSpec};
use consign::sinks::{Probe, WrittenFile, filtered_rows, reread};
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use parquet::basic::{Compression, ConvertedType, Encoding, LogicalType, Type};
use parquet::file::reader::{FileReader, SerializedFileReader};
use parquet::file::statistics::Statistics;

use super::orders::{GREATEST, Order, contract, decimals_of, order, rows, series};
use super::{Place, parquet_sink};

const LARGE: u64 = 1 << 30;

fn open(bytes: Bytes) -> SerializedFileReader<Bytes> {
    SerializedFileReader::new(bytes).unwrap()
}

fn read_rows(bytes: Bytes) -> RecordBatch {
    let reader = ParquetRecordBatchReaderBuilder::try_new(bytes).unwrap();
    let schema = reader.schema().clone();
    let batches: Vec<_> = reader.build().unwrap().map(Result::unwrap).collect();
    concat_batches(&schema, &batches).unwrap()
}

#[test]
fn every_type_comes_back_as_it_went_in() {
    let place = Place::new();
    let extremes = [
        Order { exact: Some(-GREATEST), amount: Some(-999_999_999_999_999_999), ..order("ord") },
        Order { exact: Some(GREATEST), amount: Some(999_999_999_999_999_999), ..order("ord_") },
    ];
    let rows = concat_batches(&contract().output_schema(), &[rows(&extremes), series(0..2_000)]);
    let rows = rows.unwrap();
    let written = place.write_one(&parquet_sink(LARGE, LARGE), &rows);
    let found = read_rows(place.read(&written.file.path));
    assert_eq!(found.schema().fields(), contract().output_schema().fields());
    assert_eq!(found, rows.with_schema(found.schema()).unwrap());
}

#[test]
fn columns_have_the_types_that_other_readers_know() {
    let place = Place::new();
    let written = place.write_one(&parquet_sink(LARGE, LARGE), &series(0..10));
    let file = open(place.read(&written.file.path));
    let schema = file.metadata().file_metadata().schema_descr();
    let column = |path: &str| {
        let found = schema.columns().iter().find(|c| c.path().string() == path);
        found.unwrap_or_else(|| panic!("no {path}"))
    };
    assert_eq!(column("order_id").converted_type(), ConvertedType::UTF8);
    for (path, physical, precision, scale) in [
        ("amount", Type::INT64, 18, 3),
        ("exact", Type::FIXED_LEN_BYTE_ARRAY, 38, 9),
        ("items.list.element.price", Type::INT64, 18, 4),
    ] {
        let decimal = column(path);
        assert_eq!(decimal.physical_type(), physical, "{path}");
        let found = (decimal.converted_type(), decimal.type_precision(), decimal.type_scale());
        assert_eq!(found, (ConvertedType::DECIMAL, precision, scale), "{path}");
    }
    let Some(LogicalType::Timestamp(instant)) = column("at").logical_type_ref() else {
        panic!("not an instant")
    };
    assert!(instant.is_adjusted_to_u_t_c, "instants are UTC");
    assert_eq!(format!("{:?}", instant.unit), "MICROS");
    assert_eq!(column("codes.list.element").converted_type(), ConvertedType::UTF8);
    assert_eq!(column("address.since").converted_type(), ConvertedType::DATE);
}

#[test]
fn a_file_says_what_it_was_made_by_and_nothing_of_the_run() {
    let place = Place::new();
    let written = place.write_one(&parquet_sink(LARGE, LARGE), &series(0..10));
    let file = open(place.read(&written.file.path));
    let metadata = file.metadata().file_metadata();
    let mut said: Vec<_> = metadata.key_value_metadata().unwrap().iter().collect();
    said.retain(|pair| pair.key != "ARROW:schema");
    let said: Vec<_> =
        said.iter().map(|pair| (pair.key.as_str(), pair.value.as_deref().unwrap())).collect();
    let fingerprint = contract().schema_fingerprint();
    assert_eq!(
        said,
        [
            ("consign.contract", "orders@1"),
            ("consign.contract_version", "1.2.0"),
            ("consign.contract_sha256", "c0ffee"),
            ("consign.schema_fingerprint", fingerprint.as_str()),
            ("consign.tzdb", "2026a"),
            ("consign.fx_table", "none"),
        ]
    );
    assert!(metadata.created_by().unwrap().starts_with("consign"));
    let codec = file.metadata().row_group(0).column(0).compression();
    assert!(matches!(codec, Compression::ZSTD(_)));
    let file = place.read(&written.file.path);
    assert!(!file.windows(super::RUN.len()).any(|part| part == super::RUN.as_bytes()));
}

/// Encodings of each column of a file of the profile, and whether it has a dictionary.
fn encodings(profile: ParquetCompression) -> BTreeMap<String, (Vec<Encoding>, bool)> {
    let place = Place::new();
    let sink =
        SinkSpec::Parquet { compression: profile, target_bytes: LARGE, row_group_bytes: LARGE };
    let written = place.write_one(&sink, &series(0..2_000));
    let file = open(place.read(&written.file.path));
    let columns = file.metadata().row_group(0).columns().iter().map(|column| {
        let has_dictionary = column.dictionary_page_offset().is_some();
        (column.column_path().string(), (column.encodings().collect(), has_dictionary))
    });
    columns.collect()
}

#[test]
fn encodings_follow_from_the_contract_and_the_profile() {
    let (lake, bi) = (encodings(ParquetCompression::Zstd), encodings(ParquetCompression::Snappy));
    for column in ["order_id", "amount", "exact", "at", "digest"] {
        assert!(!lake[column].1 && !bi[column].1, "{column} hardly repeats");
    }
    for column in ["quantity", "items.list.element.product_id", "items.list.element.price"] {
        assert!(lake[column].1 && bi[column].1, "{column} may repeat");
    }
    assert!(lake["at"].0.contains(&Encoding::DELTA_BINARY_PACKED));
    assert!(lake["order_id"].0.contains(&Encoding::DELTA_BYTE_ARRAY));
    let known = [Encoding::PLAIN, Encoding::RLE, Encoding::RLE_DICTIONARY];
    for (column, (encodings, _)) in &bi {
        assert!(encodings.iter().all(|encoding| known.contains(encoding)), "{column}");
    }
}

/// 6,000 rows in several row groups, of which the first hold only amounts below zero.
fn several_groups(place: &Place) -> (RecordBatch, WrittenFile) {
    let rows = series(0..6_000);
    let written = place.write_one(&parquet_sink(LARGE, 30_000), &rows);
    let groups = open(place.read(&written.file.path)).num_row_groups();
    assert!(groups >= 3, "{groups} row groups prove little");
    (rows, written)
}

#[test]
fn statistics_are_the_least_and_the_greatest_value_of_each_row_group() {
    let place = Place::new();
    let (rows, written) = several_groups(&place);
    let file = open(place.read(&written.file.path));
    let mut first_row = 0;
    let mut signs = std::collections::BTreeSet::new();
    for group in file.metadata().row_groups() {
        let length = usize::try_from(group.num_rows()).unwrap();
        let rows = rows.slice(first_row, length);
        first_row += length;
        for (leaf, name) in [(1, "amount"), (2, "exact")] {
            let values = decimals_of(&rows, name);
            let (least, greatest, nulls) = bounds(group.column(leaf).statistics().unwrap());
            assert_eq!(Some(&least), values.iter().min(), "{name}");
            assert_eq!(Some(&greatest), values.iter().max(), "{name}");
            assert_eq!(nulls, (length - values.len()) as u64, "{name}");
            signs.extend([least.signum(), greatest.signum()]);
        }
    }
    assert_eq!(first_row, rows.num_rows());
    assert!(signs.contains(&-1) && signs.contains(&1));
}

fn bounds(statistics: &Statistics) -> (i128, i128, u64) {
    let nulls = statistics.null_count_opt().unwrap();
    let wide = |bytes: &[u8]| i128::from_be_bytes(bytes.try_into().unwrap());
    match statistics {
        Statistics::Int64(s) => {
            ((*s.min_opt().unwrap()).into(), (*s.max_opt().unwrap()).into(), nulls)
        }
        Statistics::FixedLenByteArray(s) => {
            (wide(s.min_opt().unwrap().data()), wide(s.max_opt().unwrap().data()), nulls)
        }
        other => panic!("{other}"),
    }
}

#[test]
fn filtered_counts_are_those_of_the_rows() {
    let place = Place::new();
    let (rows, written) = several_groups(&place);
    let columns: Vec<&str> = written.probes.iter().map(|probe| probe.column.as_str()).collect();
    assert!(columns.contains(&"amount") && columns.contains(&"exact"), "{columns:?}");
    for probe in &written.probes {
        assert_eq!(count(&place, &written, probe), probe.rows, "{probe:?}");
    }
    for column in ["amount", "exact"] {
        let values = decimals_of(&rows, column);
        let (least, greatest) = (*values.iter().min().unwrap(), *values.iter().max().unwrap());
        let middle = least / 3;
        for at_least in [least - 1, least, least + 1, middle, -1, 0, 1, greatest, greatest + 1] {
            let wanted = values.iter().filter(|value| **value >= at_least).count() as u64;
            let probe = Probe { column: column.to_owned(), at_least, rows: wanted };
            assert_eq!(count(&place, &written, &probe), wanted, "{probe:?}");
        }
    }
}

fn count(place: &Place, written: &WrittenFile, probe: &Probe) -> u64 {
    filtered_rows(&place.destination, &written.file, probe).unwrap()
}

/// A reader that trusts a statistic loses rows when it lies; counting all rows would not tell.
#[test]
fn a_statistic_that_lies_is_caught_by_a_filtered_count() {
    let place = Place::new();
    let greatest = 123_456_789_012_345_678_i64;
    let orders = [
        Order { amount: Some(5), ..order("ord_1") },
        Order { amount: Some(greatest.into()), ..order("ord_2") },
    ];
    let written = place.write_one(&parquet_sink(LARGE, LARGE), &rows(&orders));
    let mut bytes = place.read(&written.file.path).to_vec();
    let footer = bytes.len() - 8;
    let footer_length = u32::from_le_bytes(bytes[footer..footer + 4].try_into().unwrap());
    let mut lies = 0;
    for at in footer - footer_length as usize..footer - 8 {
        if bytes[at..at + 8] == greatest.to_le_bytes() {
            bytes[at..at + 8].copy_from_slice(&(-1_i64).to_le_bytes());
            lies += 1;
        }
    }
    assert!(lies > 0, "the statistic was not found");
    place.replace(&written.file.path, bytes);

    let altered = place.as_it_lies(&written.file);
    let found = reread(&place.destination, &altered, &contract()).unwrap();
    assert_eq!((found.rows, &found.sums), (2, &written.file.sums), "the values are still right");
    let probe = written.probes.iter().find(|p| p.column == "amount" && p.at_least == 0).unwrap();
    assert_eq!((probe.rows, count(&place, &written, probe)), (2, 0));
}
