//! The record of a rework.

use jiff::civil::Date;

use crate::error::Result;
use crate::model::{
    ERASED, Ledger, SourceSummary, SplitId, SplitTally, Tally, ZoneDifference, ZoneSpans,
    days_of_date,
};
use crate::pipeline::identity::{CODE_VERSION, settings};
use crate::pipeline::write::WrittenDay;
use crate::pipeline::{privacy, rates, zones};
use crate::publish::{
    CommitRecord, ContractIdentity, Removal, RemovalCause, RemovedKind, RemovedObject,
    idempotency_key,
};
use crate::sinks::quarantine::Sifted;
use crate::transform::{PublishedZones, tzdb_version};

use super::{Due, Rework, ReworkedDay};

/// Name of the rule by which rows leave the quarantine when their time is over.
pub(in crate::pipeline) const EXPIRED: &str = "expired";

/// What was done, as the log will have it.
pub(super) fn record(
    rework: &Rework<'_>,
    cause: RemovalCause,
    due: &Due<'_>,
    days: &[ReworkedDay],
    written: &[WrittenDay],
    sifted: &[Sifted],
) -> Result<CommitRecord> {
    let plan = rework.plan;
    let contract = &plan.contract;
    let ledger = ledger(cause, due, days, sifted);
    let privacy = privacy::record(contract, &rework.in_force, written, &ledger);
    let as_of = rework.in_force.as_of;
    let base = rework.target.records().last().map_or(String::new(), |last| last.sha256.clone());
    let carried_from: Vec<&CommitRecord> = due.days.iter().map(|day| day.record).collect();
    let fx = rates::carried(&carried_from, written);
    let files = written.iter().flat_map(|day| &day.files);
    let summary = |day: &ReworkedDay| SourceSummary {
        kind: "published".to_owned(),
        location: format!("commit {}", day.commit),
        fingerprint: format!("{} of commit {}", day.date, day.commit),
        consistency: "published".to_owned(),
        as_of: None,
        unverified: None,
        expected_rows: Some(day.rows_before),
        pushed_down: None,
    };
    Ok(CommitRecord {
        run_id: rework.run_id.clone(),
        job: plan.job.clone(),
        dataset: contract.dataset.clone(),
        contract: ContractIdentity::of(contract),
        schema_fingerprint: contract.schema_fingerprint(),
        code_version: CODE_VERSION.to_owned(),
        idempotency_key: idempotency_key(&[
            ("rework", format!("{cause:?}")),
            ("as_of", as_of.to_string()),
            ("base", base),
            ("suppressed", format!("{:?}", due.suppressed)),
        ]),
        as_of: as_of.to_string(),
        committed_at: rework.now.to_string(),
        tzdb: tzdb_version().to_owned(),
        zone_differences: zone_differences(rework, days, &carried_from)?,
        // A file that is written anew from these days is not said to be of one table when it is not.
        fx_table_sha256: fx
            .as_ref()
            .filter(|fx| fx.other_sha256.is_empty())
            .map(|fx| fx.sha256.clone()),
        fx,
        privacy,
        suppressed: due.suppressed.clone(),
        sources: days.iter().map(summary).collect(),
        days: days
            .iter()
            .zip(written)
            .map(|(day, written)| written.entry(day.date, day.rows()))
            .collect(),
        files: files.clone().map(|written| written.file.clone()).collect(),
        quarantine_files: sifted.iter().filter_map(|sifted| sifted.file.clone()).collect(),
        ledger,
        guarded_csv_cells: files.map(|written| written.guarded_cells).sum(),
        settings: settings(plan),
        removal: Some(Removal {
            cause,
            as_of,
            objects: objects(due, sifted),
            quarantined_rows: due.quarantined_rows(),
            changed_rows: days.iter().map(|day| day.changed_rows).sum(),
            erased_rows: days.iter().map(|day| day.gone_rows).sum(),
        }),
        ..CommitRecord::empty()
    })
}

/// What another time zone database says of the zones of the rows that stay.
fn zone_differences(
    rework: &Rework<'_>,
    days: &[ReworkedDay],
    carried_from: &[&CommitRecord],
) -> Result<Vec<ZoneDifference>> {
    let contract = &rework.plan.contract;
    let mut used = ZoneSpans::default();
    days.iter().for_each(|day| used.merge(&day.zones));
    let dates: Vec<i32> = days.iter().map(|day| days_of_date(day.date)).collect();
    let mut differences = zones::differences(contract, used, &dates);
    let published = PublishedZones::new(contract)?;
    zones::add_untold(&mut differences, &published, carried_from.iter().copied());
    Ok(differences)
}

/// Everything that goes: what the days were read from, in every format, and the rest that is due.
fn objects(due: &Due<'_>, sifted: &[Sifted]) -> Vec<RemovedObject> {
    let of_days = due.days.iter().flat_map(|day| {
        let files = day.record.files.iter().filter(|file| file.dt == Some(day.date));
        files.map(|file| super::removed(&file.path, RemovedKind::OldVersion))
    });
    let of_quarantine =
        due.quarantine.iter().zip(sifted).map(|((file, _), sifted)| RemovedObject {
            path: file.path.clone(),
            why: RemovedKind::Quarantine,
            instead: sifted.file.as_ref().map(|file| file.path.clone()),
        });
    let mut objects: Vec<_> =
        of_days.chain(due.objects.iter().cloned()).chain(of_quarantine).collect();
    objects.sort();
    objects.dedup();
    objects
}

/// Every row that was read is written, still refused, or gone.
fn ledger(cause: RemovalCause, due: &Due<'_>, days: &[ReworkedDay], sifted: &[Sifted]) -> Ledger {
    let rule = match cause {
        RemovalCause::Retention => EXPIRED,
        RemovalCause::Erasure => ERASED,
    };
    let mut ledger = Ledger::default();
    let mut add = |name: String, of_days: Vec<(Option<Date>, Tally)>| {
        let mut whole = Tally::default();
        for (day, tally) in of_days {
            whole.add(&tally);
            ledger.by_day.entry(Ledger::day_key(day)).or_default().add(&tally);
        }
        ledger.run.add(&whole);
        let split = SplitId(u32::try_from(ledger.by_split.len()).unwrap_or(u32::MAX));
        ledger.by_split.push(SplitTally { split, name, tally: whole });
    };
    for day in days {
        let mut tally = Tally { read: day.rows_before, written: day.rows(), ..Tally::default() };
        tally.add_excluded(rule, day.gone_rows);
        add(format!("{} as of commit {}", day.date, day.commit), vec![(Some(day.date), tally)]);
    }
    for ((file, _), sifted) in due.quarantine.iter().zip(sifted) {
        let kept = sifted.kept.iter().map(|(day, rows)| {
            (*day, Tally { read: *rows, quarantined: *rows, ..Tally::default() })
        });
        let gone = sifted.gone.iter().map(|(day, rows)| {
            let mut tally = Tally { read: *rows, ..Tally::default() };
            tally.add_excluded(rule, *rows);
            (*day, tally)
        });
        add(file.path.clone(), kept.chain(gone).collect());
    }
    ledger
}
