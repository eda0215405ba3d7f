//! The server of a development database: it goes on or ends as it is told to, and never takes the rows with it.

use std::fs;
use std::net::{TcpListener, TcpStream};
use std::path::PathBuf;
use std::thread;
use std::time::{Duration, Instant};

use serde_json::Value;

use super::{LONG, OnServer, Package, Run, connect, texts};

const NAMES: &str = "SELECT name FROM users";

/// A database with a row, whose server has ended.
fn ended() -> (Package, Value) {
    let package = Package::with_own_server();
    let applied = package.run("dev --once --stop-on-exit --format json").object();
    connect(&applied).execute("INSERT INTO users (name) VALUES ('Ada')", &[]).unwrap();
    let folder = folder(&package);
    wait_until(|| folder.join("exit").exists());
    (package, applied)
}

/// Lets the server end, and the database go.
fn clear(package: &Package) {
    let dropped = package.run("dev --drop");
    assert!(dropped.out.contains("is dropped"), "{}{}", dropped.out, dropped.err);
}

#[test]
fn the_server_goes_on_until_it_is_told_to_stop_and_keeps_the_data() {
    let package = Package::with_own_server();
    let dev = package.follow();
    let applied = dev.applied();
    connect(&applied).execute("INSERT INTO users (name) VALUES ('Ada')", &[]).unwrap();
    let said = dev.interrupt();
    assert!(said.contains("`reshape dev --stop`"), "{said}");
    // Longer than a server without users lives.
    thread::sleep(Duration::from_secs(4));
    assert_eq!(texts(&mut connect(&applied), "SELECT name FROM users"), ["Ada"]);

    let stopped = package.run("dev --stop");
    assert!(stopped.out.contains("ends when nobody uses it"), "{}", stopped.out);
    assert_ends(&applied);
    assert!(package.run("dev --stop").out.contains("no server goes on"));

    // It comes back at the same place, and this time nobody lets it go on.
    let again = package.run("dev --once --stop-on-exit --format json").object();
    assert_eq!(again["url"], applied["url"]);
    assert_ends(&again);

    let dropped = package.run("dev --drop");
    assert!(dropped.out.contains("is dropped"), "{}{}", dropped.out, dropped.err);
    assert_ends(&again);
    assert!(package.run("dev --drop").out.contains("there is no"));
    let new = package.run("dev --once --stop-on-exit --format json").object();
    assert!(texts(&mut connect(&new), "SELECT name FROM users").is_empty());
    assert_ends(&new);

    // What a server of another version, which has ended, has of it goes as well.
    let named = named(&package);
    let folder = folder(&package);
    wait_until(|| folder.join("exit").exists());
    fs::rename(&named, named.with_file_name("0.server")).unwrap();
    let dropped = package.run("dev --drop");
    assert!(dropped.out.contains("is dropped"), "{}{}", dropped.out, dropped.err);
    assert!(!folder.exists());
}

#[test]
fn a_wrong_setting_does_not_cost_the_data() {
    let (package, applied) = ended();
    let mut command = package.reshape("dev --once");
    let refused = Run::of(&command.env("RESHAPE_TEST_SERVER_IDLE", "soon").output().unwrap());
    assert!(refused.err.contains("`RESHAPE_TEST_SERVER_IDLE` is `soon`"), "{}", refused.err);

    let again = package.run("dev --once --stop-on-exit --format json").object();

    assert_eq!(again["url"], applied["url"]);
    assert_eq!(texts(&mut connect(&again), NAMES), ["Ada"]);
    clear(&package);
}

#[test]
fn a_port_that_somebody_else_has_taken_does_not_cost_the_data() {
    let (package, applied) = ended();
    let port = fs::read_to_string(folder(&package).join("port")).unwrap();
    let _taken = TcpListener::bind(("127.0.0.1", port.parse().unwrap())).unwrap();

    let again = package.run("dev --once --stop-on-exit --format json").object();

    assert_ne!(again["url"], applied["url"]);
    assert_eq!(texts(&mut connect(&again), NAMES), ["Ada"]);
    clear(&package);
}

#[test]
fn a_server_that_does_not_start_does_not_cost_the_data() {
    let (package, _) = ended();
    let settings = folder(&package).join("data/postgresql.conf");
    let good = fs::read(&settings).unwrap();
    fs::write(&settings, "no_such_setting = 1").unwrap();
    let failed = package.run("dev --once");
    assert!(failed.err.contains("no_such_setting"), "{}", failed.err);
    fs::write(&settings, good).unwrap();

    let again = package.run("dev --once --stop-on-exit --format json").object();

    assert_eq!(texts(&mut connect(&again), NAMES), ["Ada"]);
    clear(&package);
}

/// The file that names the server's folder.
fn named(package: &Package) -> PathBuf {
    let OnServer::Own(temporary) = &package.server else { panic!("it has one") };
    let cache = fs::read_dir(temporary.path()).unwrap().next().unwrap().unwrap().path();
    let files = fs::read_dir(&cache).unwrap().map(|entry| entry.unwrap().path());
    let mut named = files.filter(|file| file.extension().is_some_and(|end| end == "server"));
    let first = named.next().unwrap();
    assert_eq!(named.next(), None);
    first
}

fn folder(package: &Package) -> PathBuf {
    PathBuf::from(fs::read_to_string(named(package)).unwrap())
}

/// The server of the database does not answer any more.
fn assert_ends(applied: &Value) {
    let config: postgres::Config = applied["url"].as_str().unwrap().parse().unwrap();
    wait_until(|| TcpStream::connect(("127.0.0.1", config.get_ports()[0])).is_err());
}

fn wait_until(done: impl Fn() -> bool) {
    let deadline = Instant::now() + LONG;
    while !done() {
        assert!(Instant::now() < deadline, "the server has not ended");
        thread::sleep(Duration::from_millis(50));
    }
}
