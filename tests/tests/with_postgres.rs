//! `with-postgres`: the command's exit code, and nothing left.

#![cfg(unix)]
#![allow(clippy::unwrap_used, reason = "helpers of tests")]

use std::io::{BufRead as _, BufReader};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

fn with_postgres(script: &str) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_with-postgres"));
    command.args(["sh", "-c", script]).env_remove("DATABASE_URL");
    command.stdin(Stdio::piped()).stdout(Stdio::piped());
    command
}

/// Starts the script, waits for its first line, the server's address, and asks the server for its folder.
fn started(script: &str) -> (Child, PathBuf) {
    let mut child = with_postgres(script).spawn().unwrap();
    let mut url = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut url).unwrap();
    let config: postgres::Config = url.trim().parse().unwrap();
    let mut client = config.connect(postgres::NoTls).unwrap();
    let row = client.query_one("SHOW unix_socket_directories", &[]).unwrap();
    (child, PathBuf::from(row.get::<_, String>(0)))
}

fn signal(child: &Child, name: &str) {
    assert!(Command::new("kill").args([name, &child.id().to_string()]).status().unwrap().success());
}

#[test]
fn the_exit_code_is_the_commands() {
    assert_eq!(with_postgres("exit 7").status().unwrap().code(), Some(7));
    assert_eq!(with_postgres("kill -KILL $$").status().unwrap().code(), Some(128 + 9));
    let mut missing = Command::new(env!("CARGO_BIN_EXE_with-postgres"));
    assert_eq!(missing.arg("/no/such/program").status().unwrap().code(), Some(127));
    assert_eq!(missing.env("RESHAPE_PG_BIN", "/nowhere").status().unwrap().code(), Some(1));
}

#[test]
fn termination_is_passed_on_and_nothing_is_left() {
    let (mut child, folder) =
        started("trap 'exit 3' TERM; echo $DATABASE_URL; while :; do sleep 0.05; done");
    signal(&child, "-TERM");
    assert_eq!(child.wait().unwrap().code(), Some(3));
    assert!(!folder.exists());
}

#[test]
fn an_interrupt_waits_for_the_command() {
    // The script goes on until we let it, although the process above it was interrupted.
    let mut child = with_postgres("echo $DATABASE_URL; read line; exit 4").spawn().unwrap();
    let mut url = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut url).unwrap();
    signal(&child, "-INT");
    let config: postgres::Config = url.trim().parse().unwrap();
    config.connect(postgres::NoTls).unwrap();
    drop(child.stdin.take());
    assert_eq!(child.wait().unwrap().code(), Some(4));
    assert!(config.connect(postgres::NoTls).is_err());
}

#[test]
fn a_killed_process_takes_the_server_with_it() {
    let (mut child, folder) = started("echo $DATABASE_URL; read line");
    child.kill().unwrap();
    child.wait().unwrap();
    let deadline = Instant::now() + Duration::from_secs(30);
    while folder.exists() {
        assert!(Instant::now() < deadline, "{} is left", folder.display());
        thread::sleep(Duration::from_millis(20));
    }
}
