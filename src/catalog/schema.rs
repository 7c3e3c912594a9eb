//! The Arrow schemas that a contract fixes, and nothing else does.
//!
//! Two of them: the *decoded* schema, what a decoder gives (every column nullable, so that a
//! misfit cell can be null until its row is routed), and the *output* schema, what files have.

use std::sync::Arc;

use arrow::datatypes::{DataType, Field as ArrowField, Fields, Schema, SchemaRef, TimeUnit};
use sha2::{Digest, Sha256};

use super::contract::{Contract, Derived, Field, FieldType};

/// Suffix of the decoded side column that holds the offset (minutes, `Int16`) with which a
/// top-level timestamp was written. Null beside a non-null timestamp means: a local time, held
/// as if it were UTC, that still has to be resolved. BSON dates and epoch numbers have 0.
pub const OFFSET_SUFFIX: &str = "#offset";

/// Held in an offset column for a time that names no offset of a zone (`Z`, a BSON date, an epoch
/// number), where the contract holds offsets against zones. Elsewhere such a time has 0.
pub const UTC_DESIGNATOR: i16 = i16::MIN;

/// Suffix of the side column (`Utf8`) with the [`super::TimeVerdict`] of a timestamp; there once
/// local times are resolved, when the contract derives from it.
pub const VERDICT_SUFFIX: &str = "#verdict";

/// Suffix of the side column (`Utf8`) with the zone of a timestamp, as [`VERDICT_SUFFIX`].
pub const ZONE_SUFFIX: &str = "#zone";

/// Name of the decoded side column (`List<Utf8>`) with the names of absent optional fields;
/// present when the contract has a field derived as [`Derived::MissingFields`].
pub const MISSING_COLUMN: &str = "#missing";

impl Contract {
    /// Columns that a decoder gives: the fields that are read, in contract order, then an
    /// offset column for each top-level timestamp in the same order, then [`MISSING_COLUMN`]
    /// when the contract wants it. Everything, at every level, is nullable.
    #[must_use]
    pub fn decoded_schema(&self) -> SchemaRef {
        let read = || self.fields.iter().filter(|f| f.derived.is_none());
        let mut fields: Vec<ArrowField> = read().map(|f| arrow_field(f, true)).collect();
        for field in read() {
            if matches!(field.data_type, FieldType::Timestamp(_)) {
                let name = format!("{}{OFFSET_SUFFIX}", field.name);
                fields.push(ArrowField::new(name, DataType::Int16, true));
            }
        }
        if self.fields.iter().any(|f| f.derived == Some(Derived::MissingFields)) {
            let element = ArrowField::new("element", DataType::Utf8, true);
            fields.push(ArrowField::new(MISSING_COLUMN, DataType::List(Arc::new(element)), true));
        }
        Arc::new(Schema::new(fields))
    }

    /// Columns once local times are resolved: the decoded ones, then what the contract wants to
    /// know of each timestamp, [`VERDICT_SUFFIX`] before [`ZONE_SUFFIX`].
    #[must_use]
    pub fn resolved_schema(&self) -> SchemaRef {
        let decoded = self.decoded_schema();
        let mut fields = decoded.fields().to_vec();
        for field in self.fields.iter().filter(|f| f.derived.is_none()) {
            for suffix in [VERDICT_SUFFIX, ZONE_SUFFIX] {
                if self.derives_side_column(&field.name, suffix) {
                    let name = format!("{}{suffix}", field.name);
                    fields.push(Arc::new(ArrowField::new(name, DataType::Utf8, true)));
                }
            }
        }
        Arc::new(Schema::new(fields))
    }

    /// Whether a field is derived from the side column of the timestamp called `name`.
    fn derives_side_column(&self, name: &str, suffix: &str) -> bool {
        self.fields.iter().any(|field| match &field.derived {
            Some(Derived::TimeVerdict { of }) => of == name && suffix == VERDICT_SUFFIX,
            Some(Derived::TimeZone { of }) => of == name && suffix == ZONE_SUFFIX,
            _ => false,
        })
    }

    /// Columns of every file of the dataset, whatever the data looks like: all fields in
    /// contract order, not nullable where the contract requires them.
    #[must_use]
    pub fn output_schema(&self) -> SchemaRef {
        Arc::new(Schema::new(self.fields.iter().map(|f| arrow_field(f, false)).collect::<Vec<_>>()))
    }

    /// The output columns before rows are routed: as [`Contract::output_schema`], but every
    /// column at every level nullable.
    #[must_use]
    pub fn nullable_output_schema(&self) -> SchemaRef {
        Arc::new(Schema::new(self.fields.iter().map(|f| arrow_field(f, true)).collect::<Vec<_>>()))
    }

    /// SHA-256 (hex) over names, types and nullability of the output schema, in words of our own
    /// so that no library's upgrade changes it. Equal in every file of a dataset version.
    #[must_use]
    pub fn schema_fingerprint(&self) -> String {
        hex::encode(Sha256::digest(in_words(&self.fields)))
    }
}

/// `name type required, …`, nested types in brackets.
fn in_words(fields: &[Field]) -> String {
    let word = |field: &Field| {
        let data_type = match &field.data_type {
            FieldType::Text => "text".to_owned(),
            FieldType::Integer => "int64".to_owned(),
            FieldType::Decimal { precision, scale } => format!("decimal128({precision},{scale})"),
            FieldType::Boolean => "boolean".to_owned(),
            FieldType::Date => "date32".to_owned(),
            FieldType::Timestamp(_) => "timestamp_us_utc".to_owned(),
            FieldType::Binary => "binary".to_owned(),
            FieldType::List { element, .. } => {
                format!("list({})", in_words(std::slice::from_ref(element)))
            }
            FieldType::Struct(fields) => format!("struct({})", in_words(fields)),
        };
        let null = if field.required { "required" } else { "nullable" };
        format!("{:?} {data_type} {null}", field.name)
    };
    fields.iter().map(word).collect::<Vec<_>>().join(", ")
}

/// The Arrow field of a contract field; with `nullable`, nullable at every level.
#[must_use]
pub fn arrow_field(field: &Field, nullable: bool) -> ArrowField {
    ArrowField::new(
        &field.name,
        arrow_type(&field.data_type, nullable),
        nullable || !field.required,
    )
}

fn arrow_type(data_type: &FieldType, nullable: bool) -> DataType {
    match data_type {
        FieldType::Text => DataType::Utf8,
        FieldType::Integer => DataType::Int64,
        FieldType::Decimal { precision, scale } => {
            DataType::Decimal128(*precision, i8::try_from(*scale).unwrap_or(i8::MAX))
        }
        FieldType::Boolean => DataType::Boolean,
        FieldType::Date => DataType::Date32,
        FieldType::Timestamp(_) => DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into())),
        FieldType::Binary => DataType::Binary,
        FieldType::List { element, .. } => DataType::List(Arc::new(arrow_field(element, nullable))),
        FieldType::Struct(fields) => {
            DataType::Struct(fields.iter().map(|f| arrow_field(f, nullable)).collect::<Fields>())
        }
    }
}
