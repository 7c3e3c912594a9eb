//! A row before it is written: named values that either format can hold.

/// Named values, in order; a name may stand twice.
pub type Fields = Vec<(String, Value)>;

/// One value.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    /// Null.
    Null,
    /// A boolean.
    Bool(bool),
    /// Text.
    Text(String),
    /// Text that may not be UTF-8.
    RawText(Vec<u8>),
    /// A number in 32 bits.
    Int32(i32),
    /// A number in 64 bits.
    Int64(i64),
    /// A binary floating-point number.
    Double(f64),
    /// A number written out: `N` of DynamoDB, Decimal128 of MongoDB.
    Number(String),
    /// Bytes.
    Bytes(Vec<u8>),
    /// `B` of DynamoDB whose text is not base64.
    RawBase64(&'static str),
    /// An instant in milliseconds since 1970: a BSON datetime.
    Datetime(i64),
    /// An identifier of MongoDB.
    ObjectId([u8; 12]),
    /// A set of texts: `SS`, an array in MongoDB.
    TextSet(Vec<String>),
    /// A set of numbers: `NS`, an array in MongoDB.
    NumberSet(Vec<String>),
    /// A set of bytes: `BS`, an array in MongoDB.
    BytesSet(Vec<Vec<u8>>),
    /// A list.
    List(Vec<Value>),
    /// An object.
    Map(Fields),
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

impl From<String> for Value {
    fn from(text: String) -> Self {
        Self::Text(text)
    }
}

/// A number of `unscaled` / 10^`scale`, without trailing zeros: as DynamoDB writes numbers.
pub fn decimal(unscaled: i128, scale: usize) -> String {
    let text = fixed(unscaled, scale);
    match text.contains('.') {
        true => text.trim_end_matches('0').trim_end_matches('.').to_owned(),
        false => text,
    }
}

/// A number of `unscaled` / 10^`scale`, with all `scale` digits after the point.
pub fn fixed(unscaled: i128, scale: usize) -> String {
    let digits = format!("{:0>width$}", unscaled.unsigned_abs(), width = scale + 1);
    let (whole, fraction) = digits.split_at(digits.len() - scale);
    let sign = if unscaled < 0 { "-" } else { "" };
    match fraction {
        "" => format!("{sign}{whole}"),
        _ => format!("{sign}{whole}.{fraction}"),
    }
}

/// Replaces the first value called `name`, or adds it.
pub fn set(fields: &mut Fields, name: &str, value: Value) {
    match fields.iter_mut().find(|(n, _)| n == name) {
        Some((_, old)) => *old = value,
        None => fields.push((name.to_owned(), value)),
    }
}

/// Removes every value called `name`.
pub fn remove(fields: &mut Fields, name: &str) {
    fields.retain(|(n, _)| n != name);
}
