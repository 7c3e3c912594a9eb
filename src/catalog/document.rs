//! The tables of `DATA_CATALOG.md`, one between two markers for each contract.
//!
//! What stands outside the markers belongs to people and is kept. Does not own files.

use std::fmt::Write as _;
use std::ops::Range;
use std::sync::Arc;

use super::contract::Contract;
use super::words::{self, Part, code};
use crate::error::{Error, ErrorKind, Result};

const BEGIN: &str = "<!-- consign:begin ";
const CLOSE: &str = " -->";

/// `existing` with the tables of `contracts` between their markers. A contract without markers
/// gets a section at the end.
///
/// # Errors
/// `Usage` when a marker stands twice, alone or before its partner, or belongs to no contract.
pub fn build(existing: &str, contracts: &[Arc<Contract>]) -> Result<String> {
    check_strangers(existing, contracts)?;
    let mut text = existing.to_owned();
    for contract in contracts {
        let label = contract.label();
        match between_markers(&text, &label)? {
            Some(place) => text.replace_range(place, &tables(contract)),
            None => {
                let gap = if text.is_empty() { "" } else { "\n" };
                let (begin, end) = markers(&label);
                text += &format!("{gap}## {label}\n\n{begin}{}{end}\n", tables(contract));
            }
        }
    }
    Ok(text)
}

/// Whether the tables in `existing` are what the contracts say.
///
/// # Errors
/// `Usage` when a contract has no table, and as [`build`].
pub fn is_current(existing: &str, contracts: &[Arc<Contract>]) -> Result<bool> {
    for contract in contracts {
        let label = contract.label();
        if between_markers(existing, &label)?.is_none() {
            let (begin, end) = markers(&label);
            let message = format!("the data catalog has no table of {label}");
            return Err(Error::new(ErrorKind::Usage, message).with_help(format!(
                "`consign catalog build` adds it at the end, or at the lines `{begin}` and `{end}`"
            )));
        }
    }
    Ok(build(existing, contracts)? == existing)
}

fn markers(label: &str) -> (String, String) {
    (format!("{BEGIN}{label}{CLOSE}"), format!("<!-- consign:end {label}{CLOSE}"))
}

/// Where the table of `label` stands; `None` without markers.
fn between_markers(text: &str, label: &str) -> Result<Option<Range<usize>>> {
    let (begin, end) = markers(label);
    let begins: Vec<usize> = text.match_indices(&begin).map(|(at, _)| at).collect();
    let ends: Vec<usize> = text.match_indices(&end).map(|(at, _)| at).collect();
    match (begins.as_slice(), ends.as_slice()) {
        ([], []) => Ok(None),
        ([from], [to]) if from + begin.len() <= *to => Ok(Some(from + begin.len()..*to)),
        _ => {
            let message = format!("the markers of {label} in the data catalog are no pair");
            Err(Error::new(ErrorKind::Usage, message)
                .with_help(format!("it takes one line `{begin}` and below it one `{end}`")))
        }
    }
}

/// A table of a contract that is no more would stay and mislead.
fn check_strangers(text: &str, contracts: &[Arc<Contract>]) -> Result<()> {
    for (at, _) in text.match_indices(BEGIN) {
        let (_, rest) = text.split_at(at + BEGIN.len());
        let label = rest.split(CLOSE).next().unwrap_or_default();
        if !contracts.iter().any(|c| c.label() == label) {
            let message =
                format!("the data catalog has a table of {label:?}, which is no contract");
            return Err(Error::new(ErrorKind::Usage, message).with_help("delete it"));
        }
    }
    Ok(())
}

/// What stands between the markers of a contract, blank lines at both ends included.
fn tables(contract: &Contract) -> String {
    let mut text = format!("\n\n{}\n\n", contract.description);
    text += &facts(contract);
    text += &fields(contract);
    text += &rules(contract);
    text
}

fn facts(contract: &Contract) -> String {
    let names = |names: &[String]| names.iter().map(|n| code(n)).collect::<Vec<_>>().join(", ");
    let day = &contract.business_date;
    let day = format!("the date of {} in {}", code(&day.field), day.zone);
    let mut text = String::from("| | |\n|---|---|\n");
    let converted = contract.converts().then(|| words::exchange(&contract.exchange));
    for (what, is) in [
        ("Version", Some(contract.version.clone())),
        ("Key", Some(names(&contract.key))),
        ("Newest copy by", Some(code(&contract.version_field))),
        ("Day (`dt`)", Some(day)),
        ("Converted to dollars", converted),
        ("Personal data", contract.privacy.as_ref().map(words::privacy)),
        ("Refused beyond", Some(words::limits(&contract.limits))),
    ] {
        text += &is.map(|is| row(&[what, &is])).unwrap_or_default();
    }
    text + "\n"
}

fn fields(contract: &Contract) -> String {
    let mut text =
        row(&["Field", "Type", "Required", "Meaning", "Checks", "Source", "Class", "Example"]);
    text += "|---|---|---|---|---|---|---|---|\n";
    for part in words::parts(contract) {
        let field = part.field;
        let examples: Vec<String> = field.examples.iter().map(|e| code(e)).collect();
        text += &row(&[
            &code(&field.path),
            &words::type_name(&field.data_type),
            if field.required { "yes" } else { "no" },
            &field.description,
            &words::needs(field).join("; "),
            &source(&part),
            &class(&part),
            &examples.join(", "),
        ]);
    }
    text + "\n"
}

/// Class of personal data, and what becomes of it.
fn class(part: &Part<'_>) -> String {
    let class = part.field.classification.iter().cloned();
    class.chain(words::field_privacy(&part.field.privacy)).collect::<Vec<_>>().join("; ")
}

fn source(part: &Part<'_>) -> String {
    let (dynamodb, mongodb) = &part.source;
    match &part.field.derived {
        Some(derived) => words::derived(derived),
        None if dynamodb == mongodb => code(dynamodb),
        None => format!("DynamoDB {}, MongoDB {}", code(dynamodb), code(mongodb)),
    }
}

fn rules(contract: &Contract) -> String {
    if contract.rules.is_empty() && contract.unique.is_empty() {
        return String::new();
    }
    let mut text = row(&["Rule", "Says", "Effect", "Reason"]) + "|---|---|---|---|\n";
    for rule in &contract.rules {
        text += &row(&[
            &code(&rule.name),
            &code(&rule.text),
            &words::effect(rule, &contract.fields),
            &rule.reason,
        ]);
    }
    for rule in &contract.unique {
        let fields: Vec<String> = rule.fields.iter().map(|f| code(f)).collect();
        let says = format!("no two rows have the same {}", fields.join(" and "));
        text += &row(&[
            &code(&rule.name),
            &says,
            &words::effect_of_unique(rule, contract, "it"),
            &rule.reason,
        ]);
    }
    text + "\n"
}

/// A line of a table. Bars and line ends inside cells would end them, in code too.
fn row(cells: &[&str]) -> String {
    let mut text = String::new();
    for cell in cells {
        let cell = cell.replace('|', "\\|").replace('\n', " ");
        // Writing to a String cannot fail.
        let _ = write!(text, "| {cell} ");
    }
    text + "|\n"
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::load_contract;

    fn contracts() -> Vec<Arc<Contract>> {
        let load = |dataset| {
            let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
            Arc::new(load_contract(&root.join(format!("schemas/{dataset}/v1.odcs.yaml"))).unwrap())
        };
        vec![load("exported_orders"), load("users")]
    }

    #[test]
    fn prose_is_kept_and_tables_are_replaced() {
        let (begin, end) = markers("users@1");
        let existing = format!("# Mine\n{begin}old{end}\nkept\n");
        let contracts = &contracts()[1..];
        assert!(!is_current(&existing, contracts).unwrap());
        let built = build(&existing, contracts).unwrap();
        assert!(built.starts_with(&format!("# Mine\n{begin}\n\nPeople")), "{built}");
        assert!(built.ends_with(&format!("\n\n{end}\nkept\n")), "{built}");
        assert!(!built.contains("old"));
        assert_eq!(build(&built, contracts).unwrap(), built);
        assert!(is_current(&built, contracts).unwrap());
    }

    #[test]
    fn a_contract_without_markers_gets_a_section() {
        let built = build("# Catalog\n", &contracts()).unwrap();
        assert!(built.starts_with("# Catalog\n\n## exported_orders@1\n\n<!-- consign:begin"));
        assert!(built.contains("\n## users@1\n"));
        assert!(is_current(&built, &contracts()).unwrap());
        assert!(build("", &contracts()).unwrap().starts_with("## exported_orders@1\n"));
    }

    #[test]
    fn a_missing_table_is_told() {
        let error = is_current("# Catalog\n", &contracts()).unwrap_err();
        assert_eq!(error.to_string(), "the data catalog has no table of exported_orders@1");
        assert!(error.help().unwrap().contains("<!-- consign:begin exported_orders@1 -->"));
    }

    #[test]
    fn broken_and_strange_markers_are_refused() {
        let contracts = &contracts()[1..];
        let (begin, end) = markers("users@1");
        for broken in
            [begin.clone(), end.clone(), format!("{end}{begin}"), format!("{begin}{begin}{end}")]
        {
            let error = build(&broken, contracts).unwrap_err();
            assert_eq!(error.to_string(), "the markers of users@1 in the data catalog are no pair");
        }
        let error = build("<!-- consign:begin user@1 -->", contracts).unwrap_err();
        assert!(error.to_string().contains("a table of \"user@1\", which is no contract"));
    }

    #[test]
    fn bars_do_not_end_cells() {
        assert_eq!(row(&["a|b", "c\nd"]), "| a\\|b | c d |\n");
    }
}
