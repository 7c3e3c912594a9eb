use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, Int16Array, StringArray};
use arrow::datatypes::{Int16Type, TimestampMicrosecondType};
use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::Offset;

use super::*;
use crate::catalog::schema::UTC_DESIGNATOR;
use crate::catalog::{Derived, FieldType, GapFold, LocalTime, TextZone, WrittenOffset};
use crate::error::ErrorKind;
use crate::model::{Batch, Reason, ReasonCode, RowReason};
use crate::plan::DaySelection;
use crate::transform::Step;
use crate::transform::fixtures::{batch, contract, field, reasons, times, timestamp};

/// `created_at` under a policy, and the field `time_zone` that may name the zone.
fn contract_with(zone: TextZone, gap: GapFold, fold: GapFold) -> Contract {
    let FieldType::Timestamp(mut written) = timestamp() else { panic!() };
    written.local = Some(LocalTime { zone, gap, fold, offset: WrittenOffset::Trust });
    let created_at = field("created_at", FieldType::Timestamp(written));
    contract(vec![created_at, field("time_zone", FieldType::Text)])
}

fn named() -> TextZone {
    TextZone::Field { field: "time_zone".to_owned(), default: None }
}

fn micros_of_local(text: &str) -> i64 {
    let local: DateTime = text.parse().unwrap();
    Offset::UTC.to_timestamp(local).unwrap().as_microsecond()
}

/// Rows of local times with the zone each row names.
fn local_rows(contract: &Contract, rows: &[(&str, Option<&str>)]) -> Batch {
    let locals = rows.iter().map(|row| Some(micros_of_local(row.0))).collect();
    let zones: StringArray = rows.iter().map(|row| row.1).collect();
    let offsets = Int16Array::from(vec![None; rows.len()]);
    let columns: Vec<ArrayRef> = vec![times(locals), Arc::new(zones), Arc::new(offsets)];
    batch(contract, columns, rows.len())
}

/// Each row's instant and offset in minutes, and the reasons.
type Resolved = (Vec<Option<(String, i16)>>, Vec<(u32, &'static str, String)>);

fn resolve(contract: &Contract, rows: Batch) -> Resolved {
    let rows = ResolveLocalTimes::new(contract, DaySelection::Found).unwrap().apply(rows);
    let instants = rows.columns.column(0).as_primitive::<TimestampMicrosecondType>();
    let minutes = rows.columns.column(2).as_primitive::<Int16Type>();
    let resolved = instants.iter().zip(minutes).map(|(instant, minutes)| {
        let instant = Timestamp::from_microsecond(instant?).unwrap();
        Some((instant.to_string(), minutes?))
    });
    (resolved.collect(), reasons(&rows))
}

fn resolve_local(gap: GapFold, fold: GapFold, rows: &[(&str, Option<&str>)]) -> Resolved {
    let contract = contract_with(named(), gap, fold);
    let rows = local_rows(&contract, rows);
    resolve(&contract, rows)
}

fn instant(text: &str, minutes: i16) -> Option<(String, i16)> {
    Some((text.to_owned(), minutes))
}

const LORD_HOWE: Option<&str> = Some("Australia/Lord_Howe");

#[test]
fn the_half_hour_that_happens_twice_on_lord_howe_follows_the_policy() {
    // On 2026-04-05 at 02:00 (+11:00) clocks went back to 01:30 (+10:30).
    let rows = [("2026-04-05T01:45", LORD_HOWE), ("2026-04-05T01:29", LORD_HOWE)];
    let before = instant("2026-04-04T14:29:00Z", 660);
    let (earlier, found) = resolve_local(GapFold::Reject, GapFold::Earlier, &rows);
    assert_eq!(earlier, [instant("2026-04-04T14:45:00Z", 660), before.clone()]);
    assert_eq!(found, []);
    let (later, _) = resolve_local(GapFold::Reject, GapFold::Later, &rows);
    assert_eq!(later, [instant("2026-04-04T15:15:00Z", 630), before.clone()]);
    let (rejected, found) = resolve_local(GapFold::Earlier, GapFold::Reject, &rows);
    assert_eq!(rejected, [None, before]);
    assert_eq!(found, [(0, "local_time_ambiguous", "created_at".to_owned())]);
}

#[test]
fn the_half_hour_that_never_happens_on_lord_howe_follows_the_policy() {
    // On 2026-10-04 at 02:00 (+10:30) clocks went forward to 02:30 (+11:00).
    let rows = [("2026-10-04T02:15", LORD_HOWE), ("2026-10-04T02:30", LORD_HOWE)];
    let after = instant("2026-10-03T15:30:00Z", 660);
    let (earlier, _) = resolve_local(GapFold::Earlier, GapFold::Reject, &rows);
    assert_eq!(earlier, [instant("2026-10-03T15:15:00Z", 660), after.clone()]);
    let (later, _) = resolve_local(GapFold::Later, GapFold::Reject, &rows);
    assert_eq!(later, [instant("2026-10-03T15:45:00Z", 630), after.clone()]);
    let (rejected, found) = resolve_local(GapFold::Reject, GapFold::Earlier, &rows);
    assert_eq!(rejected, [None, after]);
    assert_eq!(found, [(0, "local_time_nonexistent", "created_at".to_owned())]);
}

#[test]
fn zones_that_nobody_set_or_knows_are_refused_rather_than_taken_for_utc() {
    let noon = "2026-01-01T12:00";
    let names = ["Mars/Olympus", "Factory", "Etc/Unknown", "", "+02:00", "Europe/Berlin "];
    let rows: Vec<_> = names.iter().map(|name| (noon, Some(*name))).collect();
    let (resolved, found) = resolve_local(GapFold::Reject, GapFold::Reject, &rows);
    assert!(resolved.iter().all(Option::is_none));
    assert_eq!(found.len(), names.len());
    assert!(found.iter().all(|(_, code, _)| *code == "zone_unknown"));
}

#[test]
fn a_row_without_zone_takes_the_default_or_is_refused_once() {
    let rows = [("2026-07-01T00:00", None), ("2026-07-01T00:00", Some("Asia/Kolkata"))];
    let (resolved, found) = resolve_local(GapFold::Reject, GapFold::Reject, &rows);
    assert_eq!(resolved, [None, instant("2026-06-30T18:30:00Z", 330)]);
    assert_eq!(found, [(0, "offset_missing", "created_at".to_owned())]);

    let default = Some("Europe/Berlin".to_owned());
    let zone = TextZone::Field { field: "time_zone".to_owned(), default };
    let contract = contract_with(zone, GapFold::Reject, GapFold::Reject);
    let mut decoded = local_rows(&contract, &rows);
    let (resolved, _) = resolve(&contract, decoded.clone());
    assert_eq!(resolved[0], instant("2026-06-30T22:00:00Z", 120));

    // A zone that could not be read is neither the default nor a second reason.
    let path = Arc::clone(&contract.fields[1].path);
    let reason = Reason::of_field(ReasonCode::TypeMismatch, &path, Some("N"));
    decoded.reasons.push(RowReason { row: 0, reason });
    let (resolved, found) = resolve(&contract, decoded);
    assert_eq!(resolved[0], None);
    assert_eq!(found, [(0, "type_mismatch", "time_zone".to_owned())]);
}

#[test]
fn without_a_policy_a_local_time_has_no_offset() {
    let contract = contract(vec![field("created_at", timestamp()), field("note", FieldType::Text)]);
    let (resolved, found) =
        resolve(&contract, local_rows(&contract, &[("2026-07-01T00:00", None)]));
    assert_eq!(resolved, [None]);
    assert_eq!(found, [(0, "offset_missing", "created_at".to_owned())]);
}

#[test]
fn times_with_an_offset_stay_as_they_are() {
    let contract = contract_with(named(), GapFold::Reject, GapFold::Reject);
    let columns: Vec<ArrayRef> = vec![
        times(vec![Some(946_684_800_000_000), None, Some(946_684_800_000_001)]),
        Arc::new(StringArray::from(vec![None, None, Some("Mars")])),
        Arc::new(Int16Array::from(vec![Some(-300), None, Some(0)])),
    ];
    let (resolved, found) = resolve(&contract, batch(&contract, columns, 3));
    let expected =
        [instant("2000-01-01T00:00:00Z", -300), None, instant("2000-01-01T00:00:00.000001Z", 0)];
    assert_eq!(resolved, expected);
    assert_eq!(found, []);
}

#[test]
fn the_range_holds_for_the_instant_and_not_for_the_local_time() {
    let rows = [
        ("1999-12-31T23:30", Some("America/New_York")), // 2000-01-01T04:30Z
        ("2000-01-01T00:30", Some("Europe/Berlin")),    // 1999-12-31T23:30Z
    ];
    let contract = contract_with(named(), GapFold::Reject, GapFold::Reject);
    let step = ResolveLocalTimes::new(&contract, DaySelection::Found).unwrap();
    let rows = step.apply(local_rows(&contract, &rows));
    assert_eq!(reasons(&rows), [(1, "timestamp_out_of_range", "created_at".to_owned())]);
    assert_eq!(rows.reasons[0].reason.raw_millis, Some(946_683_000_000));
    assert!(rows.columns.column(0).is_valid(0) && rows.columns.column(0).is_null(1));
}

#[test]
fn a_zone_of_the_contract_that_is_not_known_is_a_mistake_of_the_contract() {
    let fixed = TextZone::Fixed("Europe/Belrin".to_owned());
    let contract = contract_with(fixed, GapFold::Reject, GapFold::Reject);
    let error = ResolveLocalTimes::new(&contract, DaySelection::Found).err().unwrap();
    assert_eq!(error.kind(), ErrorKind::Usage);
    assert!(error.to_string().contains("Europe/Belrin"));
}

#[test]
fn business_dates_are_civil_dates_in_the_zone_of_the_contract() {
    let contract = contract(vec![field("created_at", timestamp())]);
    let instants = [
        "2026-03-08T04:59:59.999999Z", // EST: still the 7th
        "2026-03-08T05:00:00Z",
        "2026-03-09T03:59:59Z", // EDT since the 8th: still the 8th
        "2026-03-09T04:00:00Z",
    ];
    let mut micros: Vec<_> =
        instants.iter().map(|t| Some(t.parse::<Timestamp>().unwrap().as_microsecond())).collect();
    micros.push(None);
    let offsets: ArrayRef = Arc::new(Int16Array::from(vec![Some(0); 5]));
    let rows = batch(&contract, vec![times(micros), offsets], 5);
    let days = TellBusinessDates::new(&contract).unwrap().apply(rows).business_dates.unwrap();
    let march_7 = 20_519;
    let expected = [Some(march_7), Some(march_7 + 1), Some(march_7 + 1), Some(march_7 + 2), None];
    assert_eq!(days.iter().collect::<Vec<_>>(), expected);
}

/// The contract of [`contract_with`], with columns for verdict and zone, and offsets held or not.
fn contract_that_tells(zone: TextZone, gap: GapFold, offset: WrittenOffset) -> Contract {
    let mut contract = contract_with(zone, gap, GapFold::Later);
    if let FieldType::Timestamp(written) = &mut contract.fields[0].data_type
        && let Some(local) = &mut written.local
    {
        local.offset = offset;
    }
    let of = || "created_at".to_owned();
    for (name, derived) in
        [("verdict", Derived::TimeVerdict { of: of() }), ("zone", Derived::TimeZone { of: of() })]
    {
        contract.fields.push(field(name, FieldType::Text));
        contract.fields.last_mut().unwrap().derived = Some(derived);
    }
    contract
}

/// Rows of instants, the offsets they were written with, and the zones they name.
fn rows_with(contract: &Contract, rows: &[(&str, Option<i16>, Option<&str>)]) -> Batch {
    let columns: Vec<ArrayRef> = vec![
        times(rows.iter().map(|row| Some(micros_of_local(row.0))).collect()),
        Arc::new(rows.iter().map(|row| row.2).collect::<StringArray>()),
        Arc::new(rows.iter().map(|row| row.1).collect::<Int16Array>()),
    ];
    batch(contract, columns, rows.len())
}

/// Minutes, verdict and zone of each row.
fn told(rows: &Batch) -> Vec<(Option<i16>, Option<&str>, Option<&str>)> {
    let minutes = rows.columns.column(2).as_primitive::<Int16Type>();
    let [verdicts, zones] = [3, 4].map(|column| rows.columns.column(column).as_string::<i32>());
    minutes.iter().zip(verdicts).zip(zones).map(|((m, v), z)| (m, v, z)).collect()
}

#[test]
fn every_row_says_how_its_instant_came_about() {
    let contract = contract_that_tells(named(), GapFold::Earlier, WrittenOffset::Trust);
    let rows = rows_with(
        &contract,
        &[
            ("2026-04-05T01:45", None, LORD_HOWE),
            ("2026-10-04T02:15", None, LORD_HOWE),
            ("2026-07-01T12:00", None, Some("europe/berlin")),
            ("2026-07-01T12:00", Some(0), Some("Europe/Berlin")),
            ("2026-07-01T12:00", Some(-300), None),
            ("2026-07-01T12:00", Some(-300), Some("Mars")),
            ("2026-07-01T12:00", None, Some("Mars")),
        ],
    );
    let rows = ResolveLocalTimes::new(&contract, DaySelection::Found).unwrap().apply(rows);
    assert_eq!(rows.columns.schema(), contract.resolved_schema());
    let expected = [
        (Some(630), Some("fold_later"), LORD_HOWE),
        (Some(660), Some("gap_shifted"), LORD_HOWE),
        (Some(120), Some("unique"), Some("Europe/Berlin")),
        (Some(0), Some("exact"), Some("Europe/Berlin")),
        (Some(-300), Some("exact"), None),
        (Some(-300), Some("exact"), None),
        (None, None, None),
    ];
    assert_eq!(told(&rows), expected);
    assert_eq!(reasons(&rows), [(6, "zone_unknown", "created_at".to_owned())]);
}

#[test]
fn an_offset_that_its_zone_never_had_is_refused_when_the_contract_says_so() {
    let default = Some("Asia/Kolkata".to_owned());
    let zone = TextZone::Field { field: "time_zone".to_owned(), default };
    let contract = contract_that_tells(zone, GapFold::Reject, WrittenOffset::Reject);
    let berlin = Some("Europe/Berlin");
    let rows = rows_with(
        &contract,
        &[
            ("2026-07-01T12:00", Some(120), berlin),
            ("2026-07-01T12:00", Some(60), berlin), // that of winter
            ("2026-03-29T01:00", Some(120), berlin), // the first instant of summer
            ("2026-03-29T00:59:59.999999", Some(120), berlin),
            ("2026-07-01T12:00", Some(0), berlin),
            ("2026-07-01T12:00", Some(UTC_DESIGNATOR), berlin),
            ("2026-07-01T12:00", Some(330), None), // that of the default
            ("2026-07-01T12:00", Some(120), None),
            ("2026-07-01T12:00", Some(120), Some("Mars")),
            ("2026-07-01T12:00", None, berlin),
        ],
    );
    let rows = ResolveLocalTimes::new(&contract, DaySelection::Found).unwrap().apply(rows);
    let refused = (None, None, None);
    let expected = [
        (Some(120), Some("exact"), berlin),
        refused,
        (Some(120), Some("exact"), berlin),
        refused,
        refused,
        (Some(0), Some("exact"), berlin),
        (Some(330), Some("exact"), Some("Asia/Kolkata")),
        refused,
        refused,
        (Some(120), Some("unique"), berlin),
    ];
    assert_eq!(told(&rows), expected);
    let found: Vec<_> = reasons(&rows).into_iter().map(|(row, code, _)| (row, code)).collect();
    let not_of_zone = "offset_not_of_zone";
    let expected =
        [1, 3, 4, 7].map(|row| (row, not_of_zone)).into_iter().chain([(8, "zone_unknown")]);
    assert_eq!(found, expected.collect::<Vec<_>>());
}

#[test]
fn zones_are_noted_with_the_instants_of_the_days_asked_for() {
    let contract = contract_with(named(), GapFold::Reject, GapFold::Earlier);
    let rows = [
        ("2026-07-01T05:00", Some("Europe/Berlin")), // the evening before in New York
        ("2026-07-01T12:00", Some("Europe/Berlin")),
        ("2026-07-01T13:00", Some("Asia/Tokyo")),
        ("2026-07-02T05:59", Some("Europe/Berlin")), // 23:59 of the same day there
        ("2026-07-02T06:00", Some("Europe/Berlin")),
    ];
    let day = jiff::civil::date(2026, 7, 1);
    let spans = |days| {
        let step = ResolveLocalTimes::new(&contract, days).unwrap();
        let zones = step.apply(local_rows(&contract, &rows)).zones;
        let hour = |micros: i64| Timestamp::from_microsecond(micros).unwrap().to_string();
        zones
            .iter()
            .map(|(zone, span)| (zone.to_owned(), hour(span.first_micros), hour(span.last_micros)))
            .collect::<Vec<_>>()
    };
    let span = |zone: &str, first: &str, last: &str| {
        (zone.to_owned(), format!("2026-07-0{first}:00Z"), format!("2026-07-0{last}:00Z"))
    };
    let tokyo = span("Asia/Tokyo", "1T04:00", "1T04:00");
    let asked_for = spans(DaySelection::Range { first: day, last: day });
    assert_eq!(asked_for, [tokyo.clone(), span("Europe/Berlin", "1T10:00", "2T03:59")]);
    let all = spans(DaySelection::Found);
    assert_eq!(all, [tokyo, span("Europe/Berlin", "1T03:00", "2T04:00")]);
}

#[test]
fn what_is_remembered_of_a_zone_changes_no_instant() {
    // A step of minutes around every change of a year, by way of one batch and row by row.
    for name in ["Australia/Lord_Howe", "America/St_Johns", "Africa/Casablanca", "Pacific/Apia"] {
        let rows: Vec<_> = (micros_of_local("2011-01-01T00:00")
            ..micros_of_local("2012-02-01T00:00"))
            .step_by(13 * 60 * 1_000_000)
            .collect();
        let contract =
            contract_with(TextZone::Fixed(name.to_owned()), GapFold::Later, GapFold::Later);
        let columns: Vec<ArrayRef> = vec![
            times(rows.iter().copied().map(Some).collect()),
            Arc::new(StringArray::from(vec![None::<&str>; rows.len()])),
            Arc::new(Int16Array::from(vec![None; rows.len()])),
        ];
        let resolved = ResolveLocalTimes::new(&contract, DaySelection::Found)
            .unwrap()
            .apply(batch(&contract, columns, rows.len()));
        let instants = resolved.columns.column(0).as_primitive::<TimestampMicrosecondType>();
        let zone = zone(name).unwrap();
        for (local, instant) in rows.iter().zip(instants) {
            let local = Offset::UTC.to_datetime(Timestamp::from_microsecond(*local).unwrap());
            let expected = zone.to_ambiguous_timestamp(local).later().unwrap().as_microsecond();
            assert_eq!(instant, Some(expected), "{name} {local}");
        }
    }
}
