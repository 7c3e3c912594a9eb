//! The gate before the commit: everything that must hold, or nothing is published.
//!
//! Owns the reject budget, the re-opening of every file by a second reader, and the agreement of
//! counts and sums. Does not own the arithmetic of the ledger (`model::Ledger`).

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};

use rayon::prelude::*;

use crate::catalog::Contract;
use crate::error::{Error, ErrorKind, Result};
use crate::model::{FileFormat, Ledger, SplitId, Sums, Tally};
use crate::plan::{DELETED_IN_SOURCE, OUTSIDE_WINDOW, RejectBudget};
use crate::sinks::{
    DayWriter, Destination, WrittenFile, compare, filtered_rows, quarantine, reread,
};
use crate::state::Checkpoint;
use crate::telemetry::{Progress, Stage};

use super::write::WrittenDay;

/// Reasons that a refusal names.
const TOP_REASONS: usize = 5;

/// Why the reject budget refuses the run; `None` when it does not. Rows outside the window and
/// deletions do not count as read: a job is judged by the rows that its days could have.
pub(super) fn over_budget(
    budget: RejectBudget,
    run: &Tally,
    reasons: &BTreeMap<String, u64>,
) -> Option<String> {
    let excluded = |rule: &str| run.excluded_by_rule.get(rule).copied().unwrap_or(0);
    let rows = run.read - excluded(OUTSIDE_WINDOW) - excluded(DELETED_IN_SOURCE);
    let rejects = run.quarantined;
    let too_many = budget.max_rows.is_some_and(|max| rejects > max)
        || u128::from(rejects) * 1_000_000 > u128::from(rows) * u128::from(budget.max_millionths);
    too_many.then(|| {
        let max_rows = budget.max_rows.map_or(String::new(), |max| format!(" and {max} rows"));
        format!(
            "{rejects} of {rows} rows were refused, the job's budget is {}{max_rows}; most often: {}",
            percent(budget.max_millionths),
            most_often(reasons),
        )
    })
}

fn percent(millionths: u32) -> String {
    let text = format!("{}.{:04}", millionths / 10_000, millionths % 10_000);
    format!("{} %", text.trim_end_matches('0').trim_end_matches('.'))
}

fn most_often(reasons: &BTreeMap<String, u64>) -> String {
    let mut reasons: Vec<_> = reasons.iter().collect();
    reasons.sort_by_key(|(code, rows)| (std::cmp::Reverse(**rows), code.as_str()));
    let top = reasons.iter().take(TOP_REASONS).map(|(code, rows)| format!("{code} {rows}"));
    top.collect::<Vec<_>>().join(", ")
}

/// The error of a refusal.
pub(super) fn refusal(why: &str) -> Error {
    Error::new(ErrorKind::Gate, format!("nothing was published: {why}")).with_help(
        "run again with --dry-run to see what became of every row; mend the source or the \
         contract, or raise [reject] in the job. What was extracted is kept for the next run",
    )
}

/// Ends the files of days, and re-opens them while other days are still being written.
pub(super) struct Closing<'a> {
    contract: &'a Contract,
    destination: &'a Destination,
    progress: &'a Progress,
    /// Days whose files have not ended.
    open_days: AtomicUsize,
}

impl<'a> Closing<'a> {
    /// For as many as `days`, each of which is closed once.
    pub(super) fn new(
        days: usize,
        contract: &'a Contract,
        destination: &'a Destination,
        progress: &'a Progress,
    ) -> Self {
        Self { contract, destination, progress, open_days: AtomicUsize::new(days) }
    }

    /// Ends the files of a day, re-opens every one of them with a second reader and compares it
    /// with what its writer said, filtered counts included. With the last day the run has nothing
    /// but verifying left.
    ///
    /// # Errors
    /// `Verification` when a file does not agree; `Permission` and `Transient` from the store.
    pub(super) fn close(&self, writers: Vec<DayWriter>) -> Result<Vec<WrittenFile>> {
        let files = writers.into_par_iter().map(DayWriter::close).collect::<Result<Vec<_>>>()?;
        let files = files.concat();
        if self.open_days.fetch_sub(1, Ordering::Relaxed) == 1 {
            self.progress.enter(Stage::Verifying);
        }
        (files.par_iter().with_max_len(1))
            .try_for_each(|written| self.progress.rereading(|| self.reopen(written)))?;
        Ok(files)
    }

    fn reopen(&self, written: &WrittenFile) -> Result<()> {
        let found = reread(self.destination, &written.file, self.contract)?;
        compare(&written.file, &found)?;
        for probe in &written.probes {
            let rows = filtered_rows(self.destination, &written.file, probe)?;
            if rows != probe.rows {
                return Err(mismatch("a filtered count of a written file is wrong")
                    .with("file", &written.file.path)
                    .with("column", &probe.column)
                    .with("written", probe.rows)
                    .with("read back", rows));
            }
        }
        Ok(())
    }
}

/// Rows of each day, as its files were found to hold them.
///
/// # Errors
/// `Verification` when two formats of one day do not agree.
pub(super) fn rows_by_day(days: &[WrittenDay]) -> Result<BTreeMap<String, u64>> {
    days.iter().map(|day| Ok((Ledger::day_key_of(Some(day.day)), rows_of_day(day)?))).collect()
}

/// Rows of a day, the same in every format it was written in.
fn rows_of_day(day: &WrittenDay) -> Result<u64> {
    let mut by_format: BTreeMap<FileFormat, u64> = BTreeMap::new();
    for written in &day.files {
        *by_format.entry(written.file.format).or_default() += written.file.rows;
    }
    let mut rows = by_format.values().copied();
    let first = rows.next().unwrap_or(0);
    if rows.any(|other| other != first) {
        return Err(mismatch("the formats of a day do not hold the same number of rows")
            .with("day", Ledger::day_key_of(Some(day.day))));
    }
    Ok(first)
}

/// The exactness certificate: for every decimal column, what was decoded equals what lies in the
/// files plus what was struck, in each format.
///
/// # Errors
/// `Verification` naming the column.
pub(super) fn sums_agree(
    contract: &Contract,
    checkpoints: &[Checkpoint],
    days: &[WrittenDay],
) -> Result<()> {
    let mut decoded = Sums::new(&contract.output_schema());
    for checkpoint in checkpoints {
        decoded.add_text(&checkpoint.sums)?;
    }
    let formats: std::collections::BTreeSet<FileFormat> =
        days.iter().flat_map(|day| &day.files).map(|written| written.file.format).collect();
    for format in formats {
        let mut accounted = Sums::new(&contract.output_schema());
        for day in days {
            accounted.add_sums(&day.merged.struck_sums);
            for written in day.files.iter().filter(|written| written.file.format == format) {
                accounted.add_text(&written.file.sums)?;
            }
        }
        let (decoded, accounted) = (decoded.to_text(), accounted.to_text());
        if let Some((column, sum)) =
            decoded.iter().find(|(column, s)| accounted.get(*column) != Some(s))
        {
            return Err(mismatch("the sum of a column changed on its way to the files")
                .with("column", column)
                .with("format", format.extension())
                .with("decoded", sum)
                .with("in files", accounted.get(column).map_or("nothing", String::as_str)));
        }
    }
    Ok(())
}

/// What a quarantine was found to hold.
#[derive(Debug, Default)]
pub(super) struct Quarantined {
    /// Rows by split and day key.
    pub(super) rows: BTreeMap<(SplitId, String), u64>,
    /// Reasons by code.
    pub(super) reasons: BTreeMap<String, u64>,
}

/// Re-opens the quarantine and counts what is in it.
///
/// # Errors
/// `Verification` when a file does not hold what its writer said.
pub(super) fn reopen_quarantine(
    files: &[crate::model::DataFile],
    destination: &Destination,
) -> Result<Quarantined> {
    let mut quarantined = Quarantined::default();
    for file in files {
        quarantine::read_quarantine(destination, file, &mut |row| {
            *quarantined.rows.entry((row.split_id, Ledger::day_key(row.dt))).or_default() += 1;
            for code in row.codes() {
                *quarantined.reasons.entry(code.to_owned()).or_default() += 1;
            }
            Ok(true)
        })?;
    }
    Ok(quarantined)
}

/// The ledger's last word: it balances, and the files hold what was decided, row for row.
///
/// # Errors
/// `Verification` with every line that does not hold.
pub(super) fn balances(ledger: &Ledger, decided: &Ledger) -> Result<()> {
    let mut wrong = ledger.imbalances();
    if ledger != decided {
        wrong.push("the files do not hold the rows that were decided to go there".to_owned());
    }
    if wrong.is_empty() {
        return Ok(());
    }
    Err(mismatch("the ledger does not balance; nothing was published")
        .with("lines", wrong.join("; "))
        .with_help("this is a fault of the program, please report it with the run's log"))
}

fn mismatch(message: &str) -> Error {
    Error::new(ErrorKind::Verification, message)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use object_store::memory::InMemory;
    use object_store::{ObjectStore, ObjectStoreExt};

    use super::*;
    use crate::catalog::load_contract;
    use crate::plan::{FormulaGuard, ParquetCompression, SinkSpec};
    use crate::sinks::FileMetadata;

    fn tally(read: u64, quarantined: u64, outside: u64) -> Tally {
        let mut tally = Tally { read, quarantined, ..Tally::default() };
        tally.add_excluded(OUTSIDE_WINDOW, outside);
        tally
    }

    #[test]
    fn the_budget_is_a_share_of_the_rows_that_the_days_could_have() {
        let budget = RejectBudget { max_millionths: 10_000, max_rows: None };
        let reasons = BTreeMap::from([("email_invalid".to_owned(), 2)]);
        assert_eq!(over_budget(budget, &tally(100, 1, 0), &reasons), None);
        assert_eq!(
            over_budget(budget, &tally(150, 1, 60), &reasons).unwrap(),
            "1 of 90 rows were refused, the job's budget is 1 %; most often: email_invalid 2"
        );
        let mut with_deletions = tally(150, 1, 40);
        with_deletions.add_excluded(DELETED_IN_SOURCE, 20);
        assert!(over_budget(budget, &with_deletions, &reasons).unwrap().contains("1 of 90 rows"));
        let budget = RejectBudget { max_millionths: 1_000_000, max_rows: Some(3) };
        assert_eq!(over_budget(budget, &tally(10, 3, 0), &reasons), None);
        assert!(over_budget(budget, &tally(10, 4, 0), &reasons).is_some());
        let none = RejectBudget { max_millionths: 0, max_rows: None };
        assert_eq!(over_budget(none, &tally(0, 0, 0), &reasons), None);
    }

    const DAYS: [jiff::civil::Date; 2] =
        [jiff::civil::date(2026, 8, 1), jiff::civil::date(2026, 8, 2)];

    /// A writer of each day, to `destination`, in both formats.
    fn writers(contract: &Arc<Contract>, destination: &Destination) -> [Vec<DayWriter>; 2] {
        let metadata = FileMetadata::new(contract, "2026a", None);
        let large = 1 << 30;
        let compression = ParquetCompression::Zstd;
        let sinks = [
            SinkSpec::Parquet { compression, target_bytes: large, row_group_bytes: large },
            SinkSpec::Csv { target_bytes: large, formula_guard: FormulaGuard::Off },
        ];
        DAYS.map(|day| {
            let writer = |sink| DayWriter::new(sink, contract, &metadata, destination, "run", day);
            sinks.iter().map(|sink| writer(sink).unwrap()).collect()
        })
    }

    #[test]
    fn files_are_read_from_the_store_as_soon_as_their_day_has_ended() {
        let runtime = tokio::runtime::Runtime::new().unwrap();
        let store = Arc::new(InMemory::new());
        let below = |root: &str| Destination {
            store: Arc::clone(&store) as Arc<dyn ObjectStore>,
            root: root.into(),
            runtime: runtime.handle().clone(),
        };
        let schemas = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("schemas");
        let contract = load_contract(&schemas.join("exported_orders/v1.odcs.yaml")).unwrap();
        let contract = Arc::new(contract);

        let (written, progress) = (below("written"), Progress::default());
        progress.enter(Stage::Writing);
        let closing = Closing::new(2, &contract, &written, &progress);
        let [first, second] = writers(&contract, &written);
        let files = closing.close(first).unwrap();
        assert_eq!((files.len(), progress.stage()), (2, Stage::Writing));
        closing.close(second).unwrap();
        assert_eq!(progress.stage(), Stage::Verifying);

        // What a reader finds is not what was written: one byte of each file in turn, or nothing.
        for changed in &files {
            let found = below(&format!("found-{}", changed.file.format.extension()));
            for file in &files {
                let [from, to] =
                    [&written, &found].map(|at| crate::storage::below(&at.root, &file.file.path));
                let mut bytes = runtime.block_on(async {
                    store.get(&from).await.unwrap().bytes().await.unwrap().to_vec()
                });
                let middle = bytes.len() / 2;
                bytes[middle] ^= u8::from(file.file.path == changed.file.path);
                runtime.block_on(store.put(&to, bytes.into())).unwrap();
            }
            let closing = Closing::new(1, &contract, &found, &progress);
            let [first, _] = writers(&contract, &below(&format!("again-{}", found.root)));
            let error = closing.close(first).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Verification, "{error}");
            let text = format!("{error:?}");
            assert!(text.contains(&changed.file.path) && text.contains("SHA-256"), "{text}");
        }
        let nothing = below("nothing");
        let closing = Closing::new(1, &contract, &nothing, &progress);
        let [first, _] = writers(&contract, &below("again"));
        assert_eq!(closing.close(first).unwrap_err().kind(), ErrorKind::Verification);
    }

    #[test]
    fn percents_are_written_without_idle_zeros() {
        let texts = [10_000, 15_500, 1, 1_000_000].map(percent);
        assert_eq!(texts, ["1 %", "1.55 %", "0.0001 %", "100 %"]);
    }
}
