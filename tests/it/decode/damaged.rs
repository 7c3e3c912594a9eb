//! Tens of thousands of damaged pages, the same in every run: no page stops the decoders, and they
//! refuse the rows that a strict parser refuses, and no others.

use consign::decode::Decoder;
use consign::model::RawFormat;

use super::oracle;
use crate::orders;
use crate::sources::generator::prng::Prng;

/// Pages of each format.
const PAGES: u64 = 10_000;

/// Bytes that mean something to one of the formats, or to text.
const TELLING: &[u8] = b"\"\\{}[]:,-+.019eEuSNMLB \t\n\r\0\x01\x02\x03\x04\x05\x07\x08\x0a\x0b\x0d\x0f\x10\x12\x13\x1f\x7f\x80\xbf\xc0\xed\xf0\xff";

/// Pieces of JSON that are put in anywhere, or in the place of others.
const PIECES: [&[u8]; 24] = [
    b"\\u0041",
    b"\\u00e9",
    b"\\ud83d\\ude00",
    b"\\ud83d",
    b"\\ude00",
    b"\\u0000",
    b"\\/",
    b"\\x",
    b"\xc3\xa9",
    b"\xed\xa0\x80",
    b"\xf4\x90\x80\x80",
    b"{\"S\":\"x\"}",
    b"{\"NULL\":true}",
    b"{\"NULL\":false}",
    b"{\"BOOL\":1}",
    b"{\"N\":\"1e2\"}",
    b"{\"N\":1}",
    b"{\"M\":{}}",
    b"{\"L\":[]}",
    b"{\"SS\":[]}",
    b"null",
    b" ",
    b",",
    b"-0.10e+1",
];

/// Places of a row where a value or a name begins or ends, by the bytes around them.
fn place(row: &[u8], rng: &mut Prng) -> usize {
    let at = below(rng, row.len());
    if rng.chance(50) {
        return at;
    }
    let structural = |byte: &u8| matches!(byte, b'"' | b':' | b',' | b'{' | b'}' | b'[' | b']' | 0);
    row[at..].iter().position(structural).map_or(at, |further| at + further)
}

/// Does one thing to `row` that it may or may not survive.
fn damage(row: &mut Vec<u8>, rows: &[Vec<u8>], rng: &mut Prng) {
    let at = place(row, rng);
    let until = (at + 1 + below(rng, 24)).min(row.len());
    match rng.below(9) {
        0 => row[at] ^= 1 << rng.below(8),
        1 => row[at] = TELLING[below(rng, TELLING.len())],
        2 => row.insert(at, TELLING[below(rng, TELLING.len())]),
        3 => drop(row.remove(at)),
        4 => drop(row.drain(at..until)),
        5 => {
            let twice = row[at..until].to_vec();
            drop(row.splice(at..at, twice));
        }
        6 => drop(row.splice(at..at, PIECES[below(rng, PIECES.len())].to_vec())),
        7 => drop(row.splice(at..until, PIECES[below(rng, PIECES.len())].to_vec())),
        _ => {
            // From the same place of another order, where the same kind of thing stands.
            let other = &rows[below(rng, rows.len())];
            let from = at.min(other.len());
            let piece = other[from..until.clamp(from, other.len())].to_vec();
            drop(row.splice(at..until, piece));
        }
    }
}

fn below(rng: &mut Prng, bound: usize) -> usize {
    usize::try_from(rng.below(bound as u64)).unwrap()
}

/// A row of `rows`, damaged up to three times.
fn damaged(format: RawFormat, rows: &[Vec<u8>], rng: &mut Prng) -> Vec<u8> {
    let mut row = rows[below(rng, rows.len())].clone();
    for _ in 0..rng.below(4) {
        if !row.is_empty() {
            damage(&mut row, rows, rng);
        }
    }
    // Most documents get their size right, or nothing further would be looked at.
    if format == RawFormat::Bson && row.len() >= 4 && rng.chance(90) {
        let size = i32::try_from(row.len()).unwrap();
        row[..4].copy_from_slice(&size.to_le_bytes());
    }
    row
}

fn assert_as_strict_as(format: RawFormat) {
    let rows = orders::each(format, 300);
    let mut decoder = Decoder::new(&orders::contract(), format);
    let (mut all, mut readable) = (0, 0);
    for seed in 0..PAGES {
        let mut rng = Prng::for_row(7, seed);
        let page: Vec<u8> =
            (0..=rng.below(3)).flat_map(|_| damaged(format, &rows, &mut rng)).collect();
        let counts = oracle::check(&mut decoder, format, page.into());
        (all, readable) = (all + counts.0, readable + counts.1);
    }
    // The damage is neither too little nor too much to tell anything.
    assert!((all / 4..all * 3 / 4).contains(&readable), "{readable} of {all} rows can be read");
}

#[test]
fn damaged_lines_are_refused_when_serde_json_refuses_them() {
    assert_as_strict_as(RawFormat::DynamodbJson);
}

#[test]
fn damaged_documents_are_refused_when_the_bson_crate_refuses_them() {
    assert_as_strict_as(RawFormat::Bson);
}
