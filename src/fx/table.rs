//! The quotes of a rate file as they were published, before any of them is used.
//!
//! Owns the normal form that `consign fx import` writes, and what adding one table to another
//! does. Does not own what a quote means for an order (`rates`).

use std::collections::BTreeMap;
use std::fmt::Write as _;

use jiff::civil::Date;
use rust_decimal::Decimal;
use sha2::{Digest, Sha256};

use super::iso4217::Code;
use super::read;
use crate::error::Result;

/// Price of a currency on a day, as its source quotes it: never brought to another form, since
/// dividing would round.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Quote {
    /// Dollars for one unit.
    UsdRate(Decimal),
    /// Units for one euro, as the European Central Bank quotes.
    EurRate(Decimal),
}

/// Quotes by day and currency.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RateTable {
    pub(super) quotes: BTreeMap<(Date, Code), Quote>,
}

/// A quote that two tables do not agree on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Change {
    /// Day of the quote.
    pub date: Date,
    /// Currency of the quote.
    pub currency: Code,
    /// What the table had.
    pub from: Quote,
    /// What the other one says.
    pub to: Quote,
}

/// What adding a table to another did, or would do.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Added {
    /// Quotes of days and currencies that had none.
    pub new: usize,
    /// Quotes that became others.
    pub changed: Vec<Change>,
}

impl RateTable {
    /// Reads a rate file: of the European Central Bank's history, or with a line for each quote.
    /// `file` is what people call it.
    ///
    /// # Errors
    /// `Usage` with the mistakes of the file, each with its line.
    pub fn read(bytes: &[u8], file: &str) -> Result<Self> {
        read::read(bytes, file)
    }

    /// Number of quotes.
    #[must_use]
    pub fn len(&self) -> usize {
        self.quotes.len()
    }

    /// Whether it holds no quote.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.quotes.is_empty()
    }

    /// The first and the last day that have quotes.
    #[must_use]
    pub fn days(&self) -> Option<(Date, Date)> {
        let ((first, _), _) = self.quotes.first_key_value()?;
        let ((last, _), _) = self.quotes.last_key_value()?;
        Some((*first, *last))
    }

    /// The currencies that have quotes, in order.
    #[must_use]
    pub fn currencies(&self) -> Vec<Code> {
        let mut codes: Vec<Code> = self.quotes.keys().map(|(_, code)| *code).collect();
        codes.sort_unstable();
        codes.dedup();
        codes
    }

    /// Takes in every quote of `other`, in the place of what stood there.
    pub fn add(&mut self, other: &Self) -> Added {
        let mut added = Added::default();
        for ((date, currency), to) in &other.quotes {
            match self.quotes.insert((*date, *currency), *to) {
                None => added.new += 1,
                Some(from) if from == *to => {}
                Some(from) => {
                    added.changed.push(Change { date: *date, currency: *currency, from, to: *to });
                }
            }
        }
        added
    }

    /// The normal form: a line for each quote, by day and currency, numbers without idle zeros.
    /// Equal tables give equal bytes.
    #[must_use]
    pub fn to_text(&self) -> String {
        let mut text = String::from(read::NORMAL_HEADER);
        text.push('\n');
        self.quotes.iter().for_each(|(key, quote)| write_line(&mut text, key, *quote));
        text
    }

    /// SHA-256 (hex) of the quotes from `first` to `last`, whatever file they stand in.
    #[must_use]
    pub fn digest(&self, first: Date, last: Date) -> String {
        let mut text = String::new();
        let within = self.quotes.iter().filter(|((date, _), _)| (first..=last).contains(date));
        within.for_each(|(key, quote)| write_line(&mut text, key, *quote));
        hex::encode(Sha256::digest(text))
    }
}

fn write_line(text: &mut String, (date, code): &(Date, Code), quote: Quote) {
    // Writing to a String cannot fail.
    let _ = match quote {
        Quote::UsdRate(rate) => writeln!(text, "{date},{code},{},", rate.normalize()),
        Quote::EurRate(rate) => writeln!(text, "{date},{code},,{}", rate.normalize()),
    };
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table(text: &str) -> RateTable {
        RateTable::read(text.as_bytes(), "rates.csv").unwrap()
    }

    #[test]
    fn the_normal_form_reads_back_and_is_the_same_for_the_same_quotes() {
        let wide = table("Date,USD,JPY,KWD,\n2026-08-03,1.10,160,N/A,\n2026-07-31,1.09,N/A,N/A,\n");
        let text = wide.to_text();
        assert_eq!(
            text,
            "date,currency,usd_rate,eur_rate\n\
             2026-07-31,USD,,1.09\n2026-08-03,JPY,,160\n2026-08-03,USD,,1.1\n"
        );
        assert_eq!(table(&text), wide);
        assert_eq!(table(&text).to_text(), text);
        assert_eq!(
            wide.days().map(|(a, b)| (a.to_string(), b.to_string())).unwrap().1,
            "2026-08-03"
        );
        assert_eq!(wide.currencies(), [Code::parse("JPY").unwrap(), Code::USD]);
    }

    #[test]
    fn adding_tells_new_from_changed() {
        let mut place = table("date,currency,usd_rate\n2026-07-31,EUR,1.09\n2026-07-31,KWD,3.25\n");
        let more = table("date,currency,usd_rate\n2026-07-31,EUR,1.0900\n2026-08-03,EUR,1.1\n");
        assert_eq!(place.clone().add(&more), Added { new: 1, changed: vec![] });
        let other = table("date,currency,usd_rate\n2026-07-31,KWD,3.26\n");
        let added = place.add(&other);
        assert_eq!((added.new, added.changed.len()), (0, 1));
        assert_eq!(added.changed[0].from, Quote::UsdRate(Decimal::new(325, 2)));
        assert_eq!(place.len(), 2, "nothing is lost");
    }

    #[test]
    fn the_digest_is_that_of_the_days_asked_for() {
        let day = |d| jiff::civil::date(2026, 7, d);
        let few = table("date,currency,usd_rate\n2026-07-01,EUR,1.09\n2026-07-20,EUR,1.1\n");
        let more = table(
            "date,currency,usd_rate\n2026-07-30,EUR,1.2\n2026-07-20,EUR,1.100\n2026-07-01,EUR,1.09\n",
        );
        assert_eq!(few.digest(day(1), day(20)), more.digest(day(1), day(20)));
        assert_ne!(few.digest(day(1), day(30)), more.digest(day(1), day(30)));
        assert_ne!(few.digest(day(1), day(20)), few.digest(day(2), day(20)));
    }
}
