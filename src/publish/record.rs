//! The commit record: what one run published, and why it can be trusted.
//!
//! A promise to readers: fields are added, never renamed or given another meaning; a form that
//! older readers would misread gets a new `format_version`.

use std::collections::BTreeMap;

use jiff::Timestamp;
use jiff::civil::Date;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::catalog::Contract;
use crate::error::{Error, ErrorKind, Result, ResultExt};
use crate::fx::RatesUsed;
use crate::model::{
    DataFile, FileFormat, Ledger, PrivacyRecord, SourceSummary, SuppressionMark, ZoneDifference,
};

use super::quarantine::{Discarded, Replayed};
use super::removal::Removal;

/// One record of the log, as it lies in `_log/<20 digits>.json`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CommitRecord {
    /// Version of this form: [`CommitRecord::FORMAT_VERSION`].
    pub format_version: u32,
    /// Number of the record, from 1, without gaps.
    pub seq: u64,
    /// SHA-256 (hex) of the bytes of the record before; absent in the first.
    pub prev_sha256: Option<String>,
    /// The run that published.
    pub run_id: String,
    /// Name of its job.
    pub job: String,
    /// Name of the dataset.
    pub dataset: String,
    /// The contract the rows were judged by.
    pub contract: ContractIdentity,
    /// SHA-256 (hex) of the Arrow schema, equal in every file of a dataset version.
    pub schema_fingerprint: String,
    /// Version of the program.
    pub code_version: String,
    /// Equal for two runs that would publish the same bytes.
    pub idempotency_key: String,
    /// The run's clock, RFC 3339 UTC.
    pub as_of: String,
    /// Wall-clock instant of the commit, RFC 3339 UTC. For people: records are ordered by `seq`.
    pub committed_at: String,
    /// Version of the time zone database.
    pub tzdb: String,
    /// Zones of the data of which another time zone database says something else.
    #[serde(default)]
    pub zone_differences: Vec<ZoneDifference>,
    /// SHA-256 (hex) of the exchange-rate table; absent when none was used.
    pub fx_table_sha256: Option<String>,
    /// Which rates the rows were converted by; absent when none were, and in records of programs
    /// that knew no conversion.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fx: Option<RatesUsed>,
    /// What was done to personal data; absent when the dataset is not private.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub privacy: Option<PrivacyRecord>,
    /// Subjects whose rows are left out from this record on.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub suppressed: Vec<SuppressionMark>,
    /// Where the rows came from and what the sources promised.
    pub sources: Vec<SourceSummary>,
    /// Days that this record publishes, ascending: from now on they are these files alone.
    pub days: Vec<DayEntry>,
    /// The files, by day, format and part.
    pub files: Vec<DataFile>,
    /// Files of the refused rows.
    pub quarantine_files: Vec<DataFile>,
    /// What became of every row.
    pub ledger: Ledger,
    /// Rejects by reason code.
    pub reasons: BTreeMap<String, u64>,
    /// Rows that broke a rule of severity `warn`, by rule; older copies of a key among them.
    pub warnings: BTreeMap<String, u64>,
    /// Cells of CSV files that got an apostrophe so that no spreadsheet runs them.
    pub guarded_csv_cells: u64,
    /// Settings of the run that shaped its files.
    pub settings: BTreeMap<String, String>,
    /// Rows of the quarantine that were tried again; absent when none were.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub replayed: Option<Replayed>,
    /// Rows of the quarantine that were given up; absent when none were.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub discarded: Option<Discarded>,
    /// What a retention or an erasure took out; absent in records of runs. The days of such a
    /// record are those that they replace, without what went.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub removal: Option<Removal>,
}

/// Which contract, to the byte.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ContractIdentity {
    /// `id` of the contract file.
    pub id: String,
    /// `dataset@major`.
    pub label: String,
    /// Semantic version.
    pub version: String,
    /// SHA-256 (hex) of the contract file.
    pub sha256: String,
}

/// A day that a record publishes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DayEntry {
    /// The day.
    pub dt: Date,
    /// Number of the record whose version of the day this one replaces.
    pub replaces: Option<u64>,
    /// Rows of the day.
    pub rows: u64,
    /// Next instant at which a row of the day comes of age; absent when none will, and in datasets
    /// that are not private.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub earliest_expiry: Option<Timestamp>,
    /// Rows of age, in private datasets.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub anonymised_rows: Option<u64>,
}

/// A record as it stands in the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Committed {
    /// The record.
    pub record: CommitRecord,
    /// SHA-256 (hex) of its bytes, which the next record names.
    pub sha256: String,
}

impl ContractIdentity {
    /// That of `contract`.
    #[must_use]
    pub fn of(contract: &Contract) -> Self {
        Self {
            id: contract.id.clone(),
            label: contract.label(),
            version: contract.version.clone(),
            sha256: contract.sha256.clone(),
        }
    }
}

impl DayEntry {
    /// A day with `rows`, of a dataset that is not private.
    #[must_use]
    pub fn new(dt: Date, rows: u64) -> Self {
        Self { dt, replaces: None, rows, earliest_expiry: None, anonymised_rows: None }
    }
}

impl CommitRecord {
    /// The form that this program writes, and the newest it reads.
    pub const FORMAT_VERSION: u32 = 1;

    /// A record in the present form that says nothing yet, for the fields that one has no use for.
    #[must_use]
    pub fn empty() -> Self {
        Self {
            format_version: Self::FORMAT_VERSION,
            seq: 0,
            prev_sha256: None,
            run_id: String::new(),
            job: String::new(),
            dataset: String::new(),
            contract: ContractIdentity::default(),
            schema_fingerprint: String::new(),
            code_version: String::new(),
            idempotency_key: String::new(),
            as_of: String::new(),
            committed_at: String::new(),
            tzdb: String::new(),
            zone_differences: Vec::new(),
            fx_table_sha256: None,
            fx: None,
            privacy: None,
            suppressed: Vec::new(),
            sources: Vec::new(),
            days: Vec::new(),
            files: Vec::new(),
            quarantine_files: Vec::new(),
            ledger: Ledger::default(),
            reasons: BTreeMap::new(),
            warnings: BTreeMap::new(),
            guarded_csv_cells: 0,
            settings: BTreeMap::new(),
            replayed: None,
            discarded: None,
            removal: None,
        }
    }

    /// Its Parquet files of the day `dt`, in order.
    #[must_use]
    pub fn parquet_of(&self, dt: Date) -> Vec<&DataFile> {
        let of_day = |file: &&DataFile| file.dt == Some(dt) && file.format == FileFormat::Parquet;
        self.files.iter().filter(of_day).collect()
    }

    /// Whether its rows have the form of `contract`, which may be another version of the one that
    /// they were judged by: of the same dataset and major version, with the same columns.
    #[must_use]
    pub fn is_of_form_of(&self, contract: &Contract) -> bool {
        self.contract.label == contract.label()
            && self.schema_fingerprint == contract.schema_fingerprint()
    }

    /// Whether all rows of one of its days stand in Parquet, from which they can be read back.
    #[must_use]
    pub fn holds_in_parquet(&self, entry: &DayEntry) -> bool {
        self.parquet_of(entry.dt).iter().map(|file| file.rows).sum::<u64>() == entry.rows
    }

    /// The bytes of the record: JSON for people, the same for the same record.
    ///
    /// # Errors
    /// `Unexpected` when it cannot be written as JSON.
    pub fn to_bytes(&self) -> Result<Vec<u8>> {
        let mut bytes = serde_json::to_vec_pretty(self)
            .or_err(ErrorKind::Unexpected, "could not write a commit record")?;
        bytes.push(b'\n');
        Ok(bytes)
    }
}

impl Committed {
    /// Reads a record from its bytes.
    ///
    /// # Errors
    /// `Verification` when the bytes are no commit record, `Usage` when a newer program wrote it.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self> {
        #[derive(Deserialize)]
        struct Form {
            format_version: u32,
        }
        let broken = "the bytes of a commit record cannot be read";
        let form: Form = serde_json::from_slice(bytes).or_err(ErrorKind::Verification, broken)?;
        if form.format_version > CommitRecord::FORMAT_VERSION {
            return Err(Error::new(ErrorKind::Usage, "a newer consign wrote this commit record")
                .with("format_version", form.format_version)
                .with_help("upgrade consign before you work on this dataset"));
        }
        let record = serde_json::from_slice(bytes).or_err(ErrorKind::Verification, broken)?;
        Ok(Self { record, sha256: hex::encode(Sha256::digest(bytes)) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::publish::fixtures::record;

    #[test]
    fn a_record_reads_back_as_it_was_written() {
        let mut written = record("run-1", "key-1", &["2026-08-01", "2026-08-02"]);
        written.reasons = BTreeMap::from([("required_missing".to_owned(), u64::MAX)]);
        let bytes = written.to_bytes().unwrap();
        assert_eq!(Committed::from_bytes(&bytes).unwrap().record, written);
        assert!(bytes.starts_with(b"{\n  \"format_version\": 1,\n  \"seq\": "));
        assert!(bytes.ends_with(b"}\n"));
    }

    #[test]
    fn a_record_of_a_program_that_knew_no_conversion_reads_as_one_without() {
        let bytes = record("run-1", "key-1", &["2026-08-01"]).to_bytes().unwrap();
        let text = String::from_utf8(bytes).unwrap();
        for name in ["fx", "replayed", "discarded"] {
            assert!(!text.contains(&format!("\"{name}\"")), "absent, as such programs wrote it");
        }
        assert_eq!(Committed::from_bytes(text.as_bytes()).unwrap().record.fx, None);
    }

    #[test]
    fn a_newer_form_is_refused_in_clear_words() {
        let newer = br#"{"format_version": 2, "days": "in another form"}"#;
        let error = Committed::from_bytes(newer).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Usage);
        assert!(error.to_string().contains("a newer consign wrote"), "{error}");
        assert!(error.help().is_some());
    }

    #[test]
    fn what_is_no_record_is_refused() {
        for bytes in [&b""[..], b"{}", b"[1]", b"{\"format_version\": 1}", b"\xff"] {
            assert_eq!(Committed::from_bytes(bytes).unwrap_err().kind(), ErrorKind::Verification);
        }
    }
}
