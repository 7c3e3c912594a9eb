//! The walk over lines of a DynamoDB export.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::{Field, Orders, POWERS_OF_TEN, date, instant};

/// Appends the orders of `page`, whose lines all end in a line feed.
pub fn decode(page: &[u8], orders: &mut Orders) {
    let mut walk = Walk { bytes: page, at: 0, unescaped: Vec::new() };
    while walk.at < page.len() {
        let start = walk.at;
        walk.take(b"{\"Item\":{");
        let mut seen = 0;
        loop {
            seen |= walk.member(orders);
            if walk.next() == b'}' {
                break;
            }
        }
        walk.take(b"}");
        orders.end((start, walk.at), seen);
        walk.take(b"\n");
    }
}

struct Walk<'a> {
    bytes: &'a [u8],
    at: usize,
    unescaped: Vec<u8>,
}

impl<'a> Walk<'a> {
    /// Reads an attribute and gives the bit of its field. Names differ in their first two letters
    /// but for those of `cu`.
    fn member(&mut self, orders: &mut Orders) -> u32 {
        match &self.bytes[self.at + 1..self.at + 3] {
            b"or" => {
                self.take(b"\"order_id\":{\"");
                self.any_text(|text| orders.order_id.append_value(text));
                self.take(b"}");
                Field::OrderId.bit()
            }
            b"cu" if self.bytes[self.at + 3] == b's' => self.customer(orders),
            b"st" => {
                self.take(b"\"status\":{\"S\":\"");
                self.text(|text| orders.status.append_value(text));
                self.take(b"}");
                Field::Status.bit()
            }
            b"cu" => {
                self.take(b"\"currency\":{\"S\":\"");
                self.text(|text| orders.currency.append_value(text));
                self.take(b"}");
                Field::Currency.bit()
            }
            b"to" => {
                self.take(b"\"total_amount\":{\"N\":\"");
                orders.total_amount.append_value(self.decimal(3));
                self.take(b"}");
                Field::TotalAmount.bit()
            }
            b"ta" => {
                self.take(b"\"tax_amount\":{\"");
                self.optional(orders, Field::TaxAmount, |walk, orders| {
                    walk.take(b"N\":\"");
                    orders.tax_amount.append_value(walk.decimal(3));
                })
            }
            b"se" => {
                self.take(b"\"settlement_amount\":{\"");
                self.optional(orders, Field::SettlementAmount, |walk, orders| {
                    walk.take(b"N\":\"");
                    orders.settlement_amount.append_value(walk.decimal(9));
                })
            }
            b"it" => {
                self.take(b"\"items\":{\"L\":[");
                self.items(orders);
                self.take(b"}");
                Field::Items.bit()
            }
            b"co" => {
                self.take(b"\"coupon_codes\":{\"");
                self.optional(orders, Field::CouponCodes, Self::codes)
            }
            b"sh" => {
                self.take(b"\"shipping_address\":{\"");
                self.optional(orders, Field::ShippingAddress, Self::address)
            }
            b"gi" => {
                self.take(b"\"gift_message\":{\"");
                self.optional(orders, Field::GiftMessage, |walk, orders| {
                    walk.take(b"S\":\"");
                    walk.text(|text| orders.gift_message.append_value(text));
                })
            }
            b"is" => {
                self.take(b"\"is_gift\":{\"");
                self.optional(orders, Field::IsGift, |walk, orders| {
                    walk.take(b"BOOL\":");
                    let truth = walk.bytes[walk.at] == b't';
                    walk.at += if truth { "true".len() } else { "false".len() };
                    orders.is_gift.append_value(truth);
                })
            }
            b"re" => {
                self.take(b"\"receipt_digest\":{\"");
                self.optional(orders, Field::ReceiptDigest, |walk, orders| {
                    walk.take(b"B\":\"");
                    let mut digest = [0; 64];
                    let bytes = walk.plain();
                    let len = STANDARD.decode_slice(bytes, &mut digest).unwrap();
                    orders.receipt_digest.append_value(&digest[..len]);
                })
            }
            b"de" => {
                self.take(b"\"delivery_date\":{\"");
                self.optional(orders, Field::DeliveryDate, |walk, orders| {
                    walk.take(b"S\":\"");
                    orders.delivery_date.append_value(date(walk.plain()));
                })
            }
            b"cr" => {
                self.take(b"\"created_at\":{\"S\":\"");
                orders.created(instant(self.plain()));
                self.take(b"}");
                Field::CreatedAt.bit()
            }
            b"up" => {
                self.take(b"\"updated_at\":{\"");
                let is_text = self.next() == b'S';
                self.take(b"\":\"");
                let micros = match is_text {
                    true => instant(self.plain()).0,
                    false => i64::try_from(self.decimal(6)).unwrap(),
                };
                orders.updated(micros);
                self.take(b"}");
                Field::UpdatedAt.bit()
            }
            b"ti" => {
                self.take(b"\"time_zone\":{\"S\":\"");
                self.text(|text| orders.time_zone.append_value(text));
                self.take(b"}");
                Field::TimeZone.bit()
            }
            b"pk" | b"sk" => {
                self.take_any(b"\"pk\":{\"S\":\"");
                self.plain();
                self.take(b"}");
                0
            }
            _ => self.skip_member(),
        }
    }

    fn customer(&mut self, orders: &mut Orders) -> u32 {
        self.take(b"\"customer_");
        if self.bytes[self.at] == b'i' {
            self.take(b"id\":{\"S\":\"");
            self.text(|text| orders.customer_id.append_value(text));
            self.take(b"}");
            return Field::CustomerId.bit();
        }
        self.take(b"email\":{\"");
        self.optional(orders, Field::CustomerEmail, |walk, orders| {
            walk.take(b"S\":\"");
            walk.text(|text| orders.customer_email.append_value(text));
        })
    }

    /// Reads a value or NULL, up to its closing brace.
    #[inline]
    fn optional(
        &mut self,
        orders: &mut Orders,
        field: Field,
        read: impl FnOnce(&mut Self, &mut Orders),
    ) -> u32 {
        if self.bytes[self.at..].starts_with(b"NU") {
            self.take(b"NULL\":true");
            orders.null(field);
        } else {
            read(self, orders);
        }
        self.take(b"}");
        field.bit()
    }

    fn items(&mut self, orders: &mut Orders) {
        loop {
            self.take(b"{\"M\":{\"product_id\":{\"S\":\"");
            self.text(|text| orders.items.product_id.append_value(text));
            self.take(b"},\"quantity\":{\"N\":\"");
            orders.items.quantity.append_value(i64::try_from(self.decimal(0)).unwrap());
            self.take(b"},\"unit_price\":{\"N\":\"");
            orders.items.unit_price.append_value(self.decimal(4));
            self.take(b"}}}");
            if self.next() == b']' {
                return orders.items.end();
            }
        }
    }

    fn codes(&mut self, orders: &mut Orders) {
        self.take(b"SS\":[");
        let mut codes: [&[u8]; 8] = [b""; 8];
        let mut len = 0;
        loop {
            self.take(b"\"");
            codes[len] = self.plain();
            len += 1;
            if self.next() == b']' {
                return orders.coupon_codes.append(&mut codes[..len]);
            }
        }
    }

    fn address(&mut self, orders: &mut Orders) {
        let address = &mut orders.shipping_address;
        self.take(b"M\":{\"country\":{\"S\":\"");
        self.text(|text| address.country.append_value(text));
        self.take(b"}");
        let (mut city, mut postal_code) = (false, false);
        while self.next() == b',' {
            if self.bytes[self.at + 1] == b'c' {
                city = true;
                self.take(b"\"city\":{\"");
                if self.bytes[self.at] == b'N' {
                    self.take(b"NULL\":true");
                    address.city.append_null();
                } else {
                    self.take(b"S\":\"");
                    self.text(|text| address.city.append_value(text));
                }
            } else {
                postal_code = true;
                self.take(b"\"postal_code\":{\"");
                self.any_text(|text| address.postal_code.append_value(text));
            }
            self.take(b"}");
        }
        if !city {
            address.city.append_null();
        }
        if !postal_code {
            address.postal_code.append_null();
        }
        address.validity.append_non_null();
    }

    /// Passes over a member that no field asks for.
    #[cold]
    fn skip_member(&mut self) -> u32 {
        self.take(b"\"");
        self.plain();
        self.take(b":");
        let mut open = 0;
        loop {
            match self.next() {
                b'"' => self.text(|_| ()),
                b'{' | b'[' => open += 1,
                b'}' | b']' if open == 1 => return 0,
                b'}' | b']' => open -= 1,
                _ => {}
            }
        }
    }

    /// A text, or a number kept as text: canonical already, so its digits are the text.
    #[inline]
    fn any_text(&mut self, take: impl FnOnce(&[u8])) {
        self.take_any(b"S\":\"");
        self.text(take);
    }

    /// Hands over the text up to its quote, which is taken as well.
    #[inline]
    fn text(&mut self, take: impl FnOnce(&[u8])) {
        let start = self.at;
        let len = plain_len(&self.bytes[start..]);
        self.at += len + 1;
        if self.bytes[start + len] == b'"' {
            take(&self.bytes[start..start + len]);
        } else {
            self.unescape(start, len);
            take(&self.unescaped);
        }
    }

    /// A text that is known to have no escapes.
    #[inline]
    fn plain(&mut self) -> &'a [u8] {
        let text = &self.bytes[self.at..];
        let len = plain_len(text);
        self.at += len + 1;
        &text[..len]
    }

    /// Unescapes the text that begins at `start` and is plain for `len` bytes.
    #[cold]
    fn unescape(&mut self, start: usize, len: usize) {
        let end = |mut at: usize| loop {
            at += plain_len(&self.bytes[at..]);
            match self.bytes[at] {
                b'"' => return at,
                _ => at += 2,
            }
        };
        let end = end(start + len);
        self.unescaped.clear();
        let mut rest = &self.bytes[start..end];
        while let Some(at) = rest.iter().position(|byte| *byte == b'\\') {
            self.unescaped.extend_from_slice(&rest[..at]);
            self.unescaped.push(match rest[at + 1] {
                b'n' => b'\n',
                b'r' => b'\r',
                quoted @ (b'"' | b'\\') => quoted,
                other => unreachable!("the generator does not write \\{}", char::from(other)),
            });
            rest = &rest[at + 2..];
        }
        self.unescaped.extend_from_slice(rest);
        self.at = end + 1;
    }

    /// A number without sign and exponent, times 10^`scale`, and its closing quote.
    #[inline]
    fn decimal(&mut self, scale: usize) -> i128 {
        let text = &self.bytes[self.at..];
        let (mut coefficient, mut fraction, mut len) = (0_u64, None, 0);
        loop {
            match text[len] {
                digit @ b'0'..=b'9' => {
                    coefficient =
                        coefficient.wrapping_mul(10).wrapping_add(u64::from(digit - b'0'));
                }
                b'.' => fraction = Some(len),
                _ => break,
            }
            len += 1;
        }
        self.at += len + 1;
        let places = fraction.map_or(0, |point| len - point - 1);
        let coefficient = match len {
            0..=19 => i128::from(coefficient),
            _ => long_coefficient(&text[..len]),
        };
        coefficient * POWERS_OF_TEN[scale - places]
    }

    /// Takes the bytes that must come next.
    #[inline]
    fn take<const N: usize>(&mut self, wanted: &[u8; N]) {
        assert_eq!(self.bytes[self.at..].first_chunk(), Some(wanted));
        self.at += N;
    }

    /// Takes as many bytes as `known` has, which are known already.
    #[inline]
    fn take_any<const N: usize>(&mut self, _known: &[u8; N]) {
        self.at += N;
    }

    #[inline]
    fn next(&mut self) -> u8 {
        self.at += 1;
        self.bytes[self.at - 1]
    }
}

/// More digits than 64 bits can be sure to hold.
#[cold]
fn long_coefficient(text: &[u8]) -> i128 {
    let digits = text.iter().filter(|byte| **byte != b'.');
    digits.fold(0, |sum, digit| sum * 10 + i128::from(digit - b'0'))
}

/// Bytes before the first quote or backslash, eight at a time.
#[inline]
fn plain_len(bytes: &[u8]) -> usize {
    const ONES: u64 = u64::MAX / 255;
    let zeros = |x: u64| x.wrapping_sub(ONES) & !x & (ONES << 7);
    let mut len = 0;
    while let Some(chunk) = bytes[len..].first_chunk() {
        let x = u64::from_le_bytes(*chunk);
        let found = zeros(x ^ (ONES * 0x22)) | zeros(x ^ (ONES * 0x5c));
        if found != 0 {
            return len + (found.trailing_zeros() / 8) as usize;
        }
        len += 8;
    }
    len + bytes[len..].iter().position(|byte| matches!(byte, b'"' | b'\\')).unwrap()
}
