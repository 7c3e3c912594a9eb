//! What stands published may lose personal data and never gets it back.

use crate::catalog::{Contract, Pseudonym};
use crate::error::{Error, ErrorKind, Result};
use crate::model::{FieldPolicy, PrivacyRecord, date_of_days};
use crate::plan::Plan;
use crate::publish::{Committed, DayEntry, live_days, published_by};

use super::policy;

/// Refuses a run that would publish more of a person than stands published on one of `days`.
///
/// # Errors
/// `Usage`, with the day and what to do.
pub(in crate::pipeline) fn refuse_to_bring_back(
    plan: &Plan,
    records: &[Committed],
    days: impl IntoIterator<Item = i32>,
) -> Result<()> {
    let live = live_days(records);
    for day in days.into_iter().filter_map(date_of_days) {
        let standing = live.get(&day).and_then(|seq| published_by(records, *seq, day));
        let Some((record, entry)) = standing else { continue };
        if let Some(privacy) = &record.privacy {
            compare(plan, record.seq, entry, privacy)?;
        }
    }
    Ok(())
}

fn compare(plan: &Plan, seq: u64, entry: &DayEntry, privacy: &PrivacyRecord) -> Result<()> {
    let refused = |why: &str| {
        Error::new(ErrorKind::Usage, format!("the run would bring back personal data: {why}"))
            .with("day", entry.dt)
            .with("commit", seq)
    };
    if entry.anonymised_rows.unwrap_or(0) > 0 && plan.as_of < privacy.as_of {
        let message = "rows that are of age in what is published would be young again";
        return Err(refused(message)
            .with("as_of", plan.as_of)
            .with("published as of", privacy.as_of)
            .with_help("give no --as-of, or one that is not earlier than that of the commit"));
    }
    if let Some((field, why)) = weaker(&plan.contract, privacy) {
        return Err(refused(why).with("field", field).with("contract", plan.contract.label()).with_help(
            "use a contract that takes at least as much, at least as early; or publish to another \
             target",
        ));
    }
    Ok(())
}

/// The first field of which a run with `contract` would tell more, and why.
fn weaker<'a>(contract: &Contract, standing: &'a PrivacyRecord) -> Option<(&'a str, &'static str)> {
    let clock = contract.privacy.as_ref().map(|privacy| privacy.clock.as_str());
    if clock.is_none() {
        return Some((&standing.clock, "the contract is not private, and that of the day is"));
    }
    if clock != Some(&standing.clock) {
        return Some((&standing.clock, "periods counted from this field, and now from another"));
    }
    let own = policy(contract);
    standing.policy.iter().find_map(|before| {
        let way_down = contract.fields_down_to(&before.field);
        // A field that is not written at all tells nothing.
        let field = way_down.last()?;
        let pseudonym: Option<&Pseudonym> = field.privacy.at_once.as_ref();
        let why = if before.at_once.is_some() && pseudonym.is_none() {
            "the field was a pseudonym, and would be written as it is"
        } else if !goes_no_later(before, &own) {
            "less of the field stayed, or it went earlier"
        } else {
            return None;
        };
        Some((before.field.as_str(), why))
    })
}

/// Whether the field, or a struct around it, goes as early and as thoroughly as before.
fn goes_no_later(before: &FieldPolicy, own: &[FieldPolicy]) -> bool {
    let (Some(days), Some(stays)) = (before.after_days, &before.then) else { return true };
    let holds_it = |policy: &FieldPolicy| {
        let rest = before.field.strip_prefix(policy.field.as_str());
        rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
    };
    own.iter().filter(|policy| holds_it(policy)).any(|policy| {
        policy.after_days.is_some_and(|own| own <= days)
            && policy.then.as_ref().is_some_and(|then| then.is_within(stays))
    })
}
