//! Nothing personal is said or written beside the data and the quarantine, whatever goes wrong:
//! ten thousand rows with a marker in every personal value, through every way to fail.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use super::harness::write_export;

const MARKER: &str = "zq-marker";

const JOB: &str = r#"
[job]
dataset = "visitors@1"

[[source]]
kind = "dynamodb_export"
url = "export"

[target]
url = "target"

[[sink]]
format = "parquet"

[[sink]]
format = "csv"

[reject]
max_percent = 100
"#;

/// Every way in which a row can be wrong, `{n}` its number and `{m}` a value with a marker.
const ROWS: &[&str] = &[
    // Sound, twice as often as the rest.
    r#"{"Item":{"id":{"S":"r{n}"},"person":{"S":"{m}"},"email":{"S":"{m}@shop.example.com"},"name":{"S":"{m}"},"phone":{"S":"{m}"},"plan":{"S":"{m}"},"address":{"M":{"country":{"S":"DE"},"city":{"S":"{m}"},"postal_code":{"S":"{m}"},"street":{"S":"{m}"}}},"tags":{"L":[{"S":"{m}"}]},"created_at":{"S":"2026-04-01T12:00:00Z"}}}"#,
    r#"{"Item":{"id":{"S":"s{n}"},"person":{"S":"{m}"},"email":{"S":"{m}@shop.example.com"},"address":{"M":{"country":{"S":"DE"}}},"created_at":{"S":"2026-04-01T12:00:00Z"}}}"#,
    // The same key again and again: older copies.
    r#"{"Item":{"id":{"S":"same"},"person":{"S":"{m}"},"name":{"S":"{m}"},"created_at":{"S":"2026-04-01T12:00:00Z"}}}"#,
    // Another day than is asked for.
    r#"{"Item":{"id":{"S":"o{n}"},"person":{"S":"{m}"},"name":{"S":"{m}"},"created_at":{"S":"2026-03-01T12:00:00Z"}}}"#,
    // No address of email, no text, no number, no time, no zone, no list, no struct.
    r#"{"Item":{"id":{"S":"e{n}"},"person":{"S":"{m}"},"email":{"S":"{m} at shop"},"created_at":{"S":"2026-04-01T12:00:00Z"}}}"#,
    r#"{"Item":{"id":{"S":"t{n}"},"person":{"L":[{"S":"{m}"}]},"created_at":{"S":"2026-04-01T12:00:00Z"}}}"#,
    r#"{"Item":{"id":{"S":"n{n}"},"person":{"S":"{m}"},"age":{"S":"{m}"},"created_at":{"S":"2026-04-01T12:00:00Z"}}}"#,
    r#"{"Item":{"id":{"S":"m{n}"},"person":{"S":"{m}"},"spent":{"N":"1{m}"},"created_at":{"S":"2026-04-01T12:00:00Z"}}}"#,
    r#"{"Item":{"id":{"S":"c{n}"},"person":{"S":"{m}"},"created_at":{"S":"{m}"}}}"#,
    r#"{"Item":{"id":{"S":"g{n}"},"person":{"S":"{m}"},"created_at":{"S":"2026-03-08T02:30:00"}}}"#,
    r#"{"Item":{"id":{"S":"b{n}"},"person":{"S":"{m}"},"born":{"S":"{m}"},"seen_at":{"S":"{m}"},"created_at":{"S":"2026-04-01T12:00:00Z"}}}"#,
    r#"{"Item":{"id":{"S":"l{n}"},"person":{"S":"{m}"},"tags":{"S":"{m}"},"address":{"S":"{m}"},"created_at":{"S":"2026-04-01T12:00:00Z"}}}"#,
    // Something is missing; a name stands twice; JSON breaks off.
    r#"{"Item":{"id":{"S":"p{n}"},"name":{"S":"{m}"},"created_at":{"S":"2026-04-01T12:00:00Z"}}}"#,
    r#"{"Item":{"id":{"S":"a{n}"},"person":{"S":"{m}"},"address":{"M":{"city":{"S":"{m}"}}},"created_at":{"S":"2026-04-01T12:00:00Z"}}}"#,
    r#"{"Item":{"id":{"S":"d{n}"},"person":{"S":"{m}"},"person":{"S":"{m}"},"created_at":{"S":"2026-04-01T12:00:00Z"}}}"#,
    r#"{"Item":{"id":{"S":"j{n}"},"person":{"S":"{m}"#,
    r#"{"Item":{"id":{"S":"u{n}"},"person":{"S":"{m}\ud800"},"created_at":{"S":"2026-04-01T12:00:00Z"}}}"#,
    r#""{m}""#,
];

struct Project(tempfile::TempDir);

impl Project {
    fn new(rows: usize) -> Self {
        let project = Self(tempfile::tempdir().unwrap());
        let contract = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/visitors.odcs.yaml");
        fs::create_dir_all(project.path("jobs")).unwrap();
        fs::create_dir_all(project.path("schemas/visitors")).unwrap();
        fs::write(project.path("jobs/visitors.toml"), JOB).unwrap();
        fs::copy(contract, project.path("schemas/visitors/v1.odcs.yaml")).unwrap();
        let row = |n: usize| {
            let row = ROWS[n % ROWS.len()].replace("{n}", &n.to_string());
            row.replace("{m}", &format!("{MARKER}-{n}"))
        };
        write_export(&project.path("export"), &[(0..rows).map(row).collect()]);
        project
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// Runs the command with all of its log, and checks what it says.
    fn run(&self, exit_code: i32, arguments: &[&str]) -> String {
        let mut said = String::new();
        for form in ["text", "json"] {
            let output = self.output(&[&["-vv", "--log-format", form], arguments].concat());
            let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
            said = text(&output.stdout) + &text(&output.stderr);
            assert_eq!(output.status.code(), Some(exit_code), "{arguments:?}: {said}");
            assert!(!said.contains(MARKER), "{arguments:?} says: {}", around(&said));
            if exit_code != 0 {
                break;
            }
        }
        said
    }

    fn output(&self, arguments: &[&str]) -> Output {
        let mut command = Command::new(env!("CARGO_BIN_EXE_consign"));
        command.args(arguments).current_dir(self.0.path()).stdin(Stdio::null());
        for variable in ["CONSIGN_PROJECT", "CONSIGN_STATE_DIR", "CONSIGN_LOG"] {
            command.env_remove(variable);
        }
        command.env("CONSIGN_PRIVACY_KEY_FILE", "keys.toml").output().unwrap()
    }

    /// Files below `name` that hold a marker.
    fn files_with_markers(&self, name: &str) -> Vec<String> {
        let (mut found, mut folders) = (Vec::new(), vec![self.path(name)]);
        while let Some(folder) = folders.pop() {
            for path in fs::read_dir(folder).into_iter().flatten().map(|e| e.unwrap().path()) {
                if path.is_dir() {
                    folders.push(path);
                } else if has_marker(&fs::read(&path).unwrap()) {
                    let below = path.strip_prefix(self.0.path()).unwrap();
                    found.push(below.to_str().unwrap().to_owned());
                }
            }
        }
        found
    }
}

fn has_marker(bytes: &[u8]) -> bool {
    bytes.windows(MARKER.len()).any(|window| window == MARKER.as_bytes())
}

fn around(said: &str) -> &str {
    let at = said.find(MARKER).unwrap_or(0);
    let line = said[..at].rfind('\n').map_or(0, |at| at + 1);
    said[line..].lines().next().unwrap_or_default()
}

#[test]
fn no_output_record_or_report_holds_anything_personal() {
    let project = Project::new(10_000);
    let day = ["--from", "2026-04-01", "--to", "2026-04-02"];
    let as_of = ["--as-of", "2026-08-03T02:00:00Z"];
    let run = |more: &[&'static str]| [&["run", "visitors"], &day[..], &as_of[..], more].concat();

    // Without a key, with one that others may read, and with one that is no key file.
    project.run(2, &run(&[]));
    fs::write(project.path("keys.toml"), format!("secret = \"{MARKER}\"")).unwrap();
    project.run(2, &run(&[]));
    fs::set_permissions(project.path("keys.toml"), fs::Permissions::from_mode(0o600)).unwrap();
    project.run(2, &run(&[]));
    fs::remove_file(project.path("keys.toml")).unwrap();
    let made = project.output(&["privacy", "new-key", "--id", "k1", "--to", "keys.toml"]);
    assert!(made.status.success());
    let mode = fs::metadata(project.path("keys.toml")).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    project.run(2, &["privacy", "new-key", "--to", "keys.toml"]);
    let key = fs::read_to_string(project.path("keys.toml")).unwrap();
    let secret = key.split('"').nth(3).unwrap().to_owned();

    // Tried, refused for its rejects, refused for its k, published, published already.
    let mut said = project.run(0, &run(&["--dry-run", "--json"]));
    let strict = JOB.replace("max_percent = 100", "max_percent = 1");
    fs::write(project.path("jobs/visitors.toml"), strict).unwrap();
    said += &project.run(3, &run(&[]));
    fs::write(project.path("jobs/visitors.toml"), JOB).unwrap();
    let contract = project.path("schemas/visitors/v1.odcs.yaml");
    let text = fs::read_to_string(&contract).unwrap();
    fs::write(&contract, text.replace("age], quar", "age], k: 9999, quar")).unwrap();
    said += &project.run(3, &run(&[]));
    fs::write(&contract, &text).unwrap();
    said += &project.run(0, &run(&[]));
    said += &project.run(0, &run(&["--json"]));
    // An earlier clock, a weaker contract.
    let earlier = [&["run", "visitors", "--as-of", "2026-05-01T00:00:00Z"], &day[..]].concat();
    said += &project.run(2, &earlier);
    fs::write(&contract, text.replace("{truncate: 2}", "{truncate: 3}")).unwrap();
    said += &project.run(2, &run(&[]));
    fs::write(&contract, &text).unwrap();
    // Looked at, verified, damaged.
    for command in [
        &["verify", "visitors", "--json"][..],
        &["quarantine", "stats", "visitors"],
        &["schema", "show", "visitors@1"],
        &["schema", "show", "visitors@1", "--json"],
        &["plan", "visitors", "--from", "2026-04-01", "--to", "2026-04-02"],
    ] {
        said += &project.run(0, command);
    }
    let damaged = project.path("export/manifest-files.json");
    fs::write(&damaged, format!("{{\"itemCount\": \"{MARKER}\"}}")).unwrap();
    project.run(7, &run(&["--dry-run"]));
    assert!(!said.contains(&secret), "the key was said");

    // All rows are of age: only the quarantine holds what was refused, as it was written.
    let found = project.files_with_markers("target");
    assert!(found.iter().all(|file| file.starts_with("target/_quarantine/")), "{found:?}");
    let csv = fs::read_dir(project.path("target/_data/dt=2026-04-01")).unwrap().next().unwrap();
    let files: Vec<_> =
        fs::read_dir(csv.unwrap().path()).unwrap().map(|e| e.unwrap().path()).collect();
    let csv = files.iter().find(|file| file.extension().is_some_and(|e| e == "csv")).unwrap();
    assert!(fs::read_to_string(csv).unwrap().lines().count() > 1_000, "rows were published");
    assert_eq!(project.files_with_markers(".consign"), [""; 0], "nothing is left behind");
}
