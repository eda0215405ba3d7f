//! Replaces version 1 of a service by version 2 while both are serving, and measures what their clients notice.
//!
//! `rollout [--rows N] [--seconds N]`: so many rows, and so many seconds of both versions side by side. The server is the one
//! of `DATABASE_URL`, in which a database is created and dropped again, or a private one.
//!
//! The exit code is 0 if no query failed and every row holds what was written, else 1.

#![allow(clippy::print_stdout, reason = "a program that tells a person what happens")]

mod driver;

use std::env;
use std::process::ExitCode;
use std::time::Duration;

use driver::{Failure, Options};

fn main() -> ExitCode {
    let options = match options(env::args().skip(1)) {
        Ok(Some(options)) => options,
        Ok(None) => {
            println!("usage: rollout [--rows N] [--seconds N]");
            return ExitCode::SUCCESS;
        }
        Err(problem) => {
            println!("rollout: {problem}\nusage: rollout [--rows N] [--seconds N]");
            return ExitCode::from(2);
        }
    };
    match driver::run(&options) {
        Ok(()) => ExitCode::SUCCESS,
        Err(Failure(reasons)) => {
            println!("\nThe rollout failed:");
            for reason in reasons {
                println!("  {reason}");
            }
            ExitCode::FAILURE
        }
    }
}

/// `None` if help is asked for.
fn options(mut arguments: impl Iterator<Item = String>) -> Result<Option<Options>, String> {
    let mut options = Options { rows: 100_000, side_by_side: Duration::from_secs(5) };
    while let Some(flag) = arguments.next() {
        if flag == "--help" || flag == "-h" {
            return Ok(None);
        }
        let (flag, value) = match flag.split_once('=') {
            Some((flag, value)) => (flag.to_owned(), value.to_owned()),
            None => {
                let value = arguments.next().ok_or_else(|| format!("`{flag}` needs a value"))?;
                (flag, value)
            }
        };
        let number: u32 =
            value.parse().ok().filter(|number| *number > 0).ok_or_else(|| {
                format!("`{flag}` is a whole number greater than 0, not `{value}`")
            })?;
        match flag.as_str() {
            "--rows" => options.rows = number,
            "--seconds" => options.side_by_side = Duration::from_secs(number.into()),
            _ => return Err(format!("`{flag}` is not an option")),
        }
    }
    Ok(Some(options))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(line: &str) -> Result<Option<(u32, u64)>, String> {
        let options = options(line.split_whitespace().map(str::to_owned))?;
        Ok(options.map(|options| (options.rows, options.side_by_side.as_secs())))
    }

    #[test]
    fn options_are_read() {
        assert_eq!(parse(""), Ok(Some((100_000, 5))));
        assert_eq!(parse("--rows 7 --seconds=2"), Ok(Some((7, 2))));
        assert_eq!(parse("--rows 7 --help"), Ok(None));
        assert!(parse("--rows").is_err());
        assert!(parse("--rows 0").is_err());
        assert!(parse("--row 1").is_err());
    }
}
