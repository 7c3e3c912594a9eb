//! Amounts of money: which currency they are in, how they are written, and how dollars are made
//! of them.
//!
//! Plain data of the contract. Does not own currencies and rates (`fx`) nor the conversion
//! (`transform`).

/// A decimal field that holds an amount.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Money {
    /// Name of the top-level text field with the code of its currency.
    pub currency: String,
    /// What a 1 in the source stands for.
    pub unit: AmountUnit,
    /// Whether it may have more digits after the point than its currency has minor units.
    pub finer: bool,
}

/// What the number in the source counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AmountUnit {
    /// Units of the currency: dollars.
    Major,
    /// Whole minor units: cents; yen and thousandths of a dinar as ISO 4217 has them.
    Minor,
}

/// Which of the columns of a conversion a field is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Converted {
    /// The amount in dollars.
    Usd,
    /// Dollars for one unit of the currency.
    Rate,
    /// Day of the rate.
    RateDate,
    /// SHA-256 (hex) of the rate file.
    Source,
}

impl Converted {
    /// Every part with its word in contracts.
    pub const WORDS: [(&'static str, Self); 4] = [
        ("usd", Self::Usd),
        ("fxRate", Self::Rate),
        ("fxRateDate", Self::RateDate),
        ("fxSource", Self::Source),
    ];
}

/// How amounts are converted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Exchange {
    /// Age in days up to which the last rate before a row's day counts.
    pub max_staleness_days: u32,
    /// Where the one rounding of a conversion goes.
    pub rounding: Rounding,
}

impl Default for Exchange {
    fn default() -> Self {
        Self { max_staleness_days: 7, rounding: Rounding::HalfEven }
    }
}

/// Rounding of a quotient to the scale of its column.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rounding {
    /// To the nearest; a half to the even neighbour.
    HalfEven,
    /// To the nearest; a half away from zero.
    HalfUp,
}
