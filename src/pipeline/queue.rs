//! Work that is done side by side, but never more of it than there is memory for.
//!
//! Owns the order of work. Does not own how much of it memory is for (`pipeline::budget`).

use std::sync::atomic::{AtomicUsize, Ordering};

use rayon::prelude::*;

use crate::error::Result;

/// Does `work` for each of `items`, for no more than `at_once` at a time, and gives what came of
/// them in their order. Nothing is begun after a failure.
///
/// Items of a thread pool would not do: a thread that waits for a part of one begins another, and
/// holds both.
///
/// # Errors
/// Whatever `work` gives.
pub(super) fn each<I: Sync, T: Send>(
    items: &[I],
    at_once: usize,
    work: impl Fn(&I) -> Result<T> + Sync,
) -> Result<Vec<T>> {
    let next = AtomicUsize::new(0);
    let one_after_another = |_| {
        let mut done = Vec::new();
        loop {
            let index = next.fetch_add(1, Ordering::Relaxed);
            let Some(item) = items.get(index) else { return Ok(done) };
            let result = work(item).inspect_err(|_| next.store(items.len(), Ordering::Relaxed));
            done.push((index, result?));
        }
    };
    let queues = (0..at_once.min(items.len())).into_par_iter().with_max_len(1);
    let done = queues.map(one_after_another).collect::<Result<Vec<_>>>()?;
    let mut done: Vec<(usize, T)> = done.into_iter().flatten().collect();
    done.sort_by_key(|(index, _)| *index);
    Ok(done.into_iter().map(|(_, result)| result).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::{Error, ErrorKind};

    fn workers(threads: usize) -> rayon::ThreadPool {
        rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap()
    }

    #[test]
    fn no_more_items_are_open_than_may_be_and_results_keep_their_order() {
        let items: Vec<u32> = (0..40).collect();
        for (threads, at_once) in [(1, 1), (4, 1), (4, 2), (2, 8), (8, 100)] {
            let (open, most) = (AtomicUsize::new(0), AtomicUsize::new(0));
            let work = |item: &u32| {
                most.fetch_max(open.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
                // Parts that other threads take over: whoever waits for them must not begin an item.
                let parts = (0..64_u32).into_par_iter().with_max_len(1);
                let sum: u32 = parts.map(|part| part % 2).sum();
                open.fetch_sub(1, Ordering::SeqCst);
                Ok(item * 1000 + sum)
            };
            let results = workers(threads).install(|| each(&items, at_once, work)).unwrap();
            assert!(results.iter().copied().eq(items.iter().map(|item| item * 1000 + 32)));
            let most = most.into_inner();
            assert!((1..=at_once).contains(&most), "{most} of {at_once} on {threads} threads");
        }
    }

    #[test]
    fn a_failure_is_given_and_nothing_is_begun_after_it() {
        let items: Vec<u32> = (0..10).collect();
        let begun = AtomicUsize::new(0);
        let work = |item: &u32| {
            begun.fetch_add(1, Ordering::Relaxed);
            match item {
                3 => Err(Error::new(ErrorKind::Transient, "the fourth fails")),
                _ => Ok(()),
            }
        };
        let error = workers(1).install(|| each(&items, 1, work)).unwrap_err();
        assert_eq!((error.kind(), begun.into_inner()), (ErrorKind::Transient, 4));
        assert!(each(&[], 4, |item: &u32| Ok(*item)).unwrap().is_empty());
    }
}
