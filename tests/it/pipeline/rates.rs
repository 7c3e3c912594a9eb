//! Amounts in dollars: which rates make a run another one, and that a missing rate is no rate.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use consign::catalog::{Contract, load_contract};
use consign::error::ErrorKind;
use consign::plan::Plan;
use consign::publish::Committed;
use consign::report::{Outcome, RunSummary};

use super::harness::{Place, dry_run, order, run, write_export};

const RATES: &str = "Date,USD,JPY\n2026-07-31,1.0801,162.34\n2026-07-20,1.07,160\n";

fn contract() -> Arc<Contract> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    Arc::new(load_contract(&root.join("schemas/exported_orders/v2.odcs.yaml")).unwrap())
}

/// A place with orders of 2026-08-01, a Saturday, and a plan that converts them.
fn orders(rates: &str, currencies: &[&str]) -> (Place, Plan) {
    let place = Place::new();
    let line = |(i, currency): (usize, &&str)| {
        let currency = format!(r#"{{"S":"{currency}"}}"#);
        order(&format!("ord_{i:04}"), &[("currency", &currency)])
    };
    let lines = currencies.iter().enumerate().map(line).collect();
    write_export(&place.path("export"), &[lines]);
    fs::write(place.path("rates.csv"), rates).unwrap();
    let plan = Plan { rates: Some(place.url("rates.csv")), ..place.plan(&contract()) };
    (place, plan)
}

fn run_with_rates(place: &Place, plan: &Plan, rates: &str) -> RunSummary {
    fs::write(place.path("rates.csv"), rates).unwrap();
    run(plan).unwrap()
}

#[test]
fn the_record_says_which_rates_were_used() {
    let (place, plan) = orders(RATES, &["EUR", "EUR", "JPY", "USD"]);
    let summary = run(&plan).unwrap();
    let fx = summary.fx.as_ref().unwrap();
    assert_eq!((fx.place.as_str(), fx.max_staleness_days), (&*place.url("rates.csv"), 7));
    let euro = fx.by_currency["EUR"];
    assert_eq!((euro.rows, euro.greatest_age_days), (2, 1));
    assert_eq!(euro.oldest_rate.to_string(), "2026-07-31");
    let dollar = fx.by_currency["USD"];
    assert_eq!((dollar.rows, dollar.oldest_rate.to_string().as_str()), (1, "2026-08-01"));
    assert_eq!(summary.ledger.run.written, 4);

    let record = fs::read(place.path("target/_log/00000000000000000001.json")).unwrap();
    let record = Committed::from_bytes(&record).unwrap().record;
    assert_eq!(record.fx_table_sha256.as_ref(), Some(&fx.sha256));
    assert_eq!(record.fx.as_ref(), Some(fx));

    let tried = dry_run(&plan).unwrap().fx.unwrap();
    assert_eq!((&tried.sha256, tried.by_currency.len()), (&fx.sha256, 0));
}

#[test]
fn only_rates_that_an_order_of_the_days_could_get_make_another_run() {
    let (place, plan) = orders(RATES, &["EUR", "JPY"]);
    assert_eq!(run(&plan).unwrap().outcome, Outcome::Published);
    assert_eq!(run(&plan).unwrap().outcome, Outcome::AlreadyPublished);
    // The bank's file grows by a day, and loses an old one; the days have the rates they had.
    let grown = RATES.replace("2026-07-20,1.07,160\n", "2026-08-03,1.09,163\n");
    assert_eq!(run_with_rates(&place, &plan, &grown).outcome, Outcome::AlreadyPublished);

    let corrected = run_with_rates(&place, &plan, &RATES.replace("1.0801", "1.0802"));
    assert_eq!((corrected.outcome, corrected.commit), (Outcome::Published, Some(2)));
    let sums: Vec<&str> = corrected
        .files
        .iter()
        .filter(|file| file.rows > 0)
        .map(|file| file.sums["total_amount_usd"].as_str())
        .collect();
    // 20 × 1.0802 = 21.604, 20 × 1.0802 ÷ 162.34 = 0.13307…
    assert_eq!(sums, ["21.7371"; 2], "Parquet and CSV");
}

#[test]
fn a_missing_rate_refuses_the_row_until_it_arrives() {
    let old = "Date,USD,JPY\n2026-07-31,1.0801,N/A\n2026-07-24,1.07,160\n";
    let (place, plan) = orders(old, &["EUR", "JPY", "GBP", "USD"]);
    let first = run(&plan).unwrap();
    assert_eq!((first.ledger.run.written, first.ledger.run.quarantined), (2, 2));
    assert_eq!(first.reasons["fx_rate_missing"], 2);

    let with_yen = old.replace("N/A", "162.34");
    let second = run_with_rates(&place, &plan, &with_yen);
    assert_eq!((second.ledger.run.written, second.ledger.run.quarantined), (3, 1));
    let with_pound = "Date,USD,JPY,GBP\n2026-07-31,1.0801,162.34,0.85163\n";
    let third = run_with_rates(&place, &plan, with_pound);
    assert_eq!((third.ledger.run.written, third.ledger.run.quarantined), (4, 0));
    assert_eq!(third.commit, Some(3));
}

#[test]
fn without_readable_rates_nothing_is_read_or_written() {
    let (place, mut plan) = orders("Date,USD\n2026-07-31,one\n", &["EUR"]);
    let broken = run(&plan).unwrap_err();
    assert_eq!(broken.kind(), ErrorKind::Usage);
    assert!(broken.to_string().contains("rates.csv:2: \"one\" is no rate"), "{broken}");
    fs::remove_file(place.path("rates.csv")).unwrap();
    assert_eq!(run(&plan).unwrap_err().kind(), ErrorKind::Usage);
    plan.rates = None;
    let none = run(&plan).unwrap_err();
    assert!(none.to_string().contains("no exchange rates are named"), "{none}");
    assert!(place.files("target").iter().all(|file| !file.starts_with("_data/")));
}
