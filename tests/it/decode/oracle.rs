//! What a page must decode to, by other people's strict parsers: `serde_json` and `bson`. The tests
//! drive it with damaged orders, the fuzz targets below `fuzz/` with any bytes.

use arrow::array::{Array, AsArray};
use arrow::datatypes::Decimal128Type;
use bson::{Bson, Document};
use bytes::Bytes;
use consign::decode::Decoder;
use consign::model::{Batch, PageContent, RawFormat, RawPage, ReasonCode, SplitId};
use serde::de::{Deserialize, Deserializer, Error, IgnoredAny, MapAccess, Visitor};
use serde_json::Value;

/// Text fields that are taken as they are written.
const TEXTS: [&str; 6] =
    ["customer_id", "status", "currency", "gift_message", "customer_email", "time_zone"];
const AMOUNTS: [&str; 2] = ["total_amount", "tax_amount"];

/// What a strict parser makes of a row.
#[derive(Debug, PartialEq, Eq)]
enum Verdict {
    /// It is not of its format.
    Malformed,
    /// It is, but something in it is not a value.
    Invalid,
    /// All of it can be read.
    Readable,
    /// The parser gives up where the decoder need not.
    Unknown,
}

/// Decodes `bytes` as rows of `format` and holds each row against the strict parser: it is refused
/// as unreadable when and only when the parser refuses it, and if there is no reason to refuse it, text
/// and amounts are those that the parser reads. Gives the number of rows and of readable ones.
///
/// # Panics
/// When the two disagree.
pub fn check(decoder: &mut Decoder, format: RawFormat, bytes: Bytes) -> (usize, usize) {
    let content = PageContent::Rows { format, bytes };
    let page = RawPage { split: SplitId(0), first_row: 0, offset_bytes: 0, content, resume: None };
    let batch = decoder.decode(&page);
    let readable = (0..batch.num_rows()).filter(|row| check_row(&batch, *row)).count();
    (batch.num_rows(), readable)
}

/// Whether the row is readable.
fn check_row(batch: &Batch, row: usize) -> bool {
    let bytes = batch.raw.row(row);
    let reasons = || batch.reasons.iter().filter(|r| r.row as usize == row).map(|r| &r.reason);
    let unreadable =
        reasons().any(|r| matches!(r.code, ReasonCode::RowMalformed | ReasonCode::TextNotUtf8));
    let invalid = reasons().any(|r| r.found == Some("invalid"));
    let verdict = match batch.raw.format {
        RawFormat::Bson => document_verdict(&bytes),
        _ => line_verdict(&bytes),
    };
    let agree = match verdict {
        Verdict::Malformed => unreadable,
        Verdict::Readable => !unreadable && !invalid,
        Verdict::Invalid | Verdict::Unknown => reasons().next().is_some(),
    };
    assert!(
        agree,
        "the strict parser says {verdict:?}, the decoder {:?}: {}",
        reasons().collect::<Vec<_>>(),
        bytes.escape_ascii()
    );
    if verdict == Verdict::Readable && reasons().next().is_none() {
        let value = match batch.raw.format {
            RawFormat::Bson => of_document(&bytes),
            _ => of_line(&bytes),
        };
        TEXTS.iter().for_each(|name| assert_eq!(text(batch, row, name), value(name), "{name}"));
        for name in AMOUNTS {
            let strict = value(name).map(|text| thousandths(&text));
            assert_eq!(amount(batch, row, name), strict, "{name}");
        }
    }
    verdict == Verdict::Readable
}

/// Gives the text or the number of a field, as the strict parser read it.
type Values = Box<dyn Fn(&str) -> Option<String>>;

fn text(batch: &Batch, row: usize, name: &str) -> Option<String> {
    let column = batch.columns.column_by_name(name).unwrap().as_string::<i32>();
    column.is_valid(row).then(|| column.value(row).to_owned())
}

/// In thousandths.
fn amount(batch: &Batch, row: usize, name: &str) -> Option<i128> {
    let column = batch.columns.column_by_name(name).unwrap().as_primitive::<Decimal128Type>();
    column.is_valid(row).then(|| column.value(row))
}

/// The number that `text` spells, which is known to be a whole number of thousandths.
fn thousandths(text: &str) -> i128 {
    let (digits, exponent) = text.split_once(['e', 'E']).unwrap_or((text, "0"));
    let places = digits.split_once('.').map_or(0, |(_, fraction)| fraction.len());
    let all = digits.replace(['.', '-'], "");
    let significant = all.trim_end_matches('0');
    if significant.is_empty() {
        return 0;
    }
    let zeros = i64::try_from(all.len() - significant.len()).unwrap();
    let up = exponent.parse::<i64>().unwrap() - i64::try_from(places).unwrap() + zeros + 3;
    let magnitude = significant.parse::<i128>().unwrap() * 10_i128.pow(up.try_into().unwrap());
    if text.starts_with('-') { -magnitude } else { magnitude }
}

fn line_verdict(line: &[u8]) -> Verdict {
    if let Err(error) = serde_json::from_slice::<Value>(line) {
        let says = error.to_string();
        return match () {
            () if says.starts_with("recursion limit") => Verdict::Unknown,
            // It is JSON all the same, but never an attribute value.
            () if says.starts_with("number out of range") => Verdict::Unknown,
            () => Verdict::Malformed,
        };
    }
    match serde_json::from_slice::<Line>(line) {
        Ok(_) => Verdict::Readable,
        Err(_) => Verdict::Invalid,
    }
}

/// Reads text and numbers of a line that is readable.
fn of_line(line: &[u8]) -> Values {
    let line: Value = serde_json::from_slice(line).unwrap();
    Box::new(move |name| {
        let value = line["Item"].get(name)?.as_object()?;
        ["S", "N"].iter().find_map(|tag| Some(value.get(*tag)?.as_str()?.to_owned()))
    })
}

fn document_verdict(document: &[u8]) -> Verdict {
    match Document::from_reader(document) {
        Ok(_) => Verdict::Readable,
        Err(_) => Verdict::Malformed,
    }
}

/// Reads text and numbers of a document that is readable.
fn of_document(document: &[u8]) -> Values {
    let document = Document::from_reader(document).unwrap();
    Box::new(move |name| match document.get(name)? {
        Bson::String(text) => Some(text.clone()),
        Bson::Null => None,
        Bson::Int32(number) => Some(number.to_string()),
        Bson::Int64(number) => Some(number.to_string()),
        Bson::Double(number) => Some(number.to_string()),
        Bson::Decimal128(number) => Some(number.to_string()),
        Bson::ObjectId(id) => Some(id.to_hex()),
        other => panic!("{name} is no text and no number: {other:?}"),
    })
}

/// `{"Item":{…}}` of attribute values, and nothing else.
struct Line;

impl<'de> Deserialize<'de> for Line {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(Line)
    }
}

impl<'de> Visitor<'de> for Line {
    type Value = Self;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("a line of an export")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self, A::Error> {
        match map.next_key::<String>()?.as_deref() {
            Some("Item") => map.next_value::<Attributes>()?,
            _ => return Err(A::Error::custom("no item")),
        };
        match map.next_key::<IgnoredAny>()? {
            None => Ok(self),
            Some(_) => Err(A::Error::custom("more than an item")),
        }
    }
}

/// The members of an item or of an `M`; names may stand twice.
struct Attributes;

impl<'de> Deserialize<'de> for Attributes {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(Attributes)
    }
}

impl<'de> Visitor<'de> for Attributes {
    type Value = Self;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("attributes")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self, A::Error> {
        while map.next_entry::<String, Attribute>()?.is_some() {}
        Ok(self)
    }
}

/// `{"S":"x"}` and its like.
struct Attribute;

impl<'de> Deserialize<'de> for Attribute {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(Attribute)
    }
}

impl<'de> Visitor<'de> for Attribute {
    type Value = Self;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("an attribute value")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self, A::Error> {
        match map.next_key::<String>()?.as_deref() {
            Some("S" | "N" | "B") => drop(map.next_value::<String>()?),
            Some("BOOL") => drop(map.next_value::<bool>()?),
            Some("NULL") if map.next_value::<bool>()? => {}
            Some("SS" | "NS" | "BS") => drop(map.next_value::<Vec<String>>()?),
            Some("L") => drop(map.next_value::<Vec<Attribute>>()?),
            Some("M") => {
                map.next_value::<Attributes>()?;
            }
            _ => return Err(A::Error::custom("no attribute value")),
        }
        match map.next_key::<IgnoredAny>()? {
            None => Ok(self),
            Some(_) => Err(A::Error::custom("two values in one")),
        }
    }
}
