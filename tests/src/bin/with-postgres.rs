//! Runs a command with a private Postgres: `with-postgres <command> [argument…]`.
//!
//! The command finds the server's address in `DATABASE_URL`. When it has ended the server is stopped and everything
//! removed; the exit code is the command's, or 128 plus the number of the signal that ended it.
//!
//! **Invariant:** an interrupt does not end this process before the command, so that the exit code is the command's;
//! and if this process is killed nevertheless, the server ends with it.

use std::env;
use std::error::Error;
use std::io::Write as _;
use std::os::unix::process::ExitStatusExt as _;
use std::process::{Command, ExitCode};
use std::thread;

use reshape_runtime::testing::Server;
use rustix::process::{Pid, Signal, kill_process};
use signal_hook::consts::{SIGHUP, SIGINT, SIGQUIT, SIGTERM};
use signal_hook::iterator::Signals;

fn main() -> ExitCode {
    let mut arguments = env::args_os().skip(1);
    let Some(program) = arguments.next() else {
        say("usage: with-postgres <command> [argument…]");
        return ExitCode::from(2);
    };
    let server = match Server::start() {
        Ok(server) => server,
        Err(error) => {
            say(&error.report());
            return ExitCode::FAILURE;
        }
    };
    let mut command = Command::new(&program);
    command.args(arguments).env("DATABASE_URL", server.url());
    match run(&mut command) {
        Ok(code) => ExitCode::from(code),
        Err(error) => {
            say(&format!("`{}` cannot be run: {error}", program.display()));
            ExitCode::from(127)
        }
    }
    // Here the server is dropped, which stops it.
}

fn run(command: &mut Command) -> Result<u8, Box<dyn Error>> {
    let mut signals = Signals::new([SIGHUP, SIGINT, SIGQUIT, SIGTERM])?;
    let mut child = command.spawn()?;
    let pid = Pid::from_child(&child);
    // The thread ends with the process.
    thread::spawn(move || {
        for signal in signals.forever() {
            let signal = match signal {
                SIGHUP => Signal::HUP,
                SIGTERM => Signal::TERM,
                // From the terminal, which sends it to the command as well; a second one would mean "at once".
                _ => continue,
            };
            // Failing means that the command has just ended by itself.
            let _ = kill_process(pid, signal);
        }
    });
    let status = child.wait()?;
    let code = status.code().or_else(|| status.signal().map(|signal| 128 + signal));
    Ok(code.and_then(|code| u8::try_from(code).ok()).unwrap_or(1))
}

fn say(text: &str) {
    // Where standard error is closed nobody listens.
    let _ = writeln!(std::io::stderr(), "with-postgres: {text}");
}
