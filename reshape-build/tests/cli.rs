//! The binaries: what they print, and the codes they exit with.

// All of this is test code.
#![allow(clippy::unwrap_used)]

use std::path::{Path, PathBuf};
use std::process::Command;
use std::{env, fs};

use tempfile::TempDir;

/// What a run of a binary came to.
struct Run {
    code: i32,
    out: String,
    err: String,
}

/// Runs a binary in `folder`, with nothing about databases in its environment.
fn run_binary(binary: &str, folder: &Path, variables: &[(&str, &str)], arguments: &str) -> Run {
    let mut command = Command::new(binary);
    command.args(arguments.split_whitespace()).current_dir(folder);
    // Help is wrapped to this, where there is no terminal.
    command.env_remove("COLUMNS");
    for (name, _) in env::vars_os() {
        let text = name.to_string_lossy();
        if ["PG", "DB_", "DATABASE_URL"].iter().any(|prefix| text.starts_with(prefix)) {
            command.env_remove(&name);
        }
    }
    let output = command.envs(variables.iter().copied()).output().unwrap();
    Run {
        code: output.status.code().unwrap(),
        out: String::from_utf8(output.stdout).unwrap(),
        err: String::from_utf8(output.stderr).unwrap(),
    }
}

fn reshape(folder: &TempDir, arguments: &str) -> Run {
    run_binary(env!("CARGO_BIN_EXE_reshape"), folder.path(), &[], arguments)
}

const USERS: &str = r#"
    [[actions]]
    type = "create_table"
    name = "users"
    primary_key = "id"
    columns = [
        { name = "id", type = "bigint", generated = "ALWAYS AS IDENTITY" },
        { name = "name", type = "text", nullable = false },
    ]
"#;

const SPLIT: &str = r#"
    [[actions]]
    type = "add_column"
    table = "users"
    column = { name = "first_name", type = "text", nullable = false }
    up = "split_part(name, ' ', 1)"
"#;

/// A folder with a folder `migrations`.
fn folder(migrations: &[(&str, &str)]) -> TempDir {
    let folder = TempDir::new().unwrap();
    fs::create_dir(folder.path().join("migrations")).unwrap();
    for (name, text) in migrations {
        fs::write(folder.path().join("migrations").join(name), text).unwrap();
    }
    folder
}

/// A folder with a history of two migrations.
fn history() -> TempDir {
    folder(&[("0001_users.toml", USERS), ("0002_split.toml", SPLIT)])
}

#[test]
fn help_names_exit_codes_and_what_is_deprecated() {
    let run = reshape(&history(), "--help");
    assert_eq!(run.code, 0);
    insta::assert_snapshot!("help", run.out);
    insta::assert_snapshot!("help_of_start", reshape(&history(), "help migration start").out);
    let run = reshape(&history(), "migrate --help");
    assert!(run.out.starts_with("Deprecated: use `migration start`\n"), "{}", run.out);
}

#[test]
fn schema_query_needs_no_database() {
    let run = reshape(&history(), "schema-query");
    assert_eq!((run.code, &*run.out), (0, "SET search_path TO \"migration_0002_split\"\n"));
    let run = reshape(&history(), "schema-query --migration 0001_users");
    assert_eq!((run.code, &*run.out), (0, "SET search_path TO \"migration_0001_users\"\n"));
    let run = reshape(&history(), "schema-query --migration 0003");
    assert_eq!((run.code, &*run.err), (2, "error: there is no migration `0003`\n"));
}

#[test]
fn docs_are_printed() {
    let run = reshape(&TempDir::new().unwrap(), "docs");
    assert_eq!((run.code, run.out.contains("\n  add_column  ")), (0, true), "{}", run.out);
    let run = reshape(&TempDir::new().unwrap(), "docs add_colunm");
    assert_eq!(run.code, 2);
    assert!(run.err.contains("`docs add_column`"), "{}", run.err);
}

#[test]
fn deprecated_names_work_and_say_what_to_use() {
    let run = reshape(&history(), "generate-schema-query");
    assert_eq!((run.code, &*run.out), (0, "SET search_path TO \"migration_0002_split\"\n"));
    assert_eq!(run.err, "warning: `generate-schema-query` is deprecated: use `schema-query`\n");
}

#[test]
fn folders_add_up() {
    let folder = history();
    let more = folder.path().join("more");
    fs::create_dir(&more).unwrap();
    fs::write(more.join("0003_last.toml"), SPLIT.replace("first", "last")).unwrap();
    let run = reshape(&folder, "schema-query --dirs migrations --dirs more");
    assert_eq!(run.out, "SET search_path TO \"migration_0003_last\"\n", "{}", run.err);
    let run = reshape(&folder, "--dirs migrations --dirs more check");
    assert_eq!((run.code, &*run.out), (0, "no problems in 3 migrations\n"));
}

#[test]
fn problems_exit_with_4() {
    let folder = folder(&[("1_a.toml", "[[actions]]\ntype = \"create_tabel\"\n")]);
    for command in ["check", "schema-query", "migration start --url postgres://localhost/x"] {
        let run = reshape(&folder, command);
        assert_eq!((run.code, &*run.out), (4, ""), "{command}");
        assert!(run.err.contains("migrations/1_a.toml:2:8"), "{command}: {}", run.err);
        assert!(run.err.contains("create_table"), "{command}: {}", run.err);
    }
}

#[test]
fn wrong_usage_exits_with_2() {
    let folder = history();
    for (arguments, message) in [
        ("migrations", "unrecognized subcommand"),
        ("migration start --lock-timeout 5", "try `500ms`"),
        ("migration start --port http", "invalid value"),
        ("status --url postgres://localhost:port/x", "`--url` is not the address of a database"),
    ] {
        let run = reshape(&folder, arguments);
        assert_eq!(run.code, 2, "{arguments}: {}", run.err);
        assert!(run.err.contains(message), "{arguments}: {}", run.err);
    }
    let binary = env!("CARGO_BIN_EXE_reshape");
    let run = run_binary(binary, folder.path(), &[("PGPORT", "http")], "status");
    assert_eq!((run.code, &*run.err), (2, "error: `PGPORT` is not a port: `http`\n"));
}

#[test]
fn a_file_env_is_read_and_must_be_readable() {
    let folder = history();
    fs::write(folder.path().join(".env"), "DB_PORT=http\n").unwrap();
    let run = reshape(&folder, "status");
    assert_eq!((run.code, &*run.err), (2, "error: `DB_PORT` in `.env` is not a port: `http`\n"));
    fs::write(folder.path().join(".env"), "no variable\n").unwrap();
    let run = reshape(&folder, "status");
    assert_eq!(run.code, 2);
    assert!(run.err.starts_with("error: `.env` cannot be read: "), "{}", run.err);
}

#[test]
fn an_unreachable_server_exits_with_1() {
    // Nothing listens in an empty folder.
    let folder = history();
    let socket = folder.path().display();
    for command in ["status", "migration start", "migration complete", "migration abort"] {
        let run = reshape(&folder, &format!("{command} --host {socket}"));
        assert_eq!((run.code, &*run.out), (1, ""), "{command}: {}", run.err);
        assert!(run.err.contains("help: "), "{command}: {}", run.err);
    }
}

#[test]
fn cargo_passes_on_its_subcommand() {
    let binary = env!("CARGO_BIN_EXE_cargo-reshape");
    let folder = history();
    for arguments in ["reshape schema-query", "schema-query"] {
        let run = run_binary(binary, folder.path(), &[], arguments);
        assert_eq!((run.code, &*run.out), (0, "SET search_path TO \"migration_0002_split\"\n"));
    }
    let run = run_binary(binary, folder.path(), &[], "reshape --help");
    assert!(run.out.contains("Usage: cargo reshape "), "{}", run.out);
}

#[cfg(unix)]
mod database {
    use reshape_runtime::testing::{Server, TestDatabase};

    use super::*;

    fn database() -> TestDatabase {
        Server::shared().unwrap().database().unwrap()
    }

    /// Runs `reshape` against `database`; durations replaced.
    fn on(database: &TestDatabase, folder: &Path, arguments: &str) -> Run {
        let variables = [("DATABASE_URL", database.url())];
        let mut run = run_binary(env!("CARGO_BIN_EXE_reshape"), folder, &variables, arguments);
        (run.out, run.err) = (untimed(&run.out), untimed(&run.err));
        run
    }

    /// `12 ms` and `1.2 s` become `…`.
    fn untimed(text: &str) -> String {
        let mut words: Vec<String> = Vec::new();
        for word in text.split(' ') {
            let rest = word.strip_prefix("ms").or_else(|| word.strip_prefix('s'));
            let rest = rest.filter(|rest| !rest.starts_with(char::is_alphabetic));
            match (words.last_mut(), rest) {
                (Some(last), Some(rest)) if last.trim_start_matches('(').parse::<f64>().is_ok() => {
                    let bracket = if last.starts_with('(') { "(" } else { "" };
                    *last = format!("{bracket}…{rest}");
                }
                _ => words.push(word.to_owned()),
            }
        }
        words.join(" ")
    }

    fn elsewhere() -> PathBuf {
        env::temp_dir()
    }

    #[test]
    fn a_history_is_started_completed_and_aborted() {
        let (database, folder) = (database(), history());
        let start = on(&database, folder.path(), "migration start --migration 0001_users");
        assert_eq!(start.code, 0, "{}", start.err);
        insta::assert_snapshot!("start", format!("{}---\n{}", start.err, start.out));

        // The plan is in the database: these need no files.
        let complete = on(&database, &elsewhere(), "migration complete");
        assert_eq!((complete.code, complete.out.starts_with("completed `0001_users`")), (0, true));

        let second = on(&database, folder.path(), "migration start");
        assert_eq!(second.code, 0, "{}", second.err);
        insta::assert_snapshot!("status", on(&database, folder.path(), "status").out);
        let json = on(&database, folder.path(), "status --format json").out;
        let json: serde_json::Value = serde_json::from_str(&json).unwrap();
        assert_eq!(
            (&json["state"], &json["target"]),
            (&"in_progress".into(), &"0002_split".into())
        );

        let again = on(&database, folder.path(), "migration start");
        let nothing = "nothing to do: `0002_split` is live beside `0001_users`\n";
        assert_eq!((again.code, again.out.starts_with(nothing)), (0, true), "{}", again.out);

        let abort = on(&database, &elsewhere(), "migration abort");
        assert_eq!(abort.code, 0, "{}", abort.err);
        assert!(abort.out.ends_with(": `0001_users` stays\n"), "{}", abort.out);
        assert!(abort.err.contains("undo publish: "), "{}", abort.err);

        let both = on(&database, folder.path(), "migrate --complete");
        assert_eq!(both.code, 0, "{}", both.err);
        assert!(both.out.contains("completed `0002_split`"), "{}", both.out);
        let mut client = database.connect().unwrap();
        client.batch_execute("INSERT INTO users (name, first_name) VALUES ('a b', 'a')").unwrap();
    }

    #[test]
    fn a_migrator_at_work_exits_with_3() {
        let (database, folder) = (database(), history());
        let mut other = database.connect().unwrap();
        other.batch_execute("SELECT pg_advisory_lock(4036779288569897133)").unwrap();
        for command in ["migration start --migration 0001_users", "migration start --wait 1ms"] {
            let run = on(&database, folder.path(), command);
            assert_eq!((run.code, &*run.out), (3, ""), "{command}: {}", run.err);
        }
    }

    #[test]
    fn a_lock_that_is_not_to_be_had_exits_with_3() {
        let (database, folder) = (database(), history());
        let first = on(&database, folder.path(), "migration start -c --migration 0001_users");
        assert_eq!(first.code, 0, "{}", first.err);
        let mut client = database.connect().unwrap();
        let mut reader = client.transaction().unwrap();
        reader.batch_execute("SELECT FROM users").unwrap();
        let limits = "--lock-timeout 20ms --retry-budget 50ms";
        let run = on(&database, folder.path(), &format!("migration start {limits}"));
        assert_eq!((run.code, &*run.out), (3, ""), "{}", run.err);
        let status = on(&database, folder.path(), "status").out;
        assert!(status.starts_with("state       idle\n"), "{status}");
    }

    #[test]
    fn a_migration_that_fails_exits_with_1() {
        let custom = "[[actions]]\ntype = \"custom\"\nstart = \"SELECT 1 / 0\"\n";
        let (database, folder) = (database(), folder(&[("1_custom.toml", custom)]));
        let run = on(&database, folder.path(), "migration start");
        assert_eq!((run.code, &*run.out), (1, ""), "{}", run.err);
        assert!(run.err.contains("division by zero"), "{}", run.err);
        let status = on(&database, folder.path(), "status").out;
        assert!(status.starts_with("state       idle\n"), "{status}");
        assert!(status.contains("  1_custom  pending\n"), "{status}");
    }

    #[test]
    fn status_does_not_need_valid_migrations() {
        let (database, folder) = (database(), folder(&[("1_a.toml", "nonsense")]));
        let run = on(&database, folder.path(), "status");
        assert_eq!(
            (run.code, &*run.out),
            (0, "state       idle\nversion     none: the plain tables\n")
        );
        assert!(run.err.starts_with("warning: what is pending is not known"), "{}", run.err);
    }
}
