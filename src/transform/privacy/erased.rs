//! Rows of erased subjects. They are left out before anything is said against them, so that their
//! bytes never reach the quarantine.

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;

use arrow::array::{Array, AsArray};

use super::{HOW_TO_GET_A_KEY, PrivacyInForce};
use crate::catalog::Contract;
use crate::error::{Error, ErrorKind, Result};
use crate::model::{Batch, ERASED, RowExclusion, SuppressionMark};
use crate::privacy::KeyedHash;
use crate::transform::Step;
use crate::transform::columns::column_index;

/// Excludes rows with a subject that is marked.
pub(in crate::transform) struct LeaveOutErased {
    marked: Vec<Marked>,
    rule: Arc<str>,
}

/// The marks of one field that were taken with one key.
struct Marked {
    /// Number of the field's column.
    column: usize,
    hash: KeyedHash,
    marks: HashSet<[u8; 32]>,
}

impl LeaveOutErased {
    /// For rows in the resolved schema of `contract`.
    pub(in crate::transform) fn new(
        contract: &Contract,
        in_force: Option<&PrivacyInForce>,
    ) -> Result<Self> {
        let mut by_key: BTreeMap<(&str, &str), HashSet<[u8; 32]>> = BTreeMap::new();
        for mark in in_force.iter().flat_map(|in_force| &in_force.suppressed) {
            by_key.entry((&mark.field, &mark.key_id)).or_default().insert(bytes_of(mark)?);
        }
        let schema = contract.resolved_schema();
        let marked = by_key.into_iter().map(|((field, key_id), marks)| {
            let column = column_index(contract, &schema, field).map_err(|e| {
                e.with_help("erased subjects of the target are told by this field: it must stay")
            })?;
            let keys = in_force.and_then(|in_force| in_force.keys.as_ref());
            let hash = keys.and_then(|keys| keys.marks_of(key_id, field)).ok_or_else(|| {
                let message = "the target has suppression marks whose key is not there";
                Error::new(ErrorKind::Usage, message)
                    .with("key", key_id)
                    .with_help(format!("{HOW_TO_GET_A_KEY}. The file must hold this key"))
            })?;
            Ok(Marked { column, hash, marks })
        });
        Ok(Self { marked: marked.collect::<Result<_>>()?, rule: Arc::from(ERASED) })
    }
}

fn bytes_of(mark: &SuppressionMark) -> Result<[u8; 32]> {
    let bytes = hex::decode(&mark.mark).ok().and_then(|bytes| <[u8; 32]>::try_from(bytes).ok());
    bytes.ok_or_else(|| {
        let message = "a suppression mark in the records of the target cannot be read";
        Error::new(ErrorKind::Verification, message).with("field", &mark.field)
    })
}

impl Step for LeaveOutErased {
    fn apply(&self, mut batch: Batch) -> Batch {
        if self.marked.is_empty() {
            return batch;
        }
        let mut erased = vec![false; batch.num_rows()];
        for Marked { column, hash, marks } in &self.marked {
            let Some(texts) = batch.columns.column(*column).as_string_opt::<i32>() else {
                continue;
            };
            for (row, erased) in erased.iter_mut().enumerate() {
                *erased |= texts.is_valid(row) && marks.contains(&hash.bytes(texts.value(row)));
            }
        }
        // One rule leaves out a row: those that are left out already stay as they are.
        batch.exclusions.iter().for_each(|excluded| erased[excluded.row as usize] = false);
        let rows = (0u32..).zip(erased).filter(|(_, erased)| *erased);
        let found = rows.map(|(row, _)| RowExclusion { row, rule: Arc::clone(&self.rule) });
        batch.exclusions.extend(found);
        batch.exclusions.sort_by_key(|exclusion| exclusion.row);
        batch
    }
}
