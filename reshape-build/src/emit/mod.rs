//! What the build script leaves in `$OUT_DIR/reshape`: the migrations as constants, and an index for the macros.
//!
//! **Invariant:** a function of the migrations alone, so that nothing is compiled again when nothing has changed.

mod ident;
mod index;
mod model;

use std::fs;
use std::io;
use std::path::Path;

use reshape_runtime::model::{Action, Migration};

pub(crate) use self::index::line;
use self::model::{Emit, NAMES};
use crate::set::Set;
use crate::typed;

/// Writes the files into `out/reshape`. A file that would stay the same is not touched: its time is what rustc goes by.
pub(crate) fn write(out: &Path, set: &Set, typed: &typed::Settings) -> io::Result<()> {
    let folder = out.join("reshape");
    fs::create_dir_all(&folder)?;
    write_if_changed(&folder.join("migrations.rs"), &constants(set))?;
    let (schema, story) = schema(set, typed);
    write_if_changed(&folder.join("schema.rs"), &schema)?;
    docs(&folder.join("docs"), set, typed)?;
    write_if_changed(&folder.join("catalog.txt"), &catalog(set, typed, &story))?;
    write_if_changed(&folder.join("index.txt"), &index::index(set))
}

/// `schema.rs`: the typed modules, of what could be replayed. Also with a problem: code that uses them should not have errors of its own.
fn schema(set: &Set, settings: &typed::Settings) -> (String, typed::Story) {
    let migrations: Vec<&Migration> = set.migrations().map(|(migration, _)| migration).collect();
    typed::modules(settings, &migrations, set.history.as_ref())
}

/// `docs/<n>.md` for each migration of the index, which rustdoc alone reads.
fn docs(folder: &Path, set: &Set, settings: &typed::Settings) -> io::Result<()> {
    fs::create_dir_all(folder)?;
    if set.problems.errors().next().is_some() {
        return Ok(());
    }
    let migrations: Vec<&Migration> = set.migrations().map(|(migration, _)| migration).collect();
    let history = set.history.as_ref();
    let pages = typed::pages(settings, &migrations, history, set.namespace.as_deref());
    for (number, page) in pages.iter().enumerate() {
        write_if_changed(&folder.join(format!("{number}.md")), page)?;
    }
    Ok(())
}

/// `catalog.txt`: the tables of the newest version, for `query!`, which does not look at it while there are problems.
fn catalog(set: &Set, settings: &typed::Settings, story: &typed::Story) -> String {
    let Some(history) = &set.history else { return String::new() };
    let migrations: Vec<&Migration> = set.migrations().map(|(migration, _)| migration).collect();
    typed::catalog(settings, &migrations, !set.baseline().is_empty(), history, story)
}

fn write_if_changed(path: &Path, text: &str) -> io::Result<()> {
    if fs::read(path).is_ok_and(|old| old == text.as_bytes()) {
        return Ok(());
    }
    fs::write(path, text)
}

/// `migrations.rs`: `ACTIONS_<n>` for each migration of the index, `BASELINE` and `MIGRATIONS`. With an error anywhere, all are empty: what the
/// index names is there, and nothing that is wrong can run.
pub(crate) fn constants(set: &Set) -> String {
    let valid = set.problems.errors().next().is_none();
    let mut text = format!("// Written by reshape-build from the migration files.\n{NAMES}");
    let mut migrations = String::new();
    for (number, (migration, _)) in set.migrations().enumerate() {
        let constant = format!("ACTIONS_{number}");
        list(&mut text, &constant, if valid { &migration.actions } else { &[] });
        if valid {
            // Taken apart, so that a new field does not compile until it is emitted.
            let Migration { name, description, checksum, actions: _, allow, requires } = migration;
            migrations.push_str("    m::Migration{name:");
            name.emit(&mut migrations);
            migrations.push_str(",description:");
            description.emit(&mut migrations);
            migrations.push_str(",checksum:");
            checksum.emit(&mut migrations);
            migrations.push_str(",actions:B(");
            migrations.push_str(&constant);
            migrations.push_str("),allow:");
            allow.emit(&mut migrations);
            migrations.push_str(",requires:");
            requires.emit(&mut migrations);
            migrations.push_str("},\n");
        }
    }
    let baseline = if valid { set.baseline() } else { Vec::new() };
    list(&mut text, "BASELINE", &baseline);
    text.push_str("pub(super) const MIGRATIONS: &[m::Migration] = &[\n");
    text.push_str(&migrations);
    text.push_str("];\n");
    text
}

/// Adds a constant with these actions, one to a line.
fn list(text: &mut String, constant: &str, actions: &[Action]) {
    text.push_str("pub(super) const ");
    text.push_str(constant);
    text.push_str(": &[A] = &[\n");
    for action in actions {
        text.push_str("    ");
        action.emit(text);
        text.push_str(",\n");
    }
    text.push_str("];\n");
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;
    use std::time::{Duration, SystemTime};

    use reshape_runtime::{Migrations, model};

    use super::*;

    /// The file that is emitted for `all_actions_toml`, compiled as the macro `migrations!` does it.
    mod emitted {
        use reshape_runtime as __rt;
        include!("../../tests/emitted/migrations.rs");
    }

    const EMITTED: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/emitted/migrations.rs");

    fn set(case: &str) -> Set {
        Set::load(Path::new("../tests/cases"), &[PathBuf::from(case)])
    }

    #[test]
    fn the_constants_are_the_migrations() {
        let set = set("good/all_actions_toml");
        let text = constants(&set);
        if std::env::var_os("UPDATE_EMITTED").is_some() {
            fs::write(EMITTED, &text).unwrap();
        }
        let expected = include_str!("../../tests/emitted/migrations.rs").replace("\r\n", "\n");
        assert_eq!(text, expected, "run this test with UPDATE_EMITTED=1 to accept the new text");

        let compiled: &[model::Migration] = emitted::MIGRATIONS;
        let embedded = Migrations::embedded_after(emitted::BASELINE, compiled);
        assert_eq!(set.into_result().unwrap(), embedded);
        assert_eq!(emitted::ACTIONS_0, &*compiled[0].actions);
    }

    #[test]
    fn every_string_survives() {
        let text = "\0 \r\n \" ' \\ \u{202e} {} 🦀 \u{7f} #\"";
        let mut tokens = String::new();
        model::Str::Borrowed(text).emit(&mut tokens);
        let syn::Expr::Call(call) = syn::parse_str(&tokens).unwrap() else { panic!("{tokens}") };
        let syn::Expr::Lit(syn::ExprLit { lit: syn::Lit::Str(literal), .. }) = &call.args[0] else {
            panic!("{tokens}")
        };
        assert_eq!(literal.value(), text);
    }

    #[test]
    fn with_a_problem_the_constants_are_there_and_empty() {
        let set =
            Set::load(Path::new("../tests/cases"), &["good/order".into(), "there/is/none".into()]);
        let text = constants(&set);
        syn::parse_file(&text).unwrap();
        assert!(text.contains("ACTIONS_2: &"), "{text}");
        assert!(!text.contains("CreateTable"), "{text}");
        let index = index::index(&set);
        let kinds: Vec<&str> = index.lines().map(|line| line.split('\t').next().unwrap()).collect();
        assert_eq!(kinds, ["reshape-index", "migration", "migration", "migration", "problem"]);
    }

    #[test]
    fn an_unchanged_file_is_not_written_again() {
        let out = tempfile::tempdir().unwrap();
        let old = SystemTime::UNIX_EPOCH + Duration::from_secs(1_000_000_000);
        let index = out.path().join("reshape/index.txt");
        let modified = || fs::metadata(&index).unwrap().modified().unwrap();

        write(out.path(), &set("good/order"), &typed::Settings::default()).unwrap();
        fs::File::options().write(true).open(&index).unwrap().set_modified(old).unwrap();
        write(out.path(), &set("good/order"), &typed::Settings::default()).unwrap();
        assert_eq!(modified(), old);
        write(out.path(), &set("good/all_actions_toml"), &typed::Settings::default()).unwrap();
        assert_ne!(modified(), old);
    }
}
