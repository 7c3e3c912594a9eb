//! Rate files as bytes: the European Central Bank's history, and a line for each quote.
//!
//! Every mistake is noted with its line. Does not own what the quotes are good for.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use jiff::civil::Date;
use rust_decimal::Decimal;

use super::iso4217::Code;
use super::table::{Quote, RateTable};
use crate::error::{Error, ErrorKind, Result};

/// Header of the normal form.
pub(super) const NORMAL_HEADER: &str = "date,currency,usd_rate,eur_rate";

/// Digits that a rate may have, and how many of them after the point: with these no conversion
/// can leave 256 bits.
const MAX_DIGITS: usize = 18;
const MAX_SCALE: usize = 12;

/// Mistakes that are told; the rest is counted.
const MAX_MISTAKES: usize = 10;

const HELP: &str = "a rate file is the European Central Bank's eurofxref-hist.csv (unzipped), or has \
                    the header date,currency,usd_rate with dollars for one unit of the currency";

/// Reads the quotes of a file that people call `file`.
pub(super) fn read(bytes: &[u8], file: &str) -> Result<RateTable> {
    let mut reading = Reading { quotes: BTreeMap::new(), mistakes: Vec::new() };
    if bytes.starts_with(b"PK\x03\x04") {
        reading.mistake(1, "it is a ZIP archive, not the CSV inside");
    } else {
        reading.read_lines(bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes));
    }
    reading.finish(file)
}

struct Reading {
    quotes: BTreeMap<(Date, Code), (Quote, u64)>,
    mistakes: Vec<(u64, String)>,
}

/// What a column after the first holds.
enum Column {
    /// Units of this currency for one euro.
    PerEuro(Code),
    Nothing,
}

/// What the columns of a file are.
enum Form {
    Wide(Vec<Column>),
    /// Positions of the currency and of either rate.
    Long {
        currency: usize,
        usd_rate: Option<usize>,
        eur_rate: Option<usize>,
    },
}

impl Reading {
    fn mistake(&mut self, line: u64, what: impl Into<String>) {
        self.mistakes.push((line, what.into()));
    }

    fn read_lines(&mut self, bytes: &[u8]) {
        let mut lines = csv::ReaderBuilder::new()
            .has_headers(false)
            .flexible(true)
            .trim(csv::Trim::All)
            .from_reader(bytes);
        let mut form = None;
        let mut line = csv::StringRecord::new();
        loop {
            let more = lines.read_record(&mut line);
            let number = line.position().map_or(1, csv::Position::line);
            match more {
                Ok(true) => {}
                Ok(false) => break,
                Err(error) => {
                    let at = error.position().map_or(number, csv::Position::line);
                    return self.mistake(at, "the line is not UTF-8 text");
                }
            }
            match &form {
                None => match self.read_header(number, &line) {
                    Some((found, columns)) => form = Some((found, columns)),
                    None => return,
                },
                Some((form, columns)) if line.len() == *columns => {
                    self.read_line(number, &line, form);
                }
                Some((_, columns)) => {
                    let message =
                        format!("the line has {} cells, its header {columns}", line.len());
                    self.mistake(number, message);
                }
            }
        }
        if self.quotes.is_empty() && self.mistakes.is_empty() {
            self.mistake(1, "there is no rate in it");
        }
    }

    fn read_header(&mut self, number: u64, header: &csv::StringRecord) -> Option<(Form, usize)> {
        let place = |name: &str| header.iter().position(|cell| cell.eq_ignore_ascii_case(name));
        if place("date") != Some(0) {
            self.mistake(number, "the header does not begin with `date`");
            return None;
        }
        if let Some(currency) = place("currency") {
            let (usd_rate, eur_rate) = (place("usd_rate"), place("eur_rate"));
            if usd_rate.is_none() && eur_rate.is_none() {
                self.mistake(number, "the header has `currency` and no `usd_rate`");
                return None;
            }
            return Some((Form::Long { currency, usd_rate, eur_rate }, header.len()));
        }
        let mut columns = Vec::new();
        for cell in header.iter().skip(1) {
            columns.push(match (cell, Code::parse(cell)) {
                ("", _) => Column::Nothing, // each line of the original ends in a comma
                (_, Some(code)) if code != Code::EUR => Column::PerEuro(code),
                _ => {
                    let message =
                        format!("the column {cell:?} is no currency with a price in euro");
                    self.mistake(number, message);
                    Column::Nothing
                }
            });
        }
        let has_dollars = |c: &Column| matches!(c, Column::PerEuro(code) if *code == Code::USD);
        if !columns.iter().any(has_dollars) {
            self.mistake(
                number,
                "there is no column USD, without which no price in dollars is known",
            );
        }
        Some((Form::Wide(columns), header.len()))
    }

    fn read_line(&mut self, number: u64, line: &csv::StringRecord, form: &Form) {
        let cell = |place: usize| line.get(place).unwrap_or_default();
        let Some(date) = day(cell(0)) else {
            return self.mistake(number, format!("{:?} is no day like 2026-08-01", cell(0)));
        };
        match form {
            Form::Wide(columns) => {
                for (column, text) in columns.iter().zip(line.iter().skip(1)) {
                    let Column::PerEuro(code) = column else { continue };
                    if let Some(rate) = self.rate(number, text) {
                        self.add(number, date, *code, Quote::EurRate(rate));
                    }
                }
            }
            Form::Long { currency, usd_rate, eur_rate } => {
                let Some(code) = Code::parse(cell(*currency)) else {
                    let what = format!("{:?} is no currency like EUR", cell(*currency));
                    return self.mistake(number, what);
                };
                let mut rate =
                    |place: &Option<usize>| place.and_then(|place| self.rate(number, cell(place)));
                match (rate(usd_rate), rate(eur_rate)) {
                    (Some(_), Some(_)) => self.mistake(number, "a line holds one rate, not two"),
                    (Some(usd), None) if code == Code::USD => {
                        if usd != Decimal::ONE {
                            self.mistake(number, "a dollar is one dollar, whatever the file says");
                        }
                    }
                    (None, Some(_)) if code == Code::EUR => {
                        self.mistake(number, "a euro is one euro, give its `usd_rate`");
                    }
                    (Some(rate), None) => self.add(number, date, code, Quote::UsdRate(rate)),
                    (None, Some(rate)) => self.add(number, date, code, Quote::EurRate(rate)),
                    (None, None) => {}
                }
            }
        }
    }

    /// The rate that `text` is; none for a gap, and none with a mistake for anything else.
    fn rate(&mut self, number: u64, text: &str) -> Option<Decimal> {
        if matches!(text, "" | "N/A") {
            return None;
        }
        let (whole, fraction) = text.split_once('.').unwrap_or((text, "0"));
        let is_digits = |s: &str| !s.is_empty() && s.bytes().all(|b| b.is_ascii_digit());
        let fits = whole.len() + fraction.len() <= MAX_DIGITS && fraction.len() <= MAX_SCALE;
        let rate = (is_digits(whole) && is_digits(fraction) && fits)
            .then(|| Decimal::from_str_exact(text).ok())
            .flatten()
            .filter(|rate| !rate.is_zero());
        if rate.is_none() {
            let message = format!(
                "{text:?} is no rate: a number above 0 with a point, at most {MAX_DIGITS} digits \
                 and {MAX_SCALE} of them after it, or N/A"
            );
            self.mistake(number, message);
        }
        rate
    }

    fn add(&mut self, number: u64, date: Date, code: Code, quote: Quote) {
        if let Some((_, earlier)) = self.quotes.insert((date, code), (quote, number)) {
            let message = format!("{code} of {date} stands on line {earlier} already");
            self.mistake(number, message);
        }
    }

    fn finish(self, file: &str) -> Result<RateTable> {
        if self.mistakes.is_empty() {
            let quotes = self.quotes.into_iter().map(|(key, (quote, _))| (key, quote)).collect();
            return Ok(RateTable { quotes });
        }
        let count = match self.mistakes.len() {
            1 => "1 mistake".to_owned(),
            n => format!("{n} mistakes"),
        };
        let mut message = format!("cannot read the exchange rates {file}: {count}");
        for (line, what) in self.mistakes.iter().take(MAX_MISTAKES) {
            // Writing to a String cannot fail.
            let _ = write!(message, "\n  {file}:{line}: {what}");
        }
        let more = self.mistakes.len().saturating_sub(MAX_MISTAKES);
        if more > 0 {
            let _ = write!(message, "\n  … and {more} more");
        }
        Err(Error::new(ErrorKind::Usage, message).with_help(HELP))
    }
}

/// A day in the only form that is taken, YYYY-MM-DD.
fn day(text: &str) -> Option<Date> {
    if text.len() == "2026-08-01".len() { text.parse().ok() } else { None }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(text: &str) -> String {
        let error = read(text.as_bytes(), "rates.csv").unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Usage);
        assert_eq!(error.help(), Some(HELP));
        error.to_string()
    }

    #[test]
    fn the_history_of_the_bank_is_read_with_its_gaps_and_its_last_comma() {
        let text = "\u{feff}Date,USD,JPY,CYP,\r\n2026-04-07,1.0867,162.34,N/A,\r\n2026-04-02,1.0801,,N/A,\r\n";
        let table = read(text.as_bytes(), "rates.csv").unwrap();
        assert_eq!(table.len(), 3);
        let jpy = (jiff::civil::date(2026, 4, 7), Code::parse("JPY").unwrap());
        assert_eq!(table.quotes[&jpy], Quote::EurRate(Decimal::new(16_234, 2)));
    }

    #[test]
    fn a_line_for_each_quote_is_read_in_any_order() {
        let text = "date, currency, usd_rate\n2026-04-07, EUR, 1.0867\n2026-04-02,KWD,3.2571\n2026-04-02,USD,1\n2026-04-02,JPY,N/A\n";
        let table = read(text.as_bytes(), "rates.csv").unwrap();
        assert_eq!(table.len(), 2, "a dollar needs no rate, a gap is none");
    }

    #[test]
    fn every_mistake_is_told_with_its_line() {
        let text = "Date,USD,JPY\n2026-04-07,1.0867,162.34\n2026-04-7,1.08,1\n2026-04-06,-1,1e2\n\
                    2026-04-07,1.09,N/A\n2026-04-05,1.0\n2026-04-04,0,1_000\n";
        insta::assert_snapshot!(refused(text), @r#"
        cannot read the exchange rates rates.csv: 7 mistakes
          rates.csv:3: "2026-04-7" is no day like 2026-08-01
          rates.csv:4: "-1" is no rate: a number above 0 with a point, at most 18 digits and 12 of them after it, or N/A
          rates.csv:4: "1e2" is no rate: a number above 0 with a point, at most 18 digits and 12 of them after it, or N/A
          rates.csv:5: USD of 2026-04-07 stands on line 2 already
          rates.csv:6: the line has 2 cells, its header 3
          rates.csv:7: "0" is no rate: a number above 0 with a point, at most 18 digits and 12 of them after it, or N/A
          rates.csv:7: "1_000" is no rate: a number above 0 with a point, at most 18 digits and 12 of them after it, or N/A
        "#);
    }

    #[test]
    fn what_cannot_be_a_rate_file_is_told_so() {
        for (text, why) in [
            ("", "there is no rate in it"),
            ("Date,USD\n", "there is no rate in it"),
            ("PK\u{3}\u{4}…", "a ZIP archive"),
            ("USD,Date\n1,2026-04-07\n", "does not begin with `date`"),
            ("Date,JPY\n2026-04-07,160\n", "no column USD"),
            ("Date,USD,EUR\n2026-04-07,1.1,1\n", "\"EUR\" is no currency with a price in euro"),
            ("date,currency,rate\n2026-04-07,EUR,1.1\n", "`currency` and no `usd_rate`"),
            ("date,currency,usd_rate\n2026-04-07,USD,1.1\n", "a dollar is one dollar"),
            ("date,currency,usd_rate\n2026-04-07,euro,1.1\n", "\"euro\" is no currency"),
            ("date,currency,usd_rate,eur_rate\n2026-04-07,GBP,1.1,0.8\n", "one rate, not two"),
            ("date,currency,eur_rate\n2026-04-07,EUR,1\n", "a euro is one euro"),
        ] {
            let said = refused(text);
            assert!(said.contains(why), "{text:?}: {said}");
        }
        let binary = read(b"Date,USD\n2026-04-07,\xff\n", "rates.csv").unwrap_err().to_string();
        assert!(binary.contains("rates.csv:2: the line is not UTF-8"), "{binary}");
        let mut long = "Date,USD\n".to_owned();
        (0..15).for_each(|_| long.push_str("x,1\n"));
        assert!(refused(&long).ends_with("… and 5 more"));
    }
}
