//! The steps as a whole, through their front door.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on should panic")]

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, Int16Array, StringArray, TimestampMicrosecondArray};
use arrow::datatypes::Int64Type;
use arrow::record_batch::RecordBatch;
use bytes::Bytes;
use chrono_tz::OffsetComponents;
use consign::catalog::contract::BusinessDate;
use consign::catalog::expression::{BinaryOp, Expr, Literal};
use consign::catalog::{
    Contract, Derived, Exchange, Field, FieldType, Format, GapFold, Limits, LocalTime, Normalize,
    Rule, Severity, TextZone, TimestampType, WhenNull, WrittenOffset,
};
use consign::model::{Batch, RawFormat, RawRows, ReasonCode, SplitId, ZoneSpans};
use consign::plan::DaySelection;
use consign::transform::{Steps, instants_of_days, output_rows, tzdb_version};
use jiff::civil::{Date, date};
use jiff::tz::{Offset, TimeZone};
use jiff::{Span, Timestamp};

fn field(name: &str, data_type: FieldType) -> Field {
    Field::new(name, data_type)
}

fn timestamp(local: Option<LocalTime>) -> FieldType {
    FieldType::Timestamp(TimestampType {
        epoch: None,
        local,
        min_micros: micros("2000-01-01T00:00:00Z"),
        max_micros: micros("2100-01-01T00:00:00Z"),
    })
}

fn contract(fields: Vec<Field>, zone: &str) -> Contract {
    Contract {
        id: "orders".to_owned(),
        dataset: "orders".to_owned(),
        version: "1.0.0".to_owned(),
        description: String::new(),
        sha256: String::new(),
        fields,
        key: vec!["id".to_owned()],
        version_field: "created_at".to_owned(),
        business_date: BusinessDate { field: "created_at".to_owned(), zone: zone.to_owned() },
        exchange: Exchange::default(),
        privacy: None,
        limits: Limits::default(),
        rules: vec![],
        unique: vec![],
    }
}

fn batch(contract: &Contract, columns: Vec<ArrayRef>) -> Batch {
    let columns = RecordBatch::try_new(contract.decoded_schema(), columns).unwrap();
    Batch {
        split: SplitId(0),
        first_row: 0,
        raw: RawRows {
            format: RawFormat::Bson,
            bytes: Bytes::new(),
            offset_bytes: 0,
            ranges: vec![(0, 0); columns.num_rows()],
        },
        columns,
        business_dates: None,
        written_at: None,
        reasons: vec![],
        exclusions: vec![],
        warnings: vec![],
        zones: ZoneSpans::default(),
    }
}

fn micros(instant: &str) -> i64 {
    instant.parse::<Timestamp>().unwrap().as_microsecond()
}

fn times(values: Vec<Option<i64>>) -> ArrayRef {
    Arc::new(TimestampMicrosecondArray::from(values).with_timezone("UTC"))
}

fn day(days_since_1970: i32) -> Date {
    date(1970, 1, 1).checked_add(Span::new().days(days_since_1970)).unwrap()
}

/// The offset chrono-tz knows, in seconds. Its database is older than jiff's, so it is asked
/// about the past only.
fn second_opinion(zone: chrono_tz::Tz, instant: Timestamp) -> i64 {
    use chrono_tz::Tz;
    let utc = chrono::DateTime::from_timestamp(instant.as_second(), 0).unwrap().naive_utc();
    let offset = <Tz as chrono::TimeZone>::offset_from_utc_datetime(&zone, &utc);
    (offset.base_utc_offset() + offset.dst_offset()).num_seconds()
}

#[test]
fn the_days_of_a_zone_share_out_time_without_gap_or_overlap() {
    let zones = [
        "UTC",
        "America/New_York",
        "America/St_Johns",
        "America/Santiago",
        "Europe/Berlin",
        "Europe/Dublin",
        "Africa/Cairo",
        "Asia/Kolkata",
        "Asia/Kathmandu",
        "Australia/Lord_Howe",
        "Pacific/Chatham",
        "Pacific/Kiritimati",
    ];
    let quarter_hours: Vec<i64> = (micros("2024-10-01T00:00:00Z")..micros("2026-10-01T00:00:00Z"))
        .step_by(15 * 60 * 1_000_000)
        .collect();
    for name in zones {
        let contract = Arc::new(contract(vec![field("created_at", timestamp(None))], name));
        let offsets: ArrayRef = Arc::new(Int16Array::from(vec![Some(0); quarter_hours.len()]));
        let instants = times(quarter_hours.iter().copied().map(Some).collect());
        let rows = batch(&contract, vec![instants, offsets]);
        let days = Steps::new(&contract, DaySelection::Found, None, None)
            .unwrap()
            .apply(rows)
            .business_dates;

        let (jiff, chrono) = (TimeZone::get(name).unwrap(), name.parse::<chrono_tz::Tz>().unwrap());
        let mut before = None;
        let mut interval = (i64::MIN, quarter_hours[0]);
        for (micros, day_number) in quarter_hours.iter().zip(days.unwrap().iter()) {
            let instant = Timestamp::from_microsecond(*micros).unwrap();
            let day_number = day_number.unwrap();
            assert_eq!(day(day_number), jiff.to_datetime(instant).date(), "{name} {instant}");
            let local = instant.as_second() + second_opinion(chrono, instant);
            assert_eq!(i64::from(day_number), local.div_euclid(86_400), "{name} {instant}");
            let step = before.map_or(0, |before| day_number - before);
            assert!(
                (0..=1).contains(&step),
                "{name} {instant}: {step} days in a quarter of an hour"
            );
            if before != Some(day_number) {
                // The day that begins is an interval, and begins where the one before ended.
                let (from, to) =
                    instants_of_days(&contract.business_date, day(day_number), day(day_number))
                        .unwrap();
                let (from, to) = (from.as_microsecond(), to.as_microsecond());
                assert!(before.is_none() || from == interval.1, "{name} {instant}");
                interval = (from, to);
            }
            assert!(interval.0 <= *micros && *micros < interval.1, "{name} {instant}");
            before = Some(day_number);
        }
    }
}

/// `created_at` is local to the zone the row names; an id, an address and two rules.
fn orders() -> Contract {
    let mut id = field("id", FieldType::Text);
    id.required = true;
    id.normalize = vec![Normalize::Trim, Normalize::EmptyToNull];
    let mut email = field("email", FieldType::Text);
    email.checks.format = Some(Format::Email);
    let mut day = field("order_date", FieldType::Date);
    (day.derived, day.required) = (Some(Derived::BusinessDate), true);
    let zone = TextZone::Field { field: "time_zone".to_owned(), default: None };
    let local = LocalTime {
        zone,
        gap: GapFold::Reject,
        fold: GapFold::Earlier,
        offset: WrittenOffset::Trust,
    };
    let mut created_at = field("created_at", timestamp(Some(local)));
    created_at.required = true;
    let mut minutes = field("offset_minutes", FieldType::Integer);
    minutes.derived = Some(Derived::OffsetMinutes { of: "created_at".to_owned() });
    let mut zone = field("time_zone", FieldType::Text);
    zone.normalize = vec![Normalize::Trim];

    let mut contract =
        contract(vec![day, id, email, created_at, minutes, zone], "America/New_York");
    let number = Expr::Number(Box::new(Expr::Field(vec!["id".to_owned()])));
    let thousand = Expr::Literal(Literal::Number { unscaled: 1_000, scale: 0 });
    contract.rules = vec![Rule {
        name: Arc::from("legacy_ids"),
        severity: Severity::Exclude,
        text: "number(id) < 1000".to_owned(),
        expression: Expr::Binary {
            op: BinaryOp::Less,
            left: Box::new(number),
            right: Box::new(thousand),
        },
        when_null: Some(WhenNull::Keep),
        reason: "old".to_owned(),
    }];
    contract
}

#[test]
fn the_steps_together_judge_and_shape_every_row() {
    let contract = Arc::new(orders());
    let rows = [
        // id, email, created_at as decoded, its offset in minutes, time_zone
        (Some(" 1001 "), Some("Ann@EXAMPLE.org"), "2026-03-09T03:59:59Z", Some(-240), None),
        (Some("1002"), None, "2026-03-08T23:30:00Z", None, Some(" America/New_York ")),
        (Some("1003"), Some("ann@"), "2026-03-08T12:00:00Z", None, None),
        (Some("999"), Some("ann@"), "2026-03-08T12:00:00Z", Some(0), None),
        (Some("999"), None, "2026-03-10T12:00:00Z", Some(0), None),
        (Some("  "), None, "2026-03-08T12:00:00Z", Some(0), None),
    ];
    let columns: Vec<ArrayRef> = vec![
        Arc::new(rows.iter().map(|row| row.0).collect::<StringArray>()),
        Arc::new(rows.iter().map(|row| row.1).collect::<StringArray>()),
        times(rows.iter().map(|row| Some(micros(row.2))).collect()),
        Arc::new(rows.iter().map(|row| row.4).collect::<StringArray>()),
        Arc::new(rows.iter().map(|row| row.3).collect::<Int16Array>()),
    ];
    let days = DaySelection::Range { first: date(2026, 3, 8), last: date(2026, 3, 8) };
    let judged = Steps::new(&contract, days, None, None).unwrap().apply(batch(&contract, columns));

    assert_eq!(judged.columns.schema(), contract.nullable_output_schema());
    let found: Vec<_> =
        judged.reasons.iter().map(|r| (r.row, r.reason.code, r.reason.field.as_deref())).collect();
    let expected = [
        (2, ReasonCode::EmailInvalid, Some("email")),
        (2, ReasonCode::OffsetMissing, Some("created_at")),
        (3, ReasonCode::EmailInvalid, Some("email")),
        (5, ReasonCode::RequiredEmpty, Some("id")),
    ];
    assert_eq!(found, expected);
    let left_out: Vec<_> = judged.exclusions.iter().map(|e| (e.row, &*e.rule)).collect();
    assert_eq!(left_out, [(3, "legacy_ids"), (4, "outside_window")]);

    let good = output_rows(&judged.columns.slice(0, 2), &contract.output_schema()).unwrap();
    assert_eq!(good.schema(), contract.output_schema());
    assert_eq!(good.column(1).as_string::<i32>().value(0), "1001");
    assert_eq!(good.column(2).as_string::<i32>().value(0), "Ann@example.org");
    let minutes = good.column(4).as_primitive::<Int64Type>();
    assert_eq!(minutes.values(), &[-240, -240]);
    let dates = judged.business_dates.unwrap();
    assert_eq!((day(dates.value(0)), day(dates.value(1))), (date(2026, 3, 8), date(2026, 3, 8)));
    assert!(dates.is_null(2));
    assert!(output_rows(&judged.columns, &contract.output_schema()).is_err()); // row 5 has no id
}

#[test]
fn the_time_zone_database_is_named() {
    assert!(tzdb_version().starts_with("20"), "{}", tzdb_version());
}

#[test]
fn the_second_opinion_differs_only_where_it_is_known_to_be_old() {
    let weeks: Vec<i64> = (micros("2010-01-01T00:00:00Z")..micros("2030-01-01T00:00:00Z"))
        .step_by(7 * 86_400 * 1_000_000)
        .collect();
    let mut differ = BTreeMap::new();
    for name in jiff::tz::db().available() {
        let Ok(chrono) = name.as_str().parse::<chrono_tz::Tz>() else { continue };
        let zone = TimeZone::get(name.as_str()).unwrap();
        let instants = weeks.iter().map(|micros| Timestamp::from_microsecond(*micros).unwrap());
        let mut others = instants.filter(|instant| {
            i64::from(zone.to_offset(*instant).seconds()) != second_opinion(chrono, *instant)
        });
        if let Some(first) = others.next() {
            differ.insert(name.to_string(), Offset::UTC.to_datetime(first).date().to_string());
        }
    }
    // Changed in the law of these places after chrono-tz's 2025b; the first week that differs.
    let of_2026 = |date: &str, names: &[&str]| {
        names.iter().map(|name| ((*name).to_owned(), date.to_owned())).collect::<Vec<_>>()
    };
    let morocco = of_2026("2026-09-25", &["Africa/Casablanca", "Africa/El_Aaiun"]);
    let winter_time = of_2026(
        "2026-11-06",
        &[
            "America/Edmonton",
            "America/Havana",
            "America/Inuvik",
            "America/Rainy_River",
            "America/Vancouver",
            "America/Winnipeg",
            "America/Yellowknife",
            "Canada/Central",
            "Canada/Mountain",
            "Canada/Pacific",
            "Cuba",
        ],
    );
    assert_eq!(differ, morocco.into_iter().chain(winter_time).collect());
}
