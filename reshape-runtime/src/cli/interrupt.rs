//! What an interrupt (Ctrl-C, or a supervisor's SIGTERM) leaves behind, said before it ends the process.
//!
//! **Invariant:** an interrupt is a crash, which every command is made to be resumed after: nothing is rolled back here, and
//! the process ends by the signal at once (of a fleet, by the second one).

/// From now on, says so when the process is interrupted. Elsewhere than on Unix it ends without a word.
pub(super) fn explain() {
    #[cfg(unix)]
    unix::explain();
}

/// From now on, the first interrupt calls `stop`, and only the next one ends the process. Elsewhere than on Unix the first one does.
pub(super) fn stop_first(stop: impl Fn() + Send + 'static) {
    #[cfg(unix)]
    unix::stop_first(stop);
    #[cfg(not(unix))]
    drop(stop);
}

#[cfg(unix)]
mod unix {
    use std::io::Write as _;
    use std::sync::Once;
    use std::{io, thread};

    use signal_hook::consts::{SIGINT, SIGTERM};
    use signal_hook::iterator::Signals;
    use signal_hook::low_level::emulate_default_handler;

    const MESSAGE: &str = "\
interrupted: what was begun is left as it is, and the versions that were live still are
  help: `status` shows it; the same command goes on from there, and `migration abort` takes back what was being started";

    static ONCE: Once = Once::new();

    const FINISHING: &str = "\
interrupted: no other database is begun, those at work are finished
  help: once more ends them too, and leaves them as they are; the same command goes on from there";

    pub(super) fn stop_first(stop: impl Fn() + Send + 'static) {
        let Ok(mut signals) = Signals::new([SIGINT, SIGTERM]) else { return };
        thread::spawn(move || {
            let mut signals = signals.forever();
            if signals.next().is_some() {
                stop();
                let _ = writeln!(io::stderr(), "\n{FINISHING}");
            }
            for signal in signals {
                let _ = emulate_default_handler(signal);
            }
        });
    }

    pub(super) fn explain() {
        ONCE.call_once(|| {
            // Without it an interrupt ends the process all the same, only without the message.
            let Ok(mut signals) = Signals::new([SIGINT, SIGTERM]) else { return };
            thread::spawn(move || {
                for signal in signals.forever() {
                    // A line of its own: a terminal shows a bar, or `^C`.
                    let _ = writeln!(io::stderr(), "\n{MESSAGE}");
                    let _ = emulate_default_handler(signal);
                }
            });
        });
    }
}
