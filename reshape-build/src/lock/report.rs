//! What is said of a lock file and the migrations that do not agree with it.
//!
//! **Invariant:** always both ways out: back, or, for what was never applied anywhere, `reshape lock --update`.

use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use reshape_runtime::Rule;
use reshape_runtime::model::Migration;
use reshape_runtime::schema::{At, Segment};
use serde_json::Value;

use super::diff::diff;
use super::file::{BASELINE, Block, LockFile, list};
use crate::diagnostic::{Diagnostic, Place};
use crate::file::File;
use crate::text::{Source, Span, display};

/// The command that a help names, for the folders of a set.
pub(super) struct Command(String);

impl Command {
    pub(super) fn new(folders: &[PathBuf]) -> Self {
        let mut command = String::from("reshape lock");
        if folders != [PathBuf::from("migrations")] {
            for folder in folders {
                command.push_str(&format!(" --dirs {}", quoted(&display(folder))));
            }
        }
        Self(command)
    }

    /// With what is accepted.
    pub(super) fn accept(&self, name: &str) -> String {
        format!("{} --update {}", self.0, quoted(name))
    }

    fn update(&self, name: &str) -> String {
        format!("if it was never applied anywhere: `{}` accepts it", self.accept(name))
    }
}

/// A word for a shell.
fn quoted(word: &str) -> String {
    let plain = |c: char| c.is_alphanumeric() || "_-./".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        word.to_owned()
    } else {
        format!("'{}'", word.replace('\'', r"'\''"))
    }
}

fn whole(path: &Path) -> Place {
    Place::whole(&Source::new(path, ""))
}

const RESOLVE: &str = "keep the blocks of the branch that was merged first, then run `reshape lock` for the migrations of the other one";

pub(super) fn conflict(source: &Arc<Source>, span: &Span) -> Diagnostic {
    Diagnostic::new(
        Rule::LockBroken,
        Place::at(source, span),
        "the lock file has the marks of a merge conflict",
    )
    .help(RESOLVE)
}

pub(super) fn syntax(source: &Arc<Source>, span: &Span) -> Diagnostic {
    Diagnostic::new(
        Rule::LockBroken,
        Place::at(source, span),
        "this line does not belong into a lock file here",
    )
    .help("restore the file: it is written by `reshape lock`, and not by hand")
}

pub(super) fn version(source: &Arc<Source>, span: &Span, version: &str) -> Diagnostic {
    let message = if version.is_empty() {
        String::from("the lock file does not say its version")
    } else {
        format!("the lock file has the version `{version}`, which is not known here")
    };
    Diagnostic::new(Rule::LockBroken, Place::at(source, span), message)
        .help("restore the file, or update `reshape-build` if a newer one has written it")
}

pub(super) fn cut_off(source: &Arc<Source>, block: &Block) -> Diagnostic {
    let message = format!("the lock file ends in the middle of `{}`", block.name);
    Diagnostic::new(Rule::LockBroken, Place::at(source, &block.span), message)
        .help("restore the file: it is written by `reshape lock`, and not by hand")
}

pub(super) fn unreadable(path: &Path, error: &std::io::Error) -> Diagnostic {
    let message = format!("cannot read the lock file `{}`: {error}", display(path));
    Diagnostic::new(Rule::LockBroken, whole(path), message)
}

pub(super) fn missing(path: &Path, command: &Command) -> Diagnostic {
    Diagnostic::new(
        Rule::LockMissing,
        whole(path),
        format!("there is no lock file `{}`", display(path)),
    )
    .help(format!("write it with `{}`, and commit it", command.0))
}

/// A block that does not follow the one above it.
pub(super) fn unchained(file: &LockFile, block: &Block, command: &Command) -> Diagnostic {
    let message =
        format!("in the lock file, `{}` does not follow what stands above it", block.name);
    Diagnostic::new(Rule::LockBroken, Place::at(&file.source, &block.span), message)
        .help(format!("the file was merged or changed by hand: {RESOLVE}"))
        .help(command.update(&block.name))
}

/// A block whose actions are not those of its checksum.
pub(super) fn tampered(file: &LockFile, block: &Block, command: &Command) -> Diagnostic {
    let message =
        format!("the lock file's checksum of `{}` is not that of its actions", block.name);
    Diagnostic::new(Rule::LockBroken, Place::at(&file.source, &block.span), message)
        .help("restore the file: it is written by `reshape lock`, and not by hand")
        .help(command.update(&block.name))
}

pub(super) fn twice(
    file: &LockFile,
    block: &Block,
    first: &Block,
    command: &Command,
) -> Diagnostic {
    let message = format!("the lock file has the migration `{}` twice", block.name);
    Diagnostic::new(Rule::LockBroken, Place::at(&file.source, &block.span), message)
        .related(Place::at(&file.source, &first.span), "the first one")
        .help(RESOLVE)
        .help(command.update(&block.name))
}

pub(super) fn edited(
    locked: (&LockFile, &Block),
    file: &File,
    migration: &Migration,
    lines: &[String],
    command: &Command,
) -> Diagnostic {
    let (lock, block) = locked;
    let place = changed(file, &block.actions, lines);
    let message = format!("the migration `{}` was edited after it was locked", migration.name);
    Diagnostic::new(Rule::LockEdited, place, message)
        .related(Place::at(&lock.source, &block.span), "locked here")
        .help(format!("what has changed since then:\n\n{}", diff(&block.actions, lines)))
        .help("undo the edit, and put the change into a new migration")
        .help(command.update(&migration.name))
}

pub(super) fn requires_edited(
    locked: (&LockFile, &Block),
    file: &File,
    now: &[String],
    command: &Command,
) -> Diagnostic {
    let (lock, block) = locked;
    let place = file.place(At::NO_ACTION, &[Segment::Key("requires".into())], None);
    let message =
        format!("what the migration `{}` requires was edited after it was locked", block.name);
    let before = block.requires.as_deref().unwrap_or_default();
    Diagnostic::new(Rule::LockEdited, place, message)
        .related(Place::at(&lock.source, &block.span), "locked here")
        .help(format!("it was `requires = {}`, and is `requires = {}` now", list(before), list(now)))
        .help("undo the edit: what is applied already does not wait, and a new database would get things in another order")
        .help(command.update(&block.name))
}

pub(super) fn edited_baseline(
    locked: (&LockFile, &Block),
    file: &File,
    lines: &[String],
    command: &Command,
) -> Diagnostic {
    let (lock, block) = locked;
    Diagnostic::new(Rule::LockEdited, Place::whole(&file.source), "the baseline was edited after it was locked")
        .related(Place::at(&lock.source, &block.span), "locked here")
        .help(format!("what has changed since then:\n\n{}", diff(&block.actions, lines)))
        .help("undo the edit: it says what was there before the first migration, and that does not change any more")
        .help(format!("if it was wrong: `{}` accepts it", command.accept(BASELINE)))
}

pub(super) fn deleted_baseline(lock: &LockFile, block: &Block, command: &Command) -> Diagnostic {
    let message = "the baseline is locked, and there is no file for it";
    Diagnostic::new(Rule::LockDeleted, Place::at(&lock.source, &block.span), message)
        .help("restore the file; what was in it stands below this line")
        .help(format!("if it was wrong: `{}` accepts that there is none", command.accept(BASELINE)))
}

/// The place of the first change.
fn changed(file: &File, old: &[String], new: &[String]) -> Place {
    let first = old.iter().zip(new).take_while(|(old, new)| old == new).count();
    match (old.get(first), new.get(first)) {
        (Some(old), Some(new)) => {
            let mut path = Vec::new();
            let mut within = None;
            if let (Ok(old), Ok(new)) = (serde_json::from_str(old), serde_json::from_str(new)) {
                // Another kind of action is another action altogether.
                let (old, new): (Value, Value) = (old, new);
                if old["type"] == new["type"] {
                    within = first_difference(&old, &new, &mut path);
                }
            }
            // What is compared has line feeds alone, so that places in a text with other ends of lines are not those of the file.
            let within = within.filter(|_| !file.source.text.contains('\r'));
            file.place(first, &path, within.as_ref())
        }
        (None, Some(_)) => file.place(first, &[], None),
        (_, None) => Place::whole(&file.source),
    }
}

/// The path to the first value that differs, as far down as both have it; of a text of several lines, what differs in the first line that does.
fn first_difference(old: &Value, new: &Value, path: &mut Vec<Segment>) -> Option<Range<usize>> {
    match (old, new) {
        (Value::Object(old), Value::Object(new)) => {
            let (key, value) = new.iter().find(|(key, value)| old.get(*key) != Some(value))?;
            path.push(Segment::Key(key.clone().into()));
            first_difference(old.get(key).unwrap_or(&Value::Null), value, path)
        }
        (Value::Array(old), Value::Array(new)) => {
            let index = old.iter().zip(new).take_while(|(old, new)| old == new).count();
            let value = new.get(index)?;
            path.push(Segment::Index(index));
            first_difference(old.get(index).unwrap_or(&Value::Null), value, path)
        }
        (Value::String(old), Value::String(new)) if new.contains('\n') => {
            let lines = old.split_inclusive('\n').zip(new.split_inclusive('\n'));
            let same: usize =
                lines.take_while(|(old, new)| old == new).map(|(_, new)| new.len()).sum();
            let line = new[same..].lines().next()?;
            let indent = line.len() - line.trim_start().len();
            Some(same + indent..same + line.trim_end().len().max(indent))
        }
        _ => None,
    }
}

pub(super) fn renamed(
    lock: &LockFile,
    block: &Block,
    file: &File,
    name: &str,
    command: &Command,
) -> Diagnostic {
    let message =
        format!("the migration `{}` was renamed to `{name}` after it was locked", block.name);
    Diagnostic::new(Rule::LockRenamed, file.name_place(), message)
        .related(Place::at(&lock.source, &block.span), "locked under this name")
        .help(format!("a name is for ever: call it `{}` again", block.name))
        .help(command.update(name))
}

pub(super) fn deleted(lock: &LockFile, block: &Block, command: &Command) -> Diagnostic {
    let message = format!("the migration `{}` is locked, and there is no file for it", block.name);
    Diagnostic::new(Rule::LockDeleted, Place::at(&lock.source, &block.span), message)
        .help("restore the file; what it did stands below this line")
        .help(command.update(&block.name))
}

pub(super) fn moved(
    lock: &LockFile,
    block: &Block,
    before: Option<&Block>,
    file: &File,
    command: &Command,
) -> Diagnostic {
    let message =
        format!("the migration `{}` has changed its place after it was locked", block.name);
    let place = match before {
        Some(before) => format!("right after `{}`", before.name),
        None => String::from("before all others"),
    };
    Diagnostic::new(Rule::LockReordered, file.name_place(), message)
        .related(Place::at(&lock.source, &block.span), format!("locked {place}"))
        .help(format!("rename the file so that it sorts {place}; to keep the migration's name, write `name = \"{}\"` in it", block.name))
        .help(command.update(&block.name))
}

pub(super) fn inserted(
    lock: &LockFile,
    file: &File,
    name: &str,
    next: &Block,
    last: &Block,
    command: &Command,
) -> Diagnostic {
    let message =
        format!("the new migration `{name}` comes before `{}`, which is locked", next.name);
    let mut help =
        format!("rename it so that it sorts after the last one that is locked, `{}`", last.name);
    if let Some(better) = after(name, &last.name) {
        help.push_str(&format!(", e.g. to `{better}`"));
    }
    Diagnostic::new(Rule::LockInserted, file.name_place(), message)
        .related(Place::at(&lock.source, &next.span), "locked here")
        .help(help)
        .help(command.update(name))
}

/// `name` with the number that follows that of `last`, as wide.
fn after(name: &str, last: &str) -> Option<String> {
    let digits =
        |name: &str| name.len() - name.trim_start_matches(|c: char| c.is_ascii_digit()).len();
    let width = digits(last);
    let number: u64 = last[..width].parse().ok()?;
    let rest = &name[digits(name)..];
    let gap = if rest.starts_with(char::is_alphanumeric) { "_" } else { "" };
    // Names that begin with a time have no next one.
    (width < 8).then(|| format!("{:0width$}{gap}{rest}", number + 1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_better_name_is_as_wide_as_the_others() {
        assert_eq!(after("0002_b", "0009_a").as_deref(), Some("0010_b"));
        assert_eq!(after("2_b", "9_a").as_deref(), Some("10_b"));
        assert_eq!(after("b", "9_a").as_deref(), Some("10_b"));
        assert_eq!(after("20260101000000_b", "20260102000000_a"), None);
        assert_eq!(after("b", "a"), None);
    }

    #[test]
    fn a_command_can_be_pasted() {
        let command = Command::new(&["db/it's".into(), "b".into()]);
        assert_eq!(
            command.update("0003 c"),
            r"if it was never applied anywhere: `reshape lock --dirs 'db/it'\''s' --dirs b --update '0003 c'` accepts it"
        );
        assert_eq!(Command::new(&["migrations".into()]).0, "reshape lock");
    }
}
