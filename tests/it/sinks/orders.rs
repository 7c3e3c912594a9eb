//! Rows of every type a contract can have.

use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, BinaryArray, BooleanArray, Date32Array, Decimal128Array, Int64Array,
    ListArray, RecordBatch, StringArray, StructArray, TimestampMicrosecondArray,
};
use arrow::buffer::{NullBuffer, OffsetBuffer};
use arrow::datatypes::{DataType, FieldRef, Fields};
use consign::catalog::contract::BusinessDate;
use consign::catalog::{Contract, Exchange, Field, FieldType, Limits, TimestampType};

/// 29 digits before the point and 9 after it: as large as decimal(38,9) gets.
pub const GREATEST: i128 = 99_999_999_999_999_999_999_999_999_999_999_999_999;

#[derive(Debug, Clone, Default)]
pub struct Order {
    pub order_id: String,
    pub amount: Option<i128>,
    pub exact: Option<i128>,
    pub quantity: Option<i64>,
    pub note: Option<String>,
    pub gift: Option<bool>,
    pub day: Option<i32>,
    pub at: Option<i64>,
    pub digest: Option<Vec<u8>>,
    pub items: Option<Vec<Item>>,
    pub codes: Option<Vec<String>>,
    pub address: Option<Address>,
}

#[derive(Debug, Clone, Default)]
pub struct Item {
    pub product_id: String,
    pub price: Option<i128>,
    pub at: Option<i64>,
}

#[derive(Debug, Clone, Default)]
pub struct Address {
    pub city: Option<String>,
    pub since: Option<i32>,
}

pub fn contract() -> Arc<Contract> {
    let decimal = |precision, scale| FieldType::Decimal { precision, scale };
    let instant = || {
        FieldType::Timestamp(TimestampType {
            epoch: None,
            local: None,
            min_micros: i64::MIN,
            max_micros: i64::MAX,
        })
    };
    let list = |element: Field| FieldType::List { element: Box::new(element), set: false };
    let item = FieldType::Struct(vec![
        required(field("product_id", FieldType::Text)),
        field("price", decimal(18, 4)),
        field("at", instant()),
    ]);
    let address =
        FieldType::Struct(vec![field("city", FieldType::Text), field("since", FieldType::Date)]);
    Arc::new(Contract {
        id: "urn:test:orders".into(),
        dataset: "orders".into(),
        version: "1.2.0".into(),
        description: String::new(),
        sha256: "c0ffee".into(),
        fields: vec![
            required(field("order_id", FieldType::Text)),
            field("amount", decimal(18, 3)),
            field("exact", decimal(38, 9)),
            field("quantity", FieldType::Integer),
            field("note", FieldType::Text),
            field("gift", FieldType::Boolean),
            field("day", FieldType::Date),
            field("at", instant()),
            field("digest", FieldType::Binary),
            field("items", list(required(field("element", item)))),
            field("codes", list(required(field("element", FieldType::Text)))),
            field("address", address),
        ],
        key: vec!["order_id".into()],
        version_field: "at".into(),
        business_date: BusinessDate { field: "at".into(), zone: "UTC".into() },
        exchange: Exchange::default(),
        privacy: None,
        limits: Limits::default(),
        rules: vec![],
        unique: vec![],
    })
}

pub fn field(name: &str, data_type: FieldType) -> Field {
    Field::new(name, data_type)
}

pub fn required(field: Field) -> Field {
    Field { required: true, ..field }
}

pub fn order(order_id: &str) -> Order {
    Order { order_id: order_id.to_owned(), ..Order::default() }
}

/// Orders `range` of an endless series, ascending by key. The first 2,000 have amounts below
/// zero; every ninth row is null wherever it may be.
pub fn series(range: std::ops::Range<u32>) -> RecordBatch {
    let orders: Vec<Order> = range.map(nth).collect();
    rows(&orders)
}

pub fn nth(n: u32) -> Order {
    let id = format!("ord_{n:07}");
    if n % 9 == 4 {
        return order(&id);
    }
    let wide = i128::from(n);
    let sign = if n < 2_000 { -1 } else { 1 };
    Order {
        order_id: id,
        amount: Some(sign * (wide * 7_919 % 1_000_003)),
        exact: Some(sign * (wide * 104_729 % 999_983) * 10_i128.pow(25)),
        quantity: Some(i64::from(n) - 5_000),
        note: Some(format!("note {}", n.wrapping_mul(2_654_435_761))),
        gift: Some(n.is_multiple_of(2)),
        day: Some(20_666),
        at: Some(1_785_000_000_000_000 + i64::from(n) * 1_001),
        digest: Some(n.to_be_bytes().to_vec()),
        items: (!n.is_multiple_of(4)).then(|| (1..n % 4).map(|i| item(n, i)).collect()),
        codes: (!n.is_multiple_of(5)).then(|| (1..n % 5).map(|i| format!("C{i}")).collect()),
        address: (!n.is_multiple_of(3))
            .then(|| Address { city: (n % 3 == 1).then(|| "Zürich".to_owned()), since: Some(-1) }),
    }
}

fn item(n: u32, i: u32) -> Item {
    Item {
        product_id: format!("prod_{i}"),
        price: (!n.is_multiple_of(7)).then_some(i128::from(n) - 999),
        at: n.is_multiple_of(2).then_some(i64::from(n)),
    }
}

/// The orders as a batch of the contract's output schema.
pub fn rows(orders: &[Order]) -> RecordBatch {
    let schema = contract().output_schema();
    let all = |i: usize| schema.field(i).data_type().clone();
    let instants = |values: Vec<Option<i64>>| -> ArrayRef {
        Arc::new(TimestampMicrosecondArray::from(values).with_timezone("UTC"))
    };
    let texts = |values: Vec<Option<&str>>| -> ArrayRef { Arc::new(StringArray::from(values)) };
    let items: Vec<&Item> = orders.iter().filter_map(|o| o.items.as_ref()).flatten().collect();
    let items = struct_array(
        &element(&all(9)),
        vec![
            texts(items.iter().map(|i| Some(i.product_id.as_str())).collect()),
            decimals(items.iter().map(|i| i.price).collect(), 18, 4),
            instants(items.iter().map(|i| i.at).collect()),
        ],
        None,
    );
    let codes = orders.iter().filter_map(|o| o.codes.as_ref()).flatten();
    let codes = texts(codes.map(|code| Some(code.as_str())).collect());
    let addresses: Vec<Address> =
        orders.iter().map(|o| o.address.clone().unwrap_or_default()).collect();
    let address = struct_array(
        &all(11),
        vec![
            texts(addresses.iter().map(|a| a.city.as_deref()).collect()),
            Arc::new(Date32Array::from(addresses.iter().map(|a| a.since).collect::<Vec<_>>())),
        ],
        Some(orders.iter().map(|o| o.address.is_some()).collect()),
    );
    let columns: Vec<ArrayRef> = vec![
        texts(orders.iter().map(|o| Some(o.order_id.as_str())).collect()),
        decimals(orders.iter().map(|o| o.amount).collect(), 18, 3),
        decimals(orders.iter().map(|o| o.exact).collect(), 38, 9),
        Arc::new(orders.iter().map(|o| o.quantity).collect::<Int64Array>()),
        texts(orders.iter().map(|o| o.note.as_deref()).collect()),
        Arc::new(orders.iter().map(|o| o.gift).collect::<BooleanArray>()),
        Arc::new(orders.iter().map(|o| o.day).collect::<Date32Array>()),
        instants(orders.iter().map(|o| o.at).collect()),
        Arc::new(orders.iter().map(|o| o.digest.as_deref()).collect::<BinaryArray>()),
        list(&all(9), items, orders.iter().map(|o| o.items.as_ref().map(Vec::len))),
        list(&all(10), codes, orders.iter().map(|o| o.codes.as_ref().map(Vec::len))),
        address,
    ];
    RecordBatch::try_new(schema, columns).unwrap()
}

fn decimals(values: Vec<Option<i128>>, precision: u8, scale: i8) -> ArrayRef {
    let values = Decimal128Array::from(values);
    Arc::new(values.with_precision_and_scale(precision, scale).unwrap())
}

fn struct_array(
    data_type: &DataType,
    columns: Vec<ArrayRef>,
    nulls: Option<NullBuffer>,
) -> ArrayRef {
    let DataType::Struct(fields) = data_type else { panic!("{data_type}") };
    Arc::new(StructArray::new(Fields::clone(fields), columns, nulls))
}

fn list(
    data_type: &DataType,
    values: ArrayRef,
    lengths: impl Iterator<Item = Option<usize>> + Clone,
) -> ArrayRef {
    let offsets = OffsetBuffer::from_lengths(lengths.clone().map(Option::unwrap_or_default));
    let nulls: NullBuffer = lengths.map(|length| length.is_some()).collect();
    let element = match data_type {
        DataType::List(element) => FieldRef::clone(element),
        other => panic!("{other}"),
    };
    Arc::new(ListArray::new(element, offsets, values, Some(nulls)))
}

fn element(data_type: &DataType) -> DataType {
    match data_type {
        DataType::List(element) => element.data_type().clone(),
        other => panic!("{other}"),
    }
}

/// Values of a decimal column, nulls left out.
pub fn decimals_of(rows: &RecordBatch, column: &str) -> Vec<i128> {
    let column = rows.column_by_name(column).unwrap();
    let values = column.as_any().downcast_ref::<Decimal128Array>().unwrap();
    values.iter().flatten().collect()
}
