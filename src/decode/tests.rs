//! The two roads through the decoder give the same batch, reasons included.

use std::io::Read;
use std::sync::LazyLock;

use flate2::read::MultiGzDecoder;
use proptest::prelude::*;
use proptest::sample::Index;

use super::*;
use crate::catalog::parse_contract;
use crate::model::SplitId;

static CONTRACT: LazyLock<Contract> = LazyLock::new(|| {
    let text = include_str!("../../schemas/exported_orders/v1.odcs.yaml");
    parse_contract(text, "v1.odcs.yaml").unwrap()
});
static LINES: LazyLock<Vec<Vec<u8>>> = LazyLock::new(sample_lines);
static DOCUMENTS: LazyLock<Vec<Vec<u8>>> = LazyLock::new(sample_documents);

/// A data file of the sample export.
macro_rules! data_file {
    ($name:literal) => {
        include_bytes!(concat!(
            "../../samples/orders-export/AWSDynamoDB/01785722400000-5a3c1e7d/data/",
            $name,
            ".json.gz"
        ))
    };
}

/// The lines of the sample export, dirty ones among them.
fn sample_lines() -> Vec<Vec<u8>> {
    let files: [&[u8]; 4] = [
        data_file!("04btch4hma9ka2hsxhpoctftyg"),
        data_file!("19loe01ie9hd61fn7guydtiyru"),
        data_file!("1qaaflz5c4xy63ncs4cr4aix5t"),
        data_file!("3e8jrd2rnf46y1icw4mq2ftiex"),
    ];
    let mut lines = Vec::new();
    for file in files {
        MultiGzDecoder::new(file).read_to_end(&mut lines).unwrap();
    }
    rows_of(RawFormat::DynamodbJson, &lines)
}

fn sample_documents() -> Vec<Vec<u8>> {
    rows_of(RawFormat::Bson, include_bytes!("../../samples/orders-dump/shop/orders.bson"))
}

fn rows_of(format: RawFormat, bytes: &[u8]) -> Vec<Vec<u8>> {
    let ranges = row_ranges(format, bytes).into_iter();
    ranges.map(|(start, end)| bytes[start as usize..end as usize].to_vec()).collect()
}

/// Decodes the rows as one page, on the fast road where that is open, or never on it.
fn decode(format: RawFormat, rows: &[Vec<u8>], direct: bool) -> Batch {
    let mut decoder = Decoder::new(&CONTRACT, format);
    decoder.direct = direct;
    let mut end = 0;
    let ranges = rows.iter().map(|row| {
        let start = end;
        end += row.len();
        (offset(start), offset(end))
    });
    let (ranges, bytes) = (ranges.collect(), Bytes::from(rows.concat()));
    let content = PageContent::Embedded { format, ranges, bytes };
    decoder.decode(&RawPage {
        split: SplitId(0),
        first_row: 0,
        offset_bytes: 0,
        content,
        resume: None,
    })
}

fn assert_same(format: RawFormat, rows: &[Vec<u8>]) {
    let (fast, slow) = (decode(format, rows, true), decode(format, rows, false));
    assert_eq!(fast.columns, slow.columns);
    assert_eq!(fast.reasons, slow.reasons);
}

/// How many of the rows the fast road takes.
fn ordinary(format: RawFormat, rows: &[Vec<u8>]) -> usize {
    let mut decoder = Decoder::new(&CONTRACT, format);
    assert!(decoder.direct, "every row of the contract is taken apart twice");
    let is_ordinary = |row: &&Vec<u8>| {
        decoder.begin_row(0);
        decoder.columns.iter_mut().for_each(|column| column.truncate(0));
        decoder.read_ordinary(row).is_ok()
    };
    rows.iter().filter(is_ordinary).count()
}

#[test]
fn the_samples_are_the_same_on_both_roads() {
    for (format, rows) in [(RawFormat::DynamodbJson, &*LINES), (RawFormat::Bson, &*DOCUMENTS)] {
        assert_same(format, rows);
        let ordinary = ordinary(format, rows);
        assert!(ordinary * 10 > rows.len() * 8, "{format:?}: {ordinary} of {}", rows.len());
        assert!(ordinary < rows.len(), "{format:?}: the samples have rows that are not ordinary");
    }
}

proptest! {
    #[test]
    fn damaged_rows_are_the_same_on_both_roads(
        at in prop::collection::vec((any::<Index>(), any::<Index>(), any::<u8>(), 0..4), 1..8),
    ) {
        for (format, rows) in [(RawFormat::DynamodbJson, &*LINES), (RawFormat::Bson, &*DOCUMENTS)] {
            let damaged = at.iter().map(|(row, place, byte, how)| {
                let mut row = rows[row.index(rows.len())].clone();
                let place = place.index(row.len());
                match how {
                    0 => row[place] = *byte,
                    1 => row.insert(place, *byte),
                    2 => drop(row.remove(place)),
                    _ => row.truncate(place),
                }
                row
            });
            assert_same(format, &damaged.collect::<Vec<_>>());
        }
    }

    #[test]
    fn members_in_any_order_and_twice_are_the_same_on_both_roads(
        rows in prop::collection::vec(
            (any::<Index>(), prop::collection::vec((any::<Index>(), any::<Index>()), 1..12)), 1..6,
        ),
    ) {
        let shuffled = rows.iter().map(|(row, moves)| {
            let line = &LINES[row.index(LINES.len())];
            let Ok(parsed) = serde_json::from_slice::<serde_json::Value>(line) else {
                return line.clone();
            };
            let Some(item) = parsed.get("Item").and_then(|item| item.as_object()) else {
                return line.clone();
            };
            let mut members: Vec<String> = item
                .iter()
                .map(|(name, value)| format!("{}:{value}", serde_json::json!(name)))
                .collect();
            for (from, to) in moves {
                if !members.is_empty() {
                    let member = members[from.index(members.len())].clone();
                    let to = to.index(members.len());
                    if from.index(2) == 0 { members.insert(to, member) } else { members[to] = member }
                }
            }
            format!("{{\"Item\":{{{}}}}}", members.join(",")).into_bytes()
        });
        assert_same(RawFormat::DynamodbJson, &shuffled.collect::<Vec<_>>());
    }
}
