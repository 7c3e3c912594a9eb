//! A row that is in order costs no memory of its own: buffers grow, and nothing else is asked for.

use consign::decode::Decoder;
use consign::model::RawFormat;

use super::page;
use crate::allocations::allocations;
use crate::orders;

/// Buffers of the decoder: three for each of the released contract's columns and its nested ones,
/// and those that are made anew for each page.
const BUFFERS: u64 = 100;

/// Times that memory is asked for while a page of `rows` clean orders is decoded, the first such
/// page and the second.
fn while_decoding(format: RawFormat, rows: u64) -> [u64; 2] {
    let page = page(format, orders::clean(format, rows));
    let mut decoder = Decoder::new(&orders::contract(), format);
    [(); 2].map(|()| {
        allocations(|| {
            let batch = decoder.decode(&page);
            assert_eq!((batch.num_rows() as u64, batch.reasons.len()), (rows, 0));
        })
    })
}

fn assert_none_for_a_row(format: RawFormat) {
    let [few, few_again] = while_decoding(format, 1_000);
    let [many, many_again] = while_decoding(format, 8_000);
    // Buffers that double grow three more times.
    assert!(many <= few + 3 * BUFFERS, "{few} allocations for 1,000 rows, {many} for 8,000");
    // A decoder that has seen as many rows before has room for most of them.
    let most = few_again.max(many_again);
    assert!(many_again <= few_again + 2 * BUFFERS, "{few_again} and {many_again} allocations");
    assert!(most < 1_000, "{most} allocations");
}

#[test]
fn clean_lines_are_decoded_without_allocating_for_a_row() {
    assert_none_for_a_row(RawFormat::DynamodbJson);
}

#[test]
fn clean_items_of_replies_are_decoded_without_allocating_for_a_row() {
    assert_none_for_a_row(RawFormat::DynamodbItem);
}

#[test]
fn clean_documents_are_decoded_without_allocating_for_a_row() {
    assert_none_for_a_row(RawFormat::Bson);
}
