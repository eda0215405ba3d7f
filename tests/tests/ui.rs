//! What people see when they embed migrations: real crates, compiled by cargo.
//!
//! Each folder of `ui` is a crate. It is copied below the target directory, with `{root}` replaced in its `Cargo.toml`, and
//! compiled offline with the workspace's `Cargo.lock`.

// All of this is test code.
#![allow(clippy::unwrap_used)]

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::{env, fs};

/// A copy of a fixture.
struct Fixture {
    name: &'static str,
    folder: PathBuf,
}

/// What cargo said of a fixture.
struct Build {
    /// Errors and warnings as rustc renders them, paths and versions replaced.
    diagnostics: String,
    /// The binary; `None` if it does not compile.
    binary: Option<PathBuf>,
    /// Whether nothing had to be compiled.
    fresh: bool,
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap()
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap().map(Result::unwrap) {
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), target).unwrap();
        }
    }
}

impl Fixture {
    fn new(name: &'static str) -> Self {
        let source = root().join("tests/ui");
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("ui").join(name);
        match fs::remove_dir_all(&folder) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => panic!("{error}"),
            _ => copy(&source.join(name), &folder),
        }
        let manifest = folder.join("Cargo.toml");
        let text = fs::read_to_string(&manifest)
            .unwrap()
            .replace("{root}", &root().display().to_string().replace('\\', "/"));
        fs::write(manifest, text).unwrap();
        fs::copy(root().join("Cargo.lock"), folder.join("Cargo.lock")).unwrap();
        Self { name, folder }
    }

    fn cargo(&self) -> Build {
        self.cargo_with(&["build"])
    }

    fn cargo_with(&self, command: &[&str]) -> Build {
        let output = Command::new(env::var_os("CARGO").unwrap_or_else(|| env!("CARGO").into()))
            .args(command)
            .args(["--offline", "--quiet", "--message-format=json"])
            .env("CARGO_TARGET_DIR", Path::new(env!("CARGO_TARGET_TMPDIR")).join("ui-target"))
            .env_remove("RUSTFLAGS")
            .current_dir(&self.folder)
            .output()
            .unwrap();
        let mut build = Build { diagnostics: String::new(), binary: None, fresh: true };
        for line in String::from_utf8(output.stdout).unwrap().lines() {
            let message: serde_json::Value = serde_json::from_str(line).unwrap();
            if message["target"]["name"] != self.name {
                continue;
            }
            if let Some(rendered) = message["message"]["rendered"].as_str() {
                build.diagnostics.push_str(rendered);
            }
            if let Some(binary) = message["executable"].as_str() {
                build.binary = Some(binary.into());
            }
            build.fresh &= message["fresh"].as_bool().unwrap_or(true);
        }
        assert_eq!(output.status.success(), build.binary.is_some());
        assert!(
            build.binary.is_some() || !build.diagnostics.is_empty(),
            "{}",
            String::from_utf8_lossy(&output.stderr)
        );
        build.diagnostics = build
            .diagnostics
            .replace(&self.folder.display().to_string(), "$DIR")
            .replace(env!("CARGO_PKG_VERSION"), "$VERSION");
        build.diagnostics = without_hashes(&build.diagnostics)
            .replace(env!("CARGO_TARGET_TMPDIR"), "$TMP")
            .replace(&root().display().to_string(), "$ROOT");
        build
    }

    /// What the fixture says when it does not compile.
    fn errors(name: &'static str) -> String {
        let build = Self::new(name).cargo();
        assert!(build.binary.is_none(), "`{name}` compiles");
        build.diagnostics
    }

    /// What the fixture says when its tests do not compile.
    fn test_errors(name: &'static str) -> String {
        let build = Self::new(name).cargo_with(&["test", "--no-run"]);
        assert!(build.binary.is_none(), "`{name}` compiles");
        build.diagnostics
    }

    /// What the fixture's binary prints.
    fn run(&self) -> String {
        let build = self.cargo();
        let Some(binary) = build.binary else { panic!("{}", build.diagnostics) };
        let output = Command::new(binary).output().unwrap();
        let mut text = String::from_utf8(output.stdout).unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        write!(text, "{}", build.diagnostics).unwrap();
        text
    }
}

/// Paths into the folder of a build script's output have a hash.
fn without_hashes(text: &str) -> String {
    let mut parts = text.split("/out/reshape/");
    let mut result = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let end = result.rfind('-').unwrap();
        result.truncate(end);
        result.push_str("-$HASH/out/reshape/");
        result.push_str(part);
    }
    result
}

#[test]
fn everything_the_macros_offer() {
    insta::assert_snapshot!(Fixture::new("uses_everything").run());
}

#[test]
fn an_unknown_name_in_schema_query() {
    insta::assert_snapshot!(Fixture::errors("unknown_name"));
}

#[test]
fn no_build_script() {
    insta::assert_snapshot!(Fixture::errors("no_build_script"));
}

#[test]
fn a_build_script_that_embeds_nothing() {
    insta::assert_snapshot!(Fixture::errors("no_call"));
}

#[test]
fn a_build_script_of_another_version() {
    insta::assert_snapshot!(Fixture::errors("other_format"));
}

#[test]
fn an_invalid_migration() {
    insta::assert_snapshot!(Fixture::errors("invalid_migration"));
}

#[test]
fn a_changed_folder_is_embedded_again() {
    let fixture = Fixture::new("embeds_again");
    assert_eq!(fixture.run(), "1_a\nSET search_path TO \"migration_1_a\"\n");
    assert!(fixture.cargo().fresh, "compiled again although nothing has changed");

    let added = fixture.folder.join("migrations/2_b.toml");
    let migration = fs::read_to_string(fixture.folder.join("migrations/1_a.toml")).unwrap();
    fs::write(&added, migration.replace("users", "posts")).unwrap();
    assert_eq!(fixture.run(), "1_a\n2_b\nSET search_path TO \"migration_2_b\"\n");
    assert!(fixture.cargo().fresh, "compiled again although nothing has changed");

    fs::remove_file(added).unwrap();
    assert_eq!(fixture.run(), "1_a\nSET search_path TO \"migration_1_a\"\n");
    fs::rename(
        fixture.folder.join("migrations/1_a.toml"),
        fixture.folder.join("migrations/3_c.toml"),
    )
    .unwrap();
    assert_eq!(fixture.run(), "3_c\nSET search_path TO \"migration_3_c\"\n");
    assert!(fixture.cargo().fresh, "compiled again although nothing has changed");
}

#[test]
fn everything_the_typed_modules_offer() {
    insta::assert_snapshot!(Fixture::new("uses_typed").run());
}

#[test]
fn code_that_does_not_fit_the_schema() {
    insta::assert_snapshot!(Fixture::errors("wrong_code"));
}

#[test]
fn options_that_the_test_attribute_does_not_have() {
    insta::assert_snapshot!(Fixture::test_errors("wrong_test_options"));
}

#[test]
fn arguments_that_a_test_cannot_have() {
    insta::assert_snapshot!(Fixture::test_errors("wrong_test_arguments"));
}
