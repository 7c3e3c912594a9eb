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
        let of = |key| section.text(key).map(|(of, _)| of.to_owned());
        let of_times = [
            of("offsetMinutes").map(|of| Derived::OffsetMinutes { of }),
            of("timeVerdict").map(|of| Derived::TimeVerdict { of }),
            of("timeZone").map(|of| Derived::TimeZone { of }),
        ];
        let of_amounts = Converted::WORDS
            .into_iter()
            .filter_map(|(word, part)| Some(Derived::Converted { of: of(word)?, part }));
        let mut found = of_times.into_iter().flatten().chain(of_amounts);
        let derived = found.next();
        if derived.is_none() || found.next().is_some() {
            let amounts = Converted::WORDS.map(|(word, _)| word).join(", ");
            let message = format!(
                "{} must have one of offsetMinutes, timeVerdict, timeZone, {amounts}",
                section.what
            );
            section.mistakes.add(section.line, message);
        }
        section.finish(&[]);
        return derived;
    }
    let words =
        [("businessDate", Derived::BusinessDate), ("missingFields", Derived::MissingFields)];
    custom.word("derived", &words)
}
