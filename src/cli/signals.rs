//! SIGINT and SIGTERM: the first lets the run drain and keep its checkpoint, the second ends the
//! process at once.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use indicatif::ProgressBar;
use tokio::signal::unix::{SignalKind, signal};

use super::progress::shown;
use super::surroundings::Here;
use crate::error::{Error, ErrorKind, Result, ResultExt as _};
use crate::telemetry::Progress;

/// Does `work` and shows its progress. The first signal asks it to stop.
///
/// # Errors
/// Whatever `work` gives, told apart by the signal that stopped it; `Unexpected` when the system
/// does not let signals be watched.
pub(super) fn watched<T>(here: &Here, work: impl FnOnce(&Arc<Progress>) -> Result<T>) -> Result<T> {
    let progress = Arc::new(Progress::default());
    let signals = Signals::watch(&progress, &here.bar)?;
    shown(here, &progress, || work(&progress)).map_err(|error| signals.explain(error))
}

/// Signals of this process, watched from now to its end.
struct Signals {
    terminated: Arc<AtomicBool>,
}

impl Signals {
    /// Begins to watch. What a signal does is said on standard error, above `bar`.
    ///
    /// # Errors
    /// `Unexpected` when the system does not let signals be watched.
    fn watch(progress: &Arc<Progress>, bar: &ProgressBar) -> Result<Self> {
        let message = "cannot watch for signals";
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .or_err(ErrorKind::Unexpected, message)?;
        let entered = runtime.enter();
        let mut interrupt =
            signal(SignalKind::interrupt()).or_err(ErrorKind::Unexpected, message)?;
        let mut terminate =
            signal(SignalKind::terminate()).or_err(ErrorKind::Unexpected, message)?;
        drop(entered);

        let terminated = Arc::new(AtomicBool::new(false));
        let (progress, bar) = (Arc::clone(progress), bar.clone());
        let by_terminate = Arc::clone(&terminated);
        let watch = move || {
            runtime.block_on(async {
                loop {
                    let kind = tokio::select! {
                        _ = interrupt.recv() => ErrorKind::Interrupted,
                        _ = terminate.recv() => ErrorKind::Terminated,
                    };
                    if progress.should_stop() {
                        bar.finish_and_clear();
                        tell(&bar, "stopped at once; finished splits are kept");
                        std::process::exit(i32::from(kind.exit_code()));
                    }
                    by_terminate.store(kind == ErrorKind::Terminated, Ordering::SeqCst);
                    progress.stop.store(true, Ordering::SeqCst);
                    tell(&bar, "stopping: finishing what is in hand, then keeping the checkpoint; once more stops at once");
                }
            });
        };
        std::thread::Builder::new()
            .name("signals".to_owned())
            .spawn(watch)
            .or_err(ErrorKind::Unexpected, message)?;
        Ok(Self { terminated })
    }

    /// The error of a stopped run, told apart by the signal that stopped it.
    fn explain(&self, error: Error) -> Error {
        if error.kind() == ErrorKind::Interrupted && self.terminated.load(Ordering::SeqCst) {
            Error::new(ErrorKind::Terminated, "terminated").with_source(error)
        } else {
            error
        }
    }
}

fn tell(bar: &ProgressBar, line: &str) {
    use std::io::Write as _;
    bar.suspend(|| {
        // When standard error is gone, the exit code still tells.
        let _ = writeln!(std::io::stderr(), "{line}");
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sigterm_asks_the_run_to_stop_and_names_its_error() {
        let progress = Arc::new(Progress::default());
        let signals = Signals::watch(&progress, &ProgressBar::hidden()).unwrap();
        let stopped = || Error::new(ErrorKind::Interrupted, "stopped").with_help("run it again");
        assert_eq!(signals.explain(stopped()).kind(), ErrorKind::Interrupted);

        let own_id = std::process::id().to_string();
        let sent = std::process::Command::new("kill").args(["-TERM", &own_id]).status().unwrap();
        assert!(sent.success());
        while !progress.should_stop() {
            std::thread::yield_now();
        }

        assert_eq!(signals.explain(stopped()).kind(), ErrorKind::Terminated);
        let other = Error::new(ErrorKind::Gate, "too many rejects");
        assert_eq!(signals.explain(other).kind(), ErrorKind::Gate);
    }
}
