//! Amounts of money and their conversion: the custom properties `money` and `exchange`, and what
//! must hold between an amount, its currency and the fields that are derived from it.

use super::field::Place;
use super::lint::Lint;
use super::section::Section;
use crate::catalog::contract::{Derived, Field, FieldType};
use crate::catalog::money::{AmountUnit, Converted, Exchange, Money, Rounding};

/// Most digits after the point of an amount in dollars: with them no conversion overflows.
const MAX_USD_SCALE: u8 = 8;

/// Parts without which nobody could tell how an amount was converted.
const TRACE: [(&str, Converted); 3] = [
    ("fxRate", Converted::Rate),
    ("fxRateDate", Converted::RateDate),
    ("fxSource", Converted::Source),
];

/// What the field with these custom properties is an amount of.
pub(super) fn read_money(
    custom: &Section<'_, '_>,
    place: &Place<'_>,
    is_derived: bool,
) -> Option<Money> {
    let section = custom.section("money")?;
    if !matches!(place, Place::Top) {
        custom.mistake("money", "only top-level fields can have `money`");
    }
    if is_derived {
        let message = format!("{} is derived, it is not read: it has no `money`", custom.what);
        custom.mistake("money", message);
    }
    let currency = section.required_text("currency").map(|(currency, _)| currency.to_owned());
    let unit = section.word("unit", &[("major", AmountUnit::Major), ("minor", AmountUnit::Minor)]);
    let finer = section.word("finer", &[("refuse", false), ("allow", true)]);
    if unit == Some(AmountUnit::Minor) && finer == Some(true) {
        section.mistake("finer", "an amount in minor units is whole: it has no `finer: allow`");
    }
    section.finish(&[]);
    Some(Money {
        currency: currency?,
        unit: unit.unwrap_or(AmountUnit::Major),
        finer: finer.unwrap_or(false),
    })
}

/// How the dataset's amounts are converted.
pub(super) fn read_exchange(section: Section<'_, '_>) -> Exchange {
    let default = Exchange::default();
    let words = [("halfEven", Rounding::HalfEven), ("halfUp", Rounding::HalfUp)];
    let exchange = Exchange {
        max_staleness_days: section.count("maxStalenessDays").unwrap_or(default.max_staleness_days),
        rounding: section.word("rounding", &words).unwrap_or(default.rounding),
    };
    section.finish(&[]);
    exchange
}

impl Lint<'_> {
    /// Notes every mistake about amounts and what is derived from them.
    pub(super) fn check_amounts(&self) {
        for field in &self.contract.fields {
            self.check_money(field);
            if let Some(Derived::Converted { of, part }) = &field.derived {
                self.check_converted(field, of, *part);
            }
        }
        for field in &self.contract.fields {
            if let Some(Derived::Converted { of, part: Converted::Usd }) = &field.derived {
                self.check_trace(field, of);
            }
        }
    }

    fn check_money(&self, field: &Field) {
        let Some(money) = &field.money else { return };
        let line = self.lines.setting(&field.path, "money");
        let name = &field.name;
        if !matches!(field.data_type, FieldType::Decimal { .. }) {
            self.mistakes.add(line, format!("`{name}` is an amount, it must be a decimal number"));
        }
        let what = format!("`currency` of `{name}`:");
        let Some(currency) = self.field(line, &what, &money.currency) else { return };
        let is_read_text =
            matches!(currency.data_type, FieldType::Text) && currency.derived.is_none();
        if !is_read_text || !currency.required {
            let message =
                format!("{what} `{}` must be a required text that is read", currency.name);
            self.mistakes.add(line, message);
        }
    }

    fn check_converted(&self, field: &Field, of: &str, part: Converted) {
        let line = self.lines.setting(&field.path, "derived");
        let name = &field.name;
        let (fits, wanted) = match (part, &field.data_type) {
            (Converted::Usd, FieldType::Decimal { scale, .. }) => {
                (*scale <= MAX_USD_SCALE, "a decimal of at most 8 digits after the point")
            }
            (Converted::Usd | Converted::Rate, data_type) => {
                (matches!(data_type, FieldType::Decimal { .. }), "a decimal number")
            }
            (Converted::RateDate, data_type) => (matches!(data_type, FieldType::Date), "a date"),
            (Converted::Source, data_type) => (matches!(data_type, FieldType::Text), "a string"),
        };
        if !fits {
            let word = word(part);
            self.mistakes
                .add(line, format!("`{name}` is derived as `{word}`, it must be {wanted}"));
        }
        let what = format!("`{}` of `{name}`:", word(part));
        let Some(of) = self.field(line, &what, of) else { return };
        if of.money.is_none() {
            self.mistakes.add(line, format!("{what} `{}` has no `money`", of.name));
        }
        if field.required && !of.required {
            let message = format!("`{name}` is required, but it is null where `{}` is", of.name);
            self.mistakes.add(line, message);
        }
    }

    /// Dollars whose rate nobody can look up are worth nothing: its columns must be there.
    fn check_trace(&self, field: &Field, of: &str) {
        let currency = |of: &str| Some(&self.contract.field(of)?.money.as_ref()?.currency);
        let Some(own) = currency(of) else { return };
        for (word, wanted) in TRACE {
            let is_there = self.contract.fields.iter().any(|other| {
                matches!(&other.derived, Some(Derived::Converted { of, part })
                    if *part == wanted && currency(of) == Some(own))
            });
            if !is_there {
                let line = self.lines.setting(&field.path, "derived");
                let message = format!(
                    "`{}` is converted without trace: no field is derived as `{word}` of an amount in `{own}`",
                    field.name
                );
                self.mistakes.add(line, message);
            }
        }
    }
}

fn word(part: Converted) -> &'static str {
    Converted::WORDS.iter().find(|(_, known)| *known == part).map_or("", |(word, _)| *word)
}
