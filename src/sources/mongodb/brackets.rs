//! The order of `_id` values of all types, and filters that select an interval of it.
//!
//! A comparison such as `$gt` looks at values of its own kind only: `{_id: {$gt: 5}}` finds no
//! text, though text comes after numbers. So an interval is a union, a clause for each bracket of
//! kinds that compare with each other. Does not own where intervals begin and end.

use bson::raw::{RawBson, RawDocumentBuf};
use bson::spec::ElementType;
use bson::{RawBsonRef, rawdoc};

/// Kinds of values that compare with each other, in the server's order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Bracket {
    MinKey,
    Undefined,
    Null,
    /// Numbers of all four types, by value. NaN is the least of them.
    Number,
    /// Text and symbols.
    Text,
    Object,
    Array,
    Binary,
    ObjectId,
    Boolean,
    Date,
    Timestamp,
    Regex,
    DbPointer,
    Code,
    CodeWithScope,
    MaxKey,
}

/// Where an interval begins.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Lower {
    /// Before every value.
    Start,
    /// With this value.
    From(RawBson),
    /// Behind this value.
    After(RawBson),
}

/// Consecutive values of the order; `to` is behind the last one, none means the end.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Interval {
    pub lower: Lower,
    pub to: Option<RawBson>,
}

impl Bracket {
    pub(super) const ALL: [Self; 17] = [
        Self::MinKey,
        Self::Undefined,
        Self::Null,
        Self::Number,
        Self::Text,
        Self::Object,
        Self::Array,
        Self::Binary,
        Self::ObjectId,
        Self::Boolean,
        Self::Date,
        Self::Timestamp,
        Self::Regex,
        Self::DbPointer,
        Self::Code,
        Self::CodeWithScope,
        Self::MaxKey,
    ];

    /// The bracket of a value of this type.
    pub(super) fn of(element_type: ElementType) -> Self {
        match element_type {
            ElementType::MinKey => Self::MinKey,
            ElementType::Undefined => Self::Undefined,
            ElementType::Null => Self::Null,
            ElementType::Double
            | ElementType::Int32
            | ElementType::Int64
            | ElementType::Decimal128 => Self::Number,
            ElementType::String | ElementType::Symbol => Self::Text,
            ElementType::EmbeddedDocument => Self::Object,
            ElementType::Array => Self::Array,
            ElementType::Binary => Self::Binary,
            ElementType::ObjectId => Self::ObjectId,
            ElementType::Boolean => Self::Boolean,
            ElementType::DateTime => Self::Date,
            ElementType::Timestamp => Self::Timestamp,
            ElementType::RegularExpression => Self::Regex,
            ElementType::DbPointer => Self::DbPointer,
            ElementType::JavaScriptCode => Self::Code,
            ElementType::JavaScriptCodeWithScope => Self::CodeWithScope,
            ElementType::MaxKey => Self::MaxKey,
        }
    }

    /// The bracket of a type by the name that `$type` gives it.
    pub(super) fn of_type_name(name: &str) -> Option<Self> {
        Some(match name {
            "int" | "long" | "double" | "decimal" => Self::Number,
            "string" | "symbol" => Self::Text,
            name => *Self::ALL.iter().find(|bracket| bracket.name() == name)?,
        })
    }

    /// What the server calls it, or its first type.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::MinKey => "minKey",
            Self::Undefined => "undefined",
            Self::Null => "null",
            Self::Number => "number",
            Self::Text => "string",
            Self::Object => "object",
            Self::Array => "array",
            Self::Binary => "binData",
            Self::ObjectId => "objectId",
            Self::Boolean => "bool",
            Self::Date => "date",
            Self::Timestamp => "timestamp",
            Self::Regex => "regex",
            Self::DbPointer => "dbPointer",
            Self::Code => "javascript",
            Self::CodeWithScope => "javascriptWithScope",
            Self::MaxKey => "maxKey",
        }
    }

    /// Whether MongoDB has deprecated the type or refuses it as an `_id`. What is compatible with
    /// MongoDB may not know it at all.
    pub(super) fn is_rare(self) -> bool {
        matches!(
            self,
            Self::Undefined
                | Self::Array
                | Self::Regex
                | Self::DbPointer
                | Self::Code
                | Self::CodeWithScope
        )
    }

    /// The rare brackets.
    pub(super) fn rare() -> impl Iterator<Item = Self> {
        Self::ALL.into_iter().filter(|bracket| bracket.is_rare())
    }

    /// Number of the type, where the bracket has but one that `$type` is asked for.
    fn type_number(self) -> Option<i32> {
        Some(match self {
            Self::MinKey => -1,
            Self::Undefined => 6,
            Self::Null => 10,
            Self::Number | Self::Text => return None,
            Self::Object => 3,
            Self::Array => 4,
            Self::Binary => 5,
            Self::ObjectId => 7,
            Self::Boolean => 8,
            Self::Date => 9,
            Self::Timestamp => 17,
            Self::Regex => 11,
            Self::DbPointer => 12,
            Self::Code => 13,
            Self::CodeWithScope => 15,
            Self::MaxKey => 127,
        })
    }

    /// Whether all its values are equal.
    fn is_single(self) -> bool {
        matches!(self, Self::MinKey | Self::Undefined | Self::Null | Self::MaxKey)
    }

    /// Selects all of it.
    pub(super) fn whole(self) -> RawDocumentBuf {
        match self.type_number() {
            Some(number) => rawdoc! { "_id": { "$type": number } },
            None if self == Self::Text => rawdoc! { "_id": { "$gte": "" } },
            None => rawdoc! { "_id": { "$type": "number" } },
        }
    }
}

impl Interval {
    /// The whole order.
    pub(super) fn everything() -> Self {
        Self { lower: Lower::Start, to: None }
    }

    pub(super) fn is_everything(&self) -> bool {
        *self == Self::everything()
    }

    /// Filters on `_id` whose union selects the interval; no two select the same value. Rare
    /// brackets are asked for only when the server knows them.
    pub(super) fn clauses(&self, with_rare: bool) -> Vec<(Bracket, RawDocumentBuf)> {
        let asked = Bracket::ALL.into_iter().filter(|bracket| with_rare || !bracket.is_rare());
        asked.flat_map(|b| self.within(b).into_iter().map(move |clause| (b, clause))).collect()
    }

    /// A filter that selects the interval; none for the whole order, which needs none.
    pub(super) fn filter(&self, with_rare: bool) -> Option<RawDocumentBuf> {
        (!self.is_everything()).then(|| {
            let clauses = self.clauses(with_rare).into_iter().map(|(_, clause)| clause);
            any_of(clauses.collect())
        })
    }

    fn within(&self, bracket: Bracket) -> Vec<RawDocumentBuf> {
        let lower = match &self.lower {
            Lower::Start => None,
            Lower::From(id) | Lower::After(id) => match bracket_of(id) {
                at if bracket < at => return vec![],
                at => (bracket == at).then_some(id),
            },
        };
        let to = match &self.to {
            None => None,
            Some(id) => match bracket_of(id) {
                at if bracket > at => return vec![],
                at => (bracket == at).then_some(id),
            },
        };
        let is_after = matches!(self.lower, Lower::After(_));
        match (lower, to) {
            (None, None) => vec![bracket.whole()],
            _ if bracket.is_single() => {
                let is_in = to.is_none() && !is_after;
                if is_in { vec![bracket.whole()] } else { vec![] }
            }
            _ if bracket == Bracket::Number => numbers(lower, is_after, to),
            _ => vec![between(lower, is_after, to)],
        }
    }
}

/// Selects numbers. No comparison finds NaN, the least number, except equality.
fn numbers(lower: Option<&RawBson>, is_after: bool, to: Option<&RawBson>) -> Vec<RawDocumentBuf> {
    if to.is_some_and(is_nan) {
        return vec![];
    }
    let from_nan = lower.is_none_or(is_nan);
    let rest = if from_nan && to.is_none() {
        rawdoc! { "_id": { "$gte": f64::NEG_INFINITY } }
    } else {
        between(lower.filter(|_| !from_nan), is_after, to)
    };
    let with_nan = from_nan && !(lower.is_some() && is_after);
    let nan = with_nan.then(|| rawdoc! { "_id": { "$eq": f64::NAN } });
    nan.into_iter().chain([rest]).collect()
}

fn between(lower: Option<&RawBson>, is_after: bool, to: Option<&RawBson>) -> RawDocumentBuf {
    let mut bounds = RawDocumentBuf::new();
    if let Some(lower) = lower {
        bounds.append(if is_after { bson::cstr!("$gt") } else { bson::cstr!("$gte") }, lower);
    }
    if let Some(to) = to {
        bounds.append(bson::cstr!("$lt"), to);
    }
    rawdoc! { "_id": bounds }
}

/// Selects what any of the filters selects.
pub(super) fn any_of(mut filters: Vec<RawDocumentBuf>) -> RawDocumentBuf {
    match filters.len() {
        0 => rawdoc! { "_id": { "$in": [] } },
        1 => filters.swap_remove(0),
        _ => rawdoc! { "$or": bson::RawArrayBuf::from_iter(filters) },
    }
}

/// The bracket of a value.
pub(super) fn bracket_of(id: &RawBson) -> Bracket {
    Bracket::of(id.element_type())
}

fn is_nan(id: &RawBson) -> bool {
    match id.as_raw_bson_ref() {
        RawBsonRef::Double(number) => number.is_nan(),
        // Five set bits behind the sign.
        RawBsonRef::Decimal128(number) => matches!(number.bytes(), [.., top] if top & 0x7c == 0x7c),
        _ => false,
    }
}

#[cfg(test)]
mod tests;
