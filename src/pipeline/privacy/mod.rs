//! Personal data in a run: what is in force, what was done, and what may not come back.
//!
//! Does not own what becomes of a value (`transform`) nor keys and hashes (`crate::privacy`).

mod day;
mod key_file;
mod standing;

use std::sync::Arc;

use crate::catalog::expression::Literal;
use crate::catalog::{Contract, Then};
use crate::error::{Error, ErrorKind, Result};
use crate::model::{
    ERASED, FieldPolicy, KAnonymity, Ledger, PrivacyRecord, SuppressionMark, WhatStays,
};
use crate::plan::Plan;
use crate::privacy::KeyRing;
use crate::publish::Committed;
use crate::transform::PrivacyInForce;

use super::write::WrittenDay;

pub use key_file::{create_key_file, read_key_ring};

pub(super) use day::{DayPrivacy, DayTally};
pub(super) use standing::{
    PUBLISH_AGAIN, is_of_policy_of, lacks_pseudonyms, refuse_to_bring_back, require_no_less_taken,
};

/// The keys that the plan names a file for.
///
/// # Errors
/// As [`read_key_ring`].
pub(super) fn keys_of(plan: &Plan) -> Result<Option<Arc<KeyRing>>> {
    let keys = plan.privacy_key_file.as_deref().map(read_key_ring).transpose()?;
    Ok(keys.map(Arc::new))
}

/// What privacy rests on in a run of `plan` over a target with `records`. Keys are read when they
/// are needed.
pub(super) fn in_force(plan: &Plan, records: &[Committed]) -> Result<PrivacyInForce> {
    let suppressed: Vec<SuppressionMark> = suppressed(records).cloned().collect();
    let needs_keys = plan.contract.takes_pseudonyms() || !suppressed.is_empty();
    let keys = if needs_keys { keys_of(plan)? } else { None };
    Ok(PrivacyInForce { as_of: plan.as_of, keys, suppressed })
}

/// Every suppression mark of a dataset.
pub(super) fn suppressed(records: &[Committed]) -> impl Iterator<Item = &SuppressionMark> {
    records.iter().flat_map(|committed| &committed.record.suppressed)
}

/// The policy of a contract, as records have it.
pub(super) fn policy(contract: &Contract) -> Vec<FieldPolicy> {
    let policies = contract.policies().into_iter();
    let policies = policies.map(|policy| {
        let (at_once, after) = (&policy.field.privacy.at_once, &policy.field.privacy.after);
        FieldPolicy {
            field: policy.field.path.to_string(),
            classification: policy.classification.to_owned(),
            at_once: at_once.as_ref().map(|_| "pseudonym".to_owned()),
            domain: at_once.as_ref().map(|pseudonym| pseudonym.domain.clone()),
            after_days: after.as_ref().map(|forget| forget.after_days),
            then: after.as_ref().map(|forget| what_stays(&forget.then)),
        }
    });
    policies.collect()
}

fn what_stays(then: &Then) -> WhatStays {
    match then {
        Then::Drop => WhatStays::Drop,
        Then::Null => WhatStays::Null,
        Then::FirstCharacters(count) => WhatStays::Truncate(count.to_string()),
        Then::DownTo(unit) => WhatStays::Truncate(unit.word().to_owned()),
        Then::Multiple { unscaled, scale } => {
            let number = Literal::Number { unscaled: *unscaled, scale: *scale };
            WhatStays::Generalise(number.to_string())
        }
        Then::Word(word) => WhatStays::Generalise(word.clone()),
        Then::EmailDomain => WhatStays::Generalise("domain".to_owned()),
    }
}

/// What the record says of personal data; none when the dataset is not private.
pub(super) fn record(
    contract: &Contract,
    in_force: &PrivacyInForce,
    days: &[WrittenDay],
    ledger: &Ledger,
) -> Option<PrivacyRecord> {
    let privacy = contract.privacy.as_ref()?;
    let of_days = || days.iter().filter_map(|day| Some((day.day, day.privacy.as_ref()?)));
    let key = in_force.keys.as_ref().filter(|_| contract.takes_pseudonyms());
    let k = (!privacy.quasi_identifiers.is_empty()).then(|| KAnonymity {
        quasi_identifiers: privacy.quasi_identifiers.clone(),
        wanted: privacy.k.map(u64::from),
        found: of_days()
            .filter_map(|(day, of_day)| Some((Ledger::day_key_of(Some(day)), of_day.k?)))
            .collect(),
    });
    Some(PrivacyRecord {
        policy: policy(contract),
        clock: privacy.clock.clone(),
        as_of: in_force.as_of,
        key_id: key.and_then(|keys| keys.ids().next().map(str::to_owned)),
        anonymised_rows: of_days().map(|(_, of_day)| of_day.anonymised_rows).sum(),
        erased_rows: ledger.run.excluded_by_rule.get(ERASED).copied().unwrap_or(0),
        earliest_expiry: of_days().filter_map(|(_, of_day)| of_day.earliest_expiry).min(),
        k,
    })
}

/// Refuses days whose rows of age could be told apart too well.
///
/// # Errors
/// `Gate`, with the days and the numbers, never the values.
pub(super) fn require_k(record: Option<&PrivacyRecord>) -> Result<()> {
    let Some(k) = record.and_then(|record| record.k.as_ref()) else { return Ok(()) };
    let Some(wanted) = k.wanted else { return Ok(()) };
    let below: Vec<_> = k.found.iter().filter(|(_, found)| **found < wanted).collect();
    let Some((day, found)) = below.first() else { return Ok(()) };
    let message = "nothing was published: rows of age share their quasi-identifiers with too few";
    Err(Error::new(ErrorKind::Gate, message)
        .with("day", day)
        .with("k", found)
        .with("wanted", wanted)
        .with("days below", below.len())
        .with("quasi-identifiers", k.quasi_identifiers.join(", "))
        .with_help(
            "let less stay of these fields (`then` of their `privacy` in the contract), in a new \
             version of the contract",
        ))
}
