//! What stands published may lose personal data and never gets it back.

use jiff::civil::Date;

use crate::catalog::{Contract, Pseudonym};
use crate::error::{Error, ErrorKind, Result};
use crate::model::{FieldPolicy, PrivacyRecord, date_of_days};
use crate::plan::Plan;
use crate::publish::{CommitRecord, Committed, DayEntry, live_days, published_by};

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

/// Whether the record's days were published by the very policy that `contract` has.
pub(in crate::pipeline) fn is_of_policy_of(contract: &Contract, record: &CommitRecord) -> bool {
    match (&record.privacy, &contract.privacy) {
        (Some(standing), Some(own)) => {
            standing.clock == own.clock && standing.policy == policy(contract)
        }
        (standing, own) => standing.is_none() && own.is_none(),
    }
}

/// Refuses to write published days anew by a contract that takes less of a person than the one that
/// they were published by, or whose pseudonyms they do not have: their new record would tell what is
/// not so.
///
/// # Errors
/// `Usage`, with the day, the field and what to do.
pub(in crate::pipeline) fn require_no_less_taken<'r>(
    contract: &Contract,
    days: impl IntoIterator<Item = (&'r CommitRecord, Date)>,
) -> Result<()> {
    for (record, day) in days {
        if is_of_policy_of(contract, record) {
            continue;
        }
        let standing = record.privacy.as_ref();
        let takes_less = standing.and_then(|standing| weaker(contract, standing));
        let refusal =
            takes_less.map(|(field, why)| (TAKES_LESS, field.to_owned(), why, TAKE_AS_MUCH));
        let refusal = refusal.or_else(|| {
            let field = other_pseudonym(contract, standing)?;
            Some((LACKS_PSEUDONYM, field, OTHER_DOMAIN, PUBLISH_AGAIN))
        });
        let Some((message, field, why, help)) = refusal else { continue };
        return Err(Error::new(ErrorKind::Usage, message)
            .with("day", day)
            .with("commit", record.seq)
            .with("field", field)
            .with("why", why)
            .with("contract", contract.label())
            .with_help(help));
    }
    Ok(())
}

const TAKES_LESS: &str =
    "the contract takes less of a person than the one that a day was published by";
const TAKE_AS_MUCH: &str = "use a contract that takes at least as much, at least as early";
const LACKS_PSEUDONYM: &str =
    "a day was published without a pseudonym that the contract takes at once";
const OTHER_DOMAIN: &str = "its pseudonyms are of no domain that the day has";

/// What to do when a day cannot be written anew as it stands.
pub(in crate::pipeline) const PUBLISH_AGAIN: &str =
    "publish the day again with this job, then run this command again";

/// Whether rows of the record stand without a pseudonym that rows of `contract` have.
pub(in crate::pipeline) fn lacks_pseudonyms(contract: &Contract, record: &CommitRecord) -> bool {
    other_pseudonym(contract, record.privacy.as_ref()).is_some()
}

/// The first field that is a pseudonym by `contract` and was none of the same domain before.
fn other_pseudonym(contract: &Contract, standing: Option<&PrivacyRecord>) -> Option<String> {
    let before = standing.map_or(&[][..], |standing| &standing.policy);
    let taken_before = |own: &FieldPolicy| {
        before.iter().any(|before| before.field == own.field && before.domain == own.domain)
    };
    let own = policy(contract).into_iter().filter(|own| own.at_once.is_some());
    own.filter(|own| !taken_before(own)).map(|own| own.field).next()
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
