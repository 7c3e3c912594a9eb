//! The limit of the decoders: code written by hand for the orders of the generator, and for
//! nothing else, that fills the same columns from the same bytes.
//!
//! It knows each field's place, types and spelling, and stops at anything it was not written for.
//! It does not check that rows are well formed, that values keep to ranges and limits, or that
//! what it passes over is JSON or BSON, and it tells no reasons. Like the program it has no unsafe
//! code. Owns the columns; the walks are in `dynamodb` and `bson`.

pub mod bson;
pub mod dynamodb;

use std::sync::Arc;

use arrow::array::{
    ArrayBuilder, ArrayRef, BinaryBuilder, BooleanBuilder, Date32Builder, Decimal128Builder,
    Int16Builder, Int64Builder, ListArray, ListBuilder, NullBufferBuilder, RecordBatch,
    StringArray, StringBuilder, StructArray, TimestampMicrosecondBuilder,
};
use arrow::buffer::{NullBuffer, OffsetBuffer, ScalarBuffer};
use arrow::datatypes::{DataType, Field as ArrowField, Fields, SchemaRef};

/// The fields of an order that are read, the optional ones first and by name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Field {
    CouponCodes,
    CustomerEmail,
    DeliveryDate,
    GiftMessage,
    IsGift,
    ReceiptDigest,
    SettlementAmount,
    ShippingAddress,
    TaxAmount,
    TimeZone,
    OrderId,
    CustomerId,
    Status,
    Currency,
    TotalAmount,
    Items,
    CreatedAt,
    UpdatedAt,
}

const OPTIONAL: [(Field, &str); 10] = [
    (Field::CouponCodes, "coupon_codes"),
    (Field::CustomerEmail, "customer_email"),
    (Field::DeliveryDate, "delivery_date"),
    (Field::GiftMessage, "gift_message"),
    (Field::IsGift, "is_gift"),
    (Field::ReceiptDigest, "receipt_digest"),
    (Field::SettlementAmount, "settlement_amount"),
    (Field::ShippingAddress, "shipping_address"),
    (Field::TaxAmount, "tax_amount"),
    (Field::TimeZone, "time_zone"),
];

/// The bits of the fields that every order has.
const REQUIRED: u32 = 0xff << OPTIONAL.len();

impl Field {
    /// The bit that tells that a row has the field.
    pub const fn bit(self) -> u32 {
        1 << self as u32
    }
}

/// Orders in columns, while they grow.
pub struct Orders {
    ranges: Vec<(u32, u32)>,
    order_id: BinaryBuilder,
    customer_id: BinaryBuilder,
    status: BinaryBuilder,
    currency: BinaryBuilder,
    total_amount: Decimal128Builder,
    tax_amount: Decimal128Builder,
    settlement_amount: Decimal128Builder,
    items: Items,
    coupon_codes: Codes,
    shipping_address: Addresses,
    customer_email: BinaryBuilder,
    gift_message: BinaryBuilder,
    is_gift: BooleanBuilder,
    receipt_digest: BinaryBuilder,
    delivery_date: Date32Builder,
    created_at: TimestampMicrosecondBuilder,
    created_offset: Int16Builder,
    updated_at: TimestampMicrosecondBuilder,
    updated_offset: Int16Builder,
    time_zone: BinaryBuilder,
    missing_fields: ListBuilder<StringBuilder>,
}

/// The lines of orders.
pub struct Items {
    ends: Vec<i32>,
    product_id: BinaryBuilder,
    quantity: Int64Builder,
    unit_price: Decimal128Builder,
}

/// Sets of coupons.
pub struct Codes {
    ends: Vec<i32>,
    validity: NullBufferBuilder,
    codes: BinaryBuilder,
}

/// Addresses.
pub struct Addresses {
    validity: NullBufferBuilder,
    country: BinaryBuilder,
    city: BinaryBuilder,
    postal_code: BinaryBuilder,
}

impl Orders {
    /// No orders, and room for `rows` of them.
    pub fn with_room_for(rows: usize) -> Self {
        let texts = || BinaryBuilder::with_capacity(rows, 16 * rows);
        let amounts = || Decimal128Builder::with_capacity(rows);
        let instants = || TimestampMicrosecondBuilder::with_capacity(rows);
        let element = ArrowField::new("element", DataType::Utf8, true);
        Self {
            ranges: Vec::with_capacity(rows),
            order_id: texts(),
            customer_id: texts(),
            status: texts(),
            currency: texts(),
            total_amount: amounts(),
            tax_amount: amounts(),
            settlement_amount: amounts(),
            items: Items {
                ends: Vec::with_capacity(rows),
                product_id: BinaryBuilder::with_capacity(3 * rows, 27 * rows),
                quantity: Int64Builder::with_capacity(3 * rows),
                unit_price: Decimal128Builder::with_capacity(3 * rows),
            },
            coupon_codes: Codes {
                ends: Vec::with_capacity(rows),
                validity: NullBufferBuilder::new(rows),
                codes: texts(),
            },
            shipping_address: Addresses {
                validity: NullBufferBuilder::new(rows),
                country: texts(),
                city: texts(),
                postal_code: texts(),
            },
            customer_email: BinaryBuilder::with_capacity(rows, 32 * rows),
            gift_message: texts(),
            is_gift: BooleanBuilder::with_capacity(rows),
            receipt_digest: texts(),
            delivery_date: Date32Builder::with_capacity(rows),
            created_at: instants(),
            created_offset: Int16Builder::with_capacity(rows),
            updated_at: instants(),
            updated_offset: Int16Builder::with_capacity(rows),
            time_zone: texts(),
            missing_fields: ListBuilder::new(StringBuilder::new()).with_field(element),
        }
    }

    /// Ends the row that lies at `range` and has the fields `seen`.
    fn end(&mut self, range: (usize, usize), seen: u32) {
        assert_eq!(seen & REQUIRED, REQUIRED, "an order without a field that all have");
        self.ranges.push((position(range.0), position(range.1)));
        let mut missing = !(seen | REQUIRED) & ((1 << OPTIONAL.len()) - 1);
        while missing != 0 {
            let (field, name) = OPTIONAL[missing.trailing_zeros() as usize];
            self.missing_fields.values().append_value(name);
            self.null(field);
            missing &= missing - 1;
        }
        self.missing_fields.append(true);
    }

    fn null(&mut self, field: Field) {
        match field {
            Field::CouponCodes => self.coupon_codes.end(false),
            Field::CustomerEmail => self.customer_email.append_null(),
            Field::DeliveryDate => self.delivery_date.append_null(),
            Field::GiftMessage => self.gift_message.append_null(),
            Field::IsGift => self.is_gift.append_null(),
            Field::ReceiptDigest => self.receipt_digest.append_null(),
            Field::SettlementAmount => self.settlement_amount.append_null(),
            Field::ShippingAddress => self.shipping_address.null(),
            Field::TaxAmount => self.tax_amount.append_null(),
            Field::TimeZone => self.time_zone.append_null(),
            _ => unreachable!("{field:?} is in every order"),
        }
    }

    fn created(&mut self, (micros, offset_minutes): (i64, Option<i16>)) {
        self.created_at.append_value(micros);
        self.created_offset.append_option(offset_minutes);
    }

    fn updated(&mut self, micros: i64) {
        self.updated_at.append_value(micros);
        self.updated_offset.append_value(0);
    }

    /// The rows and where they lie, with the columns that `schema` names.
    pub fn finish(mut self, schema: &SchemaRef) -> (RecordBatch, Vec<(u32, u32)>) {
        let data_type = |name: &str| schema.field_with_name(name).unwrap().data_type().clone();
        let columns: Vec<ArrayRef> = vec![
            texts(self.order_id),
            texts(self.customer_id),
            texts(self.status),
            texts(self.currency),
            decimals(self.total_amount, &data_type("total_amount")),
            decimals(self.tax_amount, &data_type("tax_amount")),
            decimals(self.settlement_amount, &data_type("settlement_amount")),
            self.items.finish(&data_type("items")),
            self.coupon_codes.finish(&data_type("coupon_codes")),
            self.shipping_address.finish(&data_type("shipping_address")),
            texts(self.customer_email),
            texts(self.gift_message),
            Arc::new(self.is_gift.finish()),
            Arc::new(self.receipt_digest.finish()),
            Arc::new(self.delivery_date.finish()),
            Arc::new(self.created_at.finish().with_timezone("UTC")),
            Arc::new(self.updated_at.finish().with_timezone("UTC")),
            texts(self.time_zone),
            Arc::new(self.created_offset.finish()),
            Arc::new(self.updated_offset.finish()),
            Arc::new(self.missing_fields.finish()),
        ];
        (RecordBatch::try_new(Arc::clone(schema), columns).unwrap(), self.ranges)
    }
}

impl Items {
    /// Ends an order's lines.
    fn end(&mut self) {
        self.ends.push(count(self.quantity.len()));
    }

    fn finish(mut self, data_type: &DataType) -> ArrayRef {
        let DataType::List(element) = data_type else { unreachable!("lines are a list") };
        let fields = members(element.data_type());
        let columns = vec![
            texts(self.product_id),
            Arc::new(self.quantity.finish()),
            decimals(self.unit_price, fields[2].data_type()),
        ];
        let lines = StructArray::new(fields.clone(), columns, None);
        list(element, self.ends, Arc::new(lines), None)
    }
}

impl Codes {
    /// Appends the codes of an order, sorted.
    fn append(&mut self, codes: &mut [&[u8]]) {
        codes.sort_unstable();
        codes.iter().for_each(|code| self.codes.append_value(code));
        self.end(true);
    }

    fn end(&mut self, valid: bool) {
        self.ends.push(count(self.codes.len()));
        self.validity.append(valid);
    }

    fn finish(mut self, data_type: &DataType) -> ArrayRef {
        let DataType::List(element) = data_type else { unreachable!("coupons are a list") };
        list(element, self.ends, texts(self.codes), self.validity.finish())
    }
}

impl Addresses {
    fn null(&mut self) {
        self.country.append_null();
        self.city.append_null();
        self.postal_code.append_null();
        self.validity.append_null();
    }

    fn finish(mut self, data_type: &DataType) -> ArrayRef {
        let columns = vec![texts(self.country), texts(self.city), texts(self.postal_code)];
        let fields = members(data_type).clone();
        Arc::new(StructArray::new(fields, columns, self.validity.finish()))
    }
}

fn list(
    element: &Arc<ArrowField>,
    ends: Vec<i32>,
    elements: ArrayRef,
    validity: Option<NullBuffer>,
) -> ArrayRef {
    let offsets: ScalarBuffer<i32> = std::iter::once(0).chain(ends).collect();
    let offsets = OffsetBuffer::new(offsets);
    Arc::new(ListArray::new(Arc::clone(element), offsets, elements, validity))
}

fn members(data_type: &DataType) -> &Fields {
    let DataType::Struct(fields) = data_type else { unreachable!("{data_type} has no members") };
    fields
}

/// All texts of a column, checked to be UTF-8 at once.
fn texts(mut column: BinaryBuilder) -> ArrayRef {
    Arc::new(StringArray::try_from_binary(column.finish()).unwrap())
}

fn decimals(mut column: Decimal128Builder, data_type: &DataType) -> ArrayRef {
    Arc::new(column.finish().with_data_type(data_type.clone()))
}

/// Number of elements so far.
fn count(elements: usize) -> i32 {
    i32::try_from(elements).unwrap()
}

/// A place in a page.
fn position(bytes: usize) -> u32 {
    u32::try_from(bytes).unwrap()
}

const MICROS_PER_SECOND: i64 = 1_000_000;

/// The microseconds and the offset that `YYYY-MM-DDTHH:MM:SS[.fff]` with `Z`, `±HH:MM` or neither
/// means; without an offset, as if it were UTC.
fn instant(text: &[u8]) -> (i64, Option<i16>) {
    let two = |at: usize| number(&text[at..at + 2]);
    let seconds = (days(text) * 24 + two(11)) * 3600 + two(14) * 60 + two(17);
    let (millis, rest) = match text.get(19) {
        Some(b'.') => (number(&text[20..23]), &text[23..]),
        _ => (0, &text[19..]),
    };
    let offset = match rest {
        [] => None,
        [b'Z'] => Some(0),
        [sign, rest @ ..] => {
            let minutes = number(&rest[..2]) * 60 + number(&rest[3..5]);
            Some(if *sign == b'-' { -minutes } else { minutes })
        }
    };
    let micros = seconds * MICROS_PER_SECOND + millis * 1_000;
    let to_utc = offset.unwrap_or(0) * 60 * MICROS_PER_SECOND;
    (micros - to_utc, offset.map(|minutes| i16::try_from(minutes).unwrap()))
}

/// Days since 1970 of the date that `text` begins with.
fn days(text: &[u8]) -> i64 {
    let (year, month, day) = (number(&text[..4]), number(&text[5..7]), number(&text[8..10]));
    let year = if month > 2 { year } else { year - 1 };
    let before = year * 365 + year / 4 - year / 100 + year / 400;
    before + ((month + 9) % 12 * 153 + 2) / 5 + day - 1 - 719_468
}

fn date(text: &[u8]) -> i32 {
    i32::try_from(days(text)).unwrap()
}

fn number(digits: &[u8]) -> i64 {
    digits.iter().fold(0, |sum, digit| sum * 10 + i64::from(digit - b'0'))
}

const POWERS_OF_TEN: [i128; 20] = {
    let mut powers = [1; 20];
    let mut i = 1;
    while i < powers.len() {
        powers[i] = powers[i - 1] * 10;
        i += 1;
    }
    powers
};
