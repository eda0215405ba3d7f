//! Every command in every state. The table in ARCHITECTURE.md, section "Every command in every state", is what this test has seen.
//!
//! `UPDATE_STATES=1` writes it there.

use std::fmt::Write as _;
use std::path::PathBuf;
use std::time::Duration;
use std::{env, fs};

use postgres::{Config, NoTls};
use reshape_runtime::{Error, ErrorKind, Migrations, Migrator, Outcome, Report};

use crate::desk::*;

type Run = fn(&mut Migrator) -> Result<Report, Error>;

/// The migrations of the program that runs the command.
#[derive(Clone, Copy)]
enum Program {
    Old,
    New,
    None,
}

const COMMANDS: [(&str, Program, Run); 8] = [
    ("`start`, new", Program::New, Migrator::start),
    ("`start`, old", Program::Old, Migrator::start),
    ("`start_to` new", Program::New, |migrator| migrator.start_to("2_shout")),
    ("`validate`, new", Program::New, Migrator::validate),
    ("`validate`, old", Program::Old, Migrator::validate),
    ("`complete`", Program::None, Migrator::complete),
    ("`abort`", Program::None, Migrator::abort),
    ("`revert_to` old", Program::None, |migrator| migrator.revert_to("1_users")),
];

const BEGIN: &str = "<!-- states: begin -->\n";
const END: &str = "<!-- states: end -->\n";

fn migrator(program: Program, config: &Config) -> Migrator {
    let files = [("1_users", USERS), ("2_shout", SHOUT)];
    let set = |n: usize| -> Migrations { reshape_tests::migrations(&files[..n]) };
    let migrator = match program {
        Program::Old => Migrator::new(set(1), config.clone()),
        Program::New => Migrator::new(set(2), config.clone()),
        Program::None => Migrator::detached(config.clone()),
    };
    migrator.wait_timeout(Duration::from_millis(1))
}

/// What a command does: `before` is the state that it finds.
fn cell(program: Program, run: Run, config: &Config, before: &str) -> String {
    let result = run(&mut migrator(program, config));
    let after = migrator(Program::None, config).status().unwrap().state.name();
    let what = match result.as_ref().map(|report| report.outcome) {
        Ok(Outcome::Nothing) => String::from("ok"),
        Ok(Outcome::Ahead) => String::from("ok, ahead"),
        Ok(outcome) => format!("{outcome:?}").to_lowercase(),
        Err(error) if error.kind() == ErrorKind::Locked => {
            let waits = error.message().contains("was not done within 1ms");
            String::from(if waits { "waits" } else { "`Locked`" })
        }
        Err(error) => {
            assert!(error.help().is_some(), "no way out: {}", error.report());
            format!("`{:?}`", error.kind())
        }
    };
    if after == before { what } else { format!("{what} → {after}") }
}

/// A row of the table, for a state that nobody is at work on: each command finds a copy of the database.
fn idle_row(desk: Desk) -> Vec<String> {
    let before = desk.state();
    let Desk { database, client, .. } = desk;
    drop(client);
    let mut server = database.config().dbname("postgres").connect(NoTls).unwrap();
    let copy = format!("{}_copy", database.name());
    let mut cells = Vec::new();
    for (_, program, run) in COMMANDS {
        // The last session of the state may still be on its way out.
        let template = format!("CREATE DATABASE {copy} TEMPLATE {}", database.name());
        while let Err(error) = server.batch_execute(&template) {
            assert_eq!(error.code().map(postgres::error::SqlState::code), Some("55006"), "{error}");
        }
        let mut config = database.config();
        config.dbname(&copy);
        cells.push(cell(program, run, &config, &before));
        server.batch_execute(&format!("DROP DATABASE {copy} WITH (FORCE)")).unwrap();
    }
    cells
}

/// The same while a migrator is held in the middle of its work.
fn held_row(mut desk: Desk, hold: Hold, arguments: &str) -> Vec<String> {
    let first = desk.held(hold, arguments);
    let before = desk.state();
    let config = desk.database.config();
    let cells = COMMANDS.map(|(_, program, run)| cell(program, run, &config, &before));
    desk.let_go();
    let (code, _, err) = ended(first.wait_with_output().unwrap());
    assert_eq!(code, 0, "{err}");
    cells.to_vec()
}

fn started() -> Desk {
    let desk = Desk::new();
    assert_eq!(desk.code("migration start"), 0);
    desk
}

fn reverting() -> Desk {
    let desk = started();
    assert_eq!(desk.code("migration complete"), 0);
    assert_eq!(desk.code("migration revert --to 1_users"), 0);
    desk
}

#[test]
fn every_command_in_every_state() {
    let completed = started();
    assert_eq!(completed.code("migration complete"), 0);
    let rows = [
        ("empty database", idle_row(Desk::empty())),
        ("old version live", idle_row(Desk::new())),
        ("start at work", held_row(Desk::new(), Hold::Backfill, "migration start")),
        ("start died", idle_row(Desk::killed(Hold::Backfill))),
        ("both versions live", idle_row(started())),
        ("completion at work", held_row(started(), Hold::Completion, "migration complete")),
        ("completion died", idle_row(Desk::killed(Hold::Completion))),
        ("rollback at work", held_row(started(), Hold::Rollback, "migration abort")),
        ("rollback died", idle_row(Desk::killed(Hold::Rollback))),
        ("new version live", idle_row(completed)),
        ("a revert's both versions live", idle_row(reverting())),
    ];
    let mut table = String::from("| |");
    let mut line = String::from("|---|");
    for (name, ..) in COMMANDS {
        write!(table, " {name} |").unwrap();
        line.push_str("---|");
    }
    writeln!(table, "\n{line}").unwrap();
    for (state, cells) in rows {
        writeln!(table, "| {state} | {} |", cells.join(" | ")).unwrap();
    }
    let file = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../ARCHITECTURE.md");
    let text = fs::read_to_string(&file).unwrap();
    let (head, rest) = text.split_once(BEGIN).expect("where the table begins");
    let (known, tail) = rest.split_once(END).expect("where it ends");
    if env::var_os("UPDATE_STATES").is_some() {
        fs::write(&file, format!("{head}{BEGIN}{table}{END}{tail}")).unwrap();
        return;
    }
    assert_eq!(known, table, "run it with UPDATE_STATES=1, and read the difference");
}
