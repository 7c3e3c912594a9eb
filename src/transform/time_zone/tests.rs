use arrow::array::{ArrayRef, StringArray};
use jiff::civil::DateTime;

use super::*;
use crate::catalog::LocalTime;
use crate::transform::fixtures::{batch, contract, field, reasons, times, timestamp};

/// `created_at` under a policy, and the field `time_zone` that may name the zone.
fn contract_with(zone: TextZone, gap: GapFold, fold: GapFold) -> Contract {
    let FieldType::Timestamp(mut written) = timestamp() else { panic!() };
    written.local = Some(LocalTime { zone, gap, fold });
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
    let rows = ResolveLocalTimes::new(contract).unwrap().apply(rows);
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
    let step = ResolveLocalTimes::new(&contract).unwrap();
    let rows = step.apply(local_rows(&contract, &rows));
    assert_eq!(reasons(&rows), [(1, "timestamp_out_of_range", "created_at".to_owned())]);
    assert_eq!(rows.reasons[0].reason.raw_millis, Some(946_683_000_000));
    assert!(rows.columns.column(0).is_valid(0) && rows.columns.column(0).is_null(1));
}

#[test]
fn a_zone_of_the_contract_that_is_not_known_is_a_mistake_of_the_contract() {
    let fixed = TextZone::Fixed("Europe/Belrin".to_owned());
    let contract = contract_with(fixed, GapFold::Reject, GapFold::Reject);
    let error = ResolveLocalTimes::new(&contract).err().unwrap();
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

#[test]
fn the_offsets_of_a_zone_are_jiffs_over_the_whole_range() {
    let (first, last) = (946_684_800_000_000, 4_102_444_800_000_000); // 2000 to 2100
    for name in ["America/New_York", "Africa/Casablanca", "Asia/Kathmandu", "Pacific/Apia", "UTC"] {
        let zone = zone(name).unwrap();
        let offsets = ZoneOffsets::new(&zone, first, last);
        for micros in (first..=last).step_by(27 * 3_600 * 1_000_000) {
            let instant = Timestamp::from_microsecond(micros).unwrap();
            let offset = i64::from(zone.to_offset(instant).seconds()) * MICROS_PER_SECOND;
            let expected = (micros + offset).div_euclid(MICROS_PER_DAY);
            assert_eq!(offsets.day(micros).map(i64::from), Some(expected), "{name} {instant}");
        }
    }
}
