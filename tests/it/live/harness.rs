//! A project whose jobs read live sources, orders to put into them, and the command run over it.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use aws_sdk_dynamodb::types::AttributeValue;
use bson::spec::BinarySubtype;
use bson::{Binary, Bson, Document, RawDocumentBuf, doc};
use serde_json::Value;

use crate::services;
use crate::services::dynamodb::{Item, PK_SK, Table, items_of_export};
use crate::services::mongodb::Database;
use crate::sources::generator::{Dataset, Format, Options, Revisions, generate};

/// The clock of every run.
pub const AS_OF: &str = "2026-08-03T12:00:00Z";

/// A project of its own.
pub struct Project {
    folder: tempfile::TempDir,
    /// All variables that the command sees, beside HOME and PATH.
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

    /// Takes a variable away from the command.
    pub fn unset(&mut self, name: &'static str) {
        self.variables.remove(name);
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
        // Nothing of this machine's, least of all its AWS configuration.
        command.env_clear().env("HOME", self.folder.path()).env("PATH", "/usr/bin:/bin");
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

/// Orders in a table and in a collection, and what an undisturbed run makes of them.
pub struct Shop {
    pub project: Project,
    pub items: Vec<Item>,
    pub table: Table,
    pub database: Database,
}

impl Shop {
    /// A shop of `rows` orders.
    pub fn new(rows: u64) -> Self {
        let project = Project::new();
        let items = items_of_export(&export_of_orders(&project.path(""), rows));
        let documents: Vec<_> = items.iter().map(document_of).collect();
        let (table, database) = services::block_on(async {
            let (table, database) = (Table::create(PK_SK, &[]).await, Database::new());
            table.put(&items).await;
            database.insert("orders", &documents).await;
            (table, database)
        });
        Self { project, items, table, database }
    }

    /// Settings of a source that reads the table, with `more`.
    pub fn table_source(&self, more: &str) -> String {
        format!("kind = \"dynamodb\"\ntable = \"{}\"\n{more}", self.table.name)
    }

    /// Settings of a source that reads the collection, with `more`.
    pub fn collection_source(&self, more: &str) -> String {
        let database = &self.database.name;
        format!("kind = \"mongodb\"\ndatabase = \"{database}\"\ncollection = \"orders\"\n{more}")
    }

    /// The bytes that a run which nothing disturbs makes of `source`.
    pub fn undisturbed(&self, source: &str) -> Sha256s {
        self.project.job("undisturbed", source, "out/undisturbed", "");
        let outcome = self.project.run("undisturbed");
        assert_eq!(outcome["ledger"]["read"], self.items.len());
        sha256s(&outcome)
    }

    pub fn delete(self) {
        services::block_on(self.table.delete());
        services::block_on(self.database.delete());
    }
}

/// SHA-256 of each data file by day and name.
pub type Sha256s = BTreeMap<(String, String), String>;

pub fn mongodb_uri(address: &str) -> String {
    format!("mongodb://{address}/?directConnection=true&retryReads=false")
}

pub fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// SHA-256 of each data file by day and name.
pub fn sha256s(outcome: &Value) -> Sha256s {
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

/// Seed of all orders.
pub const SEED: u64 = 20_261_124;

/// Writes a DynamoDB export of `rows` orders of 2026-08-01 and 02, and says where it lies.
pub fn export_of_orders(folder: &Path, rows: u64) -> PathBuf {
    orders_as(Format::Dynamodb, folder, rows)
}

/// Writes `rows` orders of 2026-08-01 and 02 as `format` has them, and says where they lie.
pub fn orders_as(format: Format, folder: &Path, rows: u64) -> PathBuf {
    let options = Options {
        dataset: Dataset::Orders,
        format,
        out: folder.join("export"),
        rows,
        first_row: 0,
        files: 3,
        gzip: false,
        seed: SEED,
        dirty_percent: 0,
        first_day: jiff::civil::date(2026, 8, 1),
        days: 2,
        revisions: Revisions::Current,
        clean: true,
    };
    generate(&options).unwrap().location
}

/// An item as a shop on MongoDB would keep it: the same values under the names that the contract
/// reads there.
pub fn document_of(item: &Item) -> RawDocumentBuf {
    let mut document = Document::new();
    let names: BTreeSet<&String> = item.keys().collect();
    for name in names {
        let value = bson_of(&item[name]);
        match name.as_str() {
            "order_id" => document.insert("_id", value),
            "shipping_address" => document.insert("shipping", doc! { "address": value }),
            name => document.insert(name, value),
        };
    }
    RawDocumentBuf::try_from(&document).unwrap()
}

fn bson_of(value: &AttributeValue) -> Bson {
    match value {
        AttributeValue::S(text) => text.into(),
        AttributeValue::N(number) => match number.parse::<i64>() {
            Ok(integer) => integer.into(),
            Err(_) => Bson::Decimal128(number.parse().unwrap()),
        },
        AttributeValue::B(bytes) => {
            Bson::Binary(Binary { subtype: BinarySubtype::Generic, bytes: bytes.as_ref().to_vec() })
        }
        AttributeValue::Bool(flag) => (*flag).into(),
        AttributeValue::Null(_) => Bson::Null,
        AttributeValue::Ns(numbers) => numbers.iter().map(Bson::from).collect::<Vec<_>>().into(),
        AttributeValue::Bs(_) => Bson::Null, // of no field of the contract
        AttributeValue::Ss(texts) => texts.iter().map(Bson::from).collect::<Vec<_>>().into(),
        AttributeValue::L(values) => values.iter().map(bson_of).collect::<Vec<_>>().into(),
        AttributeValue::M(members) => {
            let members = members.iter().map(|(name, value)| (name.clone(), bson_of(value)));
            Bson::Document(members.collect())
        }
        other => panic!("orders hold no {other:?}"),
    }
}
