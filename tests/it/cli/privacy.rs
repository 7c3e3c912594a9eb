//! Personal data as a stranger meets it: what is due, forgetting it, erasing a person, and the proof.

use std::fs;
use std::io::Write as _;
use std::path::Path;
use std::process::{Output, Stdio};

use serde_json::Value;

use super::{command, json, project_with_job, refused, stderr, stdout};

/// After every period, whenever the tests run.
const AT_THE_END: [&str; 2] = ["--as-of", "2099-01-01T00:00:00Z"];
const AT_FIRST: [&str; 2] = ["--as-of", "2026-08-03T02:00:00Z"];
const TARGET: &str = "out/exported_orders_private";

/// A project with the private orders of the samples, and a key.
struct Project(tempfile::TempDir);

impl Project {
    fn new() -> Self {
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        let job = fs::read_to_string(root.join("jobs/orders-private.toml")).unwrap();
        let samples = format!("\"{}/samples/", root.display());
        let folder = project_with_job(&job.replace("\"samples/", &samples));
        fs::create_dir(folder.path().join("schemas/exported_orders")).unwrap();
        let contract = "schemas/exported_orders/v3.odcs.yaml";
        fs::copy(root.join(contract), folder.path().join(contract)).unwrap();
        let project = Self(folder);
        let made = project.call(&["privacy", "new-key", "--id", "k1", "--to", "keys.toml"]);
        assert!(made.status.success(), "{}", stderr(&made));
        project
    }

    fn call(&self, arguments: &[&str]) -> Output {
        self.call_with(arguments, "")
    }

    /// Calls the command with this text on standard input.
    fn call_with(&self, arguments: &[&str], input: &str) -> Output {
        let mut command = command(self.0.path(), arguments);
        command.env("CONSIGN_PRIVACY_KEY_FILE", "keys.toml");
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
        child.wait_with_output().unwrap()
    }

    /// Addresses in what is published of the first day.
    fn addresses(&self) -> Vec<String> {
        let csv = self.0.path().join(TARGET).join("latest/dt=2026-08-01/part-00000.csv");
        let text = fs::read_to_string(csv).unwrap();
        let is_address = |cell: &&str| cell.contains('@') && !cell.contains(['"', ' ']);
        text.split([',', '\n']).filter(is_address).map(str::to_owned).collect()
    }

    /// Something that the program did not write, with this text.
    fn leave(&self, text: &str) -> std::path::PathBuf {
        let stray = self.0.path().join(TARGET).join("notes.txt");
        fs::write(&stray, format!("call {text} again")).unwrap();
        stray
    }
}

/// The document that a call printed before it failed.
fn printed(output: &Output, exit_code: i32) -> Value {
    assert_eq!(output.status.code(), Some(exit_code), "{}", stderr(output));
    serde_json::from_slice(&output.stdout).unwrap()
}

#[test]
fn what_is_due_is_audited_planned_forgotten_and_proved_to_be_gone() {
    let project = Project::new();
    let published = json(&project.call(&[&["run", "orders", "--json"], &AT_FIRST[..]].concat()));
    assert_eq!(published["outcome"], "published");
    let addresses = project.addresses();
    let audit = ["privacy", "audit", "orders", "--json"];
    let soon = project.call(&[&audit[..], &AT_FIRST[..]].concat());
    assert_eq!(printed(&soon, 0)["overdue"], 0);
    let late = project.call(&[&audit[..], &AT_THE_END[..]].concat());
    assert!(printed(&late, 3)["overdue"].as_u64().unwrap() >= 8);
    assert!(stderr(&late).contains("kept longer than it may be"), "{}", stderr(&late));
    let text = project.call(&[&audit[..3], &AT_THE_END[..]].concat());
    assert!(stdout(&text).contains("OVERDUE"), "{}", stdout(&text));

    let plan = ["retention", "plan", "orders"];
    let nothing = stdout(&project.call(&[&plan[..], &AT_FIRST[..]].concat()));
    assert!(nothing.ends_with("nothing to do at 2026-08-03T02:00:00Z\n"), "{nothing}");
    let planned = json(&project.call(&[&plan[..], &AT_THE_END[..], &["--json"]].concat()));
    assert_eq!((&planned["outcome"], &planned["commit"]), (&"planned".into(), &Value::Null));
    assert_eq!(planned["days"].as_array().unwrap().len(), 2);
    assert_eq!(project.addresses(), addresses, "a plan changes nothing");

    // A file of somebody else still holds an address that goes.
    let stray = project.leave(&addresses[0]);
    let apply = [&["retention", "apply", "orders", "--json"], &AT_THE_END[..]].concat();
    let found = project.call(&apply);
    let told = printed(&found, 7);
    assert_eq!((&told["outcome"], &told["commit"]), (&"applied".into(), &2.into()));
    assert_eq!(told["proof"]["hits"][0]["object"], "notes.txt");
    assert!(stderr(&found).contains("it is not proved"), "{}", stderr(&found));
    let said = stderr(&found) + &stdout(&found);
    assert!(!said.contains(&addresses[0]), "where, and never what");
    fs::remove_file(stray).unwrap();
    assert_eq!(project.addresses(), Vec::<String>::new());
    assert_eq!(printed(&project.call(&apply), 0)["outcome"], "nothing_to_do");

    let after = project.call(&[&audit[..], &AT_THE_END[..]].concat());
    assert_eq!(printed(&after, 0)["overdue"], 0);
    assert!(project.call(&["verify", "orders"]).status.success());
    let stats = json(&project.call(&["quarantine", "stats", "orders", "--json"]));
    let account = &stats["account"];
    assert!(account["ever_quarantined"].as_u64() > Some(0));
    assert_eq!(account["expired_by"]["retention"], account["ever_quarantined"]);
    let early = [&["run", "orders"], &AT_FIRST[..]].concat();
    let brought_back = refused(&project.call(&[&["-q"], &early[..]].concat()), 2);
    assert!(brought_back.contains("would bring back personal data"), "{brought_back}");
}

#[test]
fn a_person_is_erased_by_what_standard_input_says_and_the_receipt_does_not_say_who() {
    let project = Project::new();
    project.call(&[&["run", "orders"], &AT_FIRST[..]].concat());
    let address = project.addresses().remove(0);
    let erase = ["erase", "orders", "--subject", "customer_email=-"];
    let erase_as_json = [&erase[..], &["--json", "--receipt", "receipt.json"]].concat();
    for nothing in ["", " \n", "a@b.example\nc@d.example\n"] {
        let said = refused(&project.call_with(&erase_as_json, nothing), 2);
        assert!(said.contains("standard input must hold one value"), "{said}");
    }
    let other = ["-q", "erase", "orders", "--subject", "gift_message=-"];
    let said = refused(&project.call_with(&other, "hello"), 2);
    assert!(said.contains("customer_id, customer_email"), "{said}");

    let erased = project.call_with(&erase_as_json, &format!("{address}\n"));
    let receipt = printed(&erased, 0);
    assert_eq!((&receipt["outcome"], &receipt["key_id"]), (&"erased".into(), &"k1".into()));
    assert!(receipt["rows"].as_u64() > Some(0) && receipt["objects_deleted"].as_u64() > Some(0));
    assert_eq!(receipt["proof"]["hits"], serde_json::json!([]));
    let kept = fs::read_to_string(project.0.path().join("receipt.json")).unwrap();
    assert_eq!(serde_json::from_str::<Value>(&kept).unwrap(), receipt);
    let said = kept + &stderr(&erased) + &stdout(&erased);
    assert!(!said.contains(&address), "the receipt does not say who");
    assert!(!project.addresses().contains(&address));

    let again = stdout(&project.call_with(&erase, &address));
    assert!(again.contains("was erased before; nothing was left of it"), "{again}");
    let stray = project.leave(&address);
    let found = printed(&project.call_with(&[&erase[..], &["--json"]].concat(), &address), 7);
    assert_eq!(found["outcome"], "already_erased");
    assert_eq!(found["proof"]["hits"][0]["object"], "notes.txt");
    fs::remove_file(stray).unwrap();
    assert!(project.call(&["verify", "orders"]).status.success());
}
