//! The table of ISO 4217: which codes are money, since when no more, and their minor units.
//!
//! Source: lists one (current) and three (historic) of the standard's maintenance agency, SIX
//! Group, as <https://github.com/datasets/currency-codes> (public domain) held them on
//! 2026-02-01. Does not own exchange rates.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::LazyLock;

use jiff::civil::{Date, date};

/// Current codes by the number of digits of their minor unit.
const CURRENT: [(u8, &str); 4] = [
    (0, "BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX UYI VND VUV XAF XOF XPF"),
    (
        2,
        "AED AFN ALL AMD AOA ARS AUD AWG AZN BAM BBD BDT BMD BND BOB BOV BRL BSD BTN BWP BYN \
     BZD CAD CDF CHE CHF CHW CNY COP COU CRC CUP CVE CZK DKK DOP DZD EGP ERN ETB EUR FJD \
     FKP GBP GEL GHS GIP GMD GTQ GYD HKD HNL HTG HUF IDR ILS INR IRR JMD KES KGS KHR KPW \
     KYD KZT LAK LBP LKR LRD LSL MAD MDL MGA MKD MMK MNT MOP MRU MUR MVR MWK MXN MXV MYR \
     MZN NAD NGN NIO NOK NPR NZD PAB PEN PGK PHP PKR PLN QAR RON RSD RUB SAR SBD SCR SDG \
     SEK SGD SHP SLE SOS SRD SSP STN SVC SYP SZL THB TJS TMT TOP TRY TTD TWD TZS UAH USD \
     USN UYU UZS VED VES WST XAD XCD XCG YER ZAR ZMW ZWG",
    ),
    (3, "BHD IQD JOD KWD LYD OMR TND"),
    (4, "CLF UYW"),
];

/// Codes that were withdrawn since 2010, with the digits of their minor unit and the month of
/// their withdrawal as list three has it. Orders up to its end are of a currency that was in use.
const WITHDRAWN: [(&str, u8, i16, i8); 15] = [
    ("ANG", 2, 2025, 3),
    ("BGN", 2, 2026, 1),
    ("BYR", 0, 2017, 1),
    ("CUC", 2, 2021, 6),
    ("EEK", 2, 2011, 1),
    ("HRK", 2, 2023, 1),
    ("LTL", 2, 2014, 12),
    ("LVL", 2, 2014, 1),
    ("MRO", 2, 2017, 12),
    ("SLL", 2, 2023, 12),
    ("STD", 2, 2017, 12),
    ("USS", 2, 2014, 3),
    ("VEF", 2, 2018, 8),
    ("ZMK", 2, 2012, 12),
    ("ZWL", 2, 2024, 9),
];

/// Codes that were withdrawn before.
const HISTORIC: &str = "ADP AFA ALK AOK AON AOR ARA ARP ARY ATS AYM AZM BAD BEC BEF BEL BGJ BGK BGL BOP BRB \
     BRC BRE BRN BRR BUK BYB CHC CSD CSJ CSK CYP DDM DEM ECS ECV ESA ESB ESP FIM FRF GEK \
     GHC GHP GNE GNS GQE GRD GWE GWP HRD IEP ILP ILR ISJ ITL LAJ LSM LTT LUC LUF LUL LVR \
     MGF MLF MTL MTP MVQ MXP MZE MZM NIC NLG PEH PEI PES PLZ PTE RHD ROK ROL RUR SDD SDP \
     SIT SKK SRG SUR TJR TMM TPE TRL UAK UGS UGW UYN UYP VEB VNC XEU XFO XFU XRE YDD YUD \
     YUM YUN ZAL ZRN ZRZ ZWC ZWD ZWN ZWR";

/// Three capital letters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Code([u8; 3]);

impl Code {
    /// The currency of the target.
    pub const USD: Self = Self(*b"USD");
    /// The currency that the European Central Bank quotes in.
    pub const EUR: Self = Self(*b"EUR");

    /// The code that `text` is, when it has the form of one.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let letters: [u8; 3] = text.as_bytes().try_into().ok()?;
        letters.iter().all(u8::is_ascii_uppercase).then_some(Self(letters))
    }

    /// Its letters, as bytes.
    #[must_use]
    pub fn letters(self) -> [u8; 3] {
        self.0
    }

    /// Its letters.
    #[must_use]
    pub fn as_str(&self) -> &str {
        std::str::from_utf8(&self.0).unwrap_or_default()
    }
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// What the standard says of a code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// Money, with so many digits after the point in its minor unit.
    Current {
        /// Digits of the minor unit.
        digits: u8,
    },
    /// Money up to a day.
    Withdrawn {
        /// Digits of the minor unit.
        digits: u8,
        /// Last day of the month in which it was withdrawn.
        last_day: Date,
    },
    /// Money of before 2010.
    Historic,
}

/// What the standard says of `code`. Codes that have no minor unit are not money that a price can
/// be in (metals, units of account, tests) and are none, as unknown ones are.
#[must_use]
pub fn standing(code: Code) -> Option<Standing> {
    static TABLE: LazyLock<BTreeMap<&str, Standing>> = LazyLock::new(table);
    TABLE.get(code.as_str()).copied()
}

fn table() -> BTreeMap<&'static str, Standing> {
    let current = CURRENT.iter().flat_map(|(digits, codes)| {
        codes.split(' ').map(|code| (code, Standing::Current { digits: *digits }))
    });
    let withdrawn = WITHDRAWN.iter().map(|(code, digits, year, month)| {
        let last_day = date(*year, *month, 1).last_of_month();
        (*code, Standing::Withdrawn { digits: *digits, last_day })
    });
    let historic = HISTORIC.split(' ').map(|code| (code, Standing::Historic));
    current.chain(withdrawn).chain(historic).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn standing_of(code: &str) -> Option<Standing> {
        standing(Code::parse(code).unwrap())
    }

    #[test]
    fn minor_units_are_those_of_the_standard() {
        for (code, digits) in
            [("USD", 2), ("JPY", 0), ("KWD", 3), ("CLF", 4), ("ISK", 0), ("UYI", 0), ("HUF", 2)]
        {
            assert_eq!(standing_of(code), Some(Standing::Current { digits }), "{code}");
        }
    }

    #[test]
    fn what_is_no_money_is_told_from_what_was() {
        for code in ["XBT", "XAU", "XXX", "XTS", "XDR", "EUU"] {
            assert_eq!(standing_of(code), None, "{code}");
        }
        assert_eq!(standing_of("DEM"), Some(Standing::Historic));
        let last_day = date(2023, 1, 31);
        assert_eq!(standing_of("HRK"), Some(Standing::Withdrawn { digits: 2, last_day }));
    }

    #[test]
    fn every_code_stands_once() {
        let codes: usize = CURRENT.iter().map(|(_, codes)| codes.split(' ').count()).sum();
        let all = codes + WITHDRAWN.len() + HISTORIC.split(' ').count();
        assert_eq!(table().len(), all);
        assert!(table().keys().all(|code| Code::parse(code).is_some()));
        assert_eq!(codes, 165);
    }

    #[test]
    fn a_code_is_three_capitals() {
        for wrong in ["", "US", "usd", "USDT", "U D", "€"] {
            assert_eq!(Code::parse(wrong), None, "{wrong}");
        }
        assert_eq!(format!("{:>5}", Code::USD), "  USD");
    }
}
