//! The command as a stranger meets it: its help, its messages, its exit codes.

mod fx;
mod privacy;
mod quarantine;

use std::fs;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use consign::config::{Overrides, Project, Surroundings, resolve};
use consign::model::Sensitive;
use consign::plan::DaySelection;

fn consign(arguments: &[&str]) -> Output {
    consign_in(Path::new(env!("CARGO_MANIFEST_DIR")), arguments)
}

fn consign_in(folder: &Path, arguments: &[&str]) -> Output {
    command(folder, arguments).output().unwrap()
}

/// The built command, untouched by the environment of the tests.
fn command(folder: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_consign"));
    command.args(arguments).current_dir(folder).stdin(Stdio::null());
    for variable in ["CONSIGN_PROJECT", "CONSIGN_STATE_DIR", "CONSIGN_LOG", "COLUMNS"] {
        command.env_remove(variable);
    }
    command
}

fn stdout(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

fn stderr(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

/// What a refused call says; nothing may stand on standard output.
fn refused(output: &Output, exit_code: i32) -> String {
    assert_eq!(output.status.code(), Some(exit_code), "{}", stderr(output));
    assert_eq!(stdout(output), "");
    stderr(output)
}

/// A project with one job and no contract.
fn project_with_job(text: &str) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir_all(folder.path().join("jobs")).unwrap();
    fs::create_dir_all(folder.path().join("schemas")).unwrap();
    fs::write(folder.path().join("jobs/orders.toml"), text).unwrap();
    folder
}

#[test]
fn help_is_for_a_stranger() {
    insta::assert_snapshot!("help", stdout(&consign(&["--help"])));
    for name in [
        "run",
        "plan",
        "get",
        "load",
        "verify",
        "quarantine",
        "explain",
        "uploads",
        "retention",
        "erase",
        "fx",
        "privacy",
        "catalog",
        "schema",
        "reasons",
        "completions",
    ] {
        let help = consign(&[name, "--help"]);
        assert!(help.status.success());
        insta::assert_snapshot!(format!("help-{name}"), stdout(&help));
    }
}

#[test]
fn a_mistyped_key_is_shown_with_its_line_and_the_right_one() {
    let job = "[job]\ndataset = \"exported_orders@1\"\n\n[days]\nfist = \"2026-08-01\"\n\
               last = \"2026-08-02\"\n\n[[source]]\nkind = \"mongodump\"\nurl = \"orders.bson\"\n\n\
               [target]\nurl = \"out\"\n\n[[sink]]\nformat = \"csv\"\n";
    let folder = project_with_job(job);
    let said = refused(&consign_in(folder.path(), &["run", "orders"]), 2);
    insta::assert_snapshot!("mistyped-key", said);
}

#[test]
fn a_password_in_a_url_is_refused_and_not_repeated() {
    let job = "[job]\ndataset = \"exported_orders@1\"\n[[source]]\nkind = \"mongodump\"\n\
               url = \"s3://me:hunter2@bucket/orders.bson\"\n[target]\nurl = \"out\"\n\
               [[sink]]\nformat = \"csv\"\n";
    let folder = project_with_job(job);
    for arguments in [["run", "orders"], ["verify", "s3://me:hunter2@bucket/orders"]] {
        let said = refused(&consign_in(folder.path(), &arguments), 2);
        assert!(said.contains("user name or password"), "{said}");
        assert!(!said.contains("hunter2"), "{said}");
    }
}

#[test]
fn an_unknown_job_is_answered_with_the_nearest() {
    let said = refused(&consign(&["run", "order-daily"]), 2);
    assert_eq!(said, "error: unknown job `order-daily`\nhelp: did you mean `orders-daily`?\n");
}

#[test]
fn outside_a_project_the_command_says_what_one_is() {
    let nowhere = tempfile::tempdir().unwrap();
    let said = refused(&consign_in(nowhere.path(), &["run", "orders-daily"]), 2);
    assert!(said.starts_with("error: no project here or above"), "{said}");
    assert!(said.contains("help: go to a folder with `jobs/` and `schemas/`"), "{said}");
}

#[test]
fn usage_that_contradicts_itself_is_refused() {
    let day = "2026-08-01";
    for arguments in [
        &["run", "orders-daily", "--date", day, "--from", day, "--to", day][..],
        &["run", "orders-daily", "--from", day],
        &["run", "orders-daily", "--from", "2026-08-02", "--to", day],
        &["run", "orders-daily", "--date", "2026-8-1"],
        &["run", "orders-daily", "--memory", "a lot"],
        &["run", "orders-daily", "--memory", "1kB"],
        &["run", "orders-daily", "--threads", "0"],
        &["run", "orders-daily", "--as-of", "tomorrow"],
        &["reasons", "no_such_code"],
        &["quarantine", "show", "orders-daily", "--reason", "no_such_code"],
        &["verify"],
        &["unknown"],
        &[],
    ] {
        refused(&consign(arguments), 2);
    }
}

#[test]
fn every_job_of_the_project_resolves() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let project = Project::at(root).unwrap();
    let names = project.job_names().unwrap();
    assert!(names.contains(&"orders-daily".to_owned()));
    let catalog = consign::catalog::Catalog::open(&project.schemas()).unwrap();
    for name in names {
        let job = project.job(&name).unwrap();
        let contract = catalog.resolve(&job.dataset).unwrap();
        let around = Surroundings {
            now: "2026-08-03T06:00:00Z".parse().unwrap(),
            processors: 3,
            root,
            state_dir: &root.join(".consign"),
            privacy_key_file: None,
            secret: &|_| Some(Sensitive::new("mongodb://localhost")),
        };
        let plan = resolve(&job, contract, &Overrides::default(), &around).unwrap();
        assert_eq!(plan.job, name);
        assert_eq!(plan.contract.label(), job.dataset);
        assert_eq!((plan.threads, plan.as_of), (3, around.now));
        assert_eq!(plan.staging, root.join(".consign").join(&name));
        let is_local = !plan.target.contains("://");
        assert!(!is_local || Path::new(&plan.target).starts_with(root));

        let day = jiff::civil::date(2026, 8, 2);
        let days = DaySelection::Range { first: day, last: day };
        let overrides = Overrides {
            days: Some(days),
            as_of: Some("2026-08-09T00:00:00Z".parse().unwrap()),
            threads: Some(1),
            memory_bytes: Some(100_000_000),
        };
        let contract = catalog.resolve(&job.dataset).unwrap();
        let plan = resolve(&job, contract, &overrides, &around).unwrap();
        assert_eq!((plan.days, plan.threads, plan.memory_bytes), (days, 1, 100_000_000));
        assert_eq!(Some(plan.as_of), overrides.as_of);
    }
}

#[test]
fn reasons_explains_every_code() {
    let text = stdout(&consign(&["reasons"]));
    let json: serde_json::Value =
        serde_json::from_slice(&consign(&["reasons", "--json"]).stdout).unwrap();
    let codes = consign::model::ReasonCode::ALL;
    assert_eq!(text.lines().count(), codes.len());
    for (code, entry) in codes.iter().zip(json.as_array().unwrap()) {
        assert!(text.contains(code.as_str()));
        assert_eq!(entry["code"], code.as_str());
        assert_eq!(entry["meaning"], code.explanation());
    }
}

#[test]
fn completions_know_the_commands() {
    for shell in ["bash", "zsh", "fish"] {
        let script = stdout(&consign(&["completions", shell]));
        assert!(script.contains("schema"), "{shell}");
    }
}

#[test]
fn a_reader_that_leaves_is_no_error() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut child = command(folder, &["completions", "zsh"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    let output = child.wait_with_output().unwrap();
    assert_eq!((output.status.code(), stderr(&output)), (Some(0), String::new()));
}

#[test]
fn the_catalog_check_tells_stale_from_current() {
    let current = consign(&["catalog", "check"]);
    assert!(current.status.success(), "{}", stderr(&current));

    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let copy = project_with_job("");
    for contract in ["exported_orders/v1", "exported_orders/v2", "exported_orders/v3", "users/v1"] {
        let file = format!("schemas/{contract}.odcs.yaml");
        fs::create_dir_all(copy.path().join(&file).parent().unwrap()).unwrap();
        fs::copy(root.join(&file), copy.path().join(&file)).unwrap();
    }
    let path = copy.path().join("DATA_CATALOG.md");
    let document = fs::read_to_string(root.join("DATA_CATALOG.md")).unwrap();
    fs::write(&path, document.replace("order_id", "order_number")).unwrap();
    let said = refused(&consign_in(copy.path(), &["catalog", "check"]), 2);
    assert!(said.contains("help: `consign catalog build` rewrites it"), "{said}");

    let built = consign_in(copy.path(), &["catalog", "build"]);
    assert!(built.status.success(), "{}", stderr(&built));
    assert_eq!(consign_in(copy.path(), &["catalog", "check"]).status.code(), Some(0));
}

#[test]
fn contracts_are_listed_shown_and_checked() {
    let list = stdout(&consign(&["schema", "list"]));
    assert!(list.contains("exported_orders@1  1.0.0"), "{list}");
    let show = consign(&["schema", "show", "exported_orders@1", "--json"]);
    assert!(serde_json::from_slice::<serde_json::Value>(&show.stdout).unwrap().is_object());
    let said = stdout(&consign(&["schema", "lint"]));
    assert!(
        said.contains("exported_orders@1 is sound\n  note: rule `legacy_ids_2024_policy`: "),
        "{said}"
    );

    let folder = project_with_job("");
    let broken = folder.path().join("v1.odcs.yaml");
    fs::write(&broken, "kind: DataContract\nversion: [\n").unwrap();
    let said = refused(&consign(&["schema", "lint", broken.to_str().unwrap()]), 2);
    assert!(said.contains("v1.odcs.yaml"), "{said}");
}

/// A project with the users of the samples, and a budget for their rejects.
fn project_of_users(max_percent: &str) -> tempfile::TempDir {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let job = format!(
        "[job]\ndataset = \"users@1\"\n[days]\nfound = true\n[[source]]\nkind = \"dynamodb_export\"\n\
         url = \"{}/samples/users-export/AWSDynamoDB/01785722400000-8e04b9f2\"\n\
         [target]\nurl = \"out\"\n[[sink]]\nformat = \"parquet\"\n[reject]\nmax_percent = {max_percent}\n",
        root.display()
    );
    let folder = project_with_job(&job);
    fs::create_dir(folder.path().join("schemas/users")).unwrap();
    let contract = "schemas/users/v1.odcs.yaml";
    fs::copy(root.join(contract), folder.path().join(contract)).unwrap();
    folder
}

fn json(output: &Output) -> serde_json::Value {
    assert!(output.status.success(), "{}", stderr(output));
    serde_json::from_slice(&output.stdout).unwrap()
}

#[test]
fn a_run_is_published_verified_and_its_rejects_are_shown() {
    let folder = project_of_users("10");
    let consign = |arguments: &[&str]| consign_in(folder.path(), arguments);

    let dry_run = json(&consign(&["run", "orders", "--dry-run", "--json"]));
    assert_eq!(dry_run["outcome"], "dry_run");
    let run = json(&consign(&["run", "orders", "--json"]));
    assert_eq!((&run["outcome"], &run["commit"]), (&"published".into(), &1.into()));
    let rows = |name: &str| run["ledger"][name].as_u64().unwrap();
    let accounted =
        ["written", "quarantined", "excluded", "deduplicated"].map(rows).into_iter().sum::<u64>();
    assert_eq!((rows("read"), accounted), (300, 300));
    let file = &run["files"][0];
    assert!(file["path"].is_string() && file["rows"].is_u64() && file["sha256"].is_string());

    let again = consign(&["run", "orders"]);
    assert!(stdout(&again).starts_with("orders: nothing to do:"), "{}", stdout(&again));

    let show = stdout(&consign(&["quarantine", "show", "orders", "--json"]));
    assert_eq!(show.lines().count() as u64, rows("quarantined"));
    assert!(show.lines().all(|line| serde_json::from_str::<serde_json::Value>(line).is_ok()));
    let limited = ["quarantine", "show", "out", "--reason", "not_unique", "--limit", "1"];
    let limited = stdout(&consign(&limited));
    assert_eq!(limited.matches("not_unique").count(), 1, "{limited}");
    // One job, so that nothing needs to be named.
    let stats = json(&consign(&["quarantine", "stats", "--json"]));
    assert_eq!(stats["rows"], rows("quarantined"));
    assert_eq!(stats["reasons"], run["reasons"]);

    assert!(consign(&["verify", "orders"]).status.success());
    let path = folder.path().join("out").join(file["path"].as_str().unwrap());
    let mut bytes = fs::read(&path).unwrap();
    bytes[10] ^= 1;
    fs::write(&path, bytes).unwrap();
    let verified = consign(&["verify", "out"]);
    assert_eq!(verified.status.code(), Some(7), "{}", stdout(&verified));
    assert!(stdout(&verified).contains("problem: "));
}

#[test]
fn too_many_rejects_are_refused_with_exit_3() {
    let folder = project_of_users("1");
    let said = refused(&consign_in(folder.path(), &["-q", "run", "orders"]), 3);
    assert!(
        said.starts_with("error: nothing was published: 21 of 300 rows were refused"),
        "{said}"
    );
    assert!(said.contains("\nhelp: "), "{said}");
}
