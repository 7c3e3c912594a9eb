//! Money of other currencies in dollars: the currencies there are, the rates of a file, and the
//! arithmetic that brings the two together.
//!
//! Pure: bytes come in, numbers go out. Does not own where a rate file lies (`storage`), which
//! amounts are converted (`catalog`) nor the columns that hold the outcome (`transform`).

pub mod convert;
pub mod iso4217;
pub mod rates;
mod read;
pub mod table;
pub mod used;

pub use convert::Factor;
pub use iso4217::{Code, Standing, standing};
pub use rates::{Rate, Rates};
pub use table::{Change, Quote, RateTable};
pub use used::{CurrencyUse, RatesUsed};
