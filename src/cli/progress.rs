//! Shows how far a run is: a bar for a person who watches, else a log line every ten seconds.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::surroundings::Here;
use crate::report::table::{count, size};
use crate::telemetry::Progress;

const DRAW_EVERY: Duration = Duration::from_millis(100);
const LOG_EVERY: Duration = Duration::from_secs(10);
const TEMPLATE: &str = "{spinner} {prefix:13} [{bar:24}] {msg}  {elapsed}";

/// Does `work` and shows its progress meanwhile.
pub(super) fn shown<T>(here: &Here, progress: &Arc<Progress>, work: impl FnOnce() -> T) -> T {
    let every = if here.watched { DRAW_EVERY } else { LOG_EVERY };
    std::thread::scope(|scope| {
        // Dropped when the work is over, however it ends; that is the signal.
        let (_working, over) = mpsc::channel::<()>();
        scope.spawn(move || {
            if here.watched {
                begin(&here.bar);
            }
            while over.recv_timeout(every) == Err(RecvTimeoutError::Timeout) {
                if here.watched { draw(&here.bar, progress) } else { log(progress) }
            }
            here.bar.finish_and_clear();
        });
        work()
    })
}

fn begin(bar: &ProgressBar) {
    bar.set_draw_target(ProgressDrawTarget::stderr());
    if let Ok(style) = ProgressStyle::with_template(TEMPLATE) {
        bar.set_style(style.progress_chars("=> "));
    }
    bar.reset_elapsed();
}

fn draw(bar: &ProgressBar, progress: &Progress) {
    bar.set_prefix(progress.stage().label());
    bar.set_length(load(&progress.bytes_total).max(1));
    bar.set_position(load(&progress.bytes_done));
    bar.set_message(line(progress));
    bar.tick();
}

/// `312.0 MB of 1.2 GB, 4 of 16 splits, 1,234 rows read, 5 refused`; what is not known yet is
/// left out.
fn line(progress: &Progress) -> String {
    let bytes_total = load(&progress.bytes_total);
    let splits_total = load(&progress.splits_total);
    let mut parts = Vec::new();
    if bytes_total > 0 {
        parts.push(format!("{} of {}", size(load(&progress.bytes_done)), size(bytes_total)));
    }
    if splits_total > 0 {
        parts.push(format!("{} of {splits_total} splits", load(&progress.splits_done)));
    }
    for (counter, label) in [
        (&progress.rows_read, "rows read"),
        (&progress.rows_rejected, "refused"),
        (&progress.rows_written, "written"),
    ] {
        let rows = load(counter);
        if rows > 0 {
            parts.push(format!("{} {label}", count(rows)));
        }
    }
    parts.join(", ")
}

fn log(progress: &Progress) {
    tracing::info!(
        stage = progress.stage().label(),
        bytes_done = load(&progress.bytes_done),
        bytes_total = load(&progress.bytes_total),
        splits_done = load(&progress.splits_done),
        splits_total = load(&progress.splits_total),
        rows_read = load(&progress.rows_read),
        rows_rejected = load(&progress.rows_rejected),
        rows_written = load(&progress.rows_written),
        "progress"
    );
}

fn load(counter: &AtomicU64) -> u64 {
    counter.load(Ordering::Relaxed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_line_tells_what_is_known() {
        let progress = Progress::default();
        assert_eq!(line(&progress), "");
        progress.bytes_total.store(1_200_000_000, Ordering::Relaxed);
        progress.splits_total.store(16, Ordering::Relaxed);
        progress.rows_read.store(1_234, Ordering::Relaxed);
        assert_eq!(line(&progress), "0 B of 1.2 GB, 0 of 16 splits, 1,234 rows read");
    }
}
