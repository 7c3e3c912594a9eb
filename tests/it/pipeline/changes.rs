//! Incremental exports behind the full one that they continue: the days must be those of a full
//! export taken at the end, and every line must be accounted for.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use consign::error::ErrorKind;
use consign::plan::{DaySelection, Plan, RejectBudget, SourceSpec};
use consign::report::RunSummary;
use jiff::Timestamp;
use proptest::prelude::*;

use super::harness::{Place, contract, day, fingerprints, order, run, write_changes, write_export};

const RANGES: [[&str; 2]; 2] = [
    ["2026-08-03T02:00:00Z", "2026-08-03T03:00:00Z"],
    ["2026-08-03T03:00:00Z", "2026-08-03T04:00:00Z"],
];
const SECOND_DAY: (&str, &str) = ("created_at", r#"{"S":"2026-08-02T12:00:00Z"}"#);

/// What a line of an export says of its item, without the line's own braces.
fn item(line: &str) -> &str {
    line.strip_prefix(r#"{"Item":"#).and_then(|line| line.strip_suffix('}')).unwrap()
}

fn micros(at: &str) -> i64 {
    at.parse::<Timestamp>().unwrap().as_microsecond()
}

/// A change of the item with this key, given as a value of DynamoDB JSON; a deletion without a
/// new image.
fn change(key: &str, at: i64, old: Option<&str>, new: Option<&str>) -> String {
    let mut line = format!(
        r#"{{"Metadata":{{"WriteTimestampMicros":{{"N":"{at}"}}}},"Keys":{{"order_id":{key}}}"#
    );
    for (name, image) in [("OldImage", old), ("NewImage", new)] {
        if let Some(image) = image {
            line.push_str(&format!(r#","{name}":{}"#, item(image)));
        }
    }
    line.push('}');
    line
}

fn updated(at: &str) -> (&str, &str) {
    ("updated_at", at)
}

/// A plan over the full export and incremental ones behind it.
fn plan(place: &Place, changes: &[&str]) -> Plan {
    let mut plan = place.plan(&contract("exported_orders"));
    let url = |name: &&str| SourceSpec::DynamodbExport { url: place.url(name) };
    plan.sources.extend(changes.iter().map(url));
    plan
}

/// What a full export of these items alone publishes.
fn published_of(items: &[String]) -> Vec<(String, String)> {
    let place = Place::new();
    write_export(&place.path("export"), &[items.to_vec()]);
    fingerprints(&run(&place.plan(&contract("exported_orders"))).unwrap())
}

fn assert_balanced(summary: &RunSummary) {
    assert_eq!(summary.ledger.imbalances(), Vec::<String>::new());
}

#[test]
fn changes_make_of_a_full_export_what_a_later_one_would_hold() {
    let id = |n: u32| format!("ord_{n:04}");
    let key = |n: u32| format!(r#"{{"S":"{}"}}"#, id(n));
    let at_2_10 = updated(r#"{"S":"2026-08-03T02:10:00Z"}"#);
    let at_3_10 = updated(r#"{"S":"2026-08-03T03:10:00Z"}"#);
    let paid = |n| order(&id(n), &[]);
    let shipped = |n, at| order(&id(n), &[at, ("status", r#"{"S":"shipped"}"#)]);
    let moved = |n, at| order(&id(n), &[at, SECOND_DAY]);
    let refused = |n, at| order(&id(n), &[at, ("status", r#"{"S":"lost"}"#)]);

    // 1 updated, 2 deleted, 3 deleted and created again, 4 moved to another day, 5 created,
    // 6 created and deleted, 7 as it was, 8 updated twice, 9 broken, 10 broken and then deleted,
    // 11 the same version with another status.
    let w = |minute: u32| micros("2026-08-03T02:00:00Z") + i64::from(minute) * 60_000_000;
    let same_version = order(&id(11), &[("status", r#"{"S":"shipped"}"#)]);
    type Line = (u32, i64, Option<String>, Option<String>);
    let first: Vec<Line> = vec![
        (1, w(10), Some(paid(1)), Some(shipped(1, at_2_10))),
        (2, w(11), Some(paid(2)), None),
        (3, w(12), Some(paid(3)), None),
        (4, w(10), Some(paid(4)), Some(moved(4, at_2_10))),
        (5, w(10), None, Some(shipped(5, at_2_10))),
        (8, w(10), Some(paid(8)), Some(moved(8, at_2_10))),
        (10, w(10), Some(paid(10)), Some(refused(10, at_2_10))),
        (11, w(10), Some(paid(11)), Some(same_version.clone())),
    ];
    let second: Vec<Line> = vec![
        (3, w(70), None, Some(moved(3, at_3_10))),
        (6, w(71), None, None),
        (8, w(70), Some(moved(8, at_2_10)), Some(shipped(8, at_3_10))),
        (9, w(70), Some(paid(9)), Some(refused(9, at_3_10))),
        (10, w(75), Some(refused(10, at_2_10)), None),
    ];
    let end = [
        shipped(1, at_2_10),
        moved(3, at_3_10),
        moved(4, at_2_10),
        shipped(5, at_2_10),
        paid(7),
        shipped(8, at_3_10),
        refused(9, at_3_10),
        same_version,
    ];
    let expected = published_of(&end);

    for view in ["NEW_IMAGE", "NEW_AND_OLD_IMAGES"] {
        let place = Place::new();
        let table: Vec<String> = [1, 2, 3, 4, 7, 8, 9, 10, 11].map(paid).into();
        write_export(&place.path("export"), &[table[..5].to_vec(), table[5..].to_vec()]);
        for ((name, range), lines) in ["a", "b"].iter().zip(RANGES).zip([&first, &second]) {
            let lines = lines.iter().map(|(n, at, old, new)| {
                let old = old.as_deref().filter(|_| view != "NEW_IMAGE");
                change(&key(*n), *at, old, new.as_deref())
            });
            write_changes(&place.path(name), range, view, &lines.collect::<Vec<_>>());
        }
        let summary = run(&plan(&place, &["a", "b"])).unwrap();
        assert_balanced(&summary);
        assert_eq!(fingerprints(&summary), expected, "{view}");
        let ledger = &summary.ledger.run;
        assert_eq!((ledger.read, ledger.written, ledger.quarantined), (22, 7, 1), "{view}");
        // 2, 6 and 10; the deletion of 3 is older than its new image.
        assert_eq!(ledger.excluded_by_rule["deleted_in_source"], 3);
        assert_eq!((ledger.excluded, ledger.deduplicated), (3, 11));
        let unknown = &summary.ledger.by_day["unknown"];
        assert_eq!((unknown.read, unknown.excluded, unknown.deduplicated), (4, 3, 1));
        assert_eq!(summary.reasons["not_in_list"], 1);
        assert!(summary.warnings.is_empty(), "a deletion is nothing to warn of");
        let consistency: Vec<_> = summary.sources.iter().map(|s| s.consistency.as_str()).collect();
        assert_eq!(
            consistency,
            [
                "point_in_time",
                "changes [2026-08-03T02:00:00Z, 2026-08-03T03:00:00Z]",
                "changes [2026-08-03T03:00:00Z, 2026-08-03T04:00:00Z]",
            ]
        );
    }
}

#[test]
fn the_key_of_a_deletion_is_read_and_normalised_as_every_other() {
    let place = Place::new();
    let number = ("order_id", r#"{"N":"48213"}"#);
    let spaced = ("order_id", r#"{"S":" ord_0001 "}"#);
    write_export(
        &place.path("export"),
        &[vec![order("x", &[number]), order("ord_0001", &[]), order("ord_0002", &[])]],
    );
    let at = micros("2026-08-03T02:30:00Z");
    let lines = [number.1, spaced.1].map(|key| change(key, at, None, None));
    write_changes(&place.path("a"), RANGES[0], "NEW_IMAGE", &lines);
    let summary = run(&plan(&place, &["a"])).unwrap();
    assert_balanced(&summary);
    assert_eq!(fingerprints(&summary), published_of(&[order("ord_0002", &[])]));
    assert_eq!(summary.ledger.run.excluded_by_rule["deleted_in_source"], 2);
    assert_eq!(summary.ledger.run.deduplicated, 2);
}

#[test]
fn the_clock_of_the_store_orders_deletions_and_images_of_one_item() {
    let key = r#"{"S":"ord_0001"}"#;
    let (early, late) = (micros("2026-08-03T02:10:00Z"), micros("2026-08-03T03:10:00Z"));
    let restored = order("ord_0001", &[]); // as it was: updated before it was deleted
    let ahead = order("ord_0001", &[updated(r#"{"S":"2026-08-03T09:00:00Z"}"#)]);
    let other = order("ord_0002", &[]);
    for (image, deleted_first) in [(&restored, true), (&ahead, false)] {
        let (deleted_at, written_at) = if deleted_first { (early, late) } else { (late, early) };
        let deletion = change(key, deleted_at, None, None);
        let written = change(key, written_at, None, Some(image));
        // In whatever order the job names them.
        for lines in [[&deletion, &written], [&written, &deletion]] {
            let place = Place::new();
            write_export(&place.path("export"), &[vec![order("ord_0001", &[]), other.clone()]]);
            for ((name, range), line) in ["a", "b"].iter().zip(RANGES).zip(lines) {
                write_changes(&place.path(name), range, "NEW_IMAGE", std::slice::from_ref(line));
            }
            let summary = run(&plan(&place, &["a", "b"])).unwrap();
            assert_balanced(&summary);
            let mut end = vec![other.clone()];
            end.extend(deleted_first.then(|| image.clone()));
            assert_eq!(fingerprints(&summary), published_of(&end), "{lines:?}");
            assert_eq!(summary.ledger.run.deduplicated, 2);
            assert_eq!(summary.ledger.run.excluded, u64::from(!deleted_first));
        }
    }
}

#[test]
fn what_changed_outside_the_window_may_still_take_an_order_out_of_it() {
    let place = Place::new();
    write_export(&place.path("export"), &[vec![order("ord_0001", &[]), order("ord_0002", &[])]]);
    let moved = order("ord_0001", &[updated(r#"{"S":"2026-08-03T02:10:00Z"}"#), SECOND_DAY]);
    let line = change(r#"{"S":"ord_0001"}"#, micros(RANGES[0][0]), None, Some(&moved));
    write_changes(&place.path("a"), RANGES[0], "NEW_IMAGE", &[line]);
    let mut plan = plan(&place, &["a"]);
    plan.days = DaySelection::Range { first: day(1), last: day(1) };
    let summary = run(&plan).unwrap();
    assert_balanced(&summary);
    let ledger = &summary.ledger.run;
    assert_eq!((ledger.written, ledger.deduplicated), (1, 1));
    assert_eq!(ledger.excluded_by_rule["outside_window"], 1);
}

#[test]
fn a_deletion_that_cannot_be_told_is_quarantined_and_counts_against_the_budget() {
    let place = Place::new();
    write_export(&place.path("export"), &[vec![order("ord_0001", &[])]]);
    let lines = [
        r#"{"Metadata":{"WriteTimestampMicros":{"N":"1785722400000000"}},"Keys":{"pk":{"S":"1"}}}"#,
        r#"{"Metadata":{},"Keys":{"order_id":{"S":"ord_0001"}}}"#,
    ];
    write_changes(&place.path("a"), RANGES[0], "NEW_IMAGE", &lines.map(str::to_owned));
    let mut plan = plan(&place, &["a"]);
    let summary = run(&plan).unwrap();
    assert_balanced(&summary);
    let ledger = &summary.ledger.run;
    assert_eq!((ledger.written, ledger.quarantined, ledger.excluded), (1, 2, 0));
    let reasons: Vec<_> = summary.reasons.iter().map(|(code, n)| (code.as_str(), *n)).collect();
    assert_eq!(reasons, [("required_missing", 1), ("row_malformed", 1)]);
    let mut kept = BTreeMap::new();
    consign::pipeline::quarantine(&plan.target, &plan.aws, None, &mut |row| {
        kept.insert(row["row"].as_u64().unwrap(), row["raw_format"].clone());
        Ok(true)
    })
    .unwrap();
    assert_eq!(kept.into_values().collect::<Vec<_>>(), ["dynamodb_change", "dynamodb_change"]);

    plan.reject_budget = RejectBudget { max_millionths: 500_000, max_rows: None };
    plan.latest = false;
    plan.days = DaySelection::Range { first: day(1), last: day(1) };
    assert_eq!(run(&plan).unwrap_err().kind(), ErrorKind::Gate);
}

#[test]
fn changes_alone_are_no_days() {
    let place = Place::new();
    write_changes(&place.path("a"), RANGES[0], "NEW_IMAGE", &[]);
    let mut plan = plan(&place, &["a"]);
    plan.sources.remove(0);
    let error = run(&plan).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Usage, "{error:?}");
    assert!(error.help().is_some_and(|help| help.contains("full export")), "{error:?}");
    assert!(!place.path("target/_log").exists());
    assert!(fs::read_dir(place.path("a")).is_ok());
}

/// One write to a table: of which order, what is written, or that it is deleted.
type Write = (u8, Option<u8>);

/// The item as a write leaves it. Its version stands still when the write keeps it.
fn written(id: u8, content: u8, version: &str) -> String {
    let amount = format!(r#"{{"N":"{}"}}"#, u32::from(content) + 20);
    let day = [("created_at", r#"{"S":"2026-08-01T12:00:00Z"}"#), SECOND_DAY];
    let status = if content.is_multiple_of(7) { r#"{"S":"lost"}"# } else { r#"{"S":"paid"}"# };
    order(
        &format!("ord_{id:04}"),
        &[
            ("total_amount", &amount),
            ("status", status),
            day[usize::from(content % 2)],
            ("updated_at", version),
        ],
    )
}

/// A table with the history of its writes.
#[derive(Default)]
struct Table {
    items: BTreeMap<u8, String>,
    versions: BTreeMap<u8, String>,
    last_write: BTreeMap<u8, i64>,
}

impl Table {
    /// Applies writes, one a second, and gives the orders that they concern.
    fn apply(&mut self, first: usize, writes: &[Write]) -> BTreeSet<u8> {
        for (n, (id, content)) in (first..).zip(writes) {
            let at = Timestamp::from_second(1_785_722_400 + i64::try_from(n).unwrap()).unwrap();
            match content {
                Some(content) => {
                    let version = self.versions.entry(*id).or_default();
                    if !content.is_multiple_of(5) || !self.items.contains_key(id) {
                        *version = format!(r#"{{"S":"{at}"}}"#);
                    }
                    self.items.insert(*id, written(*id, *content, version));
                }
                None => {
                    self.items.remove(id);
                }
            }
            self.last_write.insert(*id, at.as_microsecond());
        }
        writes.iter().map(|(id, _)| *id).collect()
    }

    /// The lines of an incremental export over the orders `changed`.
    fn changes(&self, changed: &BTreeSet<u8>) -> Vec<String> {
        let key = |id: &u8| format!(r#"{{"S":"ord_{id:04}"}}"#);
        let line = |id: &u8| {
            change(&key(id), self.last_write[id], None, self.items.get(id).map(String::as_str))
        };
        changed.iter().map(line).collect()
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_history_ends_where_a_full_export_would(
        writes in prop::collection::vec((0..8u8, prop::option::weighted(0.7, 0..30u8)), 0..60),
        cuts: [prop::sample::Index; 2],
    ) {
        let mut cuts = cuts.map(|cut| cut.index(writes.len() + 1));
        cuts.sort_unstable();
        let mut table = Table::default();
        let place = Place::new();
        table.apply(0, &writes[..cuts[0]]);
        let export: Vec<String> = table.items.values().cloned().collect();
        let mut lines = export.len();
        write_export(&place.path("export"), &[export]);
        let parts = [(cuts[0], &writes[cuts[0]..cuts[1]]), (cuts[1], &writes[cuts[1]..])];
        for ((name, range), (first, part)) in ["a", "b"].iter().zip(RANGES).zip(parts) {
            let changed = table.apply(first, part);
            lines += changed.len();
            write_changes(&place.path(name), range, "NEW_IMAGE", &table.changes(&changed));
        }
        let summary = run(&plan(&place, &["a", "b"])).unwrap();
        assert_balanced(&summary);
        prop_assert_eq!(summary.ledger.run.read, lines as u64);
        let end: Vec<String> = table.items.values().cloned().collect();
        prop_assert_eq!(fingerprints(&summary), published_of(&end));
    }
}
