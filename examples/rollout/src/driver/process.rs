//! A version of the service, run as a process of its own.
//!
//! **Invariant:** it ends with this one: if this one is killed its standard input is closed.

use std::env;
use std::io::{BufRead as _, BufReader, Write as _};
use std::process::{Child, ChildStdout, Command, Stdio};

use rollout::service::Message;
use rollout::stats::Stats;

use super::Failure;

pub(super) struct Process {
    name: &'static str,
    child: Child,
    output: BufReader<ChildStdout>,
}

impl Process {
    /// Starts a program of this package, which has been built beside this one.
    pub(super) fn start(name: &'static str, url: &str, rows: u32) -> Result<Self, Failure> {
        let program =
            env::current_exe()?.with_file_name(format!("{name}{}", env::consts::EXE_SUFFIX));
        let mut child = Command::new(&program)
            .args([url, &rows.to_string()])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .map_err(|error| {
                let build = "build the whole package: `cargo build --package rollout`";
                format!("`{}` cannot be run: {error}; {build}", program.display())
            })?;
        let output = BufReader::new(child.stdout.take().expect("it is piped"));
        Ok(Self { name, child, output })
    }

    pub(super) fn command(&mut self, command: &str) -> Result<(), Failure> {
        let input = self.child.stdin.as_mut().expect("it is piped and closed only by `drop`");
        Ok(writeln!(input, "{command}")?)
    }

    pub(super) fn receive(&mut self) -> Result<Message, Failure> {
        let mut line = String::new();
        if self.output.read_line(&mut line)? == 0 {
            return Err(Failure::from(format!("`{}` ended unexpectedly", self.name)));
        }
        Ok(line.trim_end_matches('\n').parse()?)
    }

    /// What its clients did since they were last asked.
    pub(super) fn mark(&mut self) -> Result<Stats, Failure> {
        self.command("mark")?;
        self.stats()
    }

    /// Lets its clients finish what they are doing, and ends it. Returns what they did since they were last asked.
    pub(super) fn stop(mut self) -> Result<Stats, Failure> {
        self.command("stop")?;
        let stats = self.stats()?;
        let ended = self.child.wait()?;
        if !ended.success() {
            return Err(Failure::from(format!("`{}` ended with {ended}", self.name)));
        }
        Ok(stats)
    }

    fn stats(&mut self) -> Result<Stats, Failure> {
        match self.receive()? {
            Message::Stats(stats) => Ok(stats),
            other => {
                Err(Failure::from(format!("`{}` should have told numbers: {other}", self.name)))
            }
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // Here it has either ended or is of no use any more; it may be waiting for a lock. Failing means that it has ended.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
