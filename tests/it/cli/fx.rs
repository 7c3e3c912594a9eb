//! Exchange rates as a stranger meets them: importing, showing, and jobs that name them.

use std::fs;
use std::path::Path;

use super::{consign, consign_in, json, project_with_job, refused, stderr, stdout};

const ECB: &str =
    "Date,USD,JPY,GBP,\n2026-04-07,1.0867,162.34,N/A,\n2026-04-02,1.0801,161.00,0.8533,\n";

/// A folder that is a project, with files in it.
fn project(files: &[(&str, &str)]) -> tempfile::TempDir {
    let folder = project_with_job("");
    for (name, text) in files {
        fs::write(folder.path().join(name), text).unwrap();
    }
    folder
}

fn kept(folder: &Path) -> String {
    fs::read_to_string(folder.join("fx/rates.csv")).unwrap()
}

#[test]
fn help_of_each_part_is_for_a_stranger() {
    for part in ["import", "show"] {
        let help = consign(&["fx", part, "--help"]);
        insta::assert_snapshot!(format!("help-fx-{part}"), stdout(&help));
    }
}

#[test]
fn rates_are_kept_in_one_form_and_none_is_lost() {
    let folder = project(&[("hist.csv", ECB)]);
    let consign = |arguments: &[&str]| consign_in(folder.path(), arguments);
    let first = json(&consign(&["fx", "import", "hist.csv", "--json"]));
    assert_eq!(
        (&first["read"], &first["new"], &first["changed"]),
        (&5.into(), &5.into(), &0.into())
    );
    let normal = "date,currency,usd_rate,eur_rate\n2026-04-02,GBP,,0.8533\n2026-04-02,JPY,,161\n\
                  2026-04-02,USD,,1.0801\n2026-04-07,JPY,,162.34\n2026-04-07,USD,,1.0867\n";
    assert_eq!(kept(folder.path()), normal);

    // A file that reaches less far back takes nothing away, and one of another kind adds to it.
    let more = "Date,USD,JPY\n2026-04-08,1.09,163\n2026-04-07,1.08670,162.340\n";
    fs::write(folder.path().join("more.csv"), more).unwrap();
    let said = stdout(&consign(&["fx", "import", "more.csv"]));
    assert!(said.contains("4 rates read, 2 new, 0 changed"), "{said}");
    let own = "date,currency,usd_rate\n2026-04-02,KWD,3.2571\n2026-04-02,XBT,68000\n";
    fs::write(folder.path().join("own.csv"), own).unwrap();
    let said = stdout(&consign(&["fx", "import", "own.csv"]));
    assert!(said.contains("note: no order can be in XBT: ISO 4217 has no such money"), "{said}");
    let all = kept(folder.path());
    assert_eq!(all.lines().count(), 10);
    assert!(all.contains("\n2026-04-02,KWD,3.2571,\n"), "{all}");

    let again = json(&consign(&["fx", "import", "fx/rates.csv", "--json"]));
    assert_eq!((&again["new"], &again["changed"]), (&0.into(), &0.into()));
    assert_eq!(kept(folder.path()), all, "the same rates are the same bytes");
}

#[test]
fn a_rate_that_changed_is_refused_unless_it_is_to_be_replaced() {
    let folder = project(&[("hist.csv", ECB), ("other.csv", &ECB.replace("161.00", "161.01"))]);
    let consign = |arguments: &[&str]| consign_in(folder.path(), arguments);
    assert!(consign(&["fx", "import", "hist.csv"]).status.success());
    let before = kept(folder.path());
    let said = refused(&consign(&["fx", "import", "other.csv"]), 2);
    assert!(said.contains("other rates than the place: nothing was written"), "{said}");
    assert!(said.contains("changed: 1, first: JPY of 2026-04-02"), "{said}");
    assert!(said.contains("\nhelp: `--replace`"), "{said}");
    assert_eq!(kept(folder.path()), before);

    let replaced = json(&consign(&["fx", "import", "other.csv", "--replace", "--json"]));
    assert_eq!((&replaced["new"], &replaced["changed"]), (&0.into(), &1.into()));
    assert_eq!(kept(folder.path()), before.replace("JPY,,161\n", "JPY,,161.01\n"));
}

#[test]
fn a_bad_rate_file_is_told_with_file_line_and_help() {
    let folder = project(&[("bad.csv", "Date,USD,JPY\n2026-04-02,1.08,161\n2.4.2026,1.08,one\n")]);
    let said = refused(&consign_in(folder.path(), &["fx", "import", "bad.csv"]), 2);
    let path = folder.path().join("bad.csv");
    let path = path.canonicalize().unwrap_or(path);
    let said = said.replace(path.parent().unwrap().to_str().unwrap(), "PROJECT");
    let said = said.replace(folder.path().to_str().unwrap(), "PROJECT");
    insta::assert_snapshot!("bad-rates", said);
    assert!(!folder.path().join("fx/rates.csv").exists());

    let said = refused(&consign_in(folder.path(), &["fx", "import", "none.csv"]), 2);
    assert!(said.contains("there is no rate file"), "{said}");
    let said = refused(&consign_in(folder.path(), &["fx", "show"]), 2);
    assert!(said.contains("fx/rates.csv"), "{said}");
}

#[test]
fn the_rate_of_an_order_is_shown_with_its_day_and_age() {
    let folder = project(&[("hist.csv", ECB)]);
    let show = |arguments: &[&str]| {
        consign_in(folder.path(), &[&["fx", "show", "hist.csv"], arguments].concat())
    };
    // Easter Monday has the rates of Thursday.
    let monday = json(&show(&["--date", "2026-04-06", "--json"]));
    assert_eq!(monday["max_staleness_days"], 7);
    assert_eq!(
        monday["rates"][2],
        serde_json::json!({
            "currency": "JPY", "usd_rate": "0.006708695652", "rate_date": "2026-04-02", "age_days": 4,
        })
    );
    let pound = json(&show(&["--date", "2026-04-10", "--currency", "GBP", "--json"]));
    assert_eq!(pound["rates"][0]["usd_rate"], serde_json::Value::Null, "eight days old");
    let dollar = json(&show(&["--date", "2026-05-01", "--currency", "USD", "--json"]));
    assert_eq!(dollar["rates"][0]["usd_rate"], "1.000000000000");
    assert_eq!(dollar["rates"][0]["rate_date"], "2026-05-01");

    let text = stdout(&show(&[]));
    assert!(text.starts_with("orders of 2026-04-07 by "), "{text}");
    assert!(text.contains("\nEUR   1.086700000000  2026-04-07  0 days\n"), "{text}");
    assert!(text.contains(monday["sha256"].as_str().unwrap()), "{text}");
    let stale = stdout(&show(&["--date", "2026-06-01"]));
    assert_eq!(stale.matches("refused as fx_rate_missing").count(), 3, "{stale}");
    refused(&show(&["--currency", "yen"]), 2);
}

#[test]
fn a_job_names_its_rates_and_only_where_they_are_used() {
    let shown = json(&consign(&["fx", "show", "orders-usd", "--date", "2026-08-02", "--json"]));
    assert_eq!(shown["rates"].as_array().unwrap().len(), 7);
    let plan = json(&consign(&["plan", "orders-usd", "--json"]));
    assert_eq!(plan["fx"]["sha256"], shown["sha256"]);
    assert_eq!(plan["fx"]["max_staleness_days"], 7);
    let said = refused(&consign(&["fx", "show", "orders-daily"]), 2);
    assert!(said.contains("the job names no exchange rates"), "{said}");

    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let job = fs::read_to_string(root.join("jobs/orders-usd.toml")).unwrap();
    let job = job.replace("\"samples/", &format!("\"{}/samples/", root.display()));
    let rates = format!("[fx]\nrates = \"{}/samples/fx/eurofxref-hist.csv\"\n", root.display());
    assert!(job.contains(&rates));
    let run = |job: String| {
        let folder = project_with_job(&job);
        fs::create_dir(folder.path().join("schemas/exported_orders")).unwrap();
        for file in ["v1.odcs.yaml", "v2.odcs.yaml"] {
            let file = format!("schemas/exported_orders/{file}");
            fs::copy(root.join(&file), folder.path().join(&file)).unwrap();
        }
        let output = consign_in(folder.path(), &["-q", "run", "orders"]);
        let published = folder.path().join("out/exported_orders_usd/_log").exists();
        (refused(&output, 2), published)
    };
    for (job, why) in [
        (job.replace(&rates, ""), "the job names no exchange rates"),
        (
            job.replace("orders@2", "orders@1"),
            "the job names exchange rates, and its contract converts nothing",
        ),
        (job.replace("eurofxref-hist.csv\"", "none.csv\""), "there is no rate file at this place"),
    ] {
        let (said, published) = run(job);
        assert!(said.contains(why), "{said}");
        assert!(said.contains("\nhelp: "), "{said}");
        assert!(!published);
    }
}

#[test]
fn a_run_in_dollars_says_what_it_converted_and_by_which_file() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let target = tempfile::tempdir().unwrap();
    let job = fs::read_to_string(root.join("jobs/orders-usd.toml")).unwrap();
    let out = format!("\"{}\"", target.path().join("out").display());
    let path = target.path().join("usd.toml");
    fs::write(&path, job.replace("\"out/exported_orders_usd\"", &out)).unwrap();
    let mut command = super::command(root, &["-q", "run", path.to_str().unwrap()]);
    let output = command.env("CONSIGN_STATE_DIR", target.path()).output().unwrap();
    let text = stdout(&output);
    assert!(output.status.success(), "{}", stderr(&output));
    let converted = text.split_once("Converted to dollars, by ").unwrap().1;
    let converted = converted.split_once('\n').unwrap().1.split("\n\n").next().unwrap();
    insta::assert_snapshot!("converted", converted);
}
