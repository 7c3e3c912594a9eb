//! The values that are sought, and the automaton that looks for many of them at once.

use std::collections::BTreeSet;

use aho_corasick::{AhoCorasick, AhoCorasickKind};

use crate::error::{ErrorKind, Result, ResultExt};

/// Bytes below which a value is not sought: shorter ones are found everywhere and by chance.
pub(crate) const LEAST_BYTES: usize = 6;

/// Bytes of values that one automaton looks for. It takes up to about 40 bytes of memory for each of them
/// while it is built, so this bounds it at about 80 MiB; more values take more passes.
const PASS_BYTES: usize = 2 << 20;

/// A value that was cut short in statistics has lost at most its last character, which was perhaps
/// raised by one.
const CUT_BYTES: usize = 4;

/// Values to look for, in memory only. Of [`LEAST_BYTES`] at least, each once.
pub(crate) struct Needles {
    /// Ascending.
    values: Vec<Box<[u8]>>,
    pass_bytes: usize,
}

impl Needles {
    /// Those of `values` that are long enough.
    pub(crate) fn new(values: impl IntoIterator<Item = Box<[u8]>>) -> Self {
        let values: BTreeSet<_> = values.into_iter().filter(|v| v.len() >= LEAST_BYTES).collect();
        Self { values: values.into_iter().collect(), pass_bytes: PASS_BYTES }
    }

    /// Takes out every value that stands somewhere lawfully: `lawful` hands each text that may stay
    /// to the function it is given, as often as it is called, and `counts` says of a value and a
    /// text that holds it whether that makes it lawful. Gives how many were taken out.
    ///
    /// # Errors
    /// Whatever `lawful` gives.
    pub(crate) fn strike_lawful(
        &mut self,
        counts: impl Fn(&[u8], &[u8]) -> bool,
        mut lawful: impl FnMut(&mut dyn FnMut(&[u8])) -> Result<()>,
    ) -> Result<u64> {
        let mut struck = BTreeSet::new();
        for pass in self.passes() {
            let pass = pass?;
            lawful(&mut |text| {
                for found in pass.automaton.find_overlapping_iter(text) {
                    let value = pass.values.get(found.pattern().as_usize());
                    struck.extend(value.filter(|value| counts(value, text)).cloned());
                }
            })?;
        }
        self.values.retain(|value| !struck.contains(value));
        Ok(struck.len() as u64)
    }

    /// How many there are.
    pub(crate) fn len(&self) -> u64 {
        self.values.len() as u64
    }

    #[cfg(test)]
    pub(super) fn with_pass_bytes(self, pass_bytes: usize) -> Self {
        Self { pass_bytes, ..self }
    }

    /// The automata, one after another, each made when the one before is gone. One at least: that
    /// everything can be read is told even when nothing is sought.
    pub(super) fn passes(&self) -> impl Iterator<Item = Result<Pass<'_>>> {
        let mut rest = self.values.as_slice();
        let mut first = true;
        std::iter::from_fn(move || {
            if rest.is_empty() && !first {
                return None;
            }
            first = false;
            let mut bytes = 0;
            let end = rest.iter().take_while(|value| {
                bytes += value.len();
                bytes <= self.pass_bytes
            });
            let (now, later) = rest.split_at(end.count().max(1).min(rest.len()));
            rest = later;
            Some(Pass::new(now))
        })
    }
}

/// An automaton for some of the values.
pub(super) struct Pass<'a> {
    values: &'a [Box<[u8]>],
    automaton: AhoCorasick,
    /// Bytes of the longest value.
    pub longest: usize,
}

impl<'a> Pass<'a> {
    fn new(values: &'a [Box<[u8]>]) -> Result<Self> {
        let automaton = AhoCorasick::builder()
            .kind(Some(AhoCorasickKind::ContiguousNFA))
            .build(values)
            .or_err(ErrorKind::Unexpected, "could not prepare the search for values")?;
        let longest = values.iter().map(|value| value.len()).max().unwrap_or(0);
        Ok(Self { values, automaton, longest })
    }

    /// How many values end in `bytes` behind the first `known`; of those that overlap, one counts.
    pub fn count(&self, bytes: &[u8], known: usize) -> u64 {
        self.automaton.find_iter(bytes).filter(|found| found.end() > known).count() as u64
    }

    /// Whether a least or greatest value of statistics tells a value: it holds one, or, where
    /// it may be cut short, is how one begins.
    pub fn is_told_by(&self, bound: &[u8], may_be_cut: bool) -> bool {
        self.automaton.is_match(bound) || (may_be_cut && self.begins_like(bound))
    }

    fn begins_like(&self, bound: &[u8]) -> bool {
        let enough = bound.len().saturating_sub(CUT_BYTES).max(LEAST_BYTES);
        let at = self.values.partition_point(|value| value.as_ref() < bound);
        // The value that has most in common with the bound lies beside it.
        let beside = [at.checked_sub(1), Some(at)];
        beside
            .into_iter()
            .flatten()
            .filter_map(|i| self.values.get(i))
            .any(|value| value.iter().zip(bound).take_while(|(a, b)| a == b).count() >= enough)
    }

    /// The values themselves, to ask a filter for each.
    pub fn values(&self) -> impl Iterator<Item = &[u8]> {
        self.values.iter().map(AsRef::as_ref)
    }
}
