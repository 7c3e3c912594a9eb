//! Parquet looked through: what its compression, its dictionaries, its delta encodings and its
//! statistics hide from a search of the bytes.

use std::sync::Arc;

use arrow::array::{Array, AsArray};
use arrow::datatypes::DataType;
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::{ArrowReaderOptions, ParquetRecordBatchReaderBuilder};
use parquet::basic::Type;
use parquet::column::page::Page;
use parquet::errors::Result;
use parquet::file::metadata::ParquetMetaData;
use parquet::file::page_index::column_index::ColumnIndexMetaData;
use parquet::file::properties::ReaderProperties;
use parquet::file::reader::{ChunkReader, FileReader};
use parquet::file::serialized_reader::{ReadOptionsBuilder, SerializedFileReader};

use super::escapes::JsonEscapes;
use super::needles::Pass;
use super::{Found, Place};

/// Rows decoded at once; source bytes of a refused one may take megabytes.
const READ_ROWS: usize = 64;

/// Bytes from which a bound without a word on it counts as cut short: writers shorten at 64 bytes, and
/// never within a character.
const CUT_FROM_BYTES: usize = 60;

/// Looks through every place of the Parquet file `object` where a text or binary value can stand.
///
/// # Errors
/// When it cannot be read to its end as Parquet.
pub(super) fn search<R: ChunkReader + Clone + 'static>(
    object: &R,
    pass: &Pass<'_>,
    found: &mut Found,
) -> Result<()> {
    let filters = ReaderProperties::builder().set_read_bloom_filter(true).build();
    let options =
        ReadOptionsBuilder::new().with_page_index().with_reader_properties(filters).build();
    let reader = SerializedFileReader::new_with_options(object.clone(), options)?;
    let metadata = Arc::new(reader.metadata().clone());
    let schema = metadata.file_metadata().schema_descr();
    let leaves: Vec<usize> = (schema.columns().iter().enumerate())
        .filter(|(_, leaf)| leaf.physical_type() == Type::BYTE_ARRAY)
        .map(|(index, _)| index)
        .collect();
    search_bounds(&metadata, &leaves, pass, found);
    for group in 0..metadata.num_row_groups() {
        let group = reader.get_row_group(group)?;
        for leaf in &leaves {
            if let Some(filter) = group.get_column_bloom_filter(*leaf) {
                let maybe = pass.values().filter(|value| filter.check(*value));
                found.add(Place::BloomFilter, maybe.count() as u64);
            }
            let mut pages = group.get_column_page_reader(*leaf)?;
            while let Some(page) = pages.get_next_page()? {
                let place = match page {
                    Page::DictionaryPage { .. } => Place::Dictionary,
                    _ => Place::Page,
                };
                found.decoded_bytes += page.buffer().len() as u64;
                found.add(place, pass.count(page.buffer(), 0));
            }
        }
    }
    search_cells(object, &leaves, pass, found)
}

/// Least and greatest values, of column chunks and of pages.
pub(super) fn search_bounds(
    metadata: &ParquetMetaData,
    leaves: &[usize],
    pass: &Pass<'_>,
    found: &mut Found,
) {
    for group in metadata.row_groups() {
        for statistics in leaves.iter().filter_map(|leaf| group.column(*leaf).statistics()) {
            let bounds = [
                (statistics.min_bytes_opt(), statistics.min_is_exact()),
                (statistics.max_bytes_opt(), statistics.max_is_exact()),
            ];
            for (bound, is_exact) in bounds {
                let may_be_cut = !is_exact;
                let told = bound.is_some_and(|bound| pass.is_told_by(bound, may_be_cut));
                found.add(Place::Statistics, u64::from(told));
            }
        }
    }
    for group in metadata.column_index().into_iter().flatten() {
        for index in leaves.iter().filter_map(|leaf| group.get(*leaf)) {
            let bounds: Vec<&[u8]> = match index {
                ColumnIndexMetaData::BYTE_ARRAY(index) => {
                    index.min_values_iter().chain(index.max_values_iter()).flatten().collect()
                }
                _ => Vec::new(),
            };
            let told = bounds.into_iter().filter(|b| pass.is_told_by(b, b.len() >= CUT_FROM_BYTES));
            found.add(Place::ColumnIndex, told.count() as u64);
        }
    }
}

/// Cells as a reader gets them.
fn search_cells<R: ChunkReader + Clone + 'static>(
    object: &R,
    leaves: &[usize],
    pass: &Pass<'_>,
    found: &mut Found,
) -> Result<()> {
    let options = ArrowReaderOptions::new().with_skip_arrow_metadata(true);
    let builder = ParquetRecordBatchReaderBuilder::try_new_with_options(object.clone(), options)?;
    let mask = ProjectionMask::leaves(builder.parquet_schema(), leaves.iter().copied());
    for rows in builder.with_projection(mask).with_batch_size(READ_ROWS).build()? {
        rows?.columns().iter().for_each(|column| search_array(column, pass, found));
    }
    Ok(())
}

fn search_array(array: &dyn Array, pass: &Pass<'_>, found: &mut Found) {
    match array.data_type() {
        DataType::Struct(_) => {
            let columns = array.as_struct().columns();
            columns.iter().for_each(|column| search_array(column, pass, found));
        }
        DataType::List(_) => search_array(array.as_list::<i32>().values(), pass, found),
        DataType::Utf8 => {
            let cells = array.as_string::<i32>().iter().flatten();
            cells.for_each(|cell| search_cell(cell.as_bytes(), pass, found));
        }
        DataType::Binary => {
            let cells = array.as_binary::<i32>().iter().flatten();
            cells.for_each(|cell| search_cell(cell, pass, found));
        }
        _ => {}
    }
}

/// A cell, and what it says where it is JSON: the source bytes of a refused row.
fn search_cell(cell: &[u8], pass: &Pass<'_>, found: &mut Found) {
    found.decoded_bytes += cell.len() as u64;
    found.add(Place::Cell, pass.count(cell, 0));
    if cell.contains(&b'\\') {
        let mut unescaped = Vec::with_capacity(cell.len());
        JsonEscapes::default().resolve(cell, &mut unescaped);
        found.decoded_bytes += unescaped.len() as u64;
        found.add(Place::Unescaped, pass.count(&unescaped, 0));
    }
}
