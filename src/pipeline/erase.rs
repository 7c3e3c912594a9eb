//! Erasure: one person goes from every day, copy and refused row, and does not come back.
//!
//! Owns whose rows are meant. Does not own how they go (`rework`) nor how later runs leave them out
//! (`transform`).

use std::collections::BTreeSet;
use std::sync::Arc;

use arrow::array::{AsArray, BooleanArray, RecordBatch};
use arrow::compute::{filter_record_batch, not};
use jiff::Timestamp;
use jiff::civil::Date;
use serde::Serialize;

use crate::catalog::Contract;
use crate::error::{Error, ErrorKind, Result, ResultExt};
use crate::model::{Sensitive, SuppressionMark};
use crate::plan::Plan;
use crate::publish::{Committed, FoundObject, RemovalCause};
use crate::sinks::quarantine::RefusedBytes;
use crate::telemetry::{Progress, Stage};
use crate::transform::{HOW_TO_GET_A_KEY, PrivacyInForce, forget, normal_form, normal_forms};

use super::Options;
use super::byte_search::unescaped;
use super::privacy;
use super::rework::{
    Due, Proof, Rework, Task, Values, Worked, contains_word, dead_orphans, each_text_of,
    in_a_rework, old_versions,
};

/// How an erasure ended, when it did not fail.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ErasureOutcome {
    /// A commit record was created: rows are gone, or later runs leave the person out, or both.
    Erased,
    /// The person was erased before and nothing of it was left but what an interruption left.
    AlreadyErased,
}

/// What says that a person was erased, and not who it was.
#[derive(Debug, Clone, Serialize)]
pub struct ErasureReceipt {
    /// Version of this document's form.
    pub format_version: u32,
    /// Number of the receipt; the run of its commit record, when one was created.
    pub receipt_id: String,
    /// How it ended.
    pub outcome: ErasureOutcome,
    /// When it was done, RFC 3339 UTC.
    pub erased_at: Timestamp,
    /// Name of the job.
    pub job: String,
    /// `dataset@major`.
    pub dataset: String,
    /// Root URL of the dataset.
    pub target: String,
    /// The field by which the person was told.
    pub field: String,
    /// Id of the key with which the suppression mark was taken.
    pub key_id: String,
    /// Number of the commit record.
    pub commit: Option<u64>,
    /// Days that were written anew without the person's rows.
    pub days: Vec<Date>,
    /// Rows that are gone from published days.
    pub rows: u64,
    /// Rows that are gone from the quarantine.
    pub quarantined_rows: u64,
    /// Objects that were deleted.
    pub objects_deleted: u64,
    /// The proof that what went is gone.
    pub proof: Proof,
}

/// Erases the person that `field` tells by `value` from the dataset of `plan`. The plan's sources are
/// not read and its days do not count. Blocks; call it outside any asynchronous runtime.
///
/// # Errors
/// `Usage` when the field tells no person by the contract, the value is none it could have, or there
/// is no key; else as [`super::retention()`].
pub fn erase(
    plan: &Plan,
    field: &str,
    value: &Sensitive,
    progress: &Arc<Progress>,
    options: Options,
) -> Result<ErasureReceipt> {
    let in_force = |records: &[Committed]| in_force(plan, records);
    in_a_rework(plan, progress, options, in_force, |rework| {
        carry_out(rework, &Erasure::new(rework, field, value)?)
    })
}

fn in_force(plan: &Plan, records: &[Committed]) -> Result<PrivacyInForce> {
    let keys = privacy::keys_of(plan)?.ok_or_else(|| {
        Error::new(ErrorKind::Usage, "an erasure leaves a keyed mark, and there is no key")
            .with_help(HOW_TO_GET_A_KEY)
    })?;
    // Rows that are of age in what stands must not be counted as young.
    let stood_at = records.iter().filter_map(|c| c.record.privacy.as_ref());
    let as_of = stood_at.map(|privacy| privacy.as_of).chain([plan.as_of]).max();
    Ok(PrivacyInForce {
        as_of: as_of.unwrap_or(plan.as_of),
        keys: Some(keys),
        suppressed: privacy::suppressed(records).cloned().collect(),
    })
}

fn carry_out(rework: &Rework<'_>, erasure: &Erasure<'_>) -> Result<ErasureReceipt> {
    rework.progress.enter(Stage::Planning);
    let records = rework.target.records();
    let objects = rework.objects(records)?;
    let due = due(rework, records, &objects, erasure)?;
    let done = rework.carry_out(erasure, &due)?;
    let plan = rework.plan;
    Ok(ErasureReceipt {
        format_version: 1,
        receipt_id: rework.run_id.clone(),
        outcome: match done.commit {
            Some(_) => ErasureOutcome::Erased,
            None => ErasureOutcome::AlreadyErased,
        },
        erased_at: rework.now,
        job: plan.job.clone(),
        dataset: plan.contract.label(),
        target: plan.target.clone(),
        field: erasure.field.to_owned(),
        key_id: erasure.mark.key_id.clone(),
        commit: done.commit,
        days: done.days.keys().copied().collect(),
        rows: done.days.values().map(|(_, gone)| gone).sum(),
        quarantined_rows: due.quarantined_rows().values().sum(),
        objects_deleted: done.deleted,
        proof: done.proof,
    })
}

/// Every day and old version with a row of the person, refused rows that name it, and the mark.
fn due<'r>(
    rework: &Rework<'_>,
    records: &'r [Committed],
    objects: &[FoundObject],
    erasure: &Erasure<'_>,
) -> Result<Due<'r>> {
    let is_there = |rows: &RecordBatch| Ok(erasure.rows_of_person(rows)?.true_count() > 0);
    let with_person = rework.versions_where(records, objects, |_| true, is_there)?;
    let mut days = rework.standing_days(records)?;
    days.retain(|day| with_person.contains(&(day.record.seq, day.date)));
    privacy::require_no_less_taken(
        erasure.contract,
        days.iter().map(|day| (day.record, day.date)),
    )?;
    let rewritten: BTreeSet<Date> = days.iter().map(|day| day.date).collect();
    let mut gone = old_versions(records, objects, |record, entry| {
        rewritten.contains(&entry.dt) || with_person.contains(&(record.seq, entry.dt))
    });
    let quarantine = rework.sift(records, objects, erasure)?;
    let is_known = rework.in_force.suppressed.contains(&erasure.mark);
    let suppressed = if is_known { Vec::new() } else { vec![erasure.mark.clone()] };
    gone.extend(dead_orphans(&rework.target.destination(), objects, rework.now)?);
    gone.sort();
    Ok(Due { days, objects: gone, quarantine, suppressed })
}

/// The domains of the field's pseudonyms, as the contract and every record before has them.
fn domains(records: &[Committed], contract: &Contract, field: &str) -> BTreeSet<String> {
    let policies = records.iter().filter_map(|committed| committed.record.privacy.as_ref());
    let before = policies.flat_map(|privacy| &privacy.policy).filter(|p| p.field == field);
    let present = contract.field(field).and_then(|field| field.privacy.at_once.as_ref());
    before
        .filter_map(|policy| policy.domain.clone())
        .chain(present.map(|pseudonym| pseudonym.domain.clone()))
        .collect()
}

/// Takes the rows of one person.
struct Erasure<'a> {
    contract: &'a Contract,
    field: &'a str,
    column: usize,
    /// The value in the field's normal form.
    normal: String,
    /// How the person may stand in that column: as it was given, in its normal form, and as a
    /// pseudonym under each key.
    values: BTreeSet<String>,
    /// How it may stand in source bytes.
    words: Vec<String>,
    mark: SuppressionMark,
    as_of: Timestamp,
    /// Columns with personal fields.
    personal: Vec<usize>,
}

impl<'a> Erasure<'a> {
    fn new(rework: &Rework<'a>, field: &'a str, value: &Sensitive) -> Result<Self> {
        let contract: &Contract = &rework.plan.contract;
        let subjects = contract.privacy.as_ref().map_or(&[][..], |privacy| &privacy.subject);
        let column = contract.fields.iter().position(|declared| declared.name == field);
        let (Some(column), true) = (column, subjects.iter().any(|subject| subject == field)) else {
            return Err(Error::new(ErrorKind::Usage, "the contract tells no person by this field")
                .with("field", field)
                .with("dataset", contract.label())
                .with_help(format!("it names these subjects: {}", subjects.join(", "))));
        };
        // Blanks around what a person typed count only where the field could have them.
        let normal = match normal_form(contract, column, value.expose())? {
            Some(normal) => Some(normal),
            None => normal_form(contract, column, value.expose().trim())?,
        };
        let normal = normal.ok_or_else(|| {
            Error::new(ErrorKind::Usage, "the value is none that the field could have")
                .with("field", field)
        })?;
        let words: BTreeSet<String> = [value.expose().trim().to_owned(), normal.clone()].into();
        let mut values = words.clone();
        let keys = rework.in_force.keys.as_deref();
        for domain in domains(rework.target.records(), contract, field) {
            let hashes = keys.into_iter().flat_map(|keys| keys.pseudonyms_of_every_key(&domain));
            values.extend(hashes.map(|hash| hash.text(&normal)));
        }
        // A mark that an older key has taken does as well.
        let standing = rework.in_force.suppressed.iter().find(|mark| {
            let hash = keys.and_then(|keys| keys.marks_of(&mark.key_id, field));
            mark.field == field && hash.is_some_and(|hash| hash.hex(&normal) == mark.mark)
        });
        let taken = || {
            let hash = keys?.marks(field)?;
            let (key_id, mark) = (hash.key_id().to_owned(), hash.hex(&normal));
            Some(SuppressionMark { field: field.to_owned(), key_id, mark })
        };
        let mark = standing.cloned().or_else(taken).ok_or_else(|| {
            Error::new(ErrorKind::Usage, "the key file holds no key").with_help(HOW_TO_GET_A_KEY)
        })?;
        let policies = contract.policies();
        let is_personal = |name: &str| {
            let of_policy = policies.iter().any(|p| p.field.path.split('.').next() == Some(name));
            of_policy || subjects.iter().any(|subject| subject == name)
        };
        let fields = contract.fields.iter().enumerate();
        let personal = fields.filter(|(_, f)| is_personal(&f.name)).map(|(index, _)| index);
        Ok(Self {
            contract,
            field,
            column,
            normal,
            values,
            words: words.into_iter().collect(),
            mark,
            as_of: rework.in_force.as_of,
            personal: personal.collect(),
        })
    }

    fn rows_of_person(&self, rows: &RecordBatch) -> Result<BooleanArray> {
        let texts = rows.column(self.column).as_string_opt::<i32>().ok_or_else(|| {
            Error::new(ErrorKind::Unexpected, "a field that tells a person is no text")
        })?;
        // An earlier version of the contract may have let the value stand in another form.
        let normal = normal_forms(self.contract, self.column, rows.column(self.column))?;
        let normal = normal.as_string::<i32>();
        let is_meant = |(text, normal): (Option<&str>, Option<&str>)| {
            text.is_some_and(|text| self.values.contains(text)) || normal == Some(&*self.normal)
        };
        Ok(texts.iter().zip(normal).map(|texts| Some(is_meant(texts))).collect())
    }

    fn split(&self, rows: &RecordBatch) -> Result<(RecordBatch, RecordBatch)> {
        let doing = "could not take the rows of a person out";
        let of_person = self.rows_of_person(rows)?;
        let gone = filter_record_batch(rows, &of_person).or_err(ErrorKind::Unexpected, doing)?;
        let others = not(&of_person).or_err(ErrorKind::Unexpected, doing)?;
        let stay = filter_record_batch(rows, &others).or_err(ErrorKind::Unexpected, doing)?;
        Ok((stay, gone))
    }
}

impl Task for Erasure<'_> {
    fn cause(&self) -> RemovalCause {
        RemovalCause::Erasure
    }

    /// A day that is written anew loses what is due as well: its record says as of when.
    fn work(&self, rows: &RecordBatch) -> Result<Worked> {
        let (stay, gone) = self.split(rows)?;
        let forgotten = forget(self.contract, &stay, self.as_of)?;
        Ok(Worked {
            rows: forgotten.rows,
            changed_rows: forgotten.changed_rows,
            gone: Some(gone).filter(|gone| gone.num_rows() > 0),
        })
    }

    fn keeps(&self, refused: &RefusedBytes<'_>) -> bool {
        let texts = [refused.raw, &unescaped(refused.raw), refused.key.unwrap_or("").as_bytes()];
        let names = |word: &String| texts.iter().any(|text| contains_word(text, word.as_bytes()));
        !self.words.iter().any(names)
    }

    fn collect(&self, rows: &RecordBatch, values: &mut Values) -> Result<()> {
        let (_, gone) = self.split(rows)?;
        for column in &self.personal {
            for row in 0..gone.num_rows() {
                each_text_of(gone.column(*column), row, &mut |text| values.add(text));
            }
        }
        Ok(())
    }

    fn lawful(&self, rows: &RecordBatch) -> Result<RecordBatch> {
        Ok(rows.clone())
    }

    fn certain(&self) -> Vec<&[u8]> {
        self.values.iter().map(String::as_bytes).collect()
    }

    fn is_done(&self, rows: &RecordBatch) -> Result<bool> {
        Ok(self.rows_of_person(rows)?.true_count() == 0)
    }
}
