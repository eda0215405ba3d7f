//! Discovery: which files are migrations, and in which order.
//!
//! **Invariant:** the order is that of the names alone: not of folders, not of file times, not of the file system.

use std::fs;
use std::io;
use std::path::{Component, Path, PathBuf};

use reshape_runtime::Rule;

use crate::diagnostic::{Diagnostic, Place};
use crate::file::{BASELINE, File, Format};
use crate::text::{Source, display};

const EXAMPLE: &str = "\
[[actions]]
type = \"create_table\"
name = \"users\"
primary_key = \"id\"

[[actions.columns]]
name = \"id\"
type = \"bigint\"
generated = \"ALWAYS AS IDENTITY\"";

/// A file that is a migration by its name.
#[derive(Debug)]
pub(crate) struct Candidate {
    /// Where to read it.
    location: PathBuf,
    /// The path for people.
    path: PathBuf,
    format: Format,
    pub(crate) stem: String,
    pub(crate) order: Vec<Token>,
}

/// Everything found, in the order of the migrations.
#[derive(Debug, Default)]
pub(crate) struct Found {
    pub(crate) candidates: Vec<Candidate>,
    /// Files that describe what is there before, in the order of the folders.
    pub(crate) baselines: Vec<Candidate>,
    /// Folders that could not be read, or are empty: the set is not known to be whole.
    pub(crate) problems: Vec<Diagnostic>,
}

/// Finds the migrations in `folders`, relative to `base`.
pub(crate) fn find(base: &Path, folders: &[PathBuf]) -> Found {
    let mut found = Found::default();
    let mut seen: Vec<&Path> = Vec::new();
    for folder in folders {
        // The same folder twice would make each migration its own duplicate.
        if !seen.contains(&folder.as_path()) {
            seen.push(folder);
            found.scan(base, folder);
        }
    }
    found.candidates.sort_by(|a, b| (&a.order, &a.path).cmp(&(&b.order, &b.path)));
    found
}

impl Found {
    fn scan(&mut self, base: &Path, folder: &Path) {
        let location = base.join(folder);
        let entries = match fs::read_dir(&location) {
            Ok(entries) => entries,
            Err(error) => return self.problems.push(unreadable_folder(base, folder, &error)),
        };
        let count =
            |found: &Self| found.candidates.len() + found.baselines.len() + found.problems.len();
        let before = count(self);
        for entry in entries {
            match entry {
                Ok(entry) => self.file(folder, &entry.path()),
                Err(error) => self.problems.push(unreadable_folder(base, folder, &error)),
            }
        }
        if count(self) == before {
            let message = format!("no migration in the folder `{}`", display(folder));
            self.problems
                .push(example(folder, Diagnostic::new(Rule::EmptyFolder, whole(folder), message)));
        }
    }

    fn file(&mut self, folder: &Path, location: &Path) {
        let Some(name) = location.file_name() else { return };
        let Some(format) = Path::new(name).extension().and_then(|extension| {
            Format::of_extension(&extension.to_string_lossy().to_lowercase())
        }) else {
            return;
        };
        // A link that leads nowhere is no folder: it is reported when it cannot be read.
        if fs::metadata(location).is_ok_and(|metadata| metadata.is_dir()) {
            return;
        }
        let path = folder.join(name);
        let Some(stem) = Path::new(name).file_stem().and_then(|stem| stem.to_str()) else {
            let message = "the name of the file is not UTF-8";
            let problem = Diagnostic::new(Rule::NotUtf8, whole(&path), message)
                .help("rename it: the name is the migration's name in the database");
            return self.problems.push(problem);
        };
        // Hidden files and the lock and backup files of editors: `.#x.toml`, `#x.toml#`, `~$x.toml`.
        if stem.starts_with(['.', '#', '~']) {
            return;
        }
        let list = if stem == BASELINE { &mut self.baselines } else { &mut self.candidates };
        list.push(Candidate {
            location: location.to_owned(),
            format,
            order: order(stem),
            stem: stem.to_owned(),
            path,
        });
    }
}

impl Candidate {
    /// Reads and parses the file.
    pub(crate) fn load(&self) -> File {
        let problem = match fs::read(&self.location).map(String::from_utf8) {
            Ok(Ok(text)) => {
                return File::parse(Source::new(&self.path, text), self.format, &self.stem);
            }
            Ok(Err(error)) => {
                let valid = error.utf8_error().valid_up_to();
                let text = String::from_utf8_lossy(&error.as_bytes()[..valid]);
                let source = Source::new(&self.path, text);
                let end = source.text.len();
                Diagnostic::new(
                    Rule::NotUtf8,
                    Place::at(&source, &(end..end)),
                    "the file is not UTF-8 from here on",
                )
                .help("save it with the encoding UTF-8")
            }
            Err(error) => {
                let message = format!("cannot read the file: {}", reason(&error));
                Diagnostic::new(Rule::UnreadableFile, whole(&self.path), message)
            }
        };
        File::unreadable(Source::new(&self.path, ""), self.format, problem)
    }

    pub(crate) fn file_name(&self) -> String {
        display(&self.path)
    }
}

fn whole(path: &Path) -> Place {
    Place { source: Source::new(path, ""), span: None }
}

fn unreadable_folder(base: &Path, folder: &Path, error: &io::Error) -> Diagnostic {
    let (name, location) = (display(folder), base.join(folder));
    match error.kind() {
        // Cargo leaves this file in what it packs.
        io::ErrorKind::NotFound if leaves(folder) && base.join("Cargo.toml.orig").exists() => {
            let message = format!(
                "the folder `{name}` is outside the package, and so was not packed with it"
            );
            Diagnostic::new(Rule::MissingFolder, whole(folder), message).help(
                "move the folder into the package, or put a symbolic link to it there: cargo packs what the link leads to",
            )
        }
        io::ErrorKind::NotFound => {
            let message = format!("there is no folder `{name}`");
            example(folder, Diagnostic::new(Rule::MissingFolder, whole(folder), message))
        }
        _ if location.is_file() => Diagnostic::new(
            Rule::NotAFolder,
            whole(folder),
            format!("`{name}` is a file, not a folder"),
        )
        .help("name the folder that holds the migrations"),
        _ => {
            let message = format!("cannot read the folder `{name}`: {}", reason(error));
            Diagnostic::new(Rule::UnreadableFolder, whole(folder), message)
        }
    }
}

/// Whether a path leads out of the folder that it is relative to.
fn leaves(path: &Path) -> bool {
    let mut depth = 0_i64;
    path.components().any(|component| {
        depth += match component {
            Component::Normal(_) => 1,
            Component::ParentDir => -1,
            Component::CurDir => 0,
            Component::RootDir | Component::Prefix(_) => return true,
        };
        depth < 0
    })
}

fn example(folder: &Path, problem: Diagnostic) -> Diagnostic {
    let first = display(&folder.join("0001_create_users.toml"));
    problem.help(format!("write a first migration, e.g. `{first}`:\n\n{EXAMPLE}"))
}

/// What went wrong, in words that are the same on every platform where there are such.
fn reason(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::NotFound => "it leads nowhere".to_owned(),
        io::ErrorKind::PermissionDenied => "permission denied".to_owned(),
        _ => error.to_string(),
    }
}

/// A part of a name, in the order in which parts sort: punctuation, then numbers by value, then letters in either case.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Token {
    /// Anything that is neither a digit nor a letter.
    Other(char),
    /// A number, by its count of digits and its digits, without leading zeros: no overflow, however long.
    Number(usize, String),
    /// A letter, in lower case.
    Letter(char),
}

/// The natural order of a name: `2_x` before `10_x`, and `0002_x` the same as `2_x`.
pub(crate) fn order(stem: &str) -> Vec<Token> {
    let mut tokens = Vec::new();
    let mut chars = stem.chars().peekable();
    while let Some(char) = chars.next() {
        if char.is_ascii_digit() {
            let mut digits = String::from(char);
            while let Some(digit) = chars.next_if(char::is_ascii_digit) {
                digits.push(digit);
            }
            let digits = digits.trim_start_matches('0');
            tokens.push(Token::Number(digits.len(), digits.to_owned()));
        } else if char.is_alphanumeric() {
            tokens.extend(char.to_lowercase().map(Token::Letter));
        } else {
            tokens.push(Token::Other(char));
        }
    }
    tokens
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_order_is_natural() {
        let sorted = [
            "",
            "_init",
            "1",
            "1_b",
            "1a",
            "2_x",
            "0010_x",
            "0010_y",
            "99999999999999999999_x",
            "100000000000000000000_x",
            "Alpha",
            "beta",
            "émile",
        ];
        for pair in sorted.windows(2) {
            assert!(order(pair[0]) < order(pair[1]), "{pair:?}");
        }
        assert_eq!(order("0002_X"), order("2_x"));
        assert_eq!(order("000"), order("0"));
    }
}
