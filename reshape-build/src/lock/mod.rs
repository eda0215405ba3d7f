//! The lock file: migrations that were once locked are not edited, renamed, moved, or removed any more, and none comes before them.
//!
//! It stands beside the first folder and has its name: `migrations.lock` beside `migrations`. Without it nothing is checked. The command
//! `reshape lock` writes it, and it is committed with the migrations: from then on the build fails when one of them is not what it was, says
//! what has changed, and names the ways out. A migration belongs into it as soon as it may have been applied anywhere.
//!
//! Locked are the actions of each migration, what it `requires`, and the baseline, from which the history of all starts. Not locked is what has no
//! effect on a database: `allow`, `description`, comments and layout. A file of the first version does not say what its migrations require, and that
//! is not compared then; `reshape lock --update` of any migration writes it anew.
//!
//! Two branches that add migrations conflict in this file when they are merged, which is its purpose: somebody has to say which one comes
//! first. Keep the blocks of the branch that was merged first, and run `reshape lock` for the others. A merge that keeps both fails the build,
//! since every block ends in a hash of all that stands above it.
//!
//! **Invariant:** written only when asked, never in CI (where `CI` is set in the environment), and never in part.

mod compare;
mod diff;
mod file;
mod report;

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::{env, fs, io, process};

use reshape_runtime::model::Migration;

use self::compare::{Baseline, Comparison, compare};
use self::file::{BASELINE, LockFile, append};
use self::report::Command;
use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::file::File;
use crate::or_default;
use crate::set::Set;
use crate::text::Source;

/// What a build does with the lock file.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Lock {
    /// What is locked is checked; without a file, nothing is.
    #[default]
    Check,
    /// Without a file the build fails, as with `required = true` under `[lock]` in `reshape.toml`.
    Required,
    /// The build itself locks new migrations, unless something is wrong with any of them; in CI it is the same as [`Check`](Self::Check).
    ///
    /// An editor that builds with every keystroke then locks what is half written; rather run `reshape lock` when a migration is finished.
    /// The environment variable `RESHAPE_LOCK=write` asks for it once.
    Write,
}

/// The lock file of a set of folders, relative to the same folder as these are.
pub fn path(folders: &[PathBuf]) -> PathBuf {
    let first = folders.first().map_or(Path::new("migrations"), PathBuf::as_path);
    match first.file_name() {
        Some(name) => {
            let mut file = name.to_owned();
            file.push(".lock");
            first.with_file_name(file)
        }
        // `.` and `..` have no name of their own.
        None => first.join("migrations.lock"),
    }
}

/// The command that accepts the migration `name` of the folders as it is now.
pub fn update_command(folders: &[PathBuf], name: &str) -> String {
    Command::new(&or_default(folders.to_vec())).accept(name)
}

/// Whether this is a build that nobody looks at: `CI` is set, and not to `false` or `0`.
pub fn in_ci() -> bool {
    env::var_os("CI").is_some_and(|value| !["", "0", "false"].iter().any(|no| value == *no))
}

/// What `reshape lock` would write.
#[derive(Debug)]
#[non_exhaustive]
pub struct Update {
    /// The lock file.
    pub path: PathBuf,
    /// The migrations that it would lock, oldest first; before them `baseline`, if it is that.
    pub added: Vec<String>,
    /// Those whose differences it would accept.
    pub accepted: Vec<String>,
    text: Option<String>,
    folder: PathBuf,
}

/// Why there is nothing to write.
#[derive(Debug)]
#[non_exhaustive]
pub enum Refused {
    /// Something is wrong with the migrations, or they are not what is locked.
    Problems(Diagnostics),
    /// There is no migration of this name, neither here nor in the lock file.
    NoSuch(String),
}

impl Refused {
    fn of(problems: impl IntoIterator<Item = Diagnostic>) -> Self {
        let mut list = Diagnostics::default();
        list.extend(problems);
        Self::Problems(list)
    }
}

/// A migration that is not what was locked.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Candidate {
    /// What `--update` wants to be told.
    pub name: String,
    /// What is different.
    pub what: String,
}

impl Update {
    /// The differences that can be accepted, one name each.
    ///
    /// # Errors
    ///
    /// What is wrong with the migrations or the lock file apart from that.
    pub fn candidates(folders: &[PathBuf]) -> Result<Vec<Candidate>, Refused> {
        let folders = or_default(folders.to_vec());
        let set = Set::load(Path::new(""), &folders);
        // A migration that is not whole has no place among the others.
        if !set.whole {
            return Err(Refused::Problems(set.problems));
        }
        let lock = read(Path::new(""), &folders).map_err(|problem| Refused::of([*problem]))?;
        let Some(lock) = lock else { return Ok(Vec::new()) };
        let command = Command::new(&folders);
        let found = compare(&lock, &baseline(&set), &migrations(&set), &command);
        let candidates = found.differences.into_iter().map(|difference| Candidate {
            // Of two names the one that is there now.
            name: difference.names.last().cloned().unwrap_or_default(),
            what: difference.problem.message,
        });
        Ok(candidates.collect())
    }

    /// Finds out what there is to lock in `folders`, relative to the current folder; `accept` names migrations that are to be locked as they are
    /// now, whatever was locked.
    ///
    /// # Errors
    ///
    /// Everything that is wrong with the migrations, and every difference that was not accepted.
    pub fn of(folders: &[PathBuf], accept: &[String]) -> Result<Self, Refused> {
        let folders = or_default(folders.to_vec());
        let set = Set::load(Path::new(""), &folders);
        if set.problems.errors().next().is_some() {
            return Err(Refused::Problems(set.problems));
        }
        let lock = read(Path::new(""), &folders);
        Self::plan(&set, &folders, lock, accept)
    }

    fn plan(
        set: &Set,
        folders: &[PathBuf],
        lock: Result<Option<LockFile>, Box<Diagnostic>>,
        accept: &[String],
    ) -> Result<Self, Refused> {
        let lock = lock.map_err(|problem| Refused::of([*problem]))?;
        let files = migrations(set);
        let baseline = baseline(set);
        let known = |name: &String| {
            let blocks = lock.iter().flat_map(|lock| &lock.blocks);
            files.iter().any(|(_, migration)| migration.name == **name)
                || blocks.into_iter().any(|block| block.name == *name)
                || *name == BASELINE && baseline.is_some()
        };
        if let Some(unknown) = accept.iter().find(|name| !known(name)) {
            return Err(Refused::NoSuch(unknown.clone()));
        }
        let command = Command::new(folders);
        let Comparison { differences, new, new_baseline } = match &lock {
            Some(lock) => compare(lock, &baseline, &files, &command),
            None => Comparison {
                differences: Vec::new(),
                new: files.len(),
                new_baseline: baseline.is_some(),
            },
        };
        let lines = baseline.as_ref().map(|(_, lines)| lines.as_slice());
        let (accepted, open): (Vec<_>, Vec<_>) = differences
            .into_iter()
            .partition(|difference| difference.names.iter().any(|name| accept.contains(name)));
        if !open.is_empty() {
            return Err(Refused::of(open.into_iter().map(|difference| difference.problem)));
        }
        let mut update = Self {
            path: path(folders),
            added: Vec::new(),
            accepted: Vec::new(),
            text: None,
            folder: folders.first().cloned().unwrap_or_default(),
        };
        let names = |from: usize| files[from..].iter().map(|(_, migration)| *migration);
        if !accepted.is_empty() {
            let mut names: Vec<String> = accepted.iter().map(|d| d.names[0].clone()).collect();
            names.dedup();
            update.accepted = names;
            update.text = Some(append(None, lines, files.iter().map(|(_, migration)| *migration)));
        } else if new > 0 || new_baseline || lock.is_none() {
            let lines = lines.filter(|_| new_baseline);
            update.text = Some(append(lock.as_ref(), lines, names(files.len() - new)));
        }
        update.added.extend(new_baseline.then(|| BASELINE.to_owned()));
        update.added.extend(names(files.len() - new).map(|migration| migration.name.to_string()));
        Ok(update)
    }

    /// Whether the lock file says all this already.
    pub fn is_empty(&self) -> bool {
        self.text.is_none()
    }

    /// Writes the file, or leaves it as it was.
    ///
    /// # Errors
    ///
    /// Those of the file system.
    pub fn write(&self) -> io::Result<()> {
        self.write_below(Path::new(""))
    }

    fn write_below(&self, base: &Path) -> io::Result<()> {
        let Some(text) = &self.text else { return Ok(()) };
        let path = base.join(&self.path);
        if !path.exists() {
            // A build script cannot watch a file that is not there (see `lib.rs`), but it watches the folder, whose time this changes.
            let mark = temporary(&base.join(&self.folder).join("lock"));
            fs::write(&mark, "").and_then(|()| fs::remove_file(&mark))?;
        }
        let temporary = temporary(&path);
        let written = fs::write(&temporary, text).and_then(|()| fs::rename(&temporary, &path));
        if written.is_err() {
            // What failed is the answer, whether or not this works.
            let _ = fs::remove_file(&temporary);
        }
        written
    }
}

/// A hidden file beside `path`, which no other process has.
fn temporary(path: &Path) -> PathBuf {
    let mut name = OsString::from(".");
    name.push(path.file_name().unwrap_or_default());
    name.push(format!(".{}", process::id()));
    path.with_file_name(name)
}

/// The files that have a migration.
fn migrations(set: &Set) -> Vec<(&File, &Migration)> {
    set.files.iter().filter_map(|file| Some((file, file.migration.as_ref()?))).collect()
}

/// What is there before the first migration, if anything says so.
fn baseline(set: &Set) -> Baseline<'_> {
    let lines = set.baseline().iter().map(crate::checksum::line).collect();
    set.baselines().first().map(|file| (file, lines))
}

/// The lock file, if there is one.
fn read(base: &Path, folders: &[PathBuf]) -> Result<Option<LockFile>, Box<Diagnostic>> {
    let path = path(folders);
    match fs::read_to_string(base.join(&path)) {
        Ok(text) => LockFile::parse(Source::new(&path, text)).map(Some),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(report::unreadable(&path, &error).into()),
    }
}

/// How many migrations are locked; `None` without a lock file, or with one that cannot be read, which is a problem of the set.
#[cfg(feature = "cli")]
pub(crate) fn locked(base: &Path, folders: &[PathBuf]) -> Option<usize> {
    let file = read(base, folders).ok()??;
    Some(file.blocks.iter().filter(|block| !block.is_baseline).count())
}

/// Compares a set with its lock file; what does not agree is a problem of the set.
pub(crate) fn check(set: &mut Set, base: &Path, folders: &[PathBuf], lock: Lock) {
    let command = Command::new(folders);
    let required = lock == Lock::Required || set.config.lock.required;
    let mut found = Diagnostics::default();
    match read(base, folders) {
        // Where a file cannot be read, nobody knows what it is called.
        Ok(Some(file)) if set.whole => {
            let differences =
                compare(&file, &baseline(set), &migrations(set), &command).differences;
            found.extend(differences.into_iter().map(|difference| difference.problem));
        }
        Ok(None) if required => {
            found.extend([report::missing(&path(folders), &command)]);
        }
        Ok(_) => {}
        Err(problem) => found.extend([*problem]),
    }
    // First, since other problems may come of an edit.
    std::mem::swap(&mut set.problems, &mut found);
    set.problems.extend(found.into_list());
}

/// What a build script does: writes if that is asked for, and checks. Gives what went wrong with writing.
pub(crate) fn build(set: &mut Set, base: &Path, folders: &[PathBuf], lock: Lock) -> io::Result<()> {
    check(set, base, folders, lock);
    if lock != Lock::Write || in_ci() || set.problems.errors().next().is_some() {
        return Ok(());
    }
    match Update::plan(set, folders, read(base, folders), &[]) {
        Ok(update) => update.write_below(base),
        // Found a moment ago, and reported.
        Err(Refused::Problems(_) | Refused::NoSuch(_)) => Ok(()),
    }
}
