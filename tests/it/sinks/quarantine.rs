//! The quarantine: what is staged, stamped, written, read back and shown.

use std::collections::BTreeMap;

use arrow::array::RecordBatch;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use consign::error::{Error, ErrorKind, Result};
use consign::model::{DataFile, Part, RawFormat, Reason, ReasonCode, Split, SplitId};
use consign::sinks::quarantine::{
    QuarantineRow, RejectBuilder, RejectedRow, Seen, count_reasons, read_quarantine,
    write_quarantine,
};

use super::orders::contract;
use super::{Place, RUN};

const FIRST_SEEN: &str = "2026-08-02T03:04:05.678901Z";

fn split(id: u32) -> Split {
    Split {
        id: SplitId(id),
        source: 0,
        name: format!("data/{id}.json.gz"),
        part: Part::Query,
        format: RawFormat::DynamodbJson,
        bytes: 1,
        expected_rows: None,
    }
}

fn reasons() -> [Reason; 3] {
    let field = "items[].quantity".into();
    let negative = Reason::of_field(ReasonCode::BelowMinimum, &field, Some("N"));
    let late = Reason {
        raw_millis: Some(-62_135_596_800_001),
        ..Reason::of_field(ReasonCode::TimestampOutOfRange, &"at".into(), Some("date"))
    };
    [negative, Reason::of_rule(ReasonCode::RuleFailed, &"tax_within_total".into()), late]
}

/// Rows `range` of a split, each with one raw byte more than the one before.
fn staged(split_id: u32, range: std::ops::Range<u64>) -> RecordBatch {
    let mut builder = RejectBuilder::new(&contract());
    let reasons = reasons();
    for row in range.clone() {
        let known = row % 2 == 0;
        builder.append(&RejectedRow {
            split: &split(split_id),
            row,
            offset_bytes: row * 100,
            key: known.then_some("ord_ü"),
            dt: known.then(|| "2026-08-01".parse().unwrap()),
            reasons: &reasons.iter().take(1 + index(row % 3)).collect::<Vec<_>>(),
            raw: &vec![0xff; index(row)],
            raw_format: RawFormat::DynamodbJson,
        });
    }
    assert_eq!(builder.rows() as u64, range.end - range.start);
    assert!(builder.bytes() as u64 >= range.sum::<u64>());
    let rows = builder.finish().unwrap();
    assert_eq!((builder.rows(), builder.bytes()), (0, 0), "the builder is empty again");
    rows
}

fn index(row: u64) -> usize {
    row.try_into().unwrap()
}

fn write(place: &Place, batches: Vec<Result<RecordBatch>>) -> Result<Vec<DataFile>> {
    let seen = FIRST_SEEN.parse().unwrap();
    write_quarantine(&place.destination, RUN, Seen::First(seen), batches.into_iter())
}

fn read(place: &Place, file: &DataFile) -> Result<Vec<QuarantineRow>> {
    let mut rows = vec![];
    let mut keep = |row| {
        rows.push(row);
        Ok(true)
    };
    read_quarantine(&place.destination, file, &mut keep).map(|()| rows)
}

#[test]
fn refused_rows_come_back_with_every_reason_and_byte() {
    let place = Place::new();
    let batches = vec![Ok(staged(0, 0..100)), Ok(staged(0, 0..0)), Ok(staged(7, 3..5))];
    let files = write(&place, batches).unwrap();
    let [file] = files.as_slice() else { panic!("{} files", files.len()) };
    assert_eq!(file.path, format!("_quarantine/v-{RUN}/part-00000.parquet"));
    assert_eq!((file.rows, file.dt), (102, None));
    let rows = read(&place, file).unwrap();
    let places: Vec<_> = rows.iter().map(|row| (row.split_id.0, row.row)).collect();
    assert_eq!(places, (0..100).map(|row| (0, row)).chain([(7, 3), (7, 4)]).collect::<Vec<_>>());
    for row in &rows {
        let known = row.row % 2 == 0;
        assert_eq!(row.split, format!("data/{}.json.gz", row.split_id.0));
        assert_eq!(row.offset_bytes, row.row * 100);
        assert_eq!(row.key.as_deref(), known.then_some("ord_ü"));
        assert_eq!(row.dt, known.then(|| "2026-08-01".parse().unwrap()));
        assert_eq!(STANDARD.decode(&row.raw_base64).unwrap(), vec![0xff; index(row.row)]);
        assert_eq!(row.reasons.len(), 1 + index(row.row % 3));
    }
}

#[test]
fn a_refused_row_is_one_json_object() {
    let place = Place::new();
    let files = write(&place, vec![Ok(staged(7, 2..3))]).unwrap();
    let rows = read(&place, &files[0]).unwrap();
    let field = |code: &str, field: Option<&str>, rule: Option<&str>, found: Option<&str>| {
        serde_json::json!({"code": code, "field": field, "rule": rule, "found": found,
            "raw_millis": (code == "timestamp_out_of_range").then_some(-62_135_596_800_001_i64)})
    };
    assert_eq!(
        serde_json::to_value(&rows[0]).unwrap(),
        serde_json::json!({
            "split": "data/7.json.gz",
            "split_id": 7,
            "row": 2,
            "offset_bytes": 200,
            "key": "ord_ü",
            "dt": "2026-08-01",
            "reasons": [
                field("below_minimum", Some("items[].quantity"), None, Some("N")),
                field("rule_failed", None, Some("tax_within_total"), None),
                field("timestamp_out_of_range", Some("at"), None, Some("date")),
            ],
            "raw_base64": "//8=",
            "raw_format": "dynamodb_json",
            "raw_sha256": "ca2fd00fa001190744c15c317643ab092e7048ce086a243e2be9437c898de1bb",
            "contract": "orders@1",
            "contract_version": "1.2.0",
            "run_id": RUN,
            "first_seen": FIRST_SEEN,
            "attempts": 1,
        })
    );
}

#[test]
fn no_refused_rows_no_file() {
    let place = Place::new();
    assert_eq!(write(&place, vec![]).unwrap(), vec![]);
    assert_eq!(write(&place, vec![Ok(staged(0, 0..0))]).unwrap(), vec![]);
}

#[test]
fn reading_stops_when_it_is_told_to_and_with_the_error_it_is_given() {
    let place = Place::new();
    let files = write(&place, vec![Ok(staged(0, 0..100))]).unwrap();
    let mut seen = 0;
    let mut three = |_| {
        seen += 1;
        Ok(seen < 3)
    };
    read_quarantine(&place.destination, &files[0], &mut three).unwrap();
    assert_eq!(seen, 3);
    let mut fails = |_| Err(Error::new(ErrorKind::Interrupted, "enough"));
    let error = read_quarantine(&place.destination, &files[0], &mut fails).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Interrupted);
}

#[test]
fn a_staged_batch_that_cannot_be_read_stops_the_writing() {
    let place = Place::new();
    let broken = Error::new(ErrorKind::Transient, "the disk is gone");
    let error = write(&place, vec![Ok(staged(0, 0..10)), Err(broken)]).unwrap_err();
    assert_eq!(error.to_string(), "the disk is gone");
    assert!(!write(&place, vec![Ok(staged(0, 0..10))]).unwrap().is_empty(), "nothing was left");
}

#[test]
fn an_altered_quarantine_is_noticed() {
    let place = Place::new();
    let file = write(&place, vec![Ok(staged(0, 0..50))]).unwrap().remove(0);
    let intact = place.read(&file.path);
    for at in (0..intact.len()).step_by(intact.len() / 31) {
        let mut bytes = intact.to_vec();
        bytes[at] ^= 0x10;
        place.replace(&file.path, bytes);
        let error = read(&place, &file).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Verification);
        assert!(error.to_string().contains(&file.path), "{error}");
    }
    let data = place.write_one(&super::both()[0], &super::orders::series(0..5)).file;
    let error = read(&place, &data).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Verification, "another kind of file: {error}");
}

#[test]
fn a_row_counts_once_under_each_of_its_codes() {
    let twice: &[&Reason] = &[&reasons()[0], &reasons()[0], &reasons()[1]];
    let mut builder = RejectBuilder::new(&contract());
    for reasons in [twice, &twice[..1]] {
        builder.append(&RejectedRow {
            split: &split(0),
            row: 0,
            offset_bytes: 0,
            key: None,
            dt: None,
            reasons,
            raw: b"",
            raw_format: RawFormat::Bson,
        });
    }
    let staged = builder.finish().unwrap();
    let mut counts = BTreeMap::new();
    count_reasons(&staged, &mut counts);
    let wanted = [("below_minimum".to_owned(), 2), ("rule_failed".to_owned(), 1)];
    assert_eq!(counts, BTreeMap::from(wanted));

    let place = Place::new();
    let files = write(&place, vec![Ok(staged)]).unwrap();
    let rows = read(&place, &files[0]).unwrap();
    assert_eq!(rows[0].reasons.len(), 3, "all reasons are kept");
    assert_eq!(rows[0].codes().into_iter().collect::<Vec<_>>(), ["below_minimum", "rule_failed"]);
}

/// More bytes than are decoded at once.
#[test]
fn large_source_bytes_come_back() {
    let mut builder = RejectBuilder::new(&contract());
    let raw: Vec<u8> = (0..200_000_u32).map(|n| n.wrapping_mul(n).to_le_bytes()[1]).collect();
    for row in 0..70 {
        builder.append(&RejectedRow {
            split: &split(0),
            row,
            offset_bytes: 0,
            key: None,
            dt: None,
            reasons: &[&reasons()[0]],
            raw: &raw[index(row)..],
            raw_format: RawFormat::Bson,
        });
    }
    let place = Place::new();
    let files = write(&place, vec![builder.finish()]).unwrap();
    let mut rows = 0;
    let mut each = |row: QuarantineRow| {
        assert_eq!(STANDARD.decode(&row.raw_base64).unwrap(), raw[index(row.row)..]);
        rows += 1;
        Ok(true)
    };
    read_quarantine(&place.destination, &files[0], &mut each).unwrap();
    assert_eq!(rows, 70);
}
