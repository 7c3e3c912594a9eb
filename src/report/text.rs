//! A run that ended well, as people read it: what became of every row, why, and where the day
//! lies.
//!
//! Does not own printing (that is `cli`).

use std::collections::BTreeMap;

use super::table::{Table, count, size};
use super::{Outcome, RunSummary};
use crate::model::{Ledger, PrivacyRecord, ReasonCode, Tally, ZoneDifference};

/// Splits that are listed before the rest is only counted.
const MAX_SPLITS: usize = 20;

/// The summary as text, ending in a newline.
#[must_use]
pub fn render(run: &RunSummary) -> String {
    [
        heading(run),
        ledger(run),
        by_name("Left out by rule", &run.ledger.run.excluded_by_rule),
        reasons(&run.reasons),
        conversions(run),
        by_name("Kept, but worth a look (rules that warn)", &run.warnings),
        zones(&run.zone_differences),
        privacy(run.privacy.as_ref()),
        files(run),
        notes(run),
    ]
    .into_iter()
    .filter(|part| !part.is_empty())
    .collect::<Vec<_>>()
    .join("\n")
}

fn heading(run: &RunSummary) -> String {
    let name = run.dataset.split('@').next().unwrap_or_default();
    let dataset = format!("{name} {}", run.contract_version);
    let days = days(&run.days);
    let outcome = match (run.outcome, run.commit) {
        (Outcome::Published, Some(commit)) => {
            format!("published {days} of {dataset} as commit {commit}")
        }
        (Outcome::Published, None) => format!("published {days} of {dataset}"),
        (Outcome::AlreadyPublished, Some(commit)) => {
            format!("nothing to do: {days} of {dataset} stand published as commit {commit}")
        }
        (Outcome::AlreadyPublished, None) => {
            format!("nothing to do: {days} of {dataset} stand published")
        }
        (Outcome::DryRun, _) => format!("dry run: {days} of {dataset}, nothing was published"),
    };
    let mut table = Table::new("ll");
    table.row(["run", &run.run_id]);
    table.row(["as of", &run.as_of]);
    table.row(["target", &run.target]);
    for source in &run.sources {
        table.row(["source", &format!("{} ({})", source.location, source.kind)]);
    }
    format!("{}: {outcome}\n{table}", run.job)
}

/// `2026-08-01`, `2026-08-01 to 2026-08-04 (3 days)` or `no day`.
fn days(days: &[String]) -> String {
    match days {
        [] => "no day".to_owned(),
        [day] => day.clone(),
        [first, .., last] => format!("{first} to {last} ({} days)", days.len()),
    }
}

fn ledger(run: &RunSummary) -> String {
    let line = |name: &str, tally: &Tally| {
        let counts =
            [tally.read, tally.written, tally.quarantined, tally.excluded, tally.deduplicated];
        [name.to_owned()].into_iter().chain(counts.map(count)).collect::<Vec<_>>()
    };
    let mut table = Table::new("lrrrrr");
    table.row(["rows", "read", "written", "quarantined", "excluded", "deduplicated"]);
    table.row(line("all", &run.ledger.run));
    let mut other_days = (0, Tally::default());
    for (day, tally) in &run.ledger.by_day {
        if run.days.contains(day) {
            table.row(line(&format!("day {day}"), tally));
        } else if day != Ledger::UNKNOWN_DAY {
            other_days.0 += 1;
            other_days.1.add(tally);
        }
    }
    if other_days.0 > 0 {
        table.row(line(&format!("{} other days", other_days.0), &other_days.1));
    }
    if let Some(tally) = run.ledger.by_day.get(Ledger::UNKNOWN_DAY) {
        table.row(line("day unknown", tally));
    }
    for split in run.ledger.by_split.iter().take(MAX_SPLITS) {
        table.row(line(&format!("split {}", split.name), &split.tally));
    }
    let more = run.ledger.by_split.len().saturating_sub(MAX_SPLITS);
    let more =
        if more > 0 { format!("… {more} splits more; --json has all\n") } else { String::new() };
    format!("What became of every row\n{table}{more}")
}

fn by_name(title: &str, counts: &BTreeMap<String, u64>) -> String {
    let mut table = Table::new("rl");
    for (name, rows) in counts {
        table.row([count(*rows), name.clone()]);
    }
    titled(title, counts.is_empty(), &table)
}

/// Rows by the currency they were converted from, and the rates that were used.
fn conversions(run: &RunSummary) -> String {
    let Some(fx) = run.fx.as_ref().filter(|fx| !fx.by_currency.is_empty()) else {
        return String::new();
    };
    let mut table = Table::new("rlll");
    for (currency, used) in &fx.by_currency {
        let (days, age) = match (currency.as_str(), used.greatest_age_days) {
            ("USD", _) => ("1 by definition".to_owned(), String::new()),
            (_, age) if used.oldest_rate == used.newest_rate => {
                (format!("rate of {}", used.newest_rate), days_old(age))
            }
            (_, age) => {
                (format!("rates of {} to {}", used.oldest_rate, used.newest_rate), days_old(age))
            }
        };
        table.row([count(used.rows), currency.clone(), days, age]);
    }
    format!("Converted to dollars, by {}\n{table}", fx.place)
}

fn days_old(age: u32) -> String {
    match age {
        0 => "of the day itself".to_owned(),
        1 => "at most 1 day old".to_owned(),
        days => format!("at most {days} days old"),
    }
}

/// Reasons by count, with what each means.
#[must_use]
pub fn reasons(counts: &BTreeMap<String, u64>) -> String {
    let mut by_count: Vec<_> = counts.iter().collect();
    by_count.sort_by(|a, b| b.1.cmp(a.1).then(a.0.cmp(b.0)));
    let mut table = Table::new("rll");
    for (code, rows) in by_count {
        let meaning = ReasonCode::parse(code).map_or("", ReasonCode::explanation);
        table.row([count(*rows), code.clone(), meaning.to_owned()]);
    }
    titled("Why rows were quarantined (a row may have several reasons)", counts.is_empty(), &table)
}

/// Zones whose rules changed since the databases that readers may have.
fn zones(differences: &[ZoneDifference]) -> String {
    let mut table = Table::new("llllll");
    table.row(["zone", "from", "to", "here", "there", "database"]);
    for difference in differences {
        let ZoneDifference { zone, from, to, offset, other_offset, other_tzdb, .. } = difference;
        let there = other_offset.as_deref().unwrap_or("unknown");
        let to = match difference.stretches {
            0 | 1 => to.clone(),
            several => format!("{to}, in {several} stretches"),
        };
        table.row([zone, from, &to, offset, there, other_tzdb]);
    }
    let title = "warning: readers with an older time zone database see other days and local times";
    titled(title, differences.is_empty(), &table)
}

/// What was taken from rows of age, and how well they can be told apart.
fn privacy(record: Option<&PrivacyRecord>) -> String {
    let Some(record) = record else { return String::new() };
    let mut table = Table::new("ll");
    let of_age = format!("{} rows, at {}", count(record.anonymised_rows), record.as_of);
    table.row(["of age", &of_age]);
    if record.erased_rows > 0 {
        table.row(["of erased subjects", &format!("{} rows left out", count(record.erased_rows))]);
    }
    if let Some(key) = &record.key_id {
        table.row(["key of pseudonyms", key]);
    }
    if let Some(expiry) = &record.earliest_expiry {
        table.row(["next to come of age", &expiry.to_string()]);
    }
    for (day, found) in record.k.iter().flat_map(|k| &k.found) {
        table.row([format!("k of {day}"), count(*found)]);
    }
    format!("Personal data\n{table}")
}

fn files(run: &RunSummary) -> String {
    let mut table = Table::new("lrrl");
    for file in run.files.iter().chain(&run.quarantine_files) {
        let what = match file.dt {
            Some(day) => format!("{day} {}", file.format.extension()),
            None => "quarantine".to_owned(),
        };
        table.row([
            what,
            format!("{} rows", count(file.rows)),
            size(file.bytes),
            file.path.clone(),
        ]);
    }
    let empty = run.files.is_empty() && run.quarantine_files.is_empty();
    let mut text = titled("Files, below the target", empty, &table);
    if !run.latest.is_empty() {
        text += &format!("The newest version of each day lies in {}/latest/\n", run.target);
    }
    text
}

fn notes(run: &RunSummary) -> String {
    let mut text = String::new();
    let mut note = |line: String| {
        text += &line;
        text.push('\n');
    };
    if let Some(refusal) = &run.refusal {
        note(format!("warning: publishing would be refused: {refusal}"));
    }
    for source in &run.sources {
        if let Some(why) = &source.unverified {
            note(format!("note: {} could not be verified to be complete: {why}", source.location));
        }
    }
    if run.resumed_splits > 0 {
        note(format!("splits taken over from an interrupted run: {}", run.resumed_splits));
    }
    if run.ledger.run.quarantined > 0 && run.outcome != Outcome::DryRun {
        note(format!("`consign quarantine show {}` shows the refused rows", run.job));
    }
    let (seconds, tenths) = (run.elapsed_ms / 1_000, run.elapsed_ms % 1_000 / 100);
    note(format!("took {seconds}.{tenths} s"));
    text
}

fn titled(title: &str, empty: bool, table: &Table) -> String {
    if empty { String::new() } else { format!("{title}\n{table}") }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{DataFile, FileFormat, SourceSummary, SplitId, SplitTally};

    fn tally(read: u64, written: u64, quarantined: u64, deduplicated: u64) -> Tally {
        let mut tally = Tally { read, written, quarantined, deduplicated, ..Tally::default() };
        tally.add_excluded("outside_window", read - written - quarantined - deduplicated);
        tally
    }

    fn file(path: &str, dt: Option<jiff::civil::Date>, rows: u64) -> DataFile {
        DataFile {
            path: path.to_owned(),
            format: FileFormat::Parquet,
            dt,
            bytes: rows * 100,
            sha256: "0".repeat(64),
            rows,
            min_key: None,
            max_key: None,
            sums: BTreeMap::new(),
        }
    }

    fn summary() -> RunSummary {
        let split =
            |id, name: &str, tally| SplitTally { split: SplitId(id), name: name.to_owned(), tally };
        let source = SourceSummary {
            kind: "mongodump".to_owned(),
            location: "/data/orders.bson".to_owned(),
            fingerprint: "f".repeat(64),
            consistency: "unordered_dump".to_owned(),
            as_of: None,
            unverified: Some("a dump carries no checksum".to_owned()),
            expected_rows: None,
            pushed_down: None,
        };
        RunSummary {
            format_version: 1,
            outcome: Outcome::Published,
            job: "orders-daily".to_owned(),
            dataset: "exported_orders@1".to_owned(),
            contract_version: "1.0.0".to_owned(),
            run_id: "01989000-0000-7000-8000-000000000000".to_owned(),
            commit: Some(3),
            target: "/srv/out/exported_orders".to_owned(),
            as_of: "2026-08-03T06:00:00Z".to_owned(),
            days: vec!["2026-08-01".to_owned(), "2026-08-02".to_owned()],
            sources: vec![source],
            refusal: None,
            ledger: Ledger {
                run: tally(12_345, 12_000, 45, 100),
                by_split: vec![
                    split(0, "orders.bson 0-4096", tally(12_000, 11_700, 45, 100)),
                    split(1, "orders.bson 4096-", tally(345, 300, 0, 0)),
                ],
                by_day: BTreeMap::from([
                    ("2026-07-31".to_owned(), tally(150, 0, 0, 0)),
                    ("2026-08-01".to_owned(), tally(6_000, 5_900, 0, 100)),
                    ("2026-08-02".to_owned(), tally(6_100, 6_100, 0, 0)),
                    ("2026-08-03".to_owned(), tally(50, 0, 0, 0)),
                    ("unknown".to_owned(), tally(45, 0, 45, 0)),
                ]),
            },
            reasons: BTreeMap::from([
                ("type_mismatch".to_owned(), 2),
                ("not_in_list".to_owned(), 43),
            ]),
            warnings: BTreeMap::from([("total_matches_items".to_owned(), 7)]),
            fx: None,
            privacy: None,
            zone_differences: vec![ZoneDifference {
                zone: "America/Vancouver".to_owned(),
                other_tzdb: "2025b".to_owned(),
                from: "2026-11-01T09:00:00Z".to_owned(),
                to: "2026-11-03T00:00:00Z".to_owned(),
                stretches: 1,
                offset: "-07".to_owned(),
                other_offset: Some("-08".to_owned()),
            }],
            files: vec![file(
                "_data/dt=2026-08-01/v-01989000/part-00000.parquet",
                Some(jiff::civil::date(2026, 8, 1)),
                12_000,
            )],
            quarantine_files: vec![file("_quarantine/v-01989000/part-00000.parquet", None, 45)],
            latest: vec!["latest/dt=2026-08-01/part-00000.parquet".to_owned()],
            resumed_splits: 1,
            elapsed_ms: 1_234,
            stage_ms: BTreeMap::new(),
            reread_thread_ms: 256,
        }
    }

    #[test]
    fn a_published_run_is_told_whole() {
        insta::assert_snapshot!(render(&summary()));
    }

    #[test]
    fn a_dry_run_that_would_be_refused_says_so() {
        let run = RunSummary {
            outcome: Outcome::DryRun,
            commit: None,
            refusal: Some("too many rejects".to_owned()),
            files: vec![],
            quarantine_files: vec![],
            latest: vec![],
            ..summary()
        };
        let text = render(&run);
        assert!(text.starts_with("orders-daily: dry run: 2026-08-01 to 2026-08-02 (2 days)"));
        assert!(text.contains("warning: publishing would be refused: too many rejects\n"));
        assert!(!text.contains("Files"));
    }

    #[test]
    fn many_splits_are_counted_not_listed() {
        let mut run = summary();
        let one = run.ledger.by_split[0].clone();
        run.ledger.by_split = vec![one; 25];
        assert!(render(&run).contains("… 5 splits more; --json has all\n"));
    }
}
