//! The read-capacity budget: a token bucket that the units each reply reports are taken from, and
//! the size of the pages that fit it.
//!
//! A request waits until the balance is positive; what it cost is known afterwards and may leave
//! a debt. Units are counted in thousandths. Does not own where a budget comes from.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::{Instant, sleep};

/// Bytes that a unit reads of an item, strongly consistent.
const UNIT_BYTES: u64 = 4096;
const MILLI: u64 = 1_000;
const NANOS_PER_SECOND: i128 = 1_000_000_000;

/// Tokens that flow in at a steady rate.
#[derive(Debug)]
struct Bucket {
    milli_units_per_second: u64,
    /// Thousandths of a unit times nanoseconds, so that no part of one is lost. At most what
    /// flows in within a second.
    balance: i128,
    filled_at: Instant,
}

impl Bucket {
    /// A bucket with what flows in within a second.
    fn new(milli_units_per_second: u64, now: Instant) -> Self {
        let milli_units_per_second = milli_units_per_second.max(1);
        let balance = i128::from(milli_units_per_second) * NANOS_PER_SECOND;
        Self { milli_units_per_second, balance, filled_at: now }
    }

    fn fill(&mut self, now: Instant) {
        let rate = i128::from(self.milli_units_per_second);
        let nanos = now.saturating_duration_since(self.filled_at).as_nanos();
        let flown = i128::try_from(nanos).unwrap_or(i128::MAX).saturating_mul(rate);
        self.balance = self.balance.saturating_add(flown).min(rate * NANOS_PER_SECOND);
        self.filled_at = self.filled_at.max(now);
    }

    /// How long until the balance is positive; none when it is.
    fn wait(&mut self, now: Instant) -> Option<Duration> {
        self.fill(now);
        let debt = -self.balance;
        let nanos = debt / i128::from(self.milli_units_per_second) + 1;
        (debt >= 0).then(|| Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX)))
    }

    fn spend(&mut self, milli_units: u64, now: Instant) {
        self.fill(now);
        self.balance -= i128::from(milli_units) * NANOS_PER_SECOND;
    }
}

/// What an item costs, on the average of the last pages, in millionths of a unit.
#[derive(Debug, Clone, Copy)]
struct ItemCost(u64);

impl ItemCost {
    /// A first guess, from the size of the table.
    fn guess(bytes: u64, items: u64, consistent_read: bool) -> Self {
        let item_bytes = bytes.checked_div(items).filter(|bytes| *bytes > 0).unwrap_or(UNIT_BYTES);
        let halves = if consistent_read { 2 } else { 1 };
        Self((item_bytes * 1_000_000 / UNIT_BYTES * halves / 2).max(1))
    }

    /// Half of what is known, half of what was seen last.
    fn note(&mut self, milli_units: u64, items: u64) {
        if let Some(seen) = milli_units.saturating_mul(MILLI).checked_div(items) {
            self.0 = (self.0 / 2 + seen / 2).max(1);
        }
    }

    /// Items that cost no more than `milli_units`, at least one.
    fn items_for(self, milli_units: u64) -> i32 {
        i32::try_from(milli_units.saturating_mul(MILLI) / self.0).unwrap_or(i32::MAX).max(1)
    }
}

/// A budget that the streams of a source share.
#[derive(Debug)]
pub(super) struct Throttle {
    milli_units_per_second: u64,
    state: Mutex<State>,
    readers: AtomicU64,
}

#[derive(Debug)]
struct State {
    bucket: Bucket,
    cost: ItemCost,
}

/// A stream that takes its share of the budget, until it is dropped.
#[derive(Debug)]
pub(super) struct Reader(Arc<Throttle>);

impl Throttle {
    /// A budget of `milli_units_per_second` for a table of `items` items in `bytes`.
    pub(super) fn new(
        milli_units_per_second: u64,
        (bytes, items): (u64, u64),
        consistent_read: bool,
    ) -> Arc<Self> {
        Arc::new(Self {
            milli_units_per_second,
            state: Mutex::new(State {
                bucket: Bucket::new(milli_units_per_second, Instant::now()),
                cost: ItemCost::guess(bytes, items, consistent_read),
            }),
            readers: AtomicU64::new(0),
        })
    }

    /// Begins to read: from now on the budget is shared with one more.
    pub(super) fn join(self: &Arc<Self>) -> Reader {
        self.readers.fetch_add(1, Ordering::Relaxed);
        Reader(Arc::clone(self))
    }

    /// How long until a request may be made.
    fn wait(&self) -> Option<Duration> {
        self.state().bucket.wait(Instant::now())
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Reader {
    /// Waits until the budget allows a request, and says how many items it may read: what this
    /// stream's share of the budget pays for in a second.
    pub(super) async fn admit(&self) -> i32 {
        let Self(throttle) = self;
        while let Some(wait) = throttle.wait() {
            sleep(wait).await;
        }
        let readers = throttle.readers.load(Ordering::Relaxed).max(1);
        throttle.state().cost.items_for(throttle.milli_units_per_second / readers)
    }

    /// Takes what a request has cost from the budget.
    pub(super) fn spend(&self, milli_units: u64, scanned_items: u64) {
        let mut state = self.0.state();
        state.bucket.spend(milli_units, Instant::now());
        state.cost.note(milli_units, scanned_items);
    }
}

impl Drop for Reader {
    fn drop(&mut self) {
        self.0.readers.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seconds(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    #[test]
    fn a_debt_is_waited_for_and_no_longer() {
        let start = Instant::now();
        let mut bucket = Bucket::new(10_000, start);
        assert_eq!(bucket.wait(start), None);
        bucket.spend(40_000, start); // 30 units of debt, at 10 a second
        let wait = bucket.wait(start).unwrap();
        assert!(wait > seconds(3) && wait < seconds(3) + Duration::from_micros(1), "{wait:?}");
        assert!(bucket.wait(start + seconds(3)).is_some());
        assert_eq!(bucket.wait(start + wait), None);
    }

    #[test]
    fn what_is_saved_up_lasts_a_second() {
        let start = Instant::now();
        let mut bucket = Bucket::new(10_000, start);
        bucket.spend(10_001, start + seconds(3_600));
        assert!(bucket.wait(start + seconds(3_600)).is_some());
    }

    #[test]
    fn many_small_fillings_lose_nothing() {
        let start = Instant::now();
        let mut bucket = Bucket::new(1, start); // a thousandth of a unit a second
        bucket.spend(2, start);
        for millis in (0..1_000).map(Duration::from_millis) {
            assert!(bucket.wait(start + millis).is_some(), "{millis:?}");
        }
        assert_eq!(bucket.wait(start + seconds(1) + Duration::from_nanos(1)), None);
    }

    #[test]
    fn the_rate_is_held_over_a_long_time() {
        let start = Instant::now();
        let mut bucket = Bucket::new(25_000, start);
        let (mut now, mut spent) = (start, 0);
        while now < start + seconds(100) {
            match bucket.wait(now) {
                Some(wait) => now += wait,
                None => {
                    bucket.spend(128_000, now);
                    spent += 128;
                }
            }
        }
        assert!((2_500..=2_500 + 25 + 128).contains(&spent), "{spent}");
    }

    #[test]
    fn a_page_costs_about_the_share_of_a_second() {
        let mut cost = ItemCost::guess(4_096_000, 1_000, false);
        assert_eq!(cost.items_for(50_000), 100); // half a unit each
        assert_eq!(cost.items_for(100), 1); // never none
        for _ in 0..20 {
            cost.note(50_000, 10); // five units each
        }
        assert_eq!(cost.items_for(50_000), 10);
        cost.note(0, 0); // a page that read nothing teaches nothing
        assert_eq!(cost.items_for(50_000), 10);
    }

    #[test]
    fn a_table_of_unknown_size_is_guessed() {
        assert_eq!(ItemCost::guess(0, 0, false).items_for(1_000), 2);
        assert_eq!(ItemCost::guess(0, 0, true).items_for(1_000), 1);
        assert!(ItemCost::guess(0, u64::MAX, false).items_for(u64::MAX) > 1);
    }

    #[tokio::test]
    async fn the_share_grows_as_others_finish() {
        let throttle = Throttle::new(100_000, (4_096_000, 1_000), false);
        let (first, second) = (throttle.join(), throttle.join());
        assert_eq!(first.admit().await, 100);
        drop(second);
        assert_eq!(first.admit().await, 200);
        first.spend(300_000, 600);
        assert!(throttle.wait().unwrap() > seconds(1));
    }
}
