//! The rate that an order of a day gets: the last one on or before it, when that is not too old.
//!
//! Does not own the file the rates came from (`table`).

use std::collections::HashMap;

use jiff::civil::Date;
use rust_decimal::Decimal;
use sha2::{Digest, Sha256};

use super::iso4217::Code;
use super::table::{Quote, RateTable};
use crate::error::Result;
use crate::model::days_of_date;

/// Price of a unit in dollars as an exact fraction: `usd ÷ per`. Of a cross rate both quotes are
/// kept, dollars for one euro and units for one euro, because their quotient has no end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rate {
    /// Dollars…
    pub usd: Decimal,
    /// …for so many units.
    pub per: Decimal,
}

impl Rate {
    /// A dollar in dollars, by definition.
    pub const ONE: Self = Self { usd: Decimal::ONE, per: Decimal::ONE };
}

/// A rate and the day it is of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Dated {
    /// The rate.
    pub rate: Rate,
    /// Days since 1970-01-01.
    pub day: i32,
}

/// The rates of one file.
#[derive(Debug, Clone)]
pub struct Rates {
    /// What people call the file.
    pub place: String,
    /// SHA-256 (hex) of its bytes.
    pub sha256: String,
    /// The quotes that stand in it.
    pub table: RateTable,
    /// By currency, in ascending order of days.
    by_currency: HashMap<Code, Vec<Dated>>,
}

impl Rates {
    /// The rates of the file with these bytes, which people call `place`.
    ///
    /// # Errors
    /// `Usage` with the mistakes of the file, each with its line.
    pub fn read(bytes: &[u8], place: &str) -> Result<Self> {
        let table = RateTable::read(bytes, place)?;
        Ok(Self {
            place: place.to_owned(),
            sha256: hex::encode(Sha256::digest(bytes)),
            by_currency: by_currency(&table),
            table,
        })
    }

    /// The rate of `code` for an order of `day`, days since 1970-01-01: the last one on or before
    /// it that is at most `max_staleness_days` old. A dollar has a rate of its own every day.
    #[must_use]
    pub fn rate_on(&self, code: Code, day: i32, max_staleness_days: u32) -> Option<Dated> {
        if code == Code::USD {
            return Some(Dated { rate: Rate::ONE, day });
        }
        let rates = self.by_currency.get(&code)?;
        let behind = rates.partition_point(|dated| dated.day <= day);
        let found = rates.get(behind.checked_sub(1)?)?;
        (found.day.abs_diff(day) <= max_staleness_days).then_some(*found)
    }

    /// The currencies that have a rate, in order; the dollar is none of them.
    #[must_use]
    pub fn currencies(&self) -> Vec<Code> {
        let mut codes: Vec<Code> = self.by_currency.keys().copied().collect();
        codes.sort_unstable();
        codes
    }
}

fn by_currency(table: &RateTable) -> HashMap<Code, Vec<Dated>> {
    let mut rates: HashMap<Code, Vec<Dated>> = HashMap::new();
    let quote = |date: Date, code| table.quotes.get(&(date, code)).copied();
    // What a euro costs: as the file has it, else by the dollar's price in euro, which is the same.
    let euro = |date: Date| match (quote(date, Code::EUR), quote(date, Code::USD)) {
        (Some(Quote::UsdRate(usd)), _) | (None, Some(Quote::EurRate(usd))) => Some(usd),
        _ => None,
    };
    for ((date, code), own) in &table.quotes {
        let (code, per) = match *own {
            Quote::UsdRate(usd) => {
                add(&mut rates, *code, *date, Rate { usd, per: Decimal::ONE });
                continue;
            }
            Quote::EurRate(_) if *code == Code::USD => (Code::EUR, Decimal::ONE),
            Quote::EurRate(per) => (*code, per),
        };
        // A price in euro of a day on which the euro has none in dollars tells nothing.
        let is_told_itself = code == Code::EUR && quote(*date, Code::EUR).is_some();
        if let (Some(usd), false) = (euro(*date), is_told_itself) {
            add(&mut rates, code, *date, Rate { usd, per });
        }
    }
    rates
}

fn add(rates: &mut HashMap<Code, Vec<Dated>>, code: Code, date: Date, rate: Rate) {
    rates.entry(code).or_default().push(Dated { rate, day: days_of_date(date) });
}

#[cfg(test)]
mod tests {
    use super::*;

    const EASTER: &str = "Date,USD,JPY,GBP,\n2026-04-07,1.0867,162.34,N/A,\n\
                          2026-04-02,1.0801,161.00,0.85,\n2026-04-01,1.08,160.5,0.84,\n";

    fn on(rates: &Rates, code: &str, day: i8) -> Option<(i32, Rate)> {
        let order = days_of_date(jiff::civil::date(2026, 4, day));
        let found = rates.rate_on(Code::parse(code).unwrap(), order, 7)?;
        Some((order - found.day, found.rate))
    }

    #[test]
    fn the_last_rate_on_or_before_the_day_counts_until_it_is_too_old() {
        let rates = Rates::read(EASTER.as_bytes(), "ecb.csv").unwrap();
        let age = |code, day| on(&rates, code, day).map(|(age, _)| age);
        assert_eq!(age("EUR", 2), Some(0));
        assert_eq!(age("EUR", 6), Some(4), "Easter Monday has the rate of Thursday");
        assert_eq!(age("EUR", 7), Some(0));
        assert_eq!(age("EUR", 14), Some(7));
        assert_eq!(age("EUR", 15), None);
        assert_eq!(age("GBP", 7), Some(5), "a gap in one column is none in the others");
        assert_eq!(age("GBP", 10), None);
        let before = jiff::civil::date(2026, 3, 31);
        assert_eq!(rates.rate_on(Code::EUR, days_of_date(before), 7), None, "never a later one");
        assert_eq!(age("KWD", 7), None);
        assert_eq!(on(&rates, "USD", 30), Some((0, Rate::ONE)));
    }

    #[test]
    fn a_cross_rate_keeps_both_quotes_of_one_day() {
        let rates = Rates::read(EASTER.as_bytes(), "ecb.csv").unwrap();
        let (_, rate) = on(&rates, "JPY", 3).unwrap();
        assert_eq!((rate.usd, rate.per), (Decimal::new(10_801, 4), Decimal::new(161, 0)));
        let (_, euro) = on(&rates, "EUR", 3).unwrap();
        assert_eq!((euro.usd, euro.per), (Decimal::new(10_801, 4), Decimal::ONE));
    }

    #[test]
    fn a_price_in_euro_needs_the_dollars_of_its_own_day() {
        let text = "date,currency,usd_rate,eur_rate\n2026-04-01,GBP,,0.84\n2026-04-01,USD,,1.08\n\
                    2026-04-02,GBP,,0.85\n2026-04-02,KWD,3.2571,\n\
                    2026-04-03,EUR,1.1,\n2026-04-03,USD,,1.2\n2026-04-03,JPY,,160\n";
        let rates = Rates::read(text.as_bytes(), "own.csv").unwrap();
        assert_eq!(on(&rates, "GBP", 2).unwrap().0, 1);
        assert_eq!(on(&rates, "KWD", 2).unwrap().0, 0);
        assert_eq!(on(&rates, "JPY", 3).unwrap().1.usd, Decimal::new(11, 1));
        assert_eq!(on(&rates, "EUR", 3).unwrap().1.usd, Decimal::new(11, 1));
        let codes = ["EUR", "GBP", "JPY", "KWD"].map(|code| Code::parse(code).unwrap());
        assert_eq!(rates.currencies(), codes);
    }
}
