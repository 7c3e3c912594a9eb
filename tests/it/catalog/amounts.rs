//! What a contract may say of amounts and their conversion, and what it may not.

use consign::catalog::{Exchange, Rounding, parse_contract};

/// A sound contract that converts one amount.
const SALES: &str = include_str!("../../data/sales.odcs.yaml");

/// What is told about the contract with `from` replaced by `to`, without the lines.
fn told(from: &str, to: &str) -> Vec<String> {
    assert!(SALES.contains(from), "{from:?} stands nowhere");
    let Err(error) = parse_contract(&SALES.replacen(from, to, 1), "c.yaml") else { return vec![] };
    let mistake = |line: &str| line.split_once(": ").unwrap().1.to_owned();
    error.to_string().lines().skip(1).map(mistake).collect()
}

#[test]
fn mistakes_about_amounts_are_told() {
    let money = "value: {currency: currency}";
    for (from, to, expected) in [
        (
            money,
            "value: {currency: curency}",
            "`currency` of `amount`: `curency` is no top-level field (did you mean \"currency\"?)",
        ),
        (
            money,
            "value: {currency: created_at}",
            "`currency` of `amount`: `created_at` must be a required text that is read",
        ),
        (money, "value: {unit: minor}", "`money` of field `amount` has no `currency`"),
        (
            money,
            "value: {currency: currency, unit: cents}",
            "`unit` of `money` of field `amount` must be one of major, minor, not \"cents\"",
        ),
        (
            money,
            "value: {currency: currency, unit: minor, finer: allow}",
            "an amount in minor units is whole: it has no `finer: allow`",
        ),
        (
            money,
            "value: {currency: currency, fine: allow}",
            "`money` of field `amount` has no key \"fine\" (did you mean \"finer\"?)",
        ),
        (
            "name: currency\n        logicalType: string\n        required: true",
            "name: currency\n        logicalType: string",
            "`currency` of `amount`: `currency` must be a required text that is read",
        ),
        (
            "physicalType: decimal(18,4)",
            "physicalType: decimal(18,9)",
            "`amount_usd` is derived as `usd`, it must be a decimal of at most 8 digits after the point",
        ),
        ("value: {usd: amount}", "value: {usd: id}", "`usd` of `amount_usd`: `id` has no `money`"),
        (
            "value: {usd: amount}",
            "value: {usd: total}",
            "`usd` of `amount_usd`: `total` is no top-level field",
        ),
        (
            "value: {fxRateDate: amount}",
            "value: businessDate",
            "`amount_usd` is converted without trace: no field is derived as `fxRateDate` of an amount in `currency`",
        ),
        (
            "value: {fxRate: amount}",
            "value: {fxSource: amount}",
            "`amount_usd` is converted without trace: no field is derived as `fxRate` of an amount in `currency`",
        ),
        (
            "name: fx_source\n        logicalType: string",
            "name: fx_source\n        logicalType: boolean",
            "`fx_source` is derived as `fxSource`, it must be a string",
        ),
        (
            "name: fx_rate_date\n        logicalType: date",
            "name: fx_rate_date\n        logicalType: string",
            "`fx_rate_date` is derived as `fxRateDate`, it must be a date",
        ),
        (
            "value: {field: created_at, zone: UTC}",
            "value: {field: created_at, zone: UTC}\n      - property: exchange\n        value: {maxStalenessDays: week}",
            "`maxStalenessDays` of `exchange` of the dataset must be a whole number in range",
        ),
        (
            "value: {field: created_at, zone: UTC}",
            "value: {field: created_at, zone: UTC}\n      - property: exchange\n        value: {rounding: up}",
            "`rounding` of `exchange` of the dataset must be one of halfEven, halfUp, not \"up\"",
        ),
        (
            "required: true\n        customProperties:\n          - property: money",
            "customProperties:\n          - property: money",
            "`amount_usd` is required, but it is null where `amount` is",
        ),
    ] {
        let told = told(from, to);
        assert!(
            told.iter().any(|mistake| mistake == expected),
            "{to:?}: expected {expected:?}, told {told:#?}"
        );
    }
    assert_eq!(
        told("value: {currency: currency}", "value: {currency: currency, finer: allow}"),
        [""; 0]
    );
}

#[test]
fn rates_are_a_week_old_at_most_and_halves_go_to_even_unless_the_contract_says() {
    let sales = parse_contract(SALES, "c.yaml").unwrap();
    assert!(sales.converts());
    let week = Exchange { max_staleness_days: 7, rounding: Rounding::HalfEven };
    assert_eq!(sales.exchange, week);
    let day = "value: {field: created_at, zone: UTC}";
    let exchange =
        "\n      - property: exchange\n        value: {maxStalenessDays: 3, rounding: halfUp}";
    let own = parse_contract(&SALES.replace(day, &format!("{day}{exchange}")), "c.yaml").unwrap();
    assert_eq!(own.exchange, Exchange { max_staleness_days: 3, rounding: Rounding::HalfUp });
}
