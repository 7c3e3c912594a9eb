//! The job's slice as a filter of the server's: whatever the slice may want is still read.
//!
//! Does not judge a row: a value that the server cannot compare is read, and refused or excluded
//! afterwards like any other.

use bson::raw::RawDocumentBuf;
use bson::{DateTime, Document, doc};
use jiff::Timestamp;

use crate::catalog::{Contract, EpochUnit, FieldType, TimestampType};
use crate::plan::Slice;

/// A slice that the server applies.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct PushedDown {
    pub filter: RawDocumentBuf,
    /// What is applied.
    pub words: String,
}

/// A filter that leaves out only documents of which the contract would say that they lie outside
/// the slice; none when there is no such filter.
pub(super) fn push_down(slice: &Slice, contract: &Contract) -> Option<PushedDown> {
    let field = contract.field(&slice.field)?;
    let FieldType::Timestamp(timestamp) = &field.data_type else { return None };
    let names = &field.source.mongodb;
    let is_plain =
        |name: &String| !name.is_empty() && !name.starts_with('$') && !name.contains(['.', '\0']);
    if names.is_empty() || !names.iter().all(is_plain) {
        return None;
    }
    let path = names.join(".");
    let mut any = dates(&path, slice, timestamp);
    let mut compared = vec!["date"];
    if let Some(unit) = timestamp.epoch {
        any.extend(whole_numbers(&path, slice, timestamp, unit));
        compared.extend(["int", "long"]);
    }
    any.push(doc! { &path: { "$not": { "$type": compared } } });
    // A list is of another type, though comparisons look into it.
    any.extend((1..=names.len()).map(|depth| {
        let prefix = names.iter().take(depth).map(String::as_str).collect::<Vec<_>>().join(".");
        doc! { prefix: { "$type": "array" } }
    }));
    let kinds = if timestamp.epoch.is_some() { "dates and whole numbers" } else { "dates" };
    Some(PushedDown {
        filter: RawDocumentBuf::try_from(doc! { "$or": any }).ok()?,
        words: format!("{path} as BSON {kinds}; values of other types are read and judged"),
    })
}

/// Dates within the slice, and those that the contract refuses whatever the slice.
fn dates(path: &str, slice: &Slice, timestamp: &TimestampType) -> Vec<Document> {
    let at = |instant: Timestamp| DateTime::from_millis(instant.as_millisecond());
    let first = DateTime::from_millis(timestamp.min_micros.div_euclid(1_000).saturating_add(1));
    let last = DateTime::from_millis(timestamp.max_micros.div_euclid(1_000));
    vec![
        doc! { path: { "$gte": at(slice.from), "$lt": at(slice.to) } },
        doc! { path: { "$lt": first } },
        doc! { path: { "$gt": last } },
    ]
}

/// The same of whole numbers. Others are read: one with too fine a fraction is refused.
fn whole_numbers(
    path: &str,
    slice: &Slice,
    timestamp: &TimestampType,
    unit: EpochUnit,
) -> Vec<Document> {
    let (per_second, micros) = match unit {
        EpochUnit::Seconds => (1, 1_000_000),
        EpochUnit::Milliseconds => (1_000, 1_000),
        EpochUnit::Microseconds => (1_000_000, 1),
    };
    let at = |instant: Timestamp| instant.as_second().saturating_mul(per_second);
    let first = timestamp.min_micros.div_euclid(micros).saturating_add(1);
    let last = timestamp.max_micros.div_euclid(micros);
    vec![
        doc! { path: { "$gte": at(slice.from), "$lt": at(slice.to) } },
        doc! { path: { "$lt": first } },
        doc! { path: { "$gt": last } },
    ]
}

#[cfg(test)]
pub(super) mod tests {
    use bson::Bson;

    use super::*;
    use crate::catalog::Exchange;
    use crate::catalog::Field;
    use crate::catalog::contract::{BusinessDate, Limits};

    fn contract(path: &[&str], epoch: Option<EpochUnit>) -> Contract {
        let timestamp =
            TimestampType { epoch, local: None, min_micros: 1_500, max_micros: 9_000_000_000 };
        let mut field = Field::new("created_at", FieldType::Timestamp(timestamp));
        field.source.mongodb = path.iter().map(|&name| name.to_owned()).collect();
        contract_of(vec![field])
    }

    pub(in super::super) fn contract_of(fields: Vec<Field>) -> Contract {
        Contract {
            id: String::new(),
            dataset: "orders".to_owned(),
            version: "1.0.0".to_owned(),
            description: String::new(),
            sha256: String::new(),
            fields,
            key: vec![],
            version_field: String::new(),
            business_date: BusinessDate { field: String::new(), zone: "UTC".to_owned() },
            exchange: Exchange::default(),
            privacy: None,
            limits: Limits::default(),
            rules: vec![],
            unique: vec![],
        }
    }

    fn slice() -> Slice {
        Slice {
            field: "created_at".to_owned(),
            from: Timestamp::from_second(60).unwrap(),
            to: Timestamp::from_second(120).unwrap(),
        }
    }

    fn date(millis: i64) -> DateTime {
        DateTime::from_millis(millis)
    }

    #[test]
    fn dates_are_compared_and_all_else_is_read() {
        let pushed = push_down(&slice(), &contract(&["meta", "at"], None)).unwrap();
        let expected = doc! { "$or": [
            { "meta.at": { "$gte": date(60_000), "$lt": date(120_000) } },
            { "meta.at": { "$lt": date(2) } },
            { "meta.at": { "$gt": date(9_000_000) } },
            { "meta.at": { "$not": { "$type": ["date"] } } },
            { "meta": { "$type": "array" } },
            { "meta.at": { "$type": "array" } },
        ] };
        assert_eq!(Document::try_from(&pushed.filter).unwrap(), expected);
        assert_eq!(
            pushed.words,
            "meta.at as BSON dates; values of other types are read and judged"
        );
    }

    #[test]
    fn whole_numbers_are_compared_when_the_contract_takes_them() {
        let epoch = Some(EpochUnit::Milliseconds);
        let pushed = push_down(&slice(), &contract(&["at"], epoch)).unwrap();
        let filter = Document::try_from(&pushed.filter).unwrap();
        let any = filter.get_array("$or").unwrap();
        for clause in [
            doc! { "at": { "$gte": 60_000_i64, "$lt": 120_000_i64 } },
            doc! { "at": { "$lt": 2_i64 } },
            doc! { "at": { "$gt": 9_000_000_i64 } },
            doc! { "at": { "$not": { "$type": ["date", "int", "long"] } } },
        ] {
            assert!(any.contains(&Bson::Document(clause.clone())), "{clause} not in {filter}");
        }
    }

    #[test]
    fn a_field_that_no_filter_can_name_is_not_pushed_down() {
        for path in [&[] as &[&str], &["a.b"], &["$a"], &["a", ""]] {
            assert_eq!(push_down(&slice(), &contract(path, None)), None, "{path:?}");
        }
        let mut other = slice();
        other.field = "total".to_owned();
        assert_eq!(push_down(&other, &contract(&["at"], None)), None);
    }
}
