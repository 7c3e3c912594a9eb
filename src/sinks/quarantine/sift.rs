//! Quarantine files without some of their rows: those that stay keep every byte, when they were
//! first seen and how often they were tried.
//!
//! Does not own which rows go.

use std::collections::BTreeMap;

use arrow::array::BooleanArray;
use arrow::compute::filter_record_batch;
use jiff::civil::Date;

use crate::error::{ErrorKind, Result, ResultExt};
use crate::model::DataFile;
use crate::sinks::Destination;

use super::stored::{RefusedBytes, read_batches, refused_in};
use super::writer::QuarantineWriter;

/// What becomes of a row of a quarantine file that is sifted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sifting {
    /// It stays.
    Stays,
    /// It goes.
    Goes,
    /// A replay took it or people gave it up before, so that only its bytes are left: they are not
    /// written again.
    WasTaken {
        /// Whether they had to go now in any case.
        is_due: bool,
    },
}

/// What became of the rows of a quarantine file.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Sifted {
    /// The file with the rows that stay; none when none do, or when nothing was written.
    pub file: Option<DataFile>,
    /// Rows that stay, by day.
    pub kept: BTreeMap<Option<Date>, u64>,
    /// Rows that go, by day.
    pub gone: BTreeMap<Option<Date>, u64>,
    /// Rows that go, by the run that refused them.
    pub gone_by_run: BTreeMap<String, u64>,
    /// Rows that were taken before and whose bytes have to go.
    pub taken_due: u64,
}

impl Sifted {
    /// Whether something has to go.
    #[must_use]
    pub fn has_due(&self) -> bool {
        !self.gone.is_empty() || self.taken_due > 0
    }
}

/// Reads `file` and, with `to`, writes the rows that stay to a new file at that path.
///
/// # Errors
/// `Verification` when the file is missing or altered, `Conflict` when one is at `to` already,
/// `Permission` and `Transient` from the store.
pub fn sift_quarantine(
    destination: &Destination,
    file: &DataFile,
    to: Option<&str>,
    sifting: &dyn Fn(&RefusedBytes<'_>) -> Sifting,
) -> Result<Sifted> {
    let mut sifted = Sifted::default();
    let mut writer = to.map(|to| QuarantineWriter::new(destination, to.to_owned()));
    let mut first_place = 0;
    read_batches(destination, file, &mut |rows| {
        let refused = refused_in(rows, first_place)?;
        first_place += rows.num_rows() as u64;
        let stays: BooleanArray =
            refused.iter().map(|row| Some(sifted.count(row, sifting(row)))).collect();
        if let Some(writer) = &mut writer {
            let kept = filter_record_batch(rows, &stays)
                .or_err(ErrorKind::Unexpected, "could not take rows out of a quarantine file")?;
            writer.write(&kept)?;
        }
        Ok(true)
    })?;
    sifted.file = writer.map(QuarantineWriter::finish).transpose()?.flatten();
    Ok(sifted)
}

impl Sifted {
    /// Counts a row, and tells whether it stays.
    fn count(&mut self, row: &RefusedBytes<'_>, sifting: Sifting) -> bool {
        match sifting {
            Sifting::Stays => *self.kept.entry(row.dt).or_default() += 1,
            Sifting::Goes => {
                *self.gone.entry(row.dt).or_default() += 1;
                *self.gone_by_run.entry(row.run_id.to_owned()).or_default() += 1;
            }
            Sifting::WasTaken { is_due } => self.taken_due += u64::from(is_due),
        }
        sifting == Sifting::Stays
    }
}
