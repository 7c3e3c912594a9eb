//! The contract's rules over the fields of one row: refuse it, leave it out, or count it.
//!
//! A rule is not asked about a value that was refused already: neither does such a row get a
//! second reason, nor does a rule that acts on NULL hide it from the quarantine. That is why
//! rules that decide come before the checks of single values, which refuse values that are
//! there. Does not own parsing (`catalog`) nor rules over several rows (`frames`).

mod bind;
mod evaluate;
mod number;
mod short;

use std::sync::Arc;

use arrow::record_batch::RecordBatch;

use super::Step;
use super::findings::{Findings, reasons_of};
use crate::catalog::expression::{BinaryOp, Expr};
use crate::catalog::{Contract, Derived, Rule, Severity, UniqueRule, WhenNull};
use crate::error::{Error, ErrorKind, Result};
use crate::model::{Batch, Reason, ReasonCode, RowExclusion, RowReason};

use bind::{Bound, bind};
use number::Overflow;

/// Judges rows by some of a contract's rules, in the contract's order.
pub(super) struct JudgeRules(Vec<Judge>);

struct Judge {
    rule: Rule,
    /// Top-level fields whose refusal keeps the rule from being asked.
    fields: Vec<String>,
}

impl JudgeRules {
    /// The rules that exclude or reject.
    pub(super) fn that_decide(contract: &Contract) -> Result<Self> {
        Self::new(contract, |severity| severity != Severity::Warn)
    }

    /// The rules that warn, and count only rows that nothing refuses or excludes.
    pub(super) fn that_warn(contract: &Contract) -> Result<Self> {
        Self::new(contract, |severity| severity == Severity::Warn)
    }

    fn new(contract: &Contract, wanted: impl Fn(Severity) -> bool) -> Result<Self> {
        let no_rows = RecordBatch::new_empty(contract.nullable_output_schema());
        let of_unique = contract.unique.iter().filter_map(about_null);
        let rules = contract.rules.iter().cloned().chain(of_unique);
        let judges = rules.filter(|rule| wanted(rule.severity)).map(|rule| {
            if bind(&rule.expression, &no_rows).is_none() {
                let message = "a rule of the contract names a field that is not in the output";
                return Err(Error::new(ErrorKind::Usage, message)
                    .with("dataset", contract.label())
                    .with("rule", &rule.name));
            }
            Ok(Judge { fields: read_fields(contract, &rule.expression), rule })
        });
        Ok(Self(judges.collect::<Result<_>>()?))
    }
}

/// What a unique rule says of a row on its own: that it acts where one of its fields is NULL.
fn about_null(unique: &UniqueRule) -> Option<Rule> {
    let is_null = |name: &String| Expr::IsNull {
        expr: Box::new(Expr::Field(vec![name.clone()])),
        negated: false,
    };
    let either = |left, right| Expr::Binary {
        op: BinaryOp::Or,
        left: Box::new(left),
        right: Box::new(right),
    };
    let some_null = unique.fields.iter().map(is_null).reduce(either)?;
    (unique.null_outcome() == WhenNull::Act).then(|| Rule {
        name: Arc::clone(&unique.name),
        severity: unique.severity,
        text: some_null.to_string(),
        expression: match unique.severity {
            Severity::Exclude => some_null,
            Severity::Reject | Severity::Warn => Expr::Not(Box::new(some_null)),
        },
        when_null: None,
        reason: unique.reason.clone(),
    })
}

/// Top-level fields that an expression is about, and those they are derived from.
fn read_fields(contract: &Contract, expression: &Expr) -> Vec<String> {
    let mut fields = Vec::new();
    name_fields(expression, &mut fields);
    let derived = fields.iter().filter_map(|name| contract.field(name)?.derived.as_ref());
    let origins = derived.flat_map(|derived| match derived {
        Derived::BusinessDate => vec![contract.business_date.field.clone()],
        Derived::OffsetMinutes { of } | Derived::TimeVerdict { of } | Derived::TimeZone { of } => {
            vec![of.clone()]
        }
        Derived::MissingFields => vec![],
        Derived::Converted { of, .. } => {
            let money = contract.field(of).and_then(|amount| amount.money.as_ref());
            let currency = money.map(|money| money.currency.clone());
            let day = contract.business_date.field.clone();
            [Some(of.clone()), currency, Some(day)].into_iter().flatten().collect()
        }
    });
    let origins: Vec<String> = origins.collect();
    fields.extend(origins);
    fields
}

fn name_fields(expression: &Expr, fields: &mut Vec<String>) {
    match expression {
        Expr::Literal(_) => {}
        Expr::Field(path) => fields.extend(path.first().cloned()),
        Expr::Not(expr)
        | Expr::Negate(expr)
        | Expr::Abs(expr)
        | Expr::Number(expr)
        | Expr::Length(expr)
        | Expr::IsNull { expr, .. }
        | Expr::In { expr, .. } => name_fields(expr, fields),
        Expr::Binary { left, right, .. } => {
            name_fields(left, fields);
            name_fields(right, fields);
        }
        Expr::Sum { list, each } => {
            fields.push(list.clone());
            name_fields(each, fields);
        }
    }
}

impl Step for JudgeRules {
    fn apply(&self, mut batch: Batch) -> Batch {
        let columns = batch.columns.clone();
        let bound = |judge| bound_to(judge, &columns);
        let judges: Vec<_> = self.0.iter().filter_map(bound).collect(); // `new` bound them all
        let mut found = Findings::default();
        let mut excluded = Vec::new();
        let mut warned = vec![0; judges.len()];
        let mut left_out = batch.exclusions.iter().map(|exclusion| exclusion.row).peekable();
        for row in (0u32..).take(columns.num_rows()) {
            if left_out.next_if_eq(&row).is_some() {
                continue;
            }
            let refused = reasons_of(&batch.reasons, row);
            for ((judge, expression), warned) in judges.iter().zip(&mut warned) {
                if judge.is_silenced_by(refused) {
                    continue;
                }
                let rule = &judge.rule.name;
                match judge.act(expression, row) {
                    None => {}
                    Some(Severity::Warn) => *warned += 1,
                    Some(Severity::Reject) => {
                        found.add_reason(row, Reason::of_rule(ReasonCode::RuleFailed, rule));
                    }
                    Some(Severity::Exclude) => {
                        excluded.push(RowExclusion { row, rule: Arc::clone(rule) });
                        break;
                    }
                }
            }
        }
        for ((judge, _), rows) in judges.iter().zip(warned).filter(|(_, rows)| *rows > 0) {
            batch.warnings.push((judge.rule.name.to_string(), rows));
        }
        batch.exclusions.extend(excluded);
        batch.exclusions.sort_by_key(|exclusion| exclusion.row);
        found.give_to(batch)
    }
}

fn bound_to<'a>(judge: &'a Judge, columns: &'a RecordBatch) -> Option<(&'a Judge, Bound<'a>)> {
    Some((judge, bind(&judge.rule.expression, columns)?))
}

impl Judge {
    /// What the rule does to a row, if anything. A rule that cannot be computed within 256 bits
    /// refuses, so that no row passes or leaves unjudged.
    fn act(&self, expression: &Bound<'_>, row: u32) -> Option<Severity> {
        let severity = self.rule.severity;
        match expression.holds(row as usize) {
            Ok(Some(holds)) => (holds == (severity == Severity::Exclude)).then_some(severity),
            Ok(None) => (self.rule.null_outcome() == WhenNull::Act).then_some(severity),
            Err(Overflow) if severity == Severity::Exclude => Some(Severity::Reject),
            Err(Overflow) => Some(severity),
        }
    }

    /// Whether the reasons against a row keep the rule from being asked.
    fn is_silenced_by(&self, reasons: &[RowReason]) -> bool {
        let is_read = |path: &Arc<str>| {
            let name = path.split(['.', '[']).next().unwrap_or(path);
            self.fields.iter().any(|field| field == name)
        };
        match self.rule.severity {
            Severity::Warn => !reasons.is_empty(),
            _ => reasons.iter().any(|r| r.reason.field.as_ref().is_none_or(is_read)),
        }
    }
}

#[cfg(test)]
mod tests;
