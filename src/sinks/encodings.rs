//! How the columns of a Parquet file are encoded: fixed by the contract and the profile alone.
//!
//! A dictionary pays while it is small: one that has outgrown the processor's nearest caches costs more
//! time than anything else in writing a file, and saves nothing when values do not repeat.

use arrow::datatypes::SchemaRef;
use parquet::arrow::ArrowSchemaConverter;
use parquet::basic::{Encoding, Type};
use parquet::file::properties::WriterPropertiesBuilder;
use parquet::schema::types::ColumnDescriptor;

use crate::catalog::{Contract, Field, FieldType, Format};
use crate::error::{ErrorKind, Result, ResultExt};
use crate::plan::ParquetCompression;

/// Size at which the dictionary of a column of texts is given up for the rest of a row group.
/// Numbers repeat in larger ones and are found faster.
const TEXT_DICTIONARY_BYTES: usize = 64 << 10;

/// Sets the encoding of every column. Files for the lake use those that take the fewest bytes,
/// files for BI tools those that every reader of Parquet has known from the start.
pub(super) fn encoded(
    mut properties: WriterPropertiesBuilder,
    contract: &Contract,
    schema: &SchemaRef,
    profile: ParquetCompression,
) -> Result<WriterPropertiesBuilder> {
    let leaves = (ArrowSchemaConverter::new().convert(schema))
        .or_err(ErrorKind::Unexpected, "could not choose encodings")?;
    for leaf in leaves.columns() {
        let field = top_level_field(contract, leaf);
        if field.is_some_and(|field| hardly_repeats(contract, field)) {
            properties = properties.set_column_dictionary_enabled(leaf.path().clone(), false);
        }
        if matches!(profile, ParquetCompression::Snappy) {
            continue;
        }
        let is_instant = field.is_some_and(|f| matches!(f.data_type, FieldType::Timestamp(_)));
        if leaf.physical_type() == Type::BYTE_ARRAY {
            properties = properties
                .set_column_dictionary_page_size_limit(leaf.path().clone(), TEXT_DICTIONARY_BYTES)
                .set_column_encoding(leaf.path().clone(), Encoding::DELTA_BYTE_ARRAY);
        } else if is_instant {
            properties =
                properties.set_column_encoding(leaf.path().clone(), Encoding::DELTA_BINARY_PACKED);
        }
    }
    Ok(properties)
}

/// The contract's field that is this column; none for columns within lists and structs.
fn top_level_field<'a>(contract: &'a Contract, leaf: &ColumnDescriptor) -> Option<&'a Field> {
    match leaf.path().parts() {
        [name] => contract.field(name),
        _ => None,
    }
}

/// Whether about as many values as rows are to be expected.
fn hardly_repeats(contract: &Contract, field: &Field) -> bool {
    let alone = |fields: &[String]| fields == [field.name.as_str()];
    let identifies = alone(&contract.key) || contract.unique.iter().any(|rule| alone(&rule.fields));
    let measures = matches!(
        field.data_type,
        FieldType::Timestamp(_) | FieldType::Decimal { .. } | FieldType::Binary
    );
    identifies || measures || field.checks.format == Some(Format::Email)
}
