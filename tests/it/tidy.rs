//! Rules of the house that no compiler checks: who may use whom, and where things may stand.
//!
//! Reads the sources as text. Each rule is a function from text to what is wrong with it, and is
//! shown to find a violation before it is trusted to find none.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use regex::Regex;

/// The rooms of the crate by rank: a module uses only those of lower rank.
const RANKS: [&[&str]; 8] = [
    &["error"],
    &["model", "catalog", "telemetry"],
    &["plan", "fx", "privacy"],
    &["decode", "transform", "storage", "report"],
    &["config", "sources", "sinks", "state", "publish"],
    &["pipeline"],
    &["cli"],
    &["main"],
];

/// Lines a source file may have.
const MAX_LINES: usize = 500;

#[test]
fn rooms_use_only_rooms_of_lower_rank() {
    check_sources("src", |path, text| [rank_violations(path, text), escapes(path, text)].concat());
}

#[test]
fn every_room_has_a_rank() {
    let lib = read(&root().join("src/lib.rs"));
    let declared = Regex::new(r"(?m)^(?:pub )?mod (\w+);").unwrap();
    for room in declared.captures_iter(&lib).map(|found| found[1].to_owned()) {
        assert!(rank(&room).is_some(), "src/lib.rs: `{room}` has no rank in tests/it/tidy.rs");
    }
}

#[test]
fn every_file_says_what_it_is() {
    for folder in ["src", "tests", "benches", "examples"] {
        check_sources(folder, |path, text| {
            // A sibling `tests.rs` is the tail of the file beside it.
            let says = text.starts_with("//!") || path.ends_with("/tests.rs");
            if says { vec![] } else { vec!["begins without a `//!` line".to_owned()] }
        });
    }
}

#[test]
fn no_source_file_is_too_long_to_read() {
    check_sources("src", |_, text| {
        let lines = text.lines().count();
        if lines <= MAX_LINES { vec![] } else { vec![format!("{lines} lines, split it")] }
    });
}

#[test]
fn dangerous_words_stand_only_where_they_may() {
    check_sources("src", misplaced_words);
}

#[test]
fn links_between_documents_lead_somewhere() {
    for path in files_under(&root(), "md") {
        let folder = path.parent().unwrap();
        let broken: Vec<_> = relative_links(&read(&path))
            .into_iter()
            .filter(|link| !folder.join(link).exists())
            .collect();
        assert!(broken.is_empty(), "{} links to nothing: {broken:?}", path.display());
    }
}

#[test]
fn decisions_are_numbered_without_gaps_and_listed() {
    let folder = root().join("docs/adr");
    let index = read(&folder.join("README.md"));
    let mut names: Vec<String> = fs::read_dir(&folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| name != "README.md")
        .collect();
    names.sort();
    for (i, name) in names.iter().enumerate() {
        let number = format!("{:04}-", i + 1);
        assert!(name.starts_with(&number), "docs/adr/{name} should be number {number}");
        assert!(index.contains(&format!("({name})")), "docs/adr/README.md does not list {name}");
    }
}

#[test]
fn the_changelog_knows_this_version() {
    let heading = format!("## [{}]", env!("CARGO_PKG_VERSION"));
    assert!(read(&root().join("CHANGELOG.md")).contains(&heading), "no heading `{heading}`");
}

// The rules.

/// Names of rooms that the file may not use and does.
fn rank_violations(path: &str, text: &str) -> Vec<String> {
    let Some(room) = room_of(path) else { return vec![] };
    let own = rank(&room).unwrap_or_else(|| panic!("{path}: the room has no rank"));
    let name_of_crate = if room == "main" { "consign" } else { "crate" };
    let named = named_after(&code_of(text), name_of_crate);
    named
        .into_iter()
        .filter(|used| *used != room && rank(used).is_some_and(|rank| rank >= own))
        .map(|used| format!("`{room}` may not use `{used}`"))
        .collect()
}

/// `super::` chains that climb out of the room, where the rank check would not see them.
fn escapes(path: &str, text: &str) -> Vec<String> {
    static CHAIN: LazyLock<Regex> = LazyLock::new(|| Regex::new(r"(?:\bsuper::)+").unwrap());
    let module = path.trim_start_matches("src/").trim_end_matches(".rs").trim_end_matches("/mod");
    let depth = module.split('/').count();
    let code = code_of(text);
    let (code, tests) = code.split_once("mod tests {").unwrap_or((&code, ""));
    let climbs = |text: &str, depth: usize| {
        CHAIN.find_iter(text).any(|chain| chain.len() / "super::".len() >= depth)
    };
    if climbs(code, depth) || climbs(tests, depth + 1) {
        vec!["climbs out of its room with `super::`, write `crate::`".to_owned()]
    } else {
        vec![]
    }
}

/// Words that belong to one place, found in another.
fn misplaced_words(path: &str, text: &str) -> Vec<String> {
    type Rule = (Regex, fn(&str) -> bool, &'static str);
    static RULES: LazyLock<Vec<Rule>> = LazyLock::new(|| {
        let rule = |pattern, may: fn(&str) -> bool, says| (Regex::new(pattern).unwrap(), may, says);
        vec![
            rule(
                r"\bpolars(_arrow)?::|\buse polars",
                |p| p.starts_with("src/transform/frames/"),
                "polars is used in transform/frames alone",
            ),
            rule(
                r"\bunsafe\b",
                |p| p.starts_with("src/transform/frames/"),
                "unsafe is for the polars bridge alone",
            ),
            rule(
                r"\bchrono(_tz)?::",
                |p| p == "src/transform/time_zone/second_opinion.rs",
                "chrono-tz is asked by the second opinion alone",
            ),
            rule(
                r"\bstd::env\b",
                |p| p == "src/config/env.rs",
                "only config/env.rs reads the environment",
            ),
            rule(
                r"\b(tokio|object_store|std::fs|std::net)\b|\buse std::path",
                |p| !p.starts_with("src/decode/") && !p.starts_with("src/transform/"),
                "decode and transform do no I/O",
            ),
        ]
    });
    let code = code_of(text);
    RULES
        .iter()
        .filter(|(word, may, _)| word.is_match(&code) && !may(path))
        .map(|(_, _, says)| (*says).to_owned())
        .collect()
}

/// Links of a Markdown text to files beside it, without their fragments.
fn relative_links(markdown: &str) -> Vec<String> {
    static LINK: LazyLock<Regex> = LazyLock::new(|| Regex::new(r"\]\(([^)\s]+)\)").unwrap());
    LINK.captures_iter(markdown)
        .map(|found| found[1].split('#').next().unwrap_or_default().to_owned())
        .filter(|link| !link.is_empty() && !link.contains("://") && !link.starts_with("mailto:"))
        .collect()
}

// What the rules are made of.

fn rank(room: &str) -> Option<usize> {
    RANKS.iter().position(|rooms| rooms.contains(&room))
}

/// The room a file belongs to; `lib.rs` belongs to none.
fn room_of(path: &str) -> Option<String> {
    let first = path.trim_start_matches("src/").split('/').next()?;
    let room = first.trim_end_matches(".rs");
    (room != "lib").then(|| room.to_owned())
}

/// Names that stand after `root::`, alone or at the head of each branch of a braced list.
fn named_after(code: &str, root: &str) -> Vec<String> {
    let start = Regex::new(&format!(r"\b{root}::")).unwrap();
    let name = Regex::new(r"^\s*(\w+)").unwrap();
    let mut names = vec![];
    for found in start.find_iter(code) {
        let rest = &code[found.end()..];
        let branches = rest.strip_prefix('{').map_or_else(|| vec![rest], branches_of);
        names.extend(branches.iter().filter_map(|b| Some(name.captures(b)?[1].to_owned())));
    }
    names
}

/// The branches of a braced list whose opening brace has been taken off.
fn branches_of(list: &str) -> Vec<&str> {
    let (mut depth, mut begin, mut branches) = (0, 0, vec![]);
    for (i, c) in list.char_indices() {
        match c {
            ',' if depth == 0 => {
                branches.push(&list[begin..i]);
                begin = i + 1;
            }
            '}' if depth == 0 => {
                branches.push(&list[begin..i]);
                break;
            }
            '{' => depth += 1,
            '}' => depth -= 1,
            _ => {}
        }
    }
    branches
}

/// Rust source without its comments and without the content of its texts.
fn code_of(text: &str) -> String {
    static NOT_CODE: LazyLock<Regex> = LazyLock::new(|| {
        let comments = r"//[^\n]*|(?s:/\*.*?\*/)";
        let raw_texts = r##"\bb?r#"(?s:.*?)"#|\bb?r"[^"]*""##;
        let texts = r#""(?:\\(?s:.)|[^"\\])*""#;
        let characters = r"'(?:\\u\{\w+\}|\\x\w\w|\\.|[^'\\])'";
        Regex::new(&[comments, raw_texts, texts, characters].join("|")).unwrap()
    });
    NOT_CODE.replace_all(text, " ").into_owned()
}

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
}

/// Files of the project that end in `extension`, in order; hidden and built ones left out.
fn files_under(folder: &Path, extension: &str) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(folder) else { return vec![] };
    let mut files = vec![];
    for path in entries.map(|entry| entry.unwrap().path()) {
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        if name.starts_with('.') || ["target", "out", "node_modules"].contains(&name.as_str()) {
            continue;
        }
        if path.is_dir() {
            files.extend(files_under(&path, extension));
        } else if path.extension().is_some_and(|e| e == extension) {
            files.push(path);
        }
    }
    files.sort();
    files
}

/// Applies a rule to every Rust file below `folder` and shows all that it finds.
fn check_sources(folder: &str, rule: impl Fn(&str, &str) -> Vec<String>) {
    let mut wrong = vec![];
    for file in files_under(&root().join(folder), "rs") {
        let path = file.strip_prefix(root()).unwrap().to_string_lossy().replace('\\', "/");
        wrong.extend(rule(&path, &read(&file)).into_iter().map(|what| format!("{path}: {what}")));
    }
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}

// Each rule finds what it is for.

#[test]
fn a_use_of_an_equal_or_higher_room_is_found() {
    let found = |path, text| rank_violations(path, text).join("; ");
    let decode = "src/decode/bson.rs";
    assert_eq!(found(decode, "use crate::model::Batch;"), "");
    assert_eq!(found(decode, "use crate::decode::columns;"), "");
    assert_eq!(found(decode, "use crate::transform::Step;"), "`decode` may not use `transform`");
    assert_eq!(found(decode, "let x = crate::cli::run();"), "`decode` may not use `cli`");
    assert_eq!(
        found(decode, "use crate::{\n  model::{self, Batch},\n  sinks::{A, B},\n  state,\n};"),
        "`decode` may not use `sinks`; `decode` may not use `state`"
    );
    assert_eq!(found("src/plan.rs", "use crate::plan::Plan; use crate::error::Error;"), "");
    assert_eq!(
        found("src/model/batch.rs", "use crate::catalog::Contract;"),
        "`model` may not use `catalog`"
    );
    assert_eq!(found("src/main.rs", "fn main() { consign::cli::run() }"), "");
}

#[test]
fn words_in_comments_and_texts_are_not_code() {
    let text = "// crate::cli\n/* crate::cli */ let a = \"crate::cli \\\" //\"; let b = '\"';\n\
                let c = r#\"crate::cli\"#; use crate::error::Error;";
    assert_eq!(named_after(&code_of(text), "crate"), ["error"]);
}

#[test]
fn climbing_out_of_a_room_is_found() {
    assert!(escapes("src/decode/bson.rs", "use super::columns;").is_empty());
    assert!(escapes("src/decode/mod.rs", "mod tests { use super::*; }").is_empty());
    assert_eq!(escapes("src/decode/mod.rs", "use super::transform;").len(), 1);
    assert_eq!(escapes("src/decode/columns/text.rs", "use super::super::super::cli;").len(), 1);
    assert_eq!(escapes("src/decode/mod.rs", "mod tests { use super::super::cli; }").len(), 1);
}

#[test]
fn misplaced_words_are_found() {
    let count = |path, text| misplaced_words(path, text).len();
    assert_eq!(count("src/transform/frames/bridge.rs", "use polars::prelude::*; unsafe {}"), 0);
    assert_eq!(count("src/sinks/csv.rs", "use polars::prelude::*;"), 1);
    assert_eq!(count("src/sinks/csv.rs", "unsafe { x }"), 1);
    assert_eq!(count("src/sinks/csv.rs", "#![allow(unsafe_code)] // unsafe"), 0);
    assert_eq!(count("src/transform/time_zone/second_opinion.rs", "use chrono_tz::Tz;"), 0);
    assert_eq!(count("src/transform/time_zone/days.rs", "use chrono::Days; chrono_tz::Tz"), 1);
    assert_eq!(count("src/config/env.rs", "std::env::var(x)"), 0);
    assert_eq!(count("src/config/job.rs", "std::env::var(x)"), 1);
    assert_eq!(count("src/decode/bson.rs", "use std::fs::File;"), 1);
    assert_eq!(count("src/sources/bson.rs", "use std::fs::File;"), 0);
}

#[test]
fn links_are_read_from_markdown() {
    let text = "[a](b.md#c) [d](https://example.org) [e](#f) ![g](h/i.png)";
    assert_eq!(relative_links(text), ["b.md", "h/i.png"]);
}
