//! Decoding: every rule that a value, a row or a page can break, and that none breaks a decoder.

mod allocations;
mod changes;
mod contract;
mod damaged;
mod oracle;
mod properties;
mod rules;
mod values;

use arrow::array::Array;
use arrow::compute::cast;
use arrow::datatypes::{DataType, TimeUnit};
use arrow::util::display::array_value_to_string;
use bson::{Bson, Document};
use bytes::Bytes;
use consign::catalog::Contract;
use consign::decode::Decoder;
use consign::model::{Batch, PageContent, RawFormat, RawPage, SplitId};

fn page(format: RawFormat, bytes: impl Into<Bytes>) -> RawPage {
    RawPage {
        split: SplitId(7),
        first_row: 40,
        offset_bytes: 1_000,
        content: PageContent::Rows { format, bytes: bytes.into() },
        resume: None,
    }
}

fn decode(contract: &Contract, format: RawFormat, bytes: impl Into<Bytes>) -> Batch {
    Decoder::new(contract, format).decode(&page(format, bytes))
}

/// Decodes rows given as the inside of `{"Item":{…}}`.
fn decode_items(contract: &Contract, items: &[&str]) -> Batch {
    let lines: String = items.iter().map(|item| format!("{{\"Item\":{{{item}}}}}\n")).collect();
    decode(contract, RawFormat::DynamodbJson, lines)
}

fn decode_documents(contract: &Contract, documents: &[Document]) -> Batch {
    let bytes: Vec<u8> = documents.iter().flat_map(|d| d.to_vec().unwrap()).collect();
    decode(contract, RawFormat::Bson, bytes)
}

/// Decodes one document that need not be valid: elements of any bytes.
fn decode_elements(contract: &Contract, elements: &[u8]) -> Batch {
    decode(contract, RawFormat::Bson, raw_document(elements))
}

fn raw_document(elements: &[u8]) -> Vec<u8> {
    let len = i32::try_from(elements.len() + 5).unwrap();
    [&len.to_le_bytes(), elements, &[0]].concat()
}

/// A cell as text; `None` for null.
fn cell(batch: &Batch, row: usize, column: &str) -> Option<String> {
    let mut array = batch.columns.column_by_name(column).expect("a column").clone();
    if matches!(array.data_type(), DataType::Timestamp(..)) {
        array = cast(&array, &DataType::Timestamp(TimeUnit::Microsecond, None)).unwrap();
    }
    (!array.is_null(row)).then(|| array_value_to_string(&array, row).expect("a text"))
}

/// The reasons as `row code field found`.
fn reasons(batch: &Batch) -> Vec<String> {
    let text = |reason: &consign::model::RowReason| {
        let field = reason.reason.field.as_deref().unwrap_or("-");
        let found = reason.reason.found.unwrap_or("-");
        format!("{} {} {field} {found}", reason.row, reason.reason.code)
    };
    batch.reasons.iter().map(text).collect()
}

/// A document of one field.
fn document(name: &str, value: impl Into<Bson>) -> Document {
    Document::from_iter([(name.to_owned(), value.into())])
}
