//! The custom property `derived`: fields that the program fills itself.
//!
//! Does not own whether what they are made of is there and fits (`lint`, `money`).

use super::section::Section;
use super::yaml::Value;
use crate::catalog::contract::Derived;
use crate::catalog::money::Converted;

/// How the field with these custom properties is filled, when it is not read.
pub(super) fn read_derived(custom: &Section<'_, '_>) -> Option<Derived> {
    let node = custom.get("derived")?;
    if matches!(node.value, Value::Map(_)) {
        let section = custom.section("derived")?;
        let converted = Converted::WORDS.into_iter().find(|(word, _)| section.has(word));
        let derived = match converted {
            Some((word, part)) => section
                .required_text(word)
                .map(|(of, _)| Derived::Converted { of: of.to_owned(), part }),
            None => section
                .required_text("offsetMinutes")
                .map(|(of, _)| Derived::OffsetMinutes { of: of.to_owned() }),
        };
        section.finish(&[]);
        return derived;
    }
    let words =
        [("businessDate", Derived::BusinessDate), ("missingFields", Derived::MissingFields)];
    custom.word("derived", &words)
}
