//! The committed samples: they can be read, they are what the generator writes, and they hold
//! what their README says.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use consign::model::SourceSummary;
use consign::plan::{AwsOptions, SourceSpec};
use consign::sources::{ReadContext, open};

use super::generator::{Dataset, Format, Options, Revisions, generate};
use super::{bytes_of, read_all};

fn samples() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("samples")
}

fn options(name: &str, out: &Path) -> Options {
    let usual = Options {
        dataset: Dataset::Orders,
        format: Format::Dynamodb,
        out: out.join(name),
        rows: 2_340,
        first_row: 0,
        files: 4,
        gzip: false,
        seed: 20_260_803,
        dirty_percent: 7,
        first_day: jiff::civil::date(2026, 8, 1),
        days: 2,
        revisions: Revisions::Current,
        clean: false,
    };
    match name {
        "orders-export" => usual,
        "orders-dump" => Options {
            format: Format::Mongodb,
            rows: 1_170,
            first_row: 2_240,
            revisions: Revisions::Mixed,
            ..usual
        },
        "users-export" => Options { dataset: Dataset::Users, rows: 300, files: 1, ..usual },
        _ => panic!("no sample is called {name}"),
    }
}

fn spec(format: Format, location: &Path) -> SourceSpec {
    let url = location.to_str().unwrap().to_owned();
    match format {
        Format::Dynamodb => SourceSpec::DynamodbExport { url },
        Format::Mongodb => {
            SourceSpec::Mongodump { url, expected_rows: None, expected_sha256: None }
        }
    }
}

/// The source's promises and the rows of each split.
async fn read(spec: &SourceSpec) -> (SourceSummary, Vec<(String, Vec<u8>)>) {
    let contract = crate::pipeline::harness::contract("exported_orders");
    let aws = AwsOptions::default();
    let context = ReadContext {
        contract: &contract,
        slice: None,
        aws: &aws,
        threads: 1,
        whole_file_bytes: 0,
    };
    let source = open(spec, context).await.unwrap();
    let (plan, pages) = read_all(source.as_ref()).await.unwrap();
    let names = plan.splits.iter().map(|split| split.name.clone());
    (plan.summary, names.zip(pages.iter().map(bytes_of)).collect())
}

async fn check_sample(name: &str, rows: u64) {
    let fresh = tempfile::tempdir().unwrap();
    let options = options(name, fresh.path());
    let written = generate(&options).unwrap();
    assert_eq!(written.rows, rows);
    let below = written.location.strip_prefix(fresh.path()).unwrap();
    let committed = samples().join(below);
    let (fresh_summary, fresh_rows) = read(&spec(options.format, &written.location)).await;
    let (summary, committed_rows) = read(&spec(options.format, &committed)).await;
    assert_eq!(summary.expected_rows, Some(rows));
    assert_eq!(summary.unverified, None);
    assert_eq!(summary.as_of, fresh_summary.as_of);
    // The rows, not the stored bytes: another zlib may compress them otherwise.
    assert!(committed_rows == fresh_rows, "{name}: the generator writes other rows");
    let readme = fs::read_to_string(samples().join("README.md")).unwrap();
    let digits = rows.to_string();
    let thousands = match digits.len() {
        4.. => format!("{},{}", &digits[..digits.len() - 3], &digits[digits.len() - 3..]),
        _ => digits,
    };
    let line = readme.lines().find(|line| line.starts_with(&format!("| `{}`", below.display())));
    let line = line.unwrap_or_else(|| panic!("the README does not list {}", below.display()));
    assert!(line.ends_with(&format!("| {thousands} |")), "{line}");
}

#[tokio::test]
async fn the_export_of_orders_is_what_the_generator_writes() {
    check_sample("orders-export", 2_396).await;
}

#[tokio::test]
async fn the_dump_of_orders_is_what_the_generator_writes() {
    check_sample("orders-dump", 1_199).await;
}

#[tokio::test]
async fn the_export_of_users_is_what_the_generator_writes() {
    check_sample("users-export", 300).await;
}

#[test]
fn the_samples_show_every_reason_that_a_small_row_can() {
    let fresh = tempfile::tempdir().unwrap();
    let names = ["orders-export", "orders-dump", "users-export"];
    let shown: BTreeSet<_> = names
        .iter()
        .flat_map(|name| generate(&options(name, fresh.path())).unwrap().special.into_keys())
        .filter_map(|special| special.strip_prefix("reject:"))
        .collect();
    let not_shown: Vec<_> = consign::model::ReasonCode::ALL
        .iter()
        .map(|code| code.as_str())
        .filter(|code| !shown.contains(code))
        .collect();
    assert_eq!(
        not_shown,
        [
            "row_too_large",
            "too_many_fields",
            "array_too_long",
            "local_time_ambiguous",
            "offset_not_of_zone",
            "text_too_short",
            "currency_unknown",
            "currency_historic",
            "amount_too_fine",
            "fx_rate_missing",
        ]
    );
}

#[tokio::test]
async fn the_documents_of_the_dump_are_bson() {
    let location = samples().join("orders-dump/shop/orders.bson");
    let (_, splits) = read(&spec(Format::Mongodb, &location)).await;
    let mut rest = &splits[0].1[..];
    let (mut whole, mut broken) = (0, 0);
    while let Some(prefix) = rest.first_chunk::<4>() {
        let (document, behind) = rest.split_at(u32::from_le_bytes(*prefix) as usize);
        rest = behind;
        let document = bson::RawDocument::from_bytes(document).unwrap();
        match document.iter().collect::<Result<Vec<_>, _>>() {
            Ok(_) => whole += 1,
            Err(_) => broken += 1,
        }
    }
    // Three documents have an element of a type that BSON does not know, two a text that is no
    // UTF-8.
    assert_eq!((whole, broken), (1_194, 5));
}

#[tokio::test]
async fn clean_rows_are_all_there_is_when_asked_for() {
    let fresh = tempfile::tempdir().unwrap();
    for (format, gzip) in [(Format::Dynamodb, true), (Format::Mongodb, true)] {
        let options = Options {
            format,
            gzip,
            rows: 500,
            clean: true,
            ..options("orders-export", fresh.path())
        };
        let written = generate(&options).unwrap();
        assert_eq!((written.rows, written.special.len()), (500, 0));
        let (summary, _) = read(&spec(format, &written.location)).await;
        assert_eq!(summary.expected_rows, Some(500));
    }
}
