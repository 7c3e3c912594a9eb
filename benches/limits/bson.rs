//! The walk over documents of a mongodump.

use super::{Field, Orders, POWERS_OF_TEN, date, instant};

const DOUBLE: u8 = 0x01;
const TEXT: u8 = 0x02;
const DOCUMENT: u8 = 0x03;
const BINARY: u8 = 0x05;
const OBJECT_ID: u8 = 0x07;
const BOOLEAN: u8 = 0x08;
const DATETIME: u8 = 0x09;
const NULL: u8 = 0x0a;
const INT32: u8 = 0x10;
const INT64: u8 = 0x12;
const DECIMAL128: u8 = 0x13;

/// Bytes of a size.
const SIZE: usize = 4;
const MILLIS_PER_DAY: i64 = 86_400_000;

/// Appends the orders of `page`.
pub fn decode(page: &[u8], orders: &mut Orders) {
    let mut walk = Walk { bytes: page, at: 0 };
    while walk.at < page.len() {
        let start = walk.at;
        walk.at += SIZE;
        let mut seen = 0;
        while walk.bytes[walk.at] != 0 {
            seen |= walk.element(orders);
        }
        walk.at += 1;
        orders.end((start, walk.at), seen);
    }
}

struct Walk<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Walk<'a> {
    /// Reads an element and gives the bit of its field. Names differ in their first two letters
    /// but for those of `cu`.
    fn element(&mut self, orders: &mut Orders) -> u32 {
        let tag = self.bytes[self.at];
        self.at += 1;
        match &self.bytes[self.at..self.at + 2] {
            b"_i" => {
                self.name(b"_id\0");
                self.id(tag, orders);
                Field::OrderId.bit()
            }
            b"cu" if self.bytes[self.at + 2] == b'r' => {
                self.name(b"currency\0");
                orders.currency.append_value(self.text());
                Field::Currency.bit()
            }
            b"cu" if self.bytes[self.at + 9] == b'i' => {
                self.name(b"customer_id\0");
                orders.customer_id.append_value(self.text());
                Field::CustomerId.bit()
            }
            b"cu" => {
                self.name(b"customer_email\0");
                self.optional(tag, orders, Field::CustomerEmail, |walk, orders| {
                    orders.customer_email.append_value(walk.text());
                })
            }
            b"st" => {
                self.name(b"status\0");
                orders.status.append_value(self.text());
                Field::Status.bit()
            }
            b"to" => {
                self.name(b"total_amount\0");
                orders.total_amount.append_value(self.decimal(tag, 3));
                Field::TotalAmount.bit()
            }
            b"ta" => {
                self.name(b"tax_amount\0");
                self.optional(tag, orders, Field::TaxAmount, |walk, orders| {
                    orders.tax_amount.append_value(walk.decimal(tag, 3));
                })
            }
            b"se" if self.bytes[self.at + 2] == b't' => {
                self.name(b"settlement_amount\0");
                self.optional(tag, orders, Field::SettlementAmount, |walk, orders| {
                    orders.settlement_amount.append_value(walk.decimal(tag, 9));
                })
            }
            b"it" => {
                self.name(b"items\0");
                self.items(orders);
                Field::Items.bit()
            }
            b"co" => {
                self.name(b"coupon_codes\0");
                self.optional(tag, orders, Field::CouponCodes, Self::codes)
            }
            b"sh" => self.shipping(orders),
            b"gi" => {
                self.name(b"gift_message\0");
                self.optional(tag, orders, Field::GiftMessage, |walk, orders| {
                    orders.gift_message.append_value(walk.text());
                })
            }
            b"is" => {
                self.name(b"is_gift\0");
                self.optional(tag, orders, Field::IsGift, |walk, orders| {
                    orders.is_gift.append_value(walk.take::<1>() == [1]);
                })
            }
            b"re" => {
                self.name(b"receipt_digest\0");
                self.optional(tag, orders, Field::ReceiptDigest, |walk, orders| {
                    let len = walk.size();
                    walk.at += 1;
                    orders.receipt_digest.append_value(walk.bytes_of(len));
                })
            }
            b"de" => {
                self.name(b"delivery_date\0");
                self.optional(tag, orders, Field::DeliveryDate, |walk, orders| {
                    orders.delivery_date.append_value(match tag {
                        TEXT => date(walk.text()),
                        _ => i32::try_from(walk.int64() / MILLIS_PER_DAY).unwrap(),
                    });
                })
            }
            b"cr" => {
                self.name(b"created_at\0");
                orders.created(match tag {
                    TEXT => instant(self.text()),
                    _ => (self.int64() * 1_000, Some(0)),
                });
                Field::CreatedAt.bit()
            }
            b"up" => {
                self.name(b"updated_at\0");
                let unit = if tag == DATETIME { 1_000 } else { 1_000_000 };
                orders.updated(self.int64() * unit);
                Field::UpdatedAt.bit()
            }
            b"ti" => {
                self.name(b"time_zone\0");
                orders.time_zone.append_value(self.text());
                Field::TimeZone.bit()
            }
            _ => {
                self.skip_name();
                self.skip(tag);
                0
            }
        }
    }

    /// Reads a value or null.
    #[inline]
    fn optional(
        &mut self,
        tag: u8,
        orders: &mut Orders,
        field: Field,
        read: impl FnOnce(&mut Self, &mut Orders),
    ) -> u32 {
        if tag == NULL {
            orders.null(field);
        } else {
            read(self, orders);
        }
        field.bit()
    }

    fn id(&mut self, tag: u8, orders: &mut Orders) {
        if tag == TEXT {
            return orders.order_id.append_value(self.text());
        }
        let mut number = match tag {
            DECIMAL128 => u64::try_from(self.decimal(tag, 0)).unwrap(),
            _ => u64::try_from(self.integer(tag)).unwrap(),
        };
        let mut digits = [0; 20];
        let mut start = digits.len();
        while number > 0 {
            start -= 1;
            digits[start] = b'0' + u8::try_from(number % 10).unwrap();
            number /= 10;
        }
        orders.order_id.append_value(&digits[start..]);
    }

    fn items(&mut self, orders: &mut Orders) {
        self.at += SIZE;
        while self.element_of_array() {
            self.at += SIZE + 1;
            self.name(b"product_id\0");
            orders.items.product_id.append_value(self.text());
            let tag = self.take::<1>()[0];
            self.name(b"quantity\0");
            orders.items.quantity.append_value(self.integer(tag));
            let tag = self.take::<1>()[0];
            self.name(b"unit_price\0");
            orders.items.unit_price.append_value(self.decimal(tag, 4));
            self.at += 1;
        }
        orders.items.end();
    }

    fn codes(&mut self, orders: &mut Orders) {
        let mut codes: [&[u8]; 8] = [b""; 8];
        let mut len = 0;
        self.at += SIZE;
        while self.element_of_array() {
            codes[len] = self.text();
            len += 1;
        }
        orders.coupon_codes.append(&mut codes[..len]);
    }

    /// Takes the tag and the name of an element of an array, or the end of it.
    #[inline]
    fn element_of_array(&mut self) -> bool {
        let tag = self.take::<1>()[0];
        if tag != 0 {
            self.skip_name();
        }
        tag != 0
    }

    /// `{method, address}`, of which only the address is a field.
    fn shipping(&mut self, orders: &mut Orders) -> u32 {
        self.name(b"shipping\0");
        self.at += SIZE + 1;
        self.name(b"method\0");
        self.text();
        let tag = self.take::<1>()[0];
        if tag == 0 {
            return 0;
        }
        self.name(b"address\0");
        let bit = self.optional(tag, orders, Field::ShippingAddress, Self::address);
        self.at += 1;
        bit
    }

    fn address(&mut self, orders: &mut Orders) {
        let address = &mut orders.shipping_address;
        self.at += SIZE + 1;
        self.name(b"country\0");
        address.country.append_value(self.text());
        let (mut city, mut postal_code) = (false, false);
        loop {
            let tag = self.take::<1>()[0];
            if tag == 0 {
                break;
            }
            if self.bytes[self.at] == b'c' {
                city = true;
                self.name(b"city\0");
                match tag {
                    NULL => address.city.append_null(),
                    _ => address.city.append_value(self.text()),
                }
            } else {
                postal_code = true;
                self.name(b"postal_code\0");
                match tag {
                    TEXT => address.postal_code.append_value(self.text()),
                    _ => {
                        // Five digits, of which the first is not 0.
                        let code = self.decimal(tag, 0).to_string();
                        address.postal_code.append_value(code);
                    }
                }
            }
        }
        if !city {
            address.city.append_null();
        }
        if !postal_code {
            address.postal_code.append_null();
        }
        address.validity.append_non_null();
    }

    /// Passes over a value that no field asks for.
    fn skip(&mut self, tag: u8) {
        self.at += match tag {
            DOUBLE | DATETIME | INT64 => 8,
            OBJECT_ID => 12,
            INT32 => 4,
            BOOLEAN => 1,
            NULL => 0,
            DECIMAL128 => 16,
            TEXT => self.size(),
            BINARY => self.size() + 1,
            DOCUMENT..BINARY => self.size() - SIZE,
            _ => unreachable!("the generator does not write the type {tag}"),
        };
    }

    /// An amount times 10^`scale`.
    #[inline]
    fn decimal(&mut self, tag: u8, scale: usize) -> i128 {
        const EXPONENT_SHIFT: u32 = 113;
        const BIAS: usize = 6_176;
        if tag != DECIMAL128 {
            return i128::from(self.integer(tag)) * POWERS_OF_TEN[scale];
        }
        // Not negative, and with an exponent of at most 0.
        let bits = u128::from_le_bytes(self.take());
        let places = BIAS - usize::try_from(bits >> EXPONENT_SHIFT).unwrap();
        let coefficient = bits & ((1 << EXPONENT_SHIFT) - 1);
        let coefficient = i128::try_from(coefficient).unwrap();
        if places <= scale {
            return coefficient * POWERS_OF_TEN[scale - places];
        }
        let finer = POWERS_OF_TEN[places - scale];
        assert_eq!(coefficient % finer, 0, "an amount that is too fine");
        coefficient / finer
    }

    #[inline]
    fn integer(&mut self, tag: u8) -> i64 {
        match tag {
            INT32 => i32::from_le_bytes(self.take()).into(),
            INT64 => self.int64(),
            #[expect(clippy::cast_possible_truncation, reason = "numbers of pieces and ids")]
            DOUBLE => f64::from_le_bytes(self.take()) as i64,
            _ => unreachable!("the generator writes no number of type {tag}"),
        }
    }

    #[inline]
    fn int64(&mut self) -> i64 {
        i64::from_le_bytes(self.take())
    }

    /// A text without its NUL.
    #[inline]
    fn text(&mut self) -> &'a [u8] {
        let len = self.size();
        let text = self.bytes_of(len);
        &text[..len - 1]
    }

    #[inline]
    fn size(&mut self) -> usize {
        u32::from_le_bytes(self.take()) as usize
    }

    /// Takes the name that must come next, and its NUL.
    #[inline]
    fn name<const N: usize>(&mut self, wanted: &[u8; N]) {
        assert_eq!(&self.take::<N>(), wanted);
    }

    #[inline]
    fn skip_name(&mut self) {
        while self.bytes[self.at] != 0 {
            self.at += 1;
        }
        self.at += 1;
    }

    #[inline]
    fn bytes_of(&mut self, len: usize) -> &'a [u8] {
        let bytes = &self.bytes[self.at..][..len];
        self.at += len;
        bytes
    }

    #[inline]
    fn take<const N: usize>(&mut self) -> [u8; N] {
        let taken = *self.bytes[self.at..].first_chunk().unwrap();
        self.at += N;
        taken
    }
}
