//! What an interrupt (Ctrl-C, or a supervisor's SIGTERM) leaves behind, said before it ends the process.
//!
//! **Invariant:** an interrupt is a crash, which every command is made to be resumed after: nothing is rolled back here, and
//! the process ends by the signal at once.

/// From now on, says so when the process is interrupted. Elsewhere than on Unix it ends without a word.
pub(super) fn explain() {
    #[cfg(unix)]
    unix::explain();
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
