//! The lock file, from outside: what is written, what is refused and what is said, and what git makes of it.

// All of this is test code.
#![allow(clippy::unwrap_used)]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use reshape_runtime::testing::{Server, TestDatabase};
use tempfile::TempDir;

/// A folder with migrations, one table each.
struct Project(TempDir);

/// What a run of `reshape` came to.
#[derive(Debug)]
struct Run {
    code: i32,
    text: String,
}

fn table(name: &str, data_type: &str) -> String {
    format!(
        "[[actions]]\ntype = \"create_table\"\nname = \"{name}\"\nprimary_key = \"id\"\n\n\
         [[actions.columns]]\nname = \"id\"\ntype = \"{data_type}\"\n"
    )
}

impl Project {
    fn new(migrations: &[&str]) -> Self {
        let project = Self(TempDir::new().unwrap());
        fs::create_dir(project.path("migrations")).unwrap();
        for name in migrations {
            project.add(name);
        }
        project
    }

    /// The same, locked.
    fn locked(migrations: &[&str]) -> Self {
        let project = Self::new(migrations);
        project.done("lock");
        project
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// Adds the migration that creates the table `t<name>`.
    fn add(&self, name: &str) {
        self.write(name, &table(&format!("t{name}"), "int"));
    }

    fn write(&self, name: &str, text: &str) {
        fs::write(self.path(&format!("migrations/{name}.toml")), text).unwrap();
    }

    fn rename(&self, old: &str, new: &str) {
        let path = |name| self.path(&format!("migrations/{name}.toml"));
        fs::rename(path(old), path(new)).unwrap();
    }

    fn remove(&self, name: &str) {
        fs::remove_file(self.path(&format!("migrations/{name}.toml"))).unwrap();
    }

    fn lock(&self) -> String {
        fs::read_to_string(self.path("migrations.lock")).unwrap()
    }

    fn write_lock(&self, text: &str) {
        fs::write(self.path("migrations.lock"), text).unwrap();
    }

    /// Runs `reshape`; `CI` is set only if `ci`.
    fn reshape_in(&self, ci: bool, arguments: &[&str]) -> Run {
        let mut command = Command::new(env!("CARGO_BIN_EXE_reshape"));
        command.args(arguments).current_dir(self.0.path()).env_remove("CI");
        if ci {
            command.env("CI", "true");
        }
        let output = command.output().unwrap();
        let text = [output.stdout, output.stderr].concat();
        Run { code: output.status.code().unwrap(), text: String::from_utf8(text).unwrap() }
    }

    fn reshape(&self, arguments: &str) -> Run {
        self.reshape_in(false, &arguments.split(' ').collect::<Vec<_>>())
    }

    /// Runs `reshape`, which must do it.
    fn done(&self, arguments: &str) -> String {
        let run = self.reshape(arguments);
        assert_eq!(run.code, 0, "{}", run.text);
        run.text
    }

    /// What `check` says, which must be something; `lock` says the same, and writes nothing.
    fn problems(&self) -> String {
        let before = self.lock();
        let check = self.reshape("check");
        assert_eq!(check.code, 4, "{}", check.text);
        let lock = self.reshape("lock");
        // `check` ends with a summary.
        assert!(lock.code == 4 && check.text.starts_with(&lock.text), "{}", lock.text);
        assert_eq!(self.lock(), before);
        lock.text
    }

    fn git(&self, arguments: &str) -> bool {
        Command::new("git")
            .args("-c user.name=a -c user.email=a@example.org -c commit.gpgsign=false".split(' '))
            .args("-c core.hooksPath=/nowhere -c core.autocrlf=false".split(' '))
            .args(arguments.split(' '))
            .current_dir(self.0.path())
            .env("GIT_CONFIG_GLOBAL", "/dev/null")
            .output()
            .unwrap()
            .status
            .success()
    }

    fn commit(&self) {
        assert!(self.git("add --all") && self.git("commit --quiet --message=a"));
    }
}

#[test]
fn a_lock_file_has_a_block_for_each_migration() {
    let project = Project::new(&["1_a", "2_b"]);
    assert_eq!(project.done("lock"), "wrote `migrations.lock`; locked: `1_a`, `2_b`\n");
    insta::assert_snapshot!(project.lock(), @r#"
    # Migrations that are not changed any more: the actions of each, their checksum, and a chain over everything above.
    # Written by `reshape lock`. Two branches that add migrations conflict here: keep the blocks of the one that was merged first, then
    # run `reshape lock` for your own.
    version 2

    migration "1_a"
      {"type":"create_table","name":"t1_a","columns":[{"name":"id","type":"int","nullable":true}],"primary_key":["id"]}
    checksum f2c068e0cff3f1cd6fb01d876220522c28551e898aa39e4a3e3cb0ebeb8b07bb
    chain 32d21381f54d16bae3d4c573a5dfd9704a51a325938fea0eda30d3dd017e9f2a

    migration "2_b"
      {"type":"create_table","name":"t2_b","columns":[{"name":"id","type":"int","nullable":true}],"primary_key":["id"]}
    checksum 2e35e8aab967ed7d2642134c60d4f0e883dc5e942966d16dc6ac8fa798175a7c
    chain 72fd9029cd3e876d22d1b3b8b4cfb4c8ee4db8ff6f3890d5393355afca2fce00
    "#);
    assert_eq!(project.done("lock"), "`migrations.lock` is up to date\n");
    project.add("3_c");
    let before = project.lock();
    assert_eq!(project.done("check"), "no problems in 3 migrations\n");
    assert_eq!(project.done("lock"), "wrote `migrations.lock`; locked: `3_c`\n");
    assert!(project.lock().starts_with(&before), "what is there stays");
    let left: Vec<_> =
        fs::read_dir(project.0.path()).unwrap().map(|e| e.unwrap().file_name()).collect();
    assert_eq!(left.len(), 2, "no temporary file is left: {left:?}");
    assert_eq!(fs::read_dir(project.path("migrations")).unwrap().count(), 3);
}

#[test]
fn the_lock_file_has_the_name_of_the_first_folder() {
    let project = Project::new(&["1_a"]);
    fs::create_dir(project.path("db")).unwrap();
    fs::rename(project.path("migrations"), project.path("db/app")).unwrap();
    fs::create_dir(project.path("more")).unwrap();
    fs::write(project.path("more/2_b.toml"), table("b", "int")).unwrap();
    let written = project.done("lock --dirs db/app --dirs more");
    assert_eq!(written, "wrote `db/app.lock`; locked: `1_a`, `2_b`\n");
    fs::remove_file(project.path("more/2_b.toml")).unwrap();
    fs::write(project.path("more/2_c.toml"), table("c", "int")).unwrap();
    insta::assert_snapshot!(project.reshape("check --dirs db/app --dirs more").text, @r#"
    error[R0505]: the migration `2_b` is locked, and there is no file for it
      --> db/app.lock:11:1
       |
    11 | migration "2_b"
       | ^^^^^^^^^^^^^^^
       |
       = help: restore the file; what it did stands below this line
       = help: if it was never applied anywhere: `reshape lock --dirs db/app --dirs more --update 2_b` accepts it

    1 error; `reshape explain R0505` tells more
    "#);
}

#[cfg(unix)]
#[test]
fn a_first_lock_file_is_noticed_by_those_who_watch_the_folder() {
    use std::time::{Duration, SystemTime};

    let project = Project::new(&["1_a"]);
    let folder = fs::File::open(project.path("migrations")).unwrap();
    let old = SystemTime::UNIX_EPOCH + Duration::from_secs(1_000_000_000);
    let modified = || folder.metadata().unwrap().modified().unwrap();
    folder.set_modified(old).unwrap();
    project.done("lock");
    assert_ne!(modified(), old);
    // From then on the file itself is watched.
    project.add("2_b");
    folder.set_modified(old).unwrap();
    project.done("lock");
    assert_eq!(modified(), old);
}

#[test]
fn without_a_lock_file_nothing_is_checked() {
    let project = Project::locked(&["1_a", "2_b"]);
    project.remove("1_a");
    assert_eq!(project.reshape("check").code, 4);
    fs::remove_file(project.path("migrations.lock")).unwrap();
    project.done("check");
}

#[test]
fn an_edited_migration_is_shown_with_what_has_changed() {
    let project = Project::locked(&["1_a", "2_b"]);
    project.write("1_a", &table("t1_a", "bigint"));
    insta::assert_snapshot!(project.problems(), @r#"
    error[R0501]: the migration `1_a` was edited after it was locked
     --> migrations/1_a.toml:8:8
      |
    8 | type = "bigint"
      |        ^^^^^^^^
      |
     ::: migrations.lock:6:1
      |
    6 | migration "1_a"
      | --------------- locked here
      |
      = help: what has changed since then:

                …
                    {
                      "name": "id",
              -       "type": "int",
              +       "type": "bigint",
                      "nullable": true
                    }
                …
      = help: undo the edit, and put the change into a new migration
      = help: if it was never applied anywhere: `reshape lock --update 1_a` accepts it
    "#);
    assert_eq!(
        project.done("lock --update 1_a"),
        "wrote `migrations.lock`; accepted as they are now: `1_a`\n"
    );
    project.done("check");
}

#[test]
fn an_action_more_or_less_is_an_edit() {
    let project = Project::locked(&["1_a", "2_b"]);
    let text = table("t1_a", "int");
    project.write("1_a", &format!("{text}{}", table("more", "int")));
    insta::assert_snapshot!(project.problems(), @r#"
    error[R0501]: the migration `1_a` was edited after it was locked
     --> migrations/1_a.toml:9:1
      |
    9 | [[actions]]
      | ^^^^^^^^^^^
      |
     ::: migrations.lock:6:1
      |
    6 | migration "1_a"
      | --------------- locked here
      |
      = help: what has changed since then:

              + {
              +   "type": "create_table",
              +   "name": "more",
              +   "columns": [
              +     {
              +       "name": "id",
              +       "type": "int",
              +       "nullable": true
              +     }
              +   ],
              +   "primary_key": [
              +     "id"
              +   ]
              + }
      = help: undo the edit, and put the change into a new migration
      = help: if it was never applied anywhere: `reshape lock --update 1_a` accepts it
    "#);
    project.write("1_a", "actions = []");
    insta::assert_snapshot!(project.problems(), @r#"
    error[R0501]: the migration `1_a` was edited after it was locked
     --> migrations/1_a.toml
      |
     ::: migrations.lock:6:1
      |
    6 | migration "1_a"
      | --------------- locked here
      |
      = help: what has changed since then:

              - {
              -   "type": "create_table",
              -   "name": "t1_a",
              -   "columns": [
              -     {
              -       "name": "id",
              -       "type": "int",
              -       "nullable": true
              -     }
              -   ],
              -   "primary_key": [
              -     "id"
              -   ]
              - }
      = help: undo the edit, and put the change into a new migration
      = help: if it was never applied anywhere: `reshape lock --update 1_a` accepts it
    "#);
    // Another way of writing the same is none.
    project.write("1_a", &format!("description = \"new\" # and a comment\n{text}\n"));
    project.done("check");
}

#[test]
fn a_renamed_migration_is_neither_gone_nor_new() {
    let project = Project::locked(&["1_a", "2_b"]);
    project.rename("1_a", "1_other");
    insta::assert_snapshot!(project.problems(), @r#"
    error[R0502]: the migration `1_a` was renamed to `1_other` after it was locked
     --> migrations/1_other.toml
      |
     ::: migrations.lock:6:1
      |
    6 | migration "1_a"
      | --------------- locked under this name
      |
      = help: a name is for ever: call it `1_a` again
      = help: if it was never applied anywhere: `reshape lock --update 1_other` accepts it
    "#);
    // Either name will do.
    project.done("lock --update 1_a");
    project.rename("1_other", "1_a");
    project.done("lock --update 1_a");
    // The file alone may be renamed.
    project.rename("1_a", "01_another");
    project.write("01_another", &format!("name = \"1_a\"\n{}", table("t1_a", "int")));
    project.done("check");
}

#[test]
fn a_migration_that_comes_before_a_locked_one() {
    let project = Project::locked(&["0001_a", "0003_c"]);
    project.add("0002_b");
    insta::assert_snapshot!(project.problems(), @r#"
    error[R0504]: the new migration `0002_b` comes before `0003_c`, which is locked
      --> migrations/0002_b.toml
       |
      ::: migrations.lock:11:1
       |
    11 | migration "0003_c"
       | ------------------ locked here
       |
       = help: rename it so that it sorts after the last one that is locked, `0003_c`, e.g. to `0004_b`
       = help: if it was never applied anywhere: `reshape lock --update 0002_b` accepts it
    "#);
    project.done("lock --update 0002_b");
    project.done("check");
    assert_eq!(project.done("lock"), "`migrations.lock` is up to date\n");
}

#[test]
fn a_removed_migration() {
    let project = Project::locked(&["1_a", "2_b", "3_c"]);
    project.remove("2_b");
    insta::assert_snapshot!(project.problems(), @r#"
    error[R0505]: the migration `2_b` is locked, and there is no file for it
      --> migrations.lock:11:1
       |
    11 | migration "2_b"
       | ^^^^^^^^^^^^^^^
       |
       = help: restore the file; what it did stands below this line
       = help: if it was never applied anywhere: `reshape lock --update 2_b` accepts it
    "#);
    project.done("lock --update 2_b");
    project.done("check");
    // The last one, too, and all of them.
    project.remove("3_c");
    assert!(project.problems().contains("`3_c` is locked, and there is no file for it"));
}

#[test]
fn migrations_that_change_places() {
    let project = Project::locked(&["1_a", "2_b", "3_c", "4_d"]);
    project.rename("1_a", "9_a");
    project.write("9_a", &format!("name = \"1_a\"\n{}", table("t1_a", "int")));
    insta::assert_snapshot!(project.problems(), @r#"
    error[R0503]: the migration `1_a` has changed its place after it was locked
     --> migrations/9_a.toml:1:8
      |
    1 | name = "1_a"
      |        ^^^^^
      |
     ::: migrations.lock:6:1
      |
    6 | migration "1_a"
      | --------------- locked before all others
      |
      = help: rename the file so that it sorts before all others; to keep the migration's name, write `name = "1_a"` in it
      = help: if it was never applied anywhere: `reshape lock --update 1_a` accepts it
    "#);
    project.done("lock --update 1_a");
    project.done("check");
}

#[test]
fn several_changes_are_told_at_once_and_accepted_one_by_one() {
    let project = Project::locked(&["1_a", "2_b", "3_c"]);
    project.write("1_a", &table("x", "int"));
    project.remove("2_b");
    let told = project.problems();
    assert!(told.contains("`1_a` was edited") && told.contains("`2_b` is locked"), "{told}");
    let run = project.reshape("lock --update 1_a");
    assert!(run.code == 4 && !run.text.contains("`1_a` was edited"), "{run:?}");
    project.done("lock --update 1_a --update 2_b");
    project.done("check");
}

#[test]
fn update_without_a_name_says_what_it_can_be_told() {
    let project = Project::locked(&["1_a", "2_b", "3_c"]);
    let run = project.reshape("lock --update");
    assert_eq!(
        (run.code, run.text.as_str()),
        (0, "every locked migration is as it was locked: there is nothing to accept\n")
    );
    project.write("1_a", &table("x", "int"));
    project.rename("3_c", "4_c");
    let before = project.lock();
    let run = project.reshape("lock --update");
    assert_eq!((run.code, project.lock()), (2, before));
    insta::assert_snapshot!(run.text, @r"
    error: `--update` wants the name of what is to be accepted as it is now:
      the migration `1_a` was edited after it was locked
      the migration `3_c` was renamed to `4_c` after it was locked
      help: what was never applied anywhere is accepted by
        reshape lock --update 1_a
        reshape lock --update 4_c
    ");
    project.done("lock --update 1_a --update 4_c");
    project.done("check");
}

#[test]
fn what_a_migration_requires_is_locked() {
    let project = Project::new(&["1_a", "2_b", "3_c"]);
    let with = |requires: &str| format!("{requires}\n\n{}", table("t3_c", "int"));
    project.write("3_c", &with("requires = [\"auth/1_x\", \"1_a\"]"));
    project.done("lock");
    assert!(project.lock().contains("migration \"3_c\"\nrequires [\"1_a\",\"auth/1_x\"]\n"));
    // The order does not matter, nor does what has no effect on a database.
    project.write("3_c", &with("description = \"d\"\nrequires = [\"1_a\", \"auth/1_x\"]"));
    project.done("check");
    project.write("3_c", &with("requires = [\"auth/2_y\", \"1_a\"]"));
    insta::assert_snapshot!(project.problems(), @r#"
    error[R0501]: what the migration `3_c` requires was edited after it was locked
      --> migrations/3_c.toml:1:12
       |
     1 | requires = ["auth/2_y", "1_a"]
       |            ^^^^^^^^^^^^^^^^^^^
       |
      ::: migrations.lock:16:1
       |
    16 | migration "3_c"
       | --------------- locked here
       |
       = help: it was `requires = ["1_a","auth/1_x"]`, and is `requires = ["1_a","auth/2_y"]` now
       = help: undo the edit: what is applied already does not wait, and a new database would get things in another order
       = help: if it was never applied anywhere: `reshape lock --update 3_c` accepts it
    "#);
    project.done("lock --update 3_c");
    project.done("check");
    // Nothing is something, too.
    project.write("3_c", &with(""));
    assert!(project.problems().contains("is `requires = []` now"));
    project.write("3_c", &with("requires = [\"auth/2_y\", \"1_a\"]"));
    project.write("2_b", &format!("requires = [\"1_a\"]\n{}", table("t2_b", "int")));
    assert!(project.problems().contains("what the migration `2_b` requires was edited"));
}

#[test]
fn what_is_required_cannot_be_changed_in_the_lock_file_alone() {
    let project = Project::new(&["1_a"]);
    project.write("2_b", &format!("requires = [\"auth/1_x\"]\n{}", table("t2_b", "int")));
    project.done("lock");
    project.write("2_b", &table("t2_b", "int"));
    project.write_lock(&project.lock().replace("requires [\"auth/1_x\"]\n", ""));
    assert!(project.problems().contains("does not follow what stands above it"));
}

#[test]
fn a_lock_file_of_the_first_version_says_nothing_of_what_is_required() {
    let project = Project::locked(&["1_a", "2_b"]);
    project.write_lock(&project.lock().replace("version 2", "version 1"));
    project.write("2_b", &format!("requires = [\"auth/1_x\"]\n{}", table("t2_b", "int")));
    project.done("check");
    // What is locked from now on is locked altogether.
    project.write("3_c", &format!("requires = [\"2_b\"]\n{}", table("t3_c", "int")));
    assert_eq!(project.done("lock"), "wrote `migrations.lock`; locked: `3_c`\n");
    assert!(project.lock().contains("version 1\n"));
    project.write("3_c", &table("t3_c", "int"));
    assert!(project.problems().contains("`3_c` requires was edited"));
    project.done("lock --update 3_c");
    assert!(project.lock().contains("version 2\n"));
    project.write("2_b", &table("t2_b", "int"));
    assert!(project.problems().contains("`2_b` requires was edited"));
}

#[test]
fn the_baseline_is_locked() {
    let project = Project::new(&["1_a"]);
    project.write("baseline", &table("old", "int"));
    assert_eq!(project.done("lock"), "wrote `migrations.lock`; locked: `baseline`, `1_a`\n");
    project.write("baseline", &table("old", "bigint"));
    insta::assert_snapshot!(project.problems(), @r#"
    error[R0501]: the baseline was edited after it was locked
     --> migrations/baseline.toml
      |
     ::: migrations.lock:6:1
      |
    6 | baseline
      | -------- locked here
      |
      = help: what has changed since then:

                …
                    {
                      "name": "id",
              -       "type": "int",
              +       "type": "bigint",
                      "nullable": true
                    }
                …
      = help: undo the edit: it says what was there before the first migration, and that does not change any more
      = help: if it was wrong: `reshape lock --update baseline` accepts it
    "#);
    assert!(project.reshape("lock --update").text.contains("reshape lock --update baseline"));
    project.done("lock --update baseline");
    project.done("check");
    project.remove("baseline");
    assert!(project.problems().contains("the baseline is locked, and there is no file for it"));
    project.done("lock --update baseline");
    // One that comes later is new.
    project.write("baseline", &table("old", "int"));
    project.done("check");
    assert_eq!(project.done("lock"), "wrote `migrations.lock`; locked: `baseline`\n");
    project.add("2_b");
    project.done("lock");
    project.done("check");
    project.write("baseline", &table("other", "int"));
    assert!(project.problems().contains("the baseline was edited"));
}

#[test]
fn other_problems_keep_a_migration_from_being_locked() {
    let project = Project::locked(&["1_a"]);
    project.write("2_b", "[[actions]]\ntype = \"remove_table\"\ntable = \"nothing\"\n");
    assert!(project.problems().contains("nothing"));
    // And with a file that cannot be read, nobody knows what is gone.
    project.remove("1_a");
    project.write("2_b", "[");
    let run = project.reshape("check");
    assert!(run.code == 4 && !run.text.contains("locked"), "{run:?}");
}

#[test]
fn in_ci_nothing_is_written() {
    let project = Project::new(&["1_a"]);
    let run = project.reshape("lock --check");
    assert_eq!(run.code, 4);
    insta::assert_snapshot!(run.text, @r#"
    error: `migrations.lock` is not up to date; to be locked: `1_a`
      help: run `reshape lock`, and commit the file
    "#);
    let run = project.reshape_in(true, &["lock"]);
    assert_eq!(run.code, 4);
    insta::assert_snapshot!(run.text, @r#"
    error: `migrations.lock` is not up to date (`CI` is set, so nothing is written); to be locked: `1_a`
      help: run `reshape lock`, and commit the file
    "#);
    assert!(!project.path("migrations.lock").exists());
    project.done("lock");
    assert_eq!(project.reshape_in(true, &["lock"]).code, 0);
    assert_eq!(project.reshape("lock --check").code, 0);
    let run = project.reshape("lock --update 7_x");
    assert_eq!(
        (run.code, run.text.as_str()),
        (2, "error: there is no migration `7_x`, and none is locked\n")
    );
}

#[test]
fn line_endings_do_not_matter() {
    let project = Project::locked(&["1_a", "2_b"]);
    project.write_lock(&project.lock().replace('\n', "\r\n"));
    let text = "[[actions]]\ntype = \"custom\"\nstart = \"\"\"\nSELECT 1;\nSELECT 2;\n\"\"\"\n";
    project.write("3_c", &text.replace('\n', "\r\n"));
    project.done("lock");
    assert_eq!(project.lock().matches('\n').count(), project.lock().matches("\r\n").count());
    project.write("3_c", text);
    project.write_lock(&project.lock().replace("\r\n", "\n"));
    assert_eq!(project.done("lock"), "`migrations.lock` is up to date\n");
}

#[test]
fn a_lock_file_that_was_changed_by_hand_is_found() {
    let project = Project::locked(&["1_a", "2_b"]);
    let good = project.lock();
    let told = |text: &str| {
        project.write_lock(text);
        project.problems()
    };
    insta::assert_snapshot!(told(&good.replace("t1_a", "other")), @r#"
    error[R0506]: the lock file's checksum of `1_a` is not that of its actions
     --> migrations.lock:6:1
      |
    6 | migration "1_a"
      | ^^^^^^^^^^^^^^^
      |
      = help: restore the file: it is written by `reshape lock`, and not by hand
      = help: if it was never applied anywhere: `reshape lock --update 1_a` accepts it
    "#);
    insta::assert_snapshot!(told(&good.replace("version 2", "version 3")), @r#"
    error[R0506]: the lock file has the version `3`, which is not known here
     --> migrations.lock:4:1
      |
    4 | version 3
      | ^^^^^^^^^
      |
      = help: restore the file, or update `reshape-build` if a newer one has written it
    "#);
    insta::assert_snapshot!(told(&good.replace("checksum", "check")), @r#"
    error[R0506]: this line does not belong into a lock file here
     --> migrations.lock:8:1
      |
    8 | check f2c068e0cff3f1cd6fb01d876220522c28551e898aa39e4a3e3cb0ebeb8b07bb
      | ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
      |
      = help: restore the file: it is written by `reshape lock`, and not by hand
    "#);
    let end = good.rfind("chain").unwrap();
    insta::assert_snapshot!(told(&good[..end]), @r#"
    error[R0506]: the lock file ends in the middle of `2_b`
      --> migrations.lock:11:1
       |
    11 | migration "2_b"
       | ^^^^^^^^^^^^^^^
       |
       = help: restore the file: it is written by `reshape lock`, and not by hand
    "#);
    assert!(told("").contains("does not say its version"));
    let from = good.find("\nmigration").unwrap();
    assert!(told(&format!("{good}{}", &good[from..])).contains("has the migration `1_a` twice"));
    // Without the first block, the chain of the second is another one; and the first is new.
    let second = good.rfind("\nmigration").unwrap();
    let told = told(&(good[..from].to_owned() + &good[second..]));
    assert!(told.contains("`2_b` does not follow"), "{told}");
    project.done("lock --update 1_a --update 2_b");
    assert_eq!(project.lock(), good);
}

/// A repository with a locked migration on the branch `main`, and another branch with `more` locked as well.
fn branches(theirs: &[&str], ours: &[&str]) -> Project {
    let project = Project::locked(&["1_a", "5_e"]);
    assert!(project.git("init --quiet --initial-branch=main"));
    project.commit();
    let add = |names: &[&str]| {
        for name in names {
            project.add(name);
        }
        project.done("lock");
        project.commit();
    };
    assert!(project.git("checkout --quiet -b theirs"));
    add(theirs);
    assert!(project.git("checkout --quiet -b ours main"));
    add(ours);
    project
}

#[test]
fn two_branches_that_add_conflict_and_are_merged_by_locking_again() {
    let project = branches(&["6_theirs"], &["7_ours"]);
    assert!(!project.git("merge --quiet theirs"), "git merged what it must not");
    let told = project.problems();
    assert!(told.contains("the marks of a merge conflict"), "{told}");
    // The way that the help names.
    assert!(project.git("checkout --theirs migrations.lock"));
    assert_eq!(project.done("lock"), "wrote `migrations.lock`; locked: `7_ours`\n");
    project.done("check");
    project.commit();
}

#[test]
fn a_merge_that_keeps_both_sides_is_found() {
    let project = branches(&["6_theirs"], &["7_ours"]);
    assert!(!project.git("merge --quiet theirs"));
    let conflict = project.lock();
    let kept: Vec<&str> =
        conflict.lines().filter(|line| !line.starts_with(['<', '=', '>'])).collect();
    project.write_lock(&(kept.join("\n") + "\n"));
    insta::assert_snapshot!(project.problems(), @r#"
    error[R0506]: in the lock file, `6_theirs` does not follow what stands above it
      --> migrations.lock:20:1
       |
    20 | migration "6_theirs"
       | ^^^^^^^^^^^^^^^^^^^^
       |
       = help: the file was merged or changed by hand: keep the blocks of the branch that was merged first, then run `reshape lock` for the migrations of the other one
       = help: if it was never applied anywhere: `reshape lock --update 6_theirs` accepts it
    "#);
}

#[test]
fn the_branch_that_is_merged_later_comes_later() {
    // Both took the same number, and ours sorts before theirs.
    let project = branches(&["6_theirs"], &["6_ours"]);
    assert!(!project.git("merge --quiet theirs"));
    assert!(project.git("checkout --theirs migrations.lock"));
    let told = project.problems();
    assert!(told.contains("the new migration `6_ours` comes before `6_theirs`"), "{told}");
    assert!(told.contains("e.g. to `7_ours`"), "{told}");
    project.rename("6_ours", "7_ours");
    project.done("lock");
}

#[test]
fn one_branch_inserts_and_the_other_adds() {
    let project = Project::locked(&["1_a", "5_e"]);
    assert!(project.git("init --quiet --initial-branch=main"));
    project.commit();
    assert!(project.git("checkout --quiet -b theirs"));
    project.add("3_c");
    project.done("lock --update 3_c");
    project.commit();
    assert!(project.git("checkout --quiet -b ours main"));
    project.add("6_f");
    project.done("lock");
    project.commit();
    assert!(!project.git("merge --quiet theirs"), "the chain of `5_e` is another one on each side");
}

#[test]
fn two_branches_with_a_migration_of_the_same_name() {
    let project = Project::locked(&["1_a"]);
    assert!(project.git("init --quiet --initial-branch=main"));
    project.commit();
    for (branch, data_type) in [("theirs", "int"), ("ours", "bigint")] {
        assert!(project.git(&format!("checkout --quiet -b {branch} main")));
        project.write("2_b", &table("b", data_type));
        project.done("lock");
        project.commit();
    }
    assert!(!project.git("merge --quiet theirs"));
    // Somebody keeps one file and the other's lock.
    assert!(project.git("checkout --theirs migrations.lock"));
    assert!(project.git("checkout --ours migrations/2_b.toml"));
    assert!(project.problems().contains("`2_b` was edited"));
}

#[test]
fn a_branch_without_a_lock_merges_cleanly_and_is_found_out() {
    let project = Project::locked(&["1_a"]);
    assert!(project.git("init --quiet --initial-branch=main"));
    project.commit();
    assert!(project.git("checkout --quiet -b theirs"));
    project.add("3_c");
    project.done("lock");
    project.commit();
    assert!(project.git("checkout --quiet -b ours main"));
    project.add("2_b");
    project.commit();
    assert!(project.git("merge --quiet theirs"));
    assert!(project.problems().contains("the new migration `2_b` comes before `3_c`"));
}

#[test]
fn a_start_from_files_refuses_what_is_not_locked_so() {
    let project = Project::locked(&["1_a"]);
    project.write("1_a", &table("t1_a", "bigint"));
    // No database is asked: there is none at this address.
    let run = project.reshape("migration start --url postgres://127.0.0.1:1/none");
    assert!(run.code == 4 && run.text.contains("`1_a` was edited"), "{run:?}");
    assert!(Path::new(&project.path("migrations.lock")).exists());
}

/// What a start on `database` comes to, times replaced.
fn start(project: &Project, database: &TestDatabase) -> String {
    let run = project.reshape(&format!("migration start --url {}", database.url()));
    assert_eq!(run.code, 1, "{run:?}");
    let text = run.text.split("applied on ").enumerate().map(|(part, text)| match part {
        0 => text.to_owned(),
        _ => format!("applied on …{}", &text["2026-01-02 03:04".len()..]),
    });
    text.collect()
}

#[test]
fn a_database_with_another_migration_of_the_name_is_not_touched() {
    let database = Server::shared().unwrap().database().unwrap();
    let project = Project::new(&["1_a"]);
    project.done(&format!("migration start --complete --url {}", database.url()));
    project.add("2_b");
    project.done(&format!("migration start --url {}", database.url()));

    project.write("2_b", &table("t2_b", "bigint"));
    insta::assert_snapshot!(start(&project, &database), @r#"
    error: the migration `2_b` (its batch is in progress) was edited after it was applied
      help: restore what was applied, and put the change into a new migration; or, if nobody else needs what was applied, `abort` the batch, and start it as it is now
    "#);
    project.add("2_b");
    project.write("1_a", &table("t1_a", "bigint"));
    project.done(&format!("migration complete --url {}", database.url()));
    insta::assert_snapshot!(start(&project, &database), @r#"
    error: the migration `1_a` (applied on …) was edited after it was applied
      help: restore what was applied (the column `actions` of `reshape.migrations` has it), and put the change into a new migration; or, if nobody else needs what was applied, revert the database to the migration before it, and start again
    "#);
    let status = project.done(&format!("status --url {}", database.url()));
    assert!(status.contains("1_a"), "{status}");

    // Another way of writing the same is the same.
    project.write("1_a", &format!("# the first\n{}", table("t1_a", "int")));
    let again = project.done(&format!("migration start --url {}", database.url()));
    assert!(again.contains("nothing to do"), "{again}");
}
