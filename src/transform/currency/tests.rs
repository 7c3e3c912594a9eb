//! Tests of amounts and their columns.

use arrow::array::{ArrayRef, Date32Array, Decimal128Array, StringArray};
use arrow::datatypes::Date32Type;

use super::*;
use crate::catalog::{AmountUnit, Rounding};
use crate::transform::fixtures::{batch_of, contract, field, reasons};

/// Days since 1970 of 2026-04-01.
const APRIL: i32 = 20_544;

const RATES: &str = "date,currency,usd_rate,eur_rate\n2026-04-01,USD,,1.0801\n\
                     2026-04-01,JPY,,161\n2026-04-01,KWD,3.2571,\n2022-12-30,HRK,0.1413,\n";

fn decimal(precision: u8, scale: u8) -> FieldType {
    FieldType::Decimal { precision, scale }
}

fn money(unit: AmountUnit, finer: bool) -> Option<Money> {
    Some(Money { currency: "currency".to_owned(), unit, finer })
}

fn orders(unit: AmountUnit, finer: bool, usd: FieldType) -> Contract {
    let mut amount = field("amount", decimal(18, 3));
    amount.money = money(unit, finer);
    let parts = [
        ("usd", Converted::Usd, usd),
        ("rate", Converted::Rate, decimal(18, 12)),
        ("rate_date", Converted::RateDate, FieldType::Date),
        ("source", Converted::Source, FieldType::Text),
    ];
    let derived = parts.map(|(name, part, data_type)| {
        let mut field = field(name, data_type);
        field.derived = Some(Derived::Converted { of: "amount".to_owned(), part });
        field
    });
    let fields = [amount, field("currency", FieldType::Text)].into_iter().chain(derived);
    contract(fields.collect())
}

/// Rows of (amount in thousandths, currency, day of April 2026 or before).
fn converted(contract: &Contract, rows: &[(i128, &str, i32)]) -> Batch {
    let amounts: Decimal128Array = rows.iter().map(|row| Some(row.0)).collect();
    let n = rows.len();
    let columns: Vec<ArrayRef> = vec![
        Arc::new(amounts.with_precision_and_scale(18, 3).unwrap()),
        Arc::new(rows.iter().map(|row| Some(row.1)).collect::<StringArray>()),
        arrow::array::new_null_array(contract.nullable_output_schema().field(2).data_type(), n),
        arrow::array::new_null_array(contract.nullable_output_schema().field(3).data_type(), n),
        Arc::new(Date32Array::new_null(n)),
        Arc::new(StringArray::new_null(n)),
    ];
    let mut batch = batch_of(record_batch(&contract.nullable_output_schema(), columns));
    let days = rows.iter().map(|row| Some(APRIL - 1 + row.2));
    batch.business_dates = Some(days.collect::<Date32Array>());
    let rates = Arc::new(Rates::read(RATES.as_bytes(), "rates.csv").unwrap());
    ConvertAmounts::new(contract, Some(&rates)).unwrap().apply(batch)
}

fn numbers(batch: &Batch, column: usize) -> Vec<Option<i128>> {
    batch.columns.column(column).as_primitive::<Decimal128Type>().iter().collect()
}

#[test]
fn a_row_gets_dollars_rate_day_and_file() {
    let contract = orders(AmountUnit::Major, false, decimal(18, 4));
    let rows = [(10_000, "EUR", 1), (1_000_000, "JPY", 6), (1_234, "KWD", 3), (9_990, "USD", 30)];
    let batch = converted(&contract, &rows);
    assert_eq!(batch.reasons, []);
    // 1,000 yen: 1000 × 1.0801 ÷ 161 = 6.70869…
    assert_eq!(numbers(&batch, 2), [Some(108_010), Some(67_087), Some(40_193), Some(99_900)]);
    assert_eq!(
        numbers(&batch, 3),
        [1_080_100_000_000, 6_708_695_652, 3_257_100_000_000, 1_000_000_000_000].map(Some)
    );
    let days = batch.columns.column(4).as_primitive::<Date32Type>();
    assert_eq!(days.values(), &[APRIL, APRIL, APRIL, APRIL + 29]);
    let sources = batch.columns.column(5).as_string::<i32>();
    assert_eq!(sources.value(0).len(), 64);
    assert_eq!(sources.value(3), "definition");
}

#[test]
fn what_has_no_rate_no_currency_or_too_many_digits_is_refused_and_null() {
    let contract = orders(AmountUnit::Major, false, decimal(18, 4));
    let rows = [
        (1_000, "EUR", 9),
        (1_000, "GBP", 1),
        (1_000, "XBT", 1),
        (1_000, "eur", 1),
        (1_000, "DEM", 1),
        (1_500, "JPY", 1),
        (1_001, "KWD", 1),
        (1_001, "EUR", 1),
    ];
    let batch = converted(&contract, &rows);
    assert_eq!(
        reasons(&batch),
        [
            (0, "fx_rate_missing", "amount".to_owned()),
            (1, "fx_rate_missing", "amount".to_owned()),
            (2, "currency_unknown", "currency".to_owned()),
            (3, "currency_unknown", "currency".to_owned()),
            (4, "currency_historic", "currency".to_owned()),
            (5, "amount_too_fine", "amount".to_owned()),
            (7, "amount_too_fine", "amount".to_owned()),
        ]
    );
    let converted: Vec<bool> = numbers(&batch, 2).iter().map(Option::is_some).collect();
    assert_eq!(converted, [false, false, false, false, false, false, true, false]);
    assert_eq!(numbers(&batch, 0)[5], Some(1_500), "what was read is kept for the quarantine");

    let finer = orders(AmountUnit::Major, true, decimal(18, 4));
    assert_eq!(converted_reasons(&finer, &rows[5..]), []);
}

fn converted_reasons(contract: &Contract, rows: &[(i128, &str, i32)]) -> Vec<(u32, &'static str)> {
    reasons(&converted(contract, rows)).into_iter().map(|(row, code, _)| (row, code)).collect()
}

#[test]
fn a_withdrawn_currency_is_money_up_to_its_last_day() {
    let contract = orders(AmountUnit::Major, false, decimal(18, 4));
    let day_of_2022 = 19_356 - APRIL + 1; // 2022-12-30
    let rows = [(1_000, "HRK", day_of_2022), (1_000, "HRK", 1)];
    let batch = converted(&contract, &rows);
    assert_eq!(numbers(&batch, 2), [Some(1_413), None]);
    assert_eq!(reasons(&batch), [(1, "currency_historic", "currency".to_owned())]);
}

#[test]
fn minor_units_become_amounts() {
    let contract = orders(AmountUnit::Minor, false, decimal(18, 4));
    let rows = [
        (12_345_000, "EUR", 1),
        (500_000, "JPY", 1),
        (1_234_000, "KWD", 1),
        (1_500, "EUR", 1),
        (5_000, "CLF", 1),
    ];
    let batch = converted(&contract, &rows);
    assert_eq!(
        numbers(&batch, 0),
        [Some(123_450), Some(500_000), Some(1_234), None, None],
        "123.45 euro, 500 yen, 1.234 dinar"
    );
    assert_eq!(numbers(&batch, 2)[..3], [Some(1_333_383), Some(33_543), Some(40_193)]);
    assert_eq!(
        reasons(&batch),
        [
            (3, "integer_has_fraction", "amount".to_owned()),
            // Five ten-thousandths are finer than the column's three digits.
            (4, "decimal_too_fine", "amount".to_owned()),
        ]
    );
}

#[test]
fn dollars_that_do_not_fit_are_refused() {
    let contract = orders(AmountUnit::Major, false, decimal(6, 4));
    let rows = [(99_000, "USD", 1), (100_000, "USD", 1), (-100_000, "USD", 1)];
    let batch = converted(&contract, &rows);
    assert_eq!(numbers(&batch, 2), [Some(990_000), None, None]);
    assert_eq!(
        reasons(&batch),
        [
            (1, "decimal_out_of_range", "usd".to_owned()),
            (2, "decimal_out_of_range", "usd".to_owned())
        ]
    );
}

#[test]
fn halves_go_where_the_contract_says() {
    let mut contract = orders(AmountUnit::Major, true, decimal(18, 2));
    let rows = [(5, "USD", 1), (15, "USD", 1), (-25, "USD", 1)];
    assert_eq!(numbers(&converted(&contract, &rows), 2), [Some(0), Some(2), Some(-2)]);
    contract.exchange.rounding = Rounding::HalfUp;
    assert_eq!(numbers(&converted(&contract, &rows), 2), [Some(1), Some(2), Some(-3)]);
}

#[test]
fn a_contract_that_converts_needs_rates() {
    let contract = orders(AmountUnit::Major, false, decimal(18, 4));
    let error = ConvertAmounts::new(&contract, None).err().unwrap();
    assert_eq!(error.kind(), ErrorKind::Usage);
    assert!(error.help().is_some_and(|help| help.contains("[fx]")));
}

#[test]
fn rows_without_day_currency_or_amount_have_their_reasons_elsewhere() {
    let contract = orders(AmountUnit::Major, false, decimal(18, 4));
    let n = 2;
    let schema = contract.nullable_output_schema();
    let mut columns: Vec<ArrayRef> =
        schema.fields().iter().map(|f| arrow::array::new_null_array(f.data_type(), n)).collect();
    columns[1] = Arc::new(StringArray::from(vec![Some("EUR"), None]));
    let mut rows = batch_of(record_batch(&schema, columns));
    rows.business_dates = Some(Date32Array::from(vec![None, Some(APRIL)]));
    let rates = Arc::new(Rates::read(RATES.as_bytes(), "rates.csv").unwrap());
    let judged = ConvertAmounts::new(&contract, Some(&rates)).unwrap().apply(rows);
    assert_eq!(judged.reasons, []);
    assert_eq!(numbers(&judged, 2), [None, None]);
}
