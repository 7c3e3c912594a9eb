//! What a sound contract might say more clearly: no mistake, but worth a word.
//!
//! Does not own mistakes, with which a contract is not loaded (`odcs`).

use super::contract::{Contract, WhenNull};
use super::expression::can_be_null;

/// Advice to the author of `contract`, a sentence each, in the order of its rules.
#[must_use]
pub fn advice(contract: &Contract) -> Vec<String> {
    let rules = contract.rules.iter().map(|rule| {
        let can_be_null = can_be_null(&rule.expression, &contract.fields);
        about_null(&rule.name, "the expression", can_be_null, rule.when_null)
    });
    let unique = contract.unique.iter().map(|rule| {
        let can_be_null = contract.can_lack_one_of(&rule.fields);
        about_null(&rule.name, "a field of it", can_be_null, rule.when_null)
    });
    rules.chain(unique).flatten().collect()
}

fn about_null(
    rule: &str,
    what: &str,
    can_be_null: bool,
    declared: Option<WhenNull>,
) -> Option<String> {
    match declared {
        None if can_be_null => Some(format!(
            "rule `{rule}`: {what} can be NULL, and such rows stay; say so with `whenNull: keep`, \
             or say `whenNull: act`"
        )),
        Some(_) if !can_be_null => {
            Some(format!("rule `{rule}`: `whenNull` is never asked, {what} cannot be NULL"))
        }
        None | Some(_) => None,
    }
}
