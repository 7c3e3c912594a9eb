//! `_id` values as text, in which splits and positions hold them.
//!
//! Does not own how they compare (`brackets`).

use bson::raw::{RawBson, RawDocumentBuf};
use bson::{Bson, Document, RawBsonRef, rawdoc};
use serde_json::Value;

use crate::error::{Error, ErrorKind, Result};

/// Levels of documents within documents that are written.
const MAX_DEPTH: usize = 100;

/// `{"_id": …}` in canonical Extended JSON; none when the text would not give back the very same
/// value, as for a document that names a field twice.
pub(super) fn to_text(id: RawBsonRef<'_>) -> Option<String> {
    let mut text = String::from(r#"{"_id":"#);
    write(id, MAX_DEPTH, &mut text)?;
    text.push('}');
    let back = from_text(&text).ok()?;
    let bytes = |id: RawBson| rawdoc! { "_id": id }.into_bytes();
    (bytes(back) == bytes(id.into())).then_some(text)
}

/// Writes a value with its fields in their own order, which JSON maps would not keep.
fn write(value: RawBsonRef<'_>, depth: usize, text: &mut String) -> Option<()> {
    let depth = depth.checked_sub(1)?;
    match value {
        RawBsonRef::Document(document) => {
            text.push('{');
            for (i, field) in document.iter().enumerate() {
                let (name, value) = field.ok()?;
                if i > 0 {
                    text.push(',');
                }
                text.push_str(&Value::from(name.as_str()).to_string());
                text.push(':');
                write(value, depth, text)?;
            }
            text.push('}');
        }
        RawBsonRef::Array(array) => {
            text.push('[');
            for (i, value) in array.into_iter().enumerate() {
                if i > 0 {
                    text.push(',');
                }
                write(value.ok()?, depth, text)?;
            }
            text.push(']');
        }
        scalar => {
            let scalar = Bson::try_from(scalar).ok()?.into_canonical_extjson();
            text.push_str(&scalar.to_string());
        }
    }
    Some(())
}

/// The value that [`to_text`] wrote.
///
/// # Errors
/// `Usage` when the text is something else.
pub(super) fn from_text(text: &str) -> Result<RawBson> {
    let document = document(text)
        .filter(|document| document.iter().count() == 1)
        .and_then(|document| document.get("_id").ok().flatten().map(RawBson::from));
    document.ok_or_else(|| {
        Error::new(ErrorKind::Usage, "going on with a MongoDB collection: the position is no _id")
    })
}

/// The document that is written in Extended JSON, its fields in the order of the text.
pub(super) fn document(extended_json: &str) -> Option<RawDocumentBuf> {
    let document: Document = serde_json::from_str(extended_json).ok()?;
    RawDocumentBuf::try_from(document).ok()
}

#[cfg(test)]
mod tests {
    use bson::oid::ObjectId;
    use bson::spec::BinarySubtype;
    use bson::{Binary, DateTime, Decimal128, Timestamp};

    use super::*;

    fn round_trip(id: impl Into<RawBson>) -> String {
        let id = id.into();
        let text = to_text(id.as_raw_bson_ref()).unwrap();
        assert_eq!(from_text(&text).unwrap(), id, "{text}");
        text
    }

    #[test]
    fn an_id_of_every_type_comes_back_as_it_was() {
        assert_eq!(round_trip(5), r#"{"_id":{"$numberInt":"5"}}"#);
        assert_eq!(round_trip(5_i64), r#"{"_id":{"$numberLong":"5"}}"#);
        assert_eq!(round_trip(-0.0), r#"{"_id":{"$numberDouble":"-0.0"}}"#);
        assert_eq!(round_trip(f64::INFINITY), r#"{"_id":{"$numberDouble":"Infinity"}}"#);
        let decimal: Decimal128 = "1.500".parse().unwrap();
        assert_eq!(round_trip(decimal), r#"{"_id":{"$numberDecimal":"1.500"}}"#);
        assert_eq!(round_trip("a\"ü"), r#"{"_id":"a\"ü"}"#);
        round_trip(ObjectId::from_bytes([7; 12]));
        round_trip(true);
        round_trip(DateTime::from_millis(i64::MIN));
        round_trip(Timestamp { time: u32::MAX, increment: 3 });
        round_trip(Binary { subtype: BinarySubtype::Uuid, bytes: vec![1; 16] });
        round_trip(Binary { subtype: BinarySubtype::Generic, bytes: vec![] });
        assert_eq!(
            round_trip(rawdoc! { "s\"": 1, "n": { "b": 2_i64, "a": [RawBson::Null, "x"] } }),
            r#"{"_id":{"s\"":{"$numberInt":"1"},"n":{"b":{"$numberLong":"2"},"a":[null,"x"]}}}"#
        );
        for id in [RawBson::Null, RawBson::MinKey, RawBson::MaxKey, RawBson::Undefined] {
            round_trip(id);
        }
        round_trip(RawBson::Symbol("s".to_owned()));
    }

    #[test]
    fn not_a_number_comes_back_as_one() {
        let text = to_text(RawBsonRef::Double(f64::NAN)).unwrap();
        assert!(from_text(&text).unwrap().as_raw_bson_ref().as_f64().unwrap().is_nan());
    }

    #[test]
    fn a_value_that_text_cannot_hold_has_none() {
        let twice = rawdoc! { "a": 1, "b": 2, "a": 3 };
        assert_eq!(to_text(RawBsonRef::Document(&twice)), None);
    }

    #[test]
    fn a_value_that_is_too_deep_has_no_text() {
        let mut deep = rawdoc! {};
        for _ in 0..10_000 {
            deep = rawdoc! { "a": deep };
        }
        assert_eq!(to_text(RawBsonRef::Document(&deep)), None);
    }

    #[test]
    fn fields_of_a_document_keep_their_order() {
        let sort = document(r#"{"b": {"$numberInt": "1"}, "a": -1}"#).unwrap();
        assert_eq!(sort, rawdoc! { "b": 1, "a": -1_i64 });
    }

    #[test]
    fn text_that_is_no_id_is_refused() {
        for text in ["", "{}", "5", r#"{"id":1}"#, r#"{"_id":1,"a":2}"#, r#"{"_id":"#] {
            assert_eq!(from_text(text).unwrap_err().kind(), ErrorKind::Usage, "{text}");
        }
    }
}
