//! A contract as text for a terminal and as JSON.

use super::contract::Contract;

/// The contract for people.
#[must_use]
pub fn describe(contract: &Contract) -> String {
    contract.label()
}

/// The contract for programs.
#[must_use]
pub fn describe_json(contract: &Contract) -> serde_json::Value {
    serde_json::json!({"dataset": contract.label()})
}
