//! What is special about a row: rows that must be refused, one kind for each reason a small row
//! can show; rows that a rule excludes; older copies; rows of other days.

use super::orders::{Id, Item, Order, iso};
use super::prng::Prng;
use super::users::User;
use super::value::{Fields, Value, remove, set};
use super::{Dataset, Format, Options, Revisions, Window};

/// A row to write.
#[derive(Debug, Clone)]
pub struct Row {
    /// Number that says into which data file it goes.
    pub place: u64,
    /// Its values.
    pub fields: Fields,
    /// What is special about it.
    pub special: Option<&'static str>,
    /// Whether its bytes are to be damaged.
    pub malformed: bool,
}

/// Makes rows, and goes through the kinds of dirt in turn.
#[derive(Debug)]
pub struct Dirt<'a> {
    options: &'a Options,
    kinds: Vec<&'static Kind>,
    used: usize,
}

/// One way for a row to be wrong: the reason it must be refused for, the format that can show it
/// (both when absent), how it is brought about.
#[derive(Debug)]
struct Kind {
    special: &'static str,
    only: Option<Format>,
    soil: fn(&mut Row),
}

impl<'a> Dirt<'a> {
    pub fn new(options: &'a Options) -> Self {
        let all = match options.dataset {
            Dataset::Orders => ORDERS,
            Dataset::Users => USERS,
        };
        let shown = |kind: &&Kind| kind.only.is_none_or(|format| format == options.format);
        Self { options, kinds: all.iter().filter(shown).collect(), used: 0 }
    }

    /// The rows that row `number` is written as: one, or an older copy and a newer one.
    pub fn rows(&mut self, number: u64, mut rng: Prng, window: &Window) -> Vec<Row> {
        let mut rows = match self.options.dataset {
            Dataset::Orders => {
                let mut order = Order::draw(number, &mut rng, window);
                self.revise(number, &mut order);
                self.orders(number, order)
            }
            Dataset::Users => {
                let mut user = User::draw(number, &mut rng, window);
                let mut special = None;
                if number % 300 == 77 && !self.options.clean {
                    let other = number - 1;
                    let mut rng = Prng::for_row(self.options.seed, other);
                    user.email = User::draw(other, &mut rng, window).email;
                    special = Some("reject:not_unique");
                }
                vec![Row::new(number, user.fields(self.options.format), special)]
            }
        };
        let dirty = !self.options.clean && rng.chance(self.options.dirty_percent);
        if let ([row], true) = (rows.as_mut_slice(), dirty)
            && row.special.is_none()
            && !self.kinds.is_empty()
        {
            let kind = self.kinds[self.used % self.kinds.len()];
            self.used += 1;
            row.special = Some(kind.special);
            (kind.soil)(row);
        }
        rows
    }

    /// Takes an order to its older or newer state.
    fn revise(&self, number: u64, order: &mut Order) {
        match (self.options.revisions, number % 2) {
            (Revisions::Current, _) => {}
            (Revisions::Mixed, 0) => make_older(order),
            (Revisions::Mixed, _) => {
                order.updated_ms += 3_600_000;
                order.status = "returned";
            }
        }
    }

    fn orders(&self, number: u64, mut order: Order) -> Vec<Row> {
        let format = self.options.format;
        let one = |order: &Order, special| vec![Row::new(number, order.fields(format), special)];
        if self.options.clean {
            return one(&order, None);
        }
        if number % 97 == 3 {
            order.id = Id::Number(1 + number % 999);
            return one(&order, Some("exclude:legacy_ids_2024_policy"));
        }
        if number % 89 == 5 {
            let cents = i128::from(1 + number % 98);
            (order.currency, order.digits) = ("USD", 2);
            (order.total, order.items) = (cents * 100, vec![Item::single(cents * 100)]);
            order.without_tax();
            return one(&order, Some("exclude:minimum_order_amount"));
        }
        if number % 31 == 11 {
            let days = 1 + i64::try_from(number % 3).unwrap_or(0);
            let before = order.created_ms - days * 86_400_000 - 172_800_000;
            order.updated_ms -= order.created_ms - before;
            order.created_ms = before;
            let mut rows = one(&order, Some("exclude:outside_window"));
            if number % 62 == 11 && format == Format::Dynamodb {
                // Half past one on the night New York set its clocks back: it happened twice.
                local(&mut rows[0].fields, "2025-11-02T01:30:00", Some("America/New_York"));
            }
            return rows;
        }
        if number % 101 == 9 {
            order.total += 500;
            return one(&order, Some("warn:total_matches_items"));
        }
        if number % 67 == 13 {
            order.items.iter_mut().for_each(Item::unprice);
        }
        if number % 40 == 7 {
            return self.copies(number, order);
        }
        one(&order, None)
    }

    /// An older copy of the order and the order. Where the newer one is refused, the older one
    /// must not take its place.
    fn copies(&self, number: u64, order: Order) -> Vec<Row> {
        let format = self.options.format;
        let mut older = order.clone();
        make_older(&mut older);
        let mut older = Row::new(number + 1, older.fields(format), Some("copy:older"));
        // MongoDB holds no `_id` twice, but the contract finds these equal.
        if format == Format::Mongodb {
            let id = format!("{} ", order.id_text());
            set(&mut older.fields, "_id", id.into());
        }
        let mut newer = Row::new(number, order.fields(format), None);
        if number % 200 == 7 {
            set(&mut newer.fields, "status", "lost".into());
            newer.special = Some("reject:not_in_list");
        }
        vec![older, newer]
    }
}

impl Row {
    fn new(number: u64, fields: Fields, special: Option<&'static str>) -> Self {
        let place = Prng::for_row(0, number).next();
        Self { place, fields, special, malformed: false }
    }

    fn set(&mut self, name: &str, value: impl Into<Value>) {
        set(&mut self.fields, name, value.into());
    }

    /// Replaces one value of the first item.
    fn set_in_item(&mut self, name: &str, value: Value) {
        let items = self.fields.iter_mut().find(|(n, _)| n == "items");
        if let Some((_, Value::List(items))) = items
            && let Some(Value::Map(item)) = items.first_mut()
        {
            set(item, name, value);
        }
    }
}

fn make_older(order: &mut Order) {
    order.updated_ms = order.created_ms + (order.updated_ms - order.created_ms) / 2;
    order.status = "pending";
}

fn local(fields: &mut Fields, time: &str, zone: Option<&str>) {
    set(fields, "created_at", time.into());
    remove(fields, "time_zone");
    if let Some(zone) = zone {
        set(fields, "time_zone", zone.into());
    }
}

fn number(text: &str) -> Value {
    Value::Number(text.to_owned())
}

fn deep(levels: usize) -> Value {
    (0..levels).fold(Value::Null, |inner, _| Value::List(vec![inner]))
}

const D: Option<Format> = Some(Format::Dynamodb);
const M: Option<Format> = Some(Format::Mongodb);

const fn kind(special: &'static str, only: Option<Format>, soil: fn(&mut Row)) -> Kind {
    Kind { special, only, soil }
}

const ORDERS: &[Kind] = &[
    kind("reject:row_malformed", None, |row| row.malformed = true),
    kind("reject:row_too_deep", None, |row| row.set("history", deep(120))),
    kind("reject:duplicate_field", None, |row| {
        row.fields.push(("status".to_owned(), "paid".into()));
    }),
    kind("reject:required_missing", None, |row| remove(&mut row.fields, "customer_id")),
    kind("reject:required_null", None, |row| row.set("currency", Value::Null)),
    kind("reject:required_empty", None, |row| row.set("customer_id", "   ")),
    kind("reject:type_mismatch", None, |row| row.set("total_amount", "12.50")),
    kind("reject:type_mismatch", None, |row| row.set("is_gift", Value::Int32(1))),
    kind("reject:number_malformed", D, |row| row.set("total_amount", number("12,50"))),
    kind("reject:integer_has_fraction", None, |row| {
        row.set_in_item("quantity", Value::Double(1.5));
    }),
    kind("reject:integer_out_of_range", None, |row| {
        row.set_in_item("quantity", number("9223372036854775808"));
    }),
    kind("reject:decimal_out_of_range", None, |row| {
        row.set("total_amount", number("1234567890123456"));
    }),
    kind("reject:decimal_too_fine", None, |row| row.set("tax_amount", number("0.1234"))),
    kind("reject:decimal_not_finite", M, |row| row.set("total_amount", number("NaN"))),
    kind("reject:decimal_not_finite", M, |row| {
        row.set("tax_amount", Value::Double(f64::INFINITY));
    }),
    kind("reject:text_not_utf8", M, |row| {
        row.set("gift_message", Value::RawText(b"caf\xe9".to_vec()));
    }),
    kind("reject:text_has_nul", None, |row| row.set("gift_message", "cut\0here")),
    kind("reject:text_too_long", None, |row| row.set("gift_message", "é".repeat(501))),
    kind("reject:binary_malformed", D, |row| {
        row.set("receipt_digest", Value::RawBase64("not base64!"));
    }),
    kind("reject:set_has_duplicate", None, |row| {
        row.set("coupon_codes", Value::TextSet(vec!["VIP".to_owned(), "VIP".to_owned()]));
    }),
    kind("reject:date_malformed", None, |row| row.set("delivery_date", "2026-02-30")),
    kind("reject:date_malformed", None, |row| row.set("delivery_date", "08/05/2026")),
    kind("reject:date_out_of_range", M, |row| {
        row.set("delivery_date", Value::Datetime(253_402_300_800_000));
    }),
    kind("reject:timestamp_malformed", None, |row| row.set("created_at", "yesterday")),
    kind("reject:timestamp_malformed", None, |row| row.set("updated_at", "2026-13-01T00:00:00Z")),
    kind("reject:timestamp_out_of_range", D, |row| row.set("created_at", "1970-01-01T00:00:00Z")),
    kind("reject:timestamp_out_of_range", M, |row| {
        row.set("created_at", Value::Datetime(253_402_300_800_000));
    }),
    kind("reject:timestamp_too_fine", D, |row| {
        row.set("updated_at", "2026-08-02T20:00:00.123456789Z");
    }),
    kind("reject:offset_missing", D, |row| local(&mut row.fields, "2026-08-01T12:00:00", None)),
    kind("reject:zone_unknown", D, |row| {
        local(&mut row.fields, "2026-08-01T12:00:00", Some("Mars/Olympus_Mons"));
    }),
    kind("reject:local_time_nonexistent", D, |row| {
        local(&mut row.fields, "2026-03-08T02:30:00", Some("America/New_York"));
    }),
    kind("reject:not_in_list", None, |row| row.set("status", "refunded")),
    kind("reject:not_in_list", None, |row| row.set("currency", "XBT")),
    kind("reject:pattern_mismatch", None, |row| row.set("customer_id", "customer 17")),
    kind("reject:below_minimum", None, |row| row.set("tax_amount", number("-1.25"))),
    kind("reject:above_maximum", None, |row| row.set_in_item("quantity", Value::Int32(10_001))),
    kind("reject:too_few_items", None, |row| row.set("items", Value::List(Vec::new()))),
    kind("reject:email_invalid", None, |row| row.set("customer_email", "ada@@example.com")),
    kind("reject:rule_failed", None, |row| {
        row.set("updated_at", iso(1_767_225_600_000, "UTC", "Z"));
    }),
    kind("reject:rule_failed", None, |row| row.set("tax_amount", number("99999999.99"))),
    kind("reject:several", None, |row| {
        row.set("status", "???");
        row.set("customer_id", Value::Bool(true));
        row.set("customer_email", "nobody");
        row.set("tax_amount", number("-0.0001"));
    }),
];

const USERS: &[Kind] = &[
    kind("reject:row_malformed", None, |row| row.malformed = true),
    kind("reject:uuid_invalid", None, |row| row.set("user_id", "1234")),
    kind("reject:email_invalid", None, |row| row.set("email", "no at sign")),
    kind("reject:required_missing", None, |row| remove(&mut row.fields, "email")),
    kind("reject:required_null", None, |row| row.set("email", Value::Null)),
    kind("reject:type_mismatch", None, |row| row.set("name", Value::Bool(true))),
    kind("reject:timestamp_malformed", None, |row| row.set("created_at", "in spring")),
];
