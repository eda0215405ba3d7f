//! `status`, once or again and again.

use std::io::{self, IsTerminal};
use std::thread::sleep;

use super::args::{Format, StatusOptions};
use super::run::{Stop, error_line, print};
use super::text;
use crate::report::State;
use crate::{Migrations, Migrator, Status};

/// Clears a terminal, what was scrolled off it stays.
const CLEAR: &str = "\x1b[H\x1b[2J";

pub(super) fn status(
    options: &StatusOptions,
    set: Option<&str>,
    load: impl FnOnce() -> Result<Migrations, String>,
) -> Result<(), Stop> {
    let connection = options.connection.config()?;
    let mut migrator = if let Ok(migrations) = load() {
        Migrator::new(migrations, connection)
    } else {
        // The state of the database is of interest all the more.
        error_line(
            "warning: what is pending is not known, since no migrations can be read here: see `check`",
        );
        Migrator::detached(connection)
    }
    .in_namespace(options.set.resolve(set)?);
    let Some(interval) = options.watch else {
        let status = migrator.status()?;
        return once(options, &status, &mut migrator);
    };
    let is_drawn = options.format == Format::Human && io::stdout().is_terminal();
    let mut last = String::new();
    loop {
        let status = migrator.status()?;
        let text = match options.format {
            Format::Human => text::status(&status),
            // One object per line.
            Format::Json => serde_json::to_string(&status).expect("a status is plain data") + "\n",
        };
        if is_drawn {
            print(&format!("{CLEAR}{text}"));
        } else if text != last {
            let gap = if options.format == Format::Human && !last.is_empty() { "\n" } else { "" };
            print(&format!("{gap}{text}"));
        }
        if status.state == State::Idle {
            return Ok(());
        }
        last = text;
        sleep(interval);
    }
}

fn once(options: &StatusOptions, status: &Status, migrator: &mut Migrator) -> Result<(), Stop> {
    let drift = options.drift.then(|| migrator.drift()).transpose()?;
    match options.format {
        Format::Human => {
            print(&text::status(status));
            if let Some(drift) = drift {
                print(&format!("\n{}", drift.report()));
            }
        }
        Format::Json => {
            let mut json = serde_json::to_value(status).expect("a status is plain data");
            if let Some(drift) = drift {
                json["drift"] = serde_json::to_value(drift).expect("a drift is plain data");
            }
            let json = serde_json::to_string_pretty(&json).expect("a value is plain data");
            print(&(json + "\n"));
        }
    }
    Ok(())
}
