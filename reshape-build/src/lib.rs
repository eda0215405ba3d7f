//! Finds, checks and embeds Postgres migrations from a build script.
//!
//! One line in `build.rs`:
//!
//! ```no_run
//! // in `fn main`
//! reshape_build::migrations("migrations");
//! ```
//!
//! and `reshape_runtime::migrations!();` in the crate. Every `.toml` and `.json` file in the folder is a migration, in
//! the natural order of the names. What is wrong with them is an error of `cargo build`, all at once, each with its place.
//!
//! ```toml
//! [dependencies]
//! reshape-runtime = "0.1"
//!
//! [build-dependencies]
//! reshape-build = "0.1"
//! ```
//!
//! A file `baseline.toml` among them describes what is in the database before the first migration; the command `reshape baseline` writes
//! it. It is checked with the others and never executed.
//!
//! A file `migrations.lock` beside the folder keeps migrations from being changed once they have been applied: see [`lock`].
//!
//! [`Builder`] takes several folders; [`load`] reads them at run time. What can stand in a file is described in
//! [`reshape_runtime::action`], or by the command `reshape docs`.
//!
//! The feature `cli` adds the binaries `reshape` and `cargo-reshape`, and with them a database client. The library is the same
//! with and without it, and a build script needs none of it.
//!
//! **Invariant:** a bad migration never fails the build script, whose output cargo shows as one block that no editor understands; the
//! macro `migrations!` turns each problem into a compiler error of its own.
//!
//! **Invariant:** no database, no network, no clock; nothing is written outside `OUT_DIR`, but the lock file, if that is asked for ([`lock`]).

pub mod baseline;
mod checksum;
mod config;
#[cfg(feature = "cli")]
#[doc(hidden)]
pub mod dev;
mod diagnostic;
mod emit;
mod file;
mod hazard;
mod level;
#[cfg(feature = "live")]
pub mod live;
pub mod lock;
#[cfg(feature = "cli")]
pub mod report;
#[cfg(feature = "cli")]
pub mod rules;
mod set;
mod source;
mod sql;
mod text;
mod typed;

use std::env;
use std::path::{Path, PathBuf};

use reshape_runtime::Migrations;
pub use reshape_runtime::Rule;

pub use crate::diagnostic::{Diagnostic, Diagnostics, Level, Location};
#[cfg(feature = "cli")]
#[doc(hidden)]
pub use crate::file::nearest;
use crate::lock::Lock;
use crate::set::Set;
pub use crate::typed::Library;
use crate::typed::Settings;

/// The whole of a build script: embeds the migrations in `folder`, relative to the package's `Cargo.toml`.
///
/// # Panics
///
/// Outside a build script, where cargo does not set `OUT_DIR` and `CARGO_MANIFEST_DIR`. Bad migrations do not panic: they are
/// errors of the macro `migrations!`.
pub fn migrations(folder: impl AsRef<Path>) {
    Builder::new().folder(folder).emit();
}

/// Finds, parses and checks the migrations in `folders`, for programs that read them at run time. Paths are relative to the current
/// folder; without any the folder is `migrations`.
///
/// # Errors
///
/// Everything that is wrong, at once.
pub fn load(folders: &[impl AsRef<Path>]) -> Result<Migrations, Diagnostics> {
    checked(folders).into_result()
}

/// The same, and what else there is to say: with errors there are no migrations, with warnings alone there are.
pub fn check(folders: &[impl AsRef<Path>]) -> (Option<Migrations>, Diagnostics) {
    let set = checked(folders);
    let problems = set.problems.clone();
    (set.into_result().ok(), problems)
}

/// How many migrations can be read and parsed, unchecked: a part of what [`load`] takes, to be measured alone.
#[doc(hidden)]
pub fn parsed(folders: &[impl AsRef<Path>]) -> usize {
    let folders: Vec<PathBuf> = folders.iter().map(|folder| folder.as_ref().to_owned()).collect();
    let found = source::find(Path::new(""), &folders);
    found.candidates.iter().filter(|candidate| candidate.load().migration.is_some()).count()
}

/// What is in `folders`, relative to the current folder, compared with its lock file.
fn checked(folders: &[impl AsRef<Path>]) -> Set {
    let folders = folders.iter().map(|folder| folder.as_ref().to_owned()).collect();
    let folders = or_default(folders);
    let mut set = Set::load(Path::new(""), &folders);
    lock::check(&mut set, Path::new(""), &folders, Lock::Check);
    set
}

/// Embeds the migrations of several folders: `Builder::new().folder("migrations").folder("../shared/migrations").emit()`.
#[derive(Clone, Debug, Default)]
#[must_use = "call `emit`"]
pub struct Builder {
    folders: Vec<PathBuf>,
    namespace: Option<String>,
    lock: Lock,
    live: bool,
    typed: Settings,
}

impl Builder {
    /// No folder yet; without any, [`Builder::emit`] takes `migrations`.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a folder, relative to the package's `Cargo.toml`. The order of the migrations is that of their names over all folders.
    pub fn folder(mut self, folder: impl AsRef<Path>) -> Self {
        self.folders.push(folder.as_ref().to_owned());
        self
    }

    /// Gives the set a name of its own, for a database that has several: a library's beside the application's. It is part of the name of every
    /// version's schema, `migration_<namespace>/<name>`.
    pub fn namespace(mut self, namespace: impl Into<String>) -> Self {
        self.namespace = Some(namespace.into());
        self
    }

    /// What to do with the lock file, which is checked wherever it is there: see [`lock`].
    pub fn lock(mut self, lock: Lock) -> Self {
        self.lock = lock;
        self
    }

    /// Gives columns of typed modules the types of a library: dates those of `chrono`, say. Without one, [`std`] has a type for timestamps
    /// alone. The later of two for the same type counts.
    pub fn library(mut self, library: Library) -> Self {
        self.typed.libraries.push(library);
        self
    }

    /// Gives columns of the type `postgres` in typed modules the type `rust`, as a path that means the same everywhere in the crate:
    /// `.rust_type("email_address", "crate::Email")`. It has to be `FromSql` and `ToSql`, `Clone`, `Debug` and `PartialEq`, and wins over every other choice.
    /// The section `[types]` of `reshape.toml` says the same without code. Arrays become `Vec`s of it, unless their own type is given, as `postgres = "text[]"`.
    pub fn rust_type(mut self, postgres: impl Into<String>, rust: impl Into<String>) -> Self {
        self.typed.types.push((postgres.into(), rust.into()));
        self
    }

    /// Says where `migrations!` is, for the enums in rows of `query!`: `crate::migrations` unless given.
    pub fn module(mut self, path: impl Into<String>) -> Self {
        self.typed.module = Some(path.into());
        self
    }

    /// Writes a typed module for every version, not only for the newest two: what an instance uses, and what it comes from.
    pub fn all_versions(mut self) -> Self {
        self.typed.all_versions = true;
        self
    }

    /// Writes `$OUT_DIR/reshape` and tells cargo what to watch.
    ///
    /// # Panics
    ///
    /// Outside a build script, where cargo does not set `OUT_DIR` and `CARGO_MANIFEST_DIR`.
    pub fn emit(self) {
        let variable = |name: &str| match env::var_os(name) {
            Some(value) => PathBuf::from(value),
            None => panic!(
                "`{name}` is not set: call `reshape_build` from a build script (`build.rs`), which cargo runs"
            ),
        };
        let (manifest, out) = (variable("CARGO_MANIFEST_DIR"), variable("OUT_DIR"));
        let asked = env::var("RESHAPE_LOCK").is_ok_and(|value| value == "write");
        let lock = if asked { Lock::Write } else { self.lock };
        let live = env::var("RESHAPE_CHECK").is_ok_and(|value| value == "live");
        let builder = Self { lock, live, ..self };
        for instruction in builder.run(&manifest, &out) {
            #[expect(clippy::print_stdout, reason = "this is how a build script talks to cargo")]
            {
                println!("{instruction}");
            }
        }
    }

    /// Does the work; gives the instructions to cargo.
    fn run(self, manifest: &Path, out: &Path) -> Vec<String> {
        let folders = or_default(self.folders);
        let mut set = Set::load_as(manifest, &folders, self.namespace.as_deref(), manifest);
        let locked = lock::build(&mut set, manifest, &folders, self.lock);
        let proof = if self.live { prove(&mut set) } else { None };
        // Cargo looks at everything in a watched folder: a file that is added, edited, renamed or removed counts, and an empty folder
        // is as good as a full one. A path that does not exist makes the script run with every build, until it does. That is
        // wanted here: the build fails anyway, so there is nothing that could stay fresh; watching the folder above instead
        // would take in `target`, which every build changes; and without any instruction cargo does watch the package, but only as
        // long as no other line of the user's build script names a path, after which a new folder would go unnoticed.
        let mut instructions: Vec<String> = folders
            .iter()
            .map(|folder| format!("cargo::rerun-if-changed={}", folder.display()))
            .collect();
        // Of these, one that is not there need not be watched: it makes no difference, and what writes the first one changes the time of
        // the folder.
        let file = lock::path(&folders);
        if self.lock == Lock::Required || set.config.lock.required || manifest.join(&file).exists()
        {
            instructions.push(format!("cargo::rerun-if-changed={}", file.display()));
        }
        instructions.push("cargo::rerun-if-env-changed=RESHAPE_LOCK".to_owned());
        if self.lock == Lock::Write {
            instructions.push("cargo::rerun-if-env-changed=CI".to_owned());
        }
        if let Err(error) = locked {
            instructions.push(format!("cargo::error=cannot write `{}`: {error}", file.display()));
        }
        instructions.push("cargo::rerun-if-env-changed=RESHAPE_CHECK".to_owned());
        instructions.extend(proof);
        let mut typed = self.typed;
        typed.types.extend(set.config.types.iter().cloned());
        let settings = config::watched(manifest);
        instructions.extend(settings.map(|file| format!("cargo::rerun-if-changed={file}")));
        // Errors are the macro's business: cargo shows a warning of a build script and goes on.
        let warnings = set.problems.warnings();
        instructions.extend(warnings.map(|warning| format!("cargo::warning={}", warning.line())));
        if let Err(error) = emit::write(out, &set, &typed) {
            instructions.push(format!("cargo::error=cannot write to `{}`: {error}", out.display()));
        }
        instructions
    }
}

/// `RESHAPE_CHECK=live`: what is found becomes a problem of the set; gives what cargo has to be told besides.
#[cfg(feature = "live")]
fn prove(set: &mut Set) -> Option<String> {
    let server = reshape_runtime::testing::Server::shared().map_err(live::Unusable::from);
    let proven = server.and_then(|server| live::prove(set, server, &mut |_| {}));
    let error = proven.err()?.to_string().replace('\n', " ");
    Some(format!("cargo::error=`RESHAPE_CHECK=live`: nothing was proven: {error}"))
}

#[cfg(not(feature = "live"))]
#[expect(
    clippy::unnecessary_wraps,
    reason = "the other one has nothing to tell when all is proven"
)]
fn prove(_: &mut Set) -> Option<String> {
    Some(
        "cargo::error=`RESHAPE_CHECK=live` needs the feature `live` of the build dependency `reshape-build`"
            .to_owned(),
    )
}

fn or_default(folders: Vec<PathBuf>) -> Vec<PathBuf> {
    if folders.is_empty() { vec![PathBuf::from("migrations")] } else { folders }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn a_bad_migration_is_written_to_the_index_and_does_not_fail_the_script() {
        let out = tempfile::tempdir().unwrap();
        let builder = Builder::new().folder("../tests/cases/bad/duplicate-key/toml").folder("none");
        let manifest = Path::new(env!("CARGO_MANIFEST_DIR"));
        let instructions = builder.run(manifest, out.path());
        assert_eq!(
            instructions,
            [
                "cargo::rerun-if-changed=../tests/cases/bad/duplicate-key/toml",
                "cargo::rerun-if-changed=none",
                "cargo::rerun-if-env-changed=RESHAPE_LOCK",
                "cargo::rerun-if-env-changed=RESHAPE_CHECK",
                "cargo::rerun-if-changed=Cargo.toml",
            ]
        );
        let index = fs::read_to_string(out.path().join("reshape/index.txt")).unwrap();
        assert!(
            index.starts_with(
                "reshape-index\t1\nproblem\terror[R0101]: there is no folder `none`\\n"
            )
        );
        assert_eq!(index.lines().count(), 3);
        assert!(out.path().join("reshape/migrations.rs").is_file());
    }

    #[test]
    fn the_index_of_good_migrations_has_a_line_for_each() {
        let out = tempfile::tempdir().unwrap();
        let builder = Builder::new().folder("good/all_actions_toml");
        builder.run(&Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/cases"), out.path());
        let index = fs::read_to_string(out.path().join("reshape/index.txt")).unwrap();
        insta::assert_snapshot!(index.replace('\t', " | "), @r#"
        reshape-index | 1
        migration | 0001_shop | M0001Shop | M0001_SHOP | d0f9f573668c68ff8eaf22825ae3804a37cdac1179426f85a49a539b6bf0c009 | Everything that create_table can say | good/all_actions_toml/0001_shop.toml
        migration | 0002_change | M0002Change | M0002_CHANGE | ce0f266cc92ce6f193252244885c9e344d73e8eb009c0ff8eccb6703417a3c42 |  | good/all_actions_toml/0002_change.toml
        migration | 0003 with another name | M0003WithAnotherName | M0003_WITH_ANOTHER_NAME | d3c72fef1869877a043c2d5eac1294ab42d229cd305eaf3a39267b36fcae7453 |  | good/all_actions_toml/0003_remove.toml
        migration | 0004_schemas | M0004Schemas | M0004_SCHEMAS | e69be0e36cb106a47e64927aef7520121c47c88bdf7e7c00199dce5fabdc16e6 |  | good/all_actions_toml/0004_schemas.toml
        "#);
    }

    #[test]
    fn a_warning_is_told_by_the_script_and_does_not_fail_the_build() {
        let package = tempfile::tempdir().unwrap();
        let write = |name: &str, text: &str| fs::write(package.path().join(name), text).unwrap();
        fs::create_dir(package.path().join("migrations")).unwrap();
        write(
            "migrations/1_a.toml",
            "actions = []\n\n[[allow]]\nlint = \"unused_allow\"\nreason = \"for later\"\n",
        );
        write(
            "migrations/2_b.toml",
            "actions = []\n\n[[allow]]\nlint = \"drop-cascade\"\nreason = \"for later\"\n",
        );
        write("reshape.toml", "[lints]\n");
        let out = package.path().join("out");
        let instructions = Builder::new().run(package.path(), &out);
        assert!(instructions.contains(&"cargo::rerun-if-changed=reshape.toml".to_owned()));
        let warnings: Vec<&String> =
            instructions.iter().filter(|line| line.starts_with("cargo::warning")).collect();
        assert_eq!(
            warnings,
            [
                "cargo::warning=migrations/2_b.toml:4:8: [R0400] the migration does not have the hazard `drop-cascade`"
            ]
        );
        let index = fs::read_to_string(out.join("reshape/index.txt")).unwrap();
        assert!(!index.contains("\nproblem\t") && index.contains("\nmigration\t2_b\t"), "{index}");
        let constants = fs::read_to_string(out.join("reshape/migrations.rs")).unwrap();
        assert!(constants.contains("drop-cascade"), "{constants}");
    }

    #[test]
    fn an_unwritable_folder_is_an_error_of_the_build() {
        let out = tempfile::NamedTempFile::new().unwrap();
        let instructions = Builder::new().run(Path::new("."), out.path());
        let last = instructions.last().map(String::as_str).unwrap_or_default();
        assert!(last.starts_with("cargo::error=cannot write to "), "{instructions:?}");
    }
}
