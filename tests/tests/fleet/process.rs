//! `reshape fleet …` as an operator sees it.

use std::io::{BufRead as _, BufReader};
use std::process::Child;
use std::sync::mpsc;
use std::thread;

use reshape_runtime::State;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

use crate::{Tenants, ended};

/// As a process: killed in the middle of the second of three, and run again.
#[test]
fn a_fleet_that_is_killed_goes_on() {
    let tenants = Tenants::new(3);
    let holder = tenants.hold(1);
    let mut child = tenants.command("fleet start --file tenants --jobs 1").spawn().unwrap();
    tenants.wait_for_held(1);
    kill_process(Pid::from_child(&child), Signal::KILL).unwrap();
    child.wait().unwrap();
    drop(holder);
    tenants.wait_for_nobody(1);
    assert_eq!(tenants.states(), [State::InProgress, State::Applying, State::Idle]);
    // What is half started is in the way of completing.
    let (code, out, err) = tenants.run("fleet complete --file tenants");
    assert_eq!(code, 1, "{err}");
    assert!(out.contains("only half started"), "{out}");
    assert!(out.contains("`2_shout` has not been started here"), "{out}");
    let (code, out, err) = tenants.run("fleet start --file tenants --jobs 1");
    assert_eq!(code, 0, "{err}");
    assert!(out.starts_with("3 databases: 2 started, 1 nothing to do ("), "{out}");
    assert!(err.contains("resuming: "), "{err}");
    let (code, out, err) = tenants.run("fleet complete --file tenants");
    assert_eq!(code, 0, "{err}");
    assert!(out.starts_with("3 databases: 3 completed ("), "{out}");
    tenants.assert_completed();
}

/// The next line of the child's standard error that contains the text.
fn wait_for_line(child: &mut Child, text: &'static str) -> mpsc::Receiver<String> {
    let (sender, rest) = mpsc::channel();
    let (found, is_found) = mpsc::channel();
    let lines = BufReader::new(child.stderr.take().unwrap()).lines();
    thread::spawn(move || {
        for line in lines.map_while(Result::ok) {
            if line.contains(text) {
                let _ = found.send(());
            }
            let _ = sender.send(line);
        }
    });
    is_found.recv().unwrap();
    rest
}

/// An interrupt ends what was begun, and begins nothing else; what is left is said.
#[test]
fn an_interrupt_stops_handing_out() {
    let tenants = Tenants::new(3);
    let holder = tenants.hold(1);
    let mut child = tenants.command("fleet start --file tenants --jobs 1").spawn().unwrap();
    tenants.wait_for_held(1);
    kill_process(Pid::from_child(&child), Signal::INT).unwrap();
    let rest = wait_for_line(&mut child, "interrupted: no other database is begun");
    drop(holder);
    let (code, out, _) = ended(child.wait_with_output().unwrap());
    let err: Vec<String> = rest.iter().collect();
    assert_eq!(code, 3, "{err:?}");
    assert!(out.starts_with("3 databases: 2 started, 1 left ("), "{out}");
    let name = tenants.targets()[2].name().to_owned();
    assert!(
        out.ends_with(&format!(
            "left as they were, `fleet start` once more does them:\n  {name}\n"
        )),
        "{out}"
    );
    assert_eq!(tenants.states(), [State::InProgress, State::InProgress, State::Idle]);
    let (code, _, err) = tenants.run("fleet start --file tenants");
    assert_eq!(code, 0, "{err}");
}

/// A second one ends the process.
#[test]
fn a_second_interrupt_ends_all() {
    use std::os::unix::process::ExitStatusExt as _;

    let tenants = Tenants::new(1);
    let holder = tenants.hold(0);
    let mut child = tenants.command("fleet start --file tenants").spawn().unwrap();
    tenants.wait_for_held(0);
    kill_process(Pid::from_child(&child), Signal::TERM).unwrap();
    let _rest = wait_for_line(&mut child, "interrupted: no other database is begun");
    kill_process(Pid::from_child(&child), Signal::TERM).unwrap();
    assert_eq!(child.wait().unwrap().signal(), Some(Signal::TERM.as_raw()));
    drop(holder);
    tenants.wait_for_nobody(0);
    let (code, _, err) = tenants.run("fleet start --file tenants");
    assert_eq!(code, 0, "{err}");
}

/// Arguments, a file and a query together, by address and by name, and nothing that is printed has the password.
#[test]
fn what_is_printed_has_no_password() {
    const PASSWORD: &str = "hunter2";
    let tenants = Tenants::new(3);
    let secret = |n: usize| {
        let config = tenants.databases[n].config();
        let host = match &config.get_hosts()[0] {
            postgres::config::Host::Tcp(host) => host.clone(),
            postgres::config::Host::Unix(folder) => folder.display().to_string(),
        };
        format!(
            "host={host} port={} user={} dbname={} password={PASSWORD}",
            config.get_ports()[0],
            config.get_user().unwrap(),
            config.get_dbname().unwrap()
        )
    };
    // The third is named by a query on the first, and there is one that nobody can reach.
    tenants.sql(
        0,
        &format!(
            "CREATE TABLE public.tenants (name text); INSERT INTO public.tenants VALUES ('{}')",
            tenants.databases[2].name()
        ),
    );
    let folder = tenants.folder.path();
    let gone = format!("{}_gone", tenants.databases[0].name());
    let nobody = format!("postgres://u:{PASSWORD}@127.0.0.1:1/d");
    std::fs::write(folder.join("secrets"), format!("{}\n{gone}\n{nobody}\n", secret(1))).unwrap();
    let run = |words: &[&str]| {
        let mut command = tenants.command("fleet");
        command.args(words).args([&secret(0), "--url", &secret(0), "--file", "secrets"]);
        command.args(["--query", "SELECT name FROM public.tenants"]);
        let (code, out, err) = ended(command.output().unwrap());
        assert!(!out.contains(PASSWORD) && !err.contains(PASSWORD), "{out}{err}");
        (code, out, err)
    };
    let (code, out, err) = run(&["start"]);
    assert_eq!(code, 1, "{err}");
    assert!(out.starts_with("5 databases: 3 started, 2 failed ("), "{out}");
    assert!(out.contains(&gone) && out.contains("has no such database"), "{out}");
    assert!(out.contains("  127.0.0.1:1/d\n    cannot reach `127.0.0.1:1`: "), "{out}");
    assert!(err.contains("error: failed on 2 of 5 databases"), "{err}");
    let (code, out, err) = run(&["status"]);
    assert_eq!(code, 1, "{err}");
    assert!(out.contains("  in progress  1_users, next 2_shout\n"), "{out}");
    assert!(out.contains("5 databases: 3 in progress, 2 failed ("), "{out}");
    let (code, out, _) = run(&["complete", "--partial", "--format", "json"]);
    assert_eq!(code, 1);
    let report: Value = serde_json::from_str(&out).unwrap();
    assert_eq!(
        (&report["done"], &report["failed"], &report["left"]),
        (&3.into(), &2.into(), &0.into())
    );
    let databases = report["databases"].as_array().unwrap();
    assert_eq!(databases[0]["report"]["outcome"], "completed");
    assert_eq!(databases[2]["result"], "failed");
    assert_eq!(databases[2]["error"]["may_try_again"], false);
    tenants.assert_completed();
}

/// What makes no sense is refused before a database is touched.
#[test]
fn mistakes_are_told_apart() {
    let tenants = Tenants::new(1);
    let (code, _, err) = tenants.run("fleet start");
    assert!(code == 2 && err.contains("which databases?"), "{err}");
    let (code, _, err) = tenants.run("fleet start --file nowhere");
    assert!(code == 2 && err.contains("`nowhere` cannot be read"), "{err}");
    std::fs::write(tenants.folder.path().join("wrong"), "# one\npostgres://u:secret@h:x/d\n")
        .unwrap();
    let (code, _, err) = tenants.run("fleet start --file wrong");
    assert!(code == 2 && err.contains("line 2 of `wrong` is not the address"), "{err}");
    assert!(!err.contains("secret"), "{err}");
    let (code, _, err) = tenants.run("fleet start --migration 3_none --file tenants");
    assert!(code == 2 && err.contains("there is no migration `3_none`"), "{err}");
    let (code, _, err) = ended(
        tenants
            .command("fleet start --file tenants")
            .env("RESHAPE_LOCK_TIMEOUT", "soon")
            .output()
            .unwrap(),
    );
    assert!(code == 2 && err.contains("`RESHAPE_LOCK_TIMEOUT`"), "{err}");
    std::fs::write(tenants.folder.path().join("none"), "# nobody yet\n").unwrap();
    let (code, _, err) = tenants.run("fleet start --file none");
    assert!(code == 0 && err.contains("there are no databases"), "{err}");
    assert_eq!(tenants.states(), [State::Idle]);
    // Another migrator passes by itself.
    let holder = tenants.hold(0);
    let mut child = tenants.command("fleet start --file tenants").spawn().unwrap();
    tenants.wait_for_held(0);
    let (code, out, err) = tenants.run("fleet start --file tenants --wait 0s");
    assert_eq!(code, 3, "{out}{err}");
    drop(holder);
    assert!(child.wait().unwrap().success());
}
