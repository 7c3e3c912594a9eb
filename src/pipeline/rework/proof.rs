//! The proof that what went is gone: its values are read from the objects that go, held in memory
//! only, and looked for in everything that is left.

use std::collections::BTreeSet;

use arrow::array::RecordBatch;
use rayon::prelude::*;

use crate::error::{Error, ErrorKind, Result};
use crate::model::{DataFile, FileFormat};
use crate::pipeline::byte_search::{Haystack, Needles, search, unescaped};
use crate::publish::{Committed, FoundObject, ObjectKind, live_days};
use crate::sinks::quarantine::each_refused;
use crate::sinks::{Destination, read_rows};
use crate::state::files_below;

use super::{Proof, Rework, Task, contains_word, each_text, quarantine_files, unfinished_files};

/// Values that must be gone, in memory only.
#[derive(Debug, Default)]
pub(in crate::pipeline) struct Values(BTreeSet<Box<[u8]>>);

impl Values {
    /// Adds a value.
    pub(in crate::pipeline) fn add(&mut self, value: &[u8]) {
        if !self.0.contains(value) {
            self.0.insert(value.into());
        }
    }
}

impl Rework<'_> {
    /// The values of published rows in files that go, as far as these can be read.
    pub(super) fn values_of(
        &self,
        task: &dyn Task,
        records: &[Committed],
        going: &[&FoundObject],
    ) -> Result<Values> {
        let destination = self.destination();
        let paths: BTreeSet<&str> = going.iter().map(|object| object.path.as_str()).collect();
        let fingerprint = self.plan.contract.schema_fingerprint();
        let files: Vec<&DataFile> = (records.iter())
            .filter(|committed| committed.record.schema_fingerprint == fingerprint)
            .flat_map(|committed| &committed.record.files)
            .filter(|file| file.format == FileFormat::Parquet && paths.contains(file.path.as_str()))
            .collect();
        let found: Vec<Values> = (files.into_par_iter().with_max_len(1))
            .map(|file| {
                let mut values = Values::default();
                read_rows(&destination, file, &self.plan.contract, &mut |rows| {
                    task.collect(&rows, &mut values)
                })?;
                Ok(values)
            })
            .collect::<Result<_>>()?;
        Ok(Values(found.into_iter().flat_map(|values| values.0).collect()))
    }

    /// Looks for `values` in everything that is left. Finding one is no error here.
    ///
    /// # Errors
    /// `Verification` when an object that was taken out is still there, or a published row still
    /// holds what must go; `Permission` and `Transient` from the store.
    pub(super) fn prove(
        &self,
        task: &dyn Task,
        records: &[Committed],
        values: Values,
    ) -> Result<Proof> {
        let destination = self.destination();
        let objects = self.objects(records)?;
        if let Some(object) = objects.iter().find(|object| object.kind == ObjectKind::Removed) {
            return Err(Error::new(ErrorKind::Verification, "an object that was deleted is there")
                .with("object", &object.path)
                .with_help("does something put it back? A bucket with versions keeps old ones"));
        }
        let mut proof = Proof { rows_checked: self.check_rows(task, records)?, ..Proof::default() };
        let certain = task.certain();
        let certain: BTreeSet<&[u8]> = certain.into_iter().collect();
        let mut needles =
            Needles::new(values.0.into_iter().chain(certain.iter().map(|value| Box::from(*value))));
        proof.values_elsewhere = needles.strike_lawful(
            |value, text| !(certain.contains(value) && contains_word(text, value)),
            |each| self.each_lawful(task, records, &objects, &destination, each),
        )?;
        let mut haystacks: Vec<Haystack> =
            objects.into_iter().map(|object| Haystack::Object(object.path)).collect();
        let unfinished = unfinished_files(&self.plan.target)?;
        for file in files_below(&self.plan.staging)?.into_iter().chain(unfinished) {
            haystacks.push(Haystack::File(file.display().to_string(), file));
        }
        proof.searched = search(&destination, &haystacks, &needles)?;
        Ok(proof)
    }

    /// Reads every published row: none may be left to be worked on.
    fn check_rows(&self, task: &dyn Task, records: &[Committed]) -> Result<u64> {
        let destination = self.destination();
        let checked = (self.live_parquet(records).into_par_iter().with_max_len(1)).map(|file| {
            let mut checked = 0;
            read_rows(&destination, file, &self.plan.contract, &mut |rows| {
                checked += rows.num_rows() as u64;
                if task.is_done(&rows)? {
                    return Ok(());
                }
                let message = "a published day still holds what must be gone";
                Err(Error::new(ErrorKind::Verification, message).with("file", &file.path))
            })?;
            Ok(checked)
        });
        Ok(checked.collect::<Result<Vec<u64>>>()?.into_iter().sum())
    }

    fn live_parquet<'r>(&self, records: &'r [Committed]) -> Vec<&'r DataFile> {
        let live = live_days(records);
        let days = records.iter().flat_map(|c| crate::publish::live_files(&c.record, &live));
        days.filter(|file| file.format == FileFormat::Parquet).collect()
    }

    /// Every text that may stay: in published rows, in old versions that are kept, in refused rows.
    fn each_lawful(
        &self,
        task: &dyn Task,
        records: &[Committed],
        objects: &[FoundObject],
        destination: &Destination,
        each: &mut dyn FnMut(&[u8]),
    ) -> Result<()> {
        for (_, file) in self.readable_files(records, objects) {
            read_rows(destination, file, &self.plan.contract, &mut |rows: RecordBatch| {
                each_text(&task.lawful(&rows)?, each);
                Ok(())
            })?;
        }
        for file in quarantine_files(records, objects) {
            each_refused(destination, file, &mut |row| {
                each(row.raw);
                each(&unescaped(row.raw));
                each(row.key.unwrap_or_default().as_bytes());
            })?;
        }
        Ok(())
    }
}
