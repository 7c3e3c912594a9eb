//! A project whose jobs read live sources, orders to put into them, and the command run over it.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use serde_json::Value;

use crate::services;
use crate::sources::generator::{Dataset, Format, Options, Revisions, generate};

/// The clock of every run.
pub const AS_OF: &str = "2026-08-03T12:00:00Z";

/// A project of its own.
pub struct Project {
    folder: tempfile::TempDir,
    /// Variables that the command sees, beside those of the tests' own environment.
    variables: BTreeMap<&'static str, String>,
}

impl Project {
    /// A project that reaches the tests' servers.
    pub fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let contracts = Path::new(env!("CARGO_MANIFEST_DIR")).join("schemas");
        for name in ["jobs", "schemas/exported_orders"] {
            fs::create_dir_all(folder.path().join(name)).unwrap();
        }
        let contract = "exported_orders/v1.odcs.yaml";
        fs::copy(contracts.join(contract), folder.path().join("schemas").join(contract)).unwrap();
        let s3 = services::s3();
        let variables = BTreeMap::from([
            ("AWS_ACCESS_KEY_ID", s3.access_key),
            ("AWS_SECRET_ACCESS_KEY", s3.secret_key),
            ("AWS_REGION", "us-east-1".to_owned()),
            ("AWS_EC2_METADATA_DISABLED", "true".to_owned()),
            ("AWS_ENDPOINT_URL_DYNAMODB", services::dynamodb_url()),
            ("AWS_ENDPOINT_URL_S3", s3.url),
            ("MONGODB_URI", mongodb_uri(&services::mongodb_address())),
        ]);
        Self { folder, variables }
    }

    /// Sets a variable of the command.
    pub fn set(&mut self, name: &'static str, value: impl Into<String>) {
        self.variables.insert(name, value.into());
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Writes the job `name`: its sources, and what else it says, to Parquet in `target`.
    pub fn job(&self, name: &str, source: &str, target: &str, more: &str) {
        let days = match more.contains("[slice]") {
            true => "",
            false => "[days]\nfirst = \"2026-08-01\"\nlast = \"2026-08-02\"\n",
        };
        let job = format!(
            "[job]\ndataset = \"exported_orders@1\"\n{days}\n[[source]]\n{source}\n\n[target]\n\
             url = \"{target}\"\n\n[[sink]]\nformat = \"parquet\"\n\n[reject]\nmax_percent = 50\n\n\
             {more}\n"
        );
        fs::write(self.path(&format!("jobs/{name}.toml")), job).unwrap();
    }

    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_consign"));
        command.args(arguments).current_dir(self.folder.path()).stdin(Stdio::null());
        for variable in ["CONSIGN_PROJECT", "CONSIGN_STATE_DIR", "CONSIGN_LOG", "AWS_PROFILE"] {
            command.env_remove(variable);
        }
        command.envs(&self.variables);
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }

    pub fn output(&self, arguments: &[&str]) -> Output {
        self.command(arguments).output().unwrap()
    }

    /// The arguments of a run of `job`.
    pub fn run_arguments(job: &str) -> [&str; 7] {
        ["run", job, "--json", "--as-of", AS_OF, "--threads", "2"]
    }

    /// Runs a job that must succeed, and gives its summary.
    pub fn run(&self, job: &str) -> Value {
        let output = self.output(&Self::run_arguments(job));
        assert!(output.status.success(), "{}", stderr(&output));
        serde_json::from_slice(&output.stdout).unwrap()
    }
}

pub fn mongodb_uri(address: &str) -> String {
    format!("mongodb://{address}/?directConnection=true&retryReads=false")
}

pub fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// SHA-256 of each data file by day and name.
pub fn sha256s(outcome: &Value) -> BTreeMap<(String, String), String> {
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let files = outcome["files"].as_array().unwrap().iter();
    files
        .map(|file| {
            let path = text(&file["path"]);
            let name = path.rsplit('/').next().unwrap().to_owned();
            ((text(&file["dt"]), name), text(&file["sha256"]))
        })
        .collect()
}

/// Writes `rows` orders of 2026-08-01 and 02 and says where they lie. Equal numbers give equal
/// orders in both formats.
pub fn orders(folder: &Path, format: Format, rows: u64) -> PathBuf {
    let options = Options {
        dataset: Dataset::Orders,
        format,
        out: folder.join(format!("{format:?}")),
        rows,
        first_row: 0,
        files: 3,
        gzip: false,
        seed: 20_261_124,
        dirty_percent: 0,
        first_day: jiff::civil::date(2026, 8, 1),
        days: 2,
        revisions: Revisions::Current,
        clean: true,
    };
    generate(&options).unwrap().location
}
