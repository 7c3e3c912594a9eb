//! A folder with sources, and running a plan over it as the command would.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use consign::catalog::{Contract, load_contract};
use consign::error::Result;
use consign::pipeline::{self, Options};
use consign::plan::{
    AwsOptions, DaySelection, FormulaGuard, ParquetCompression, Plan, RejectBudget, SinkSpec,
    SourceSpec,
};
use consign::report::RunSummary;
use consign::telemetry::Progress;
use jiff::civil::Date;
use md5::{Digest, Md5};

/// A place of its own for one test.
pub struct Place {
    dir: tempfile::TempDir,
}

impl Place {
    pub fn new() -> Self {
        Self { dir: tempfile::tempdir().unwrap() }
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// The path of `name` as a plan has it.
    pub fn url(&self, name: &str) -> String {
        self.path(name).to_str().unwrap().to_owned()
    }

    /// A plan over the export `export`, for the days 2026-08-01 and 02, that refuses nothing for
    /// its number of rejects.
    pub fn plan(&self, contract: &Arc<Contract>) -> Plan {
        Plan {
            job: "test".into(),
            contract: Arc::clone(contract),
            sources: vec![SourceSpec::DynamodbExport { url: self.url("export") }],
            days: DaySelection::Range { first: day(1), last: day(2) },
            slice: None,
            rates: None,
            as_of: "2026-08-03T02:00:00Z".parse().unwrap(),
            target: self.url("target"),
            sinks: vec![
                SinkSpec::Parquet {
                    compression: ParquetCompression::Zstd,
                    target_bytes: 64 << 20,
                    row_group_bytes: 8 << 20,
                },
                SinkSpec::Csv { target_bytes: 64 << 20, formula_guard: FormulaGuard::Off },
            ],
            reject_budget: RejectBudget { max_millionths: 1_000_000, max_rows: None },
            latest: true,
            threads: 2,
            memory_bytes: 256 << 20,
            checkpoint_bytes: 64 << 20,
            staging: self.path("staging"),
            aws: AwsOptions::default(),
            privacy_key_file: None,
        }
    }

    /// Every file below `name`, as paths below it.
    pub fn files(&self, name: &str) -> Vec<String> {
        let root = self.path(name);
        let mut files = Vec::new();
        let mut folders = vec![root.clone()];
        while let Some(folder) = folders.pop() {
            for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
                if entry.path().is_dir() {
                    folders.push(entry.path());
                } else {
                    let path = entry.path();
                    files.push(path.strip_prefix(&root).unwrap().to_str().unwrap().to_owned());
                }
            }
        }
        files.sort();
        files
    }
}

/// A day of August 2026.
pub fn day(day: i8) -> Date {
    jiff::civil::date(2026, 8, day)
}

/// A contract of the project.
pub fn contract(dataset: &str) -> Arc<Contract> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    Arc::new(load_contract(&root.join(format!("schemas/{dataset}/v1.odcs.yaml"))).unwrap())
}

/// Runs a plan as the command does.
pub fn run(plan: &Plan) -> Result<RunSummary> {
    run_with(plan, &Arc::new(Progress::default()), false)
}

/// Tries a plan without publishing.
pub fn dry_run(plan: &Plan) -> Result<RunSummary> {
    run_with(plan, &Arc::new(Progress::default()), true)
}

pub fn run_with(plan: &Plan, progress: &Arc<Progress>, dry_run: bool) -> Result<RunSummary> {
    let started_at = "2026-08-03T02:00:00Z".parse().unwrap();
    pipeline::run(plan, progress, Options { dry_run, fresh: false, started_at })
}

/// Writes a key file as a run takes it: for its owner alone.
pub fn write_keys(place: &Place, text: &str) -> PathBuf {
    use std::os::unix::fs::PermissionsExt;
    let file = place.path("keys.toml");
    fs::write(&file, text).unwrap();
    fs::set_permissions(&file, fs::Permissions::from_mode(0o600)).unwrap();
    file
}

/// Writes a DynamoDB export whose data files hold the given lines.
pub fn write_export(dir: &Path, files: &[Vec<String>]) {
    let says = serde_json::json!({
        "exportTime": "2026-08-03T02:00:00.000Z",
        "exportType": "FULL_EXPORT",
    });
    write_files(dir, &dir.join("data"), "file", files, says);
}

/// Writes an incremental export as AWS lays it out: its manifests in a folder of its own, its data
/// file in the `data` that the exports beside it share.
pub fn write_changes(dir: &Path, [from, to]: [&str; 2], view: &str, lines: &[String]) {
    let says = serde_json::json!({
        "exportTime": null,
        "exportFromTime": from,
        "exportToTime": to,
        "outputView": view,
        "exportType": "INCREMENTAL_EXPORT",
    });
    let id = dir.file_name().unwrap().to_str().unwrap();
    let data = dir.parent().unwrap().join("data");
    fs::create_dir_all(dir).unwrap();
    write_files(dir, &data, id, &[lines.to_vec()], says);
}

fn write_files(
    dir: &Path,
    data: &Path,
    name: &str,
    files: &[Vec<String>],
    says: serde_json::Value,
) {
    fs::create_dir_all(data).unwrap();
    let mut manifest = String::new();
    for (index, lines) in files.iter().enumerate() {
        let name = format!("{name}-{index:04}.json.gz");
        let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        for line in lines {
            writeln!(gzip, "{line}").unwrap();
        }
        let bytes = gzip.finish().unwrap();
        manifest.push_str(&format!(
            "{}\n",
            serde_json::json!({
                "itemCount": lines.len(),
                "md5Checksum": STANDARD.encode(Md5::digest(&bytes)),
                "etag": hex::encode(Md5::digest(&bytes)),
                "dataFileS3Key": format!("AWSDynamoDB/export/data/{name}"),
            })
        ));
        fs::write(data.join(name), bytes).unwrap();
    }
    let items: usize = files.iter().map(Vec::len).sum();
    let mut summary = serde_json::json!({
        "version": "2020-06-30",
        "exportArn": "arn:aws:dynamodb:eu-west-1:123456789012:table/orders/export/export",
        "startTime": "2026-08-03T02:00:00.000Z",
        "endTime": "2026-08-03T02:10:00.000Z",
        "tableArn": "arn:aws:dynamodb:eu-west-1:123456789012:table/orders",
        "tableId": "00000000-0000-4000-8000-000000000000",
        "s3Bucket": "exports",
        "s3Prefix": null,
        "s3SseAlgorithm": "AES256",
        "s3SseKmsKeyId": null,
        "manifestFilesS3Key": "AWSDynamoDB/export/manifest-files.json",
        "billedSizeBytes": 0,
        "itemCount": items,
        "outputFormat": "DYNAMODB_JSON",
    });
    summary.as_object_mut().unwrap().extend(says.as_object().unwrap().clone());
    for (name, text) in [("manifest-files", manifest), ("manifest-summary", format!("{summary}\n"))]
    {
        fs::write(dir.join(format!("{name}.json")), &text).unwrap();
        fs::write(dir.join(format!("{name}.md5")), STANDARD.encode(Md5::digest(&text))).unwrap();
    }
}

/// A valid order as a line of an export, with some of its attributes replaced, added or (when
/// the replacement is empty) removed.
pub fn order(id: &str, changes: &[(&str, &str)]) -> String {
    let mut fields: Vec<(&str, String)> = vec![
        ("order_id", format!(r#"{{"S":"{id}"}}"#)),
        ("customer_id", r#"{"S":"cust_abc"}"#.into()),
        ("status", r#"{"S":"paid"}"#.into()),
        ("currency", r#"{"S":"EUR"}"#.into()),
        ("total_amount", r#"{"N":"20.00"}"#.into()),
        (
            "items",
            r#"{"L":[{"M":{"product_id":{"S":"prod_1"},"quantity":{"N":"2"},"unit_price":{"N":"10"}}}]}"#
                .into(),
        ),
        ("created_at", r#"{"S":"2026-08-01T12:00:00+02:00"}"#.into()),
        ("updated_at", r#"{"S":"2026-08-01T13:00:00Z"}"#.into()),
    ];
    for (name, value) in changes {
        fields.retain(|(field, _)| field != name);
        if !value.is_empty() {
            fields.push((name, (*value).to_owned()));
        }
    }
    let fields: Vec<String> = fields.iter().map(|(n, v)| format!(r#""{n}":{v}"#)).collect();
    format!(r#"{{"Item":{{{}}}}}"#, fields.join(","))
}

/// SHA-256 of each data file by its path without the run's own folder.
pub fn fingerprints(summary: &RunSummary) -> Vec<(String, String)> {
    let file = |f: &consign::model::DataFile| {
        let run = format!("v-{}", summary.run_id);
        (f.path.replace(&run, "v"), f.sha256.clone())
    };
    summary.files.iter().map(file).collect()
}
