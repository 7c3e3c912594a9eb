//! An order as the shop knows it, and its fields in either source.

use jiff::tz::TimeZone;
use jiff::{Timestamp, ZonedDateTime};

use super::prng::{Prng, base36};
use super::value::{Fields, Value, decimal, fixed};
use super::{Format, Window};

const CURRENCIES: [(&str, usize, u64); 8] = [
    ("USD", 2, 60),
    ("EUR", 2, 75),
    ("GBP", 2, 83),
    ("JPY", 0, 88),
    ("CAD", 2, 92),
    ("AUD", 2, 96),
    ("CHF", 2, 98),
    ("KWD", 3, 100),
];
const STATUSES: [&str; 6] = ["pending", "paid", "shipped", "delivered", "cancelled", "returned"];
const ZONES: [&str; 10] = [
    "America/New_York",
    "America/Los_Angeles",
    "America/Sao_Paulo",
    "America/St_Johns",
    "Europe/Berlin",
    "Europe/London",
    "Asia/Tokyo",
    "Asia/Kathmandu",
    "Australia/Lord_Howe",
    "Pacific/Auckland",
];
const CITIES: [(&str, &str); 12] = [
    ("US", "New York"),
    ("US", "Coeur d'Alene"),
    ("us", "Winston-Salem, NC"),
    ("CA", "Québec"),
    ("GB", "London"),
    ("DE", "Köln"),
    ("BR", "São Paulo"),
    ("JP", "東京"),
    ("PL", "Łódź"),
    (" au ", "Lord Howe Island"),
    ("KW", "مدينة الكويت"),
    ("CH", "Zürich"),
];
const GIFTS: [&str; 10] = [
    "Happy birthday!",
    "For Anna, \"the best\"",
    "Two lines,\nand a comma",
    "=1+1 is not a formula here",
    "🎁🎂",
    "-",
    "Grüße aus Köln",
    "line\r\nbreak",
    "  spaces kept  ",
    "@home, with love",
];
const COUPONS: [&str; 6] = ["SUMMER26", "WELCOME10", "FREESHIP", "VIP", "loyal-2", "ÉTÉ"];
const FIRST_NAMES: [&str; 10] =
    ["ada", "grace", "alan", "edsger", "barbara", "donald", "tony", "leslie", "frances", "ken"];
const LAST_NAMES: [&str; 8] =
    ["byron", "hopper", "turing", "liskov", "knuth", "hoare", "lamport", "allen"];
const DOMAINS: [&str; 5] =
    ["example.com", "example.org", "Example.NET", "mail.example.co.uk", "example.com"];

/// A value that may be absent in two ways.
#[derive(Debug, Clone)]
pub enum Presence<T> {
    Missing,
    Null,
    Is(T),
}

/// How an order is numbered.
#[derive(Debug, Clone)]
pub enum Id {
    Text(String),
    Number(u64),
}

/// One line of an order.
#[derive(Debug, Clone)]
pub struct Item {
    product: String,
    quantity: i64,
    /// In ten-thousandths.
    price: Option<i128>,
}

/// An order. Amounts are in ten-thousandths of the currency's unit.
#[derive(Debug, Clone)]
pub struct Order {
    pub id: Id,
    pub customer: String,
    pub created_ms: i64,
    pub updated_ms: i64,
    pub status: &'static str,
    pub currency: &'static str,
    pub digits: usize,
    pub total: i128,
    pub items: Vec<Item>,
    tax: Presence<i128>,
    /// In billionths.
    settlement: Presence<i128>,
    coupons: Presence<Vec<String>>,
    address: Presence<(usize, Presence<()>, u64)>,
    email: Presence<String>,
    gift_message: Presence<&'static str>,
    is_gift: Presence<bool>,
    digest: Presence<Vec<u8>>,
    delivery_ms: Presence<i64>,
    zone: &'static str,
    zone_written: bool,
    /// Random bits that choose between ways to write the same thing.
    style: u64,
}

impl Order {
    /// Order `number`.
    pub fn draw(number: u64, rng: &mut Prng, window: &Window) -> Self {
        let export_ms = window.export.as_millisecond();
        let mut created_ms =
            window.first_ms + rng.between(0, (export_ms - 600_000 - window.first_ms).max(1));
        if rng.chance(70) {
            created_ms -= created_ms.rem_euclid(1_000);
        }
        let mut updated_ms = rng.between(created_ms + 1_000, export_ms);
        if rng.chance(80) {
            updated_ms -= updated_ms.rem_euclid(1_000);
        }
        let roll = rng.below(100);
        let (currency, digits, _) =
            CURRENCIES.into_iter().find(|(_, _, up_to)| roll < *up_to).unwrap_or(CURRENCIES[0]);
        let items: Vec<Item> = (0..rng.between(1, 4)).map(|_| Item::draw(rng, digits)).collect();
        let total = items.iter().map(|i| i.price.unwrap_or(0) * i128::from(i.quantity)).sum();
        let unit = 10_i128.pow(4 - u32::try_from(digits).unwrap_or(0));
        let tax = total * i128::from(rng.between(0, 20)) / 120 / unit * unit;
        Self {
            id: match rng.below(100) {
                0..85 => Id::Text(format!("ord_{}", base36(scatter(number), 8))),
                _ => Id::Number(1_000_000 + number),
            },
            customer: format!("cust_{}", base36(rng.below(50_000) * 36 + 7, 6)),
            created_ms,
            updated_ms,
            status: rng.pick(&STATUSES),
            currency,
            digits,
            total,
            items,
            tax: rng.presence(10, 5, |_| tax),
            settlement: rng.presence(50, 10, |rng| match rng.below(100) {
                0 => i128::from(rng.between(1, i64::MAX)) * 1_000_000_000_000_007,
                _ => total * i128::from(rng.between(80_000, 120_000)),
            }),
            coupons: rng.presence(60, 5, |rng| {
                let first = rng.below(6);
                (0..=rng.below(3)).map(|i| COUPONS[place((first + i) % 6)].to_owned()).collect()
            }),
            address: rng.presence(5, 3, |rng| {
                let city = place(rng.below(CITIES.len() as u64));
                (city, rng.presence(5, 3, |_| ()), rng.below(89_999) + 10_000)
            }),
            email: rng.presence(10, 5, email),
            gift_message: match rng.below(10) {
                0 => Presence::Is(""),
                _ => rng.presence(60, 15, |rng| rng.pick(&GIFTS)),
            },
            is_gift: rng.presence(20, 5, |rng| rng.chance(30)),
            digest: rng.presence(70, 5, |rng| rng.bytes(16)),
            delivery_ms: rng.presence(40, 5, |rng| {
                let day = 86_400_000;
                created_ms - created_ms.rem_euclid(day) + day * rng.between(2, 20)
            }),
            zone: rng.pick(&ZONES),
            zone_written: rng.chance(50),
            style: rng.next(),
        }
    }

    /// The order's fields as `format` has them, its own attributes and some others.
    pub fn fields(&self, format: Format) -> Fields {
        let mut fields = Fields::new();
        let mut add = |name: &str, value: Option<Value>| {
            if let Some(value) = value {
                fields.push((name.to_owned(), value));
            }
        };
        let mongodb = format == Format::Mongodb;
        if mongodb {
            add("_id", Some(self.mongodb_id()));
        } else {
            add("pk", Some(format!("ORDER#{}", self.id_text()).into()));
            add("sk", Some(format!("V#{}", self.updated_ms).into()));
            add("order_id", Some(self.dynamodb_id()));
        }
        add("customer_id", Some(self.customer.as_str().into()));
        add("status", Some(self.variant(3, self.status, self.status.to_uppercase())));
        add(
            "currency",
            Some(self.variant(7, self.currency, format!(" {} ", self.currency.to_lowercase()))),
        );
        add("total_amount", Some(self.money(self.total, format)));
        add("tax_amount", value(&self.tax, |tax| self.money(*tax, format)));
        add(
            "settlement_amount",
            value(&self.settlement, |amount| Value::Number(decimal(*amount, 9))),
        );
        add("items", Some(Value::List(self.items.iter().map(|i| self.item(i, format)).collect())));
        add("coupon_codes", value(&self.coupons, |codes| Value::TextSet(codes.clone())));
        let address =
            value(&self.address, |(city, named, postal)| self.address(*city, named, *postal));
        if mongodb {
            let mut shipping = vec![("method".to_owned(), Value::from("standard"))];
            shipping.extend(address.map(|a| ("address".to_owned(), a)));
            add("shipping", Some(Value::Map(shipping)));
        } else {
            add("shipping_address", address);
        }
        add("customer_email", value(&self.email, |email| email.as_str().into()));
        add("gift_message", value(&self.gift_message, |text| (*text).into()));
        add("is_gift", value(&self.is_gift, |gift| Value::Bool(*gift)));
        add("receipt_digest", value(&self.digest, |bytes| Value::Bytes(bytes.clone())));
        add(
            "delivery_date",
            value(&self.delivery_ms, |ms| match (format, self.style >> 20 & 1) {
                (Format::Mongodb, 1) => Value::Datetime(*ms),
                _ => at(*ms, "UTC").strftime("%Y-%m-%d").to_string().into(),
            }),
        );
        let (created, local) = self.created(format);
        add("created_at", Some(created));
        add("updated_at", Some(self.updated(format)));
        add("time_zone", (local || self.zone_written).then(|| self.zone.into()));
        self.add_unknown(format, &mut add);
        if !mongodb {
            // An export lists the attributes of an item in no order.
            let shift = place(self.style >> 40) % fields.len();
            fields.rotate_left(shift);
        }
        fields
    }

    /// Fields that no contract knows: between them, every attribute type of DynamoDB.
    fn add_unknown(&self, format: Format, add: &mut impl FnMut(&str, Option<Value>)) {
        if format == Format::Mongodb {
            let id = self.style.to_be_bytes();
            let mut session = [0; 12];
            session[..8].copy_from_slice(&id);
            add("session", (self.style & 3 == 0).then_some(Value::ObjectId(session)));
            add("weight", (self.style & 3 == 1).then_some(Value::Double(0.25)));
            add("__v", Some(Value::Int32(0)));
        } else if self.style & 15 == 0 {
            add("bins", Some(Value::NumberSet(vec!["3".into(), "-17.5".into()])));
            add("labels", Some(Value::BytesSet(vec![b"a".to_vec(), b"bc".to_vec()])));
            let flags = vec![
                ("fragile".to_owned(), Value::Bool(true)),
                ("notes".to_owned(), Value::List(vec![Value::Null, "left, \"then\" right".into()])),
            ];
            add("handling", Some(Value::Map(flags)));
        }
    }

    /// Takes the tax off.
    pub fn without_tax(&mut self) {
        self.tax = Presence::Missing;
    }

    /// The id as text.
    pub fn id_text(&self) -> String {
        match &self.id {
            Id::Text(text) => text.clone(),
            Id::Number(number) => number.to_string(),
        }
    }

    fn dynamodb_id(&self) -> Value {
        match &self.id {
            Id::Number(number) if self.style & 1 == 0 => Value::Number(number.to_string()),
            _ => self.id_text().into(),
        }
    }

    fn mongodb_id(&self) -> Value {
        let Id::Number(number) = self.id else { return self.id_text().into() };
        match (self.style % 5, i32::try_from(number)) {
            (0, _) => number.to_string().into(),
            (1, Ok(small)) => Value::Int32(small),
            (2, Ok(small)) => Value::Double(f64::from(small)),
            (3, _) => Value::Number(number.to_string()),
            _ => Value::Int64(i64::try_from(number).unwrap_or(0)),
        }
    }

    /// `usual`, or `other` in one of `of` times eight cases.
    fn variant(&self, of: u64, usual: &str, other: String) -> Value {
        match self.style >> 8 & 255 {
            bits if bits % (of * 8) == 1 => other.into(),
            _ => usual.into(),
        }
    }

    fn money(&self, amount: i128, format: Format) -> Value {
        let unit = 10_i128.pow(4 - u32::try_from(self.digits).unwrap_or(0));
        if format == Format::Dynamodb {
            return Value::Number(decimal(amount, 4));
        }
        match i32::try_from(amount / 10_000) {
            Ok(whole) if amount % 10_000 == 0 && self.style & 3 == 0 => Value::Int32(whole),
            _ if amount % unit == 0 => Value::Number(fixed(amount / unit, self.digits)),
            _ => Value::Number(fixed(amount, 4)),
        }
    }

    fn item(&self, item: &Item, format: Format) -> Value {
        let quantity = match (format, self.style >> 16 & 3, i32::try_from(item.quantity)) {
            (Format::Dynamodb, ..) => Value::Number(item.quantity.to_string()),
            (_, 0, _) => Value::Int64(item.quantity),
            (_, 1, Ok(small)) => Value::Double(f64::from(small)),
            (_, _, Ok(small)) => Value::Int32(small),
            _ => Value::Int64(item.quantity),
        };
        let mut fields = vec![
            ("product_id".to_owned(), item.product.as_str().into()),
            ("quantity".to_owned(), quantity),
        ];
        if let Some(price) = item.price {
            fields.push(("unit_price".to_owned(), self.money(price, format)));
        }
        Value::Map(fields)
    }

    fn address(&self, city: usize, named: &Presence<()>, postal: u64) -> Value {
        let (country, name) = CITIES[city];
        let mut fields = vec![("country".to_owned(), Value::from(country))];
        fields.extend(value(named, |()| name.into()).map(|v| ("city".to_owned(), v)));
        match self.style >> 24 & 7 {
            0 => {}
            1 => fields.push(("postal_code".to_owned(), Value::Number(postal.to_string()))),
            2 => fields.push(("postal_code".to_owned(), format!("0{}", postal / 10).into())),
            _ => fields.push(("postal_code".to_owned(), postal.to_string().into())),
        }
        Value::Map(fields)
    }

    /// `created_at`, and whether it is a local time that needs its zone.
    fn created(&self, format: Format) -> (Value, bool) {
        match (format, self.style >> 28 & 7) {
            (Format::Mongodb, 0) => (iso(self.created_ms, self.zone, "%:z").into(), false),
            (Format::Mongodb, _) => (Value::Datetime(self.created_ms), false),
            (_, 0..3) => (iso(self.created_ms, "UTC", "Z").into(), false),
            (_, 3..6) => (iso(self.created_ms, self.zone, "%:z").into(), false),
            _ => (iso(self.created_ms, self.zone, "").into(), true),
        }
    }

    fn updated(&self, format: Format) -> Value {
        let seconds = decimal(i128::from(self.updated_ms), 3);
        match (format, self.style >> 32 & 3) {
            (Format::Mongodb, 0) if self.updated_ms % 1_000 == 0 => {
                Value::Int64(self.updated_ms / 1_000)
            }
            (Format::Mongodb, _) => Value::Datetime(self.updated_ms),
            (_, 0) => Value::Number(seconds),
            _ => iso(self.updated_ms, "UTC", "Z").into(),
        }
    }
}

impl Item {
    fn draw(rng: &mut Prng, digits: usize) -> Self {
        let product = format!("prod_{}", base36(rng.below(46_656), 3));
        // Small goods are priced finer than money is paid, and sold by the hundred.
        if digits == 2 && rng.chance(4) {
            let price = Some(i128::from(rng.between(100, 999)));
            return Self { product, quantity: 100 * rng.between(1, 20), price };
        }
        let unit = 10_i64.pow(4 - u32::try_from(digits).unwrap_or(0));
        let price = match digits {
            3 => rng.between(1_500, 400_000) * unit,
            _ => rng.between(150, 40_000) * unit,
        };
        Self { product, quantity: rng.between(1, 4), price: Some(i128::from(price)) }
    }

    /// A single thing at `price` ten-thousandths.
    pub fn single(price: i128) -> Self {
        Self { product: "prod_sticker".to_owned(), quantity: 1, price: Some(price) }
    }

    /// Forgets the price.
    pub fn unprice(&mut self) {
        self.price = None;
    }
}

impl Prng {
    /// Missing in `missing` percent of the cases, null in `null` percent, else drawn.
    pub fn presence<T>(
        &mut self,
        missing: u64,
        null: u64,
        draw: impl FnOnce(&mut Self) -> T,
    ) -> Presence<T> {
        match self.below(100) {
            roll if roll < missing => Presence::Missing,
            roll if roll < missing + null => Presence::Null,
            _ => Presence::Is(draw(self)),
        }
    }
}

/// The value to write, if any.
pub fn value<T>(presence: &Presence<T>, write: impl FnOnce(&T) -> Value) -> Option<Value> {
    match presence {
        Presence::Missing => None,
        Presence::Null => Some(Value::Null),
        Presence::Is(inner) => Some(write(inner)),
    }
}

/// An address that mail can be sent to, or one that is empty.
pub fn email(rng: &mut Prng) -> String {
    let (first, last, domain) = (rng.pick(&FIRST_NAMES), rng.pick(&LAST_NAMES), rng.pick(&DOMAINS));
    match rng.below(50) {
        0 => String::new(),
        1 => format!(" {first}.{last}@{domain} "),
        2 => format!("{first}+orders@{domain}"),
        3 => format!("{first}@bücher.example.com"),
        _ => format!("{first}.{last}{}@{domain}", rng.below(1_000)),
    }
}

/// A person's name.
pub fn name(rng: &mut Prng) -> String {
    format!("{} {}", rng.pick(&FIRST_NAMES), rng.pick(&LAST_NAMES))
}

/// `ms` as ISO 8601 in `zone`, with `offset` as strftime writes it.
pub fn iso(ms: i64, zone: &str, offset: &str) -> String {
    let fraction = match ms.rem_euclid(1_000) {
        0 => String::new(),
        millis => format!(".{millis:03}"),
    };
    at(ms, zone).strftime(&format!("%Y-%m-%dT%H:%M:%S{fraction}{offset}")).to_string()
}

fn at(ms: i64, zone: &str) -> ZonedDateTime {
    let zone = TimeZone::get(zone).unwrap_or(TimeZone::UTC);
    Timestamp::from_millisecond(ms).unwrap_or_default().to_zoned_datetime(zone)
}

/// A different number of 8 base-36 digits for every number: ids in no order, none twice.
fn scatter(number: u64) -> u64 {
    const SPACE: u128 = 36_u128.pow(8);
    // Odd, not divisible by 3: invertible modulo 36^8.
    u64::try_from(u128::from(number) * 1_791_346_228_451 % SPACE).unwrap_or(0)
}

fn place(number: u64) -> usize {
    usize::try_from(number).unwrap_or(0)
}
