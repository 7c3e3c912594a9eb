//! What is asked of a collection: the job's filter, the fields of the contract, the slice.
//!
//! Builds commands. Does not own the intervals of `_id` that are read (`brackets`) nor how the
//! answers are read (`cursor`).

use bson::raw::{CStr, RawDocumentBuf};
use bson::{RawArrayBuf, cstr, rawdoc};

use super::brackets::Interval;
use super::ids;
use super::slice::{self, PushedDown};
use crate::catalog::Contract;
use crate::error::{Error, ErrorKind, Result};
use crate::plan::{MongodbCollection, Slice};

/// What a job wants of a collection.
#[derive(Debug, Clone)]
pub(super) struct Query {
    /// The job's filter and the slice, as far as the server applies it.
    pub filter: Option<RawDocumentBuf>,
    /// What of the slice the server applies, in words.
    pub pushed_down: Option<String>,
    projection: Option<RawDocumentBuf>,
    sort: Option<RawDocumentBuf>,
    limit: Option<i64>,
    pub batch_documents: Option<u32>,
}

impl Query {
    /// The query of a job.
    ///
    /// # Errors
    /// `Usage` when its filter or order is no document in Extended JSON.
    pub(super) fn new(
        spec: &MongodbCollection,
        contract: &Contract,
        slice: Option<&Slice>,
    ) -> Result<Self> {
        let filter = spec.filter.as_deref().map(|text| written("filter", text)).transpose()?;
        let pushed = slice.and_then(|slice| slice::push_down(slice, contract));
        let (slice, pushed_down) = match pushed {
            Some(PushedDown { filter, words }) => (Some(filter), Some(words)),
            None => (None, None),
        };
        let limit = spec.limit.map(i64::try_from).transpose().map_err(|_| {
            Error::new(ErrorKind::Usage, "opening a MongoDB collection: the limit is too large")
        })?;
        Ok(Self {
            filter: all_of(filter.into_iter().chain(slice).collect()),
            pushed_down,
            projection: if spec.whole_documents { None } else { projection(contract) },
            sort: spec.sort.as_deref().map(|text| written("sort", text)).transpose()?,
            limit,
            batch_documents: spec.batch_documents,
        })
    }

    /// Whether reading can go on behind a document: not in an order of the job's, and not when it
    /// ends after so many documents.
    pub(super) fn can_go_on(&self) -> bool {
        self.sort.is_none() && self.limit.is_none()
    }

    /// Whether what is read is all that the filter selects.
    pub(super) fn is_complete(&self) -> bool {
        self.limit.is_none()
    }

    /// The index to read along: that of `_id`, unless the planner may know a better one for the
    /// filter.
    pub(super) fn hint(&self) -> Option<RawDocumentBuf> {
        (self.filter.is_none() && self.can_go_on()).then(|| rawdoc! { "_id": 1 })
    }

    /// A `find` of the documents whose `_id` is in the interval.
    pub(super) fn find(
        &self,
        collection: &str,
        interval: &Interval,
        with_rare: bool,
        read_concern: Option<RawDocumentBuf>,
    ) -> RawDocumentBuf {
        let mut command = rawdoc! { "find": collection };
        match self.select(interval.filter(with_rare)) {
            Some(filter) => command.append(cstr!("filter"), filter),
            None => command.append(cstr!("filter"), rawdoc! {}),
        }
        match &self.sort {
            Some(sort) => command.append(cstr!("sort"), sort),
            None if self.can_go_on() => command.append(cstr!("sort"), rawdoc! { "_id": 1 }),
            None => {}
        }
        if let Some(hint) = self.hint() {
            command.append(cstr!("hint"), hint);
        }
        command.append(cstr!("allowDiskUse"), true);
        if let Some(projection) = &self.projection {
            command.append(cstr!("projection"), projection);
        }
        if let Some(limit) = self.limit {
            command.append(cstr!("limit"), limit);
        }
        if let Some(documents) = self.batch_documents {
            command.append(cstr!("batchSize"), i64::from(documents));
        }
        if let Some(read_concern) = read_concern {
            command.append(cstr!("readConcern"), read_concern);
        }
        command
    }

    /// The filter of the job and another one.
    pub(super) fn select(&self, and: Option<RawDocumentBuf>) -> Option<RawDocumentBuf> {
        all_of(self.filter.iter().cloned().chain(and).collect())
    }

    /// All that fixes which documents are read, for fingerprints.
    pub(super) fn identity(&self) -> Vec<u8> {
        let mut identity = RawDocumentBuf::new();
        let parts: [(&CStr, &Option<RawDocumentBuf>); 3] = [
            (cstr!("filter"), &self.filter),
            (cstr!("projection"), &self.projection),
            (cstr!("sort"), &self.sort),
        ];
        for (name, part) in parts {
            if let Some(part) = part {
                identity.append(name, part);
            }
        }
        if let Some(limit) = self.limit {
            identity.append(cstr!("limit"), limit);
        }
        identity.into_bytes()
    }
}

fn written(what: &'static str, extended_json: &str) -> Result<RawDocumentBuf> {
    ids::document(extended_json).ok_or_else(|| {
        Error::new(
            ErrorKind::Usage,
            "opening a MongoDB collection: it is no Extended JSON document",
        )
        .with("of the job", what)
        .with_help(
            r#"write it as {"status": "paid"} or {"total": {"$gt": {"$numberDecimal": "10"}}}"#,
        )
    })
}

fn all_of(mut filters: Vec<RawDocumentBuf>) -> Option<RawDocumentBuf> {
    match filters.len() {
        0 | 1 => filters.pop(),
        _ => Some(rawdoc! { "$and": RawArrayBuf::from_iter(filters) }),
    }
}

/// The top-level fields that the contract reads, whole, so that a field that is missing can be
/// told from one of another type; none when their names cannot be asked for.
fn projection(contract: &Contract) -> Option<RawDocumentBuf> {
    let mut fields: Vec<&str> = contract
        .fields
        .iter()
        .filter_map(|field| field.source.mongodb.first().map(String::as_str))
        .chain(["_id"])
        .collect();
    fields.sort_unstable();
    fields.dedup();
    let is_plain = |name: &&str| !name.is_empty() && !name.starts_with('$') && !name.contains('.');
    if !fields.iter().all(is_plain) {
        return None;
    }
    fields.into_iter().map(|name| Some((<&CStr>::try_from(name).ok()?, 1))).collect()
}

#[cfg(test)]
mod tests;
