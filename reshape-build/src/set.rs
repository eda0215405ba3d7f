//! A set of migrations: every file, in order, and everything that is wrong with them together.
//!
//! **Invariant:** one mistake gives one problem. What cannot be judged because something before it is broken is not judged.

use std::path::{Path, PathBuf};

use reshape_runtime::Migrations;
use reshape_runtime::history::History;
use reshape_runtime::model::Migration;
use reshape_runtime::schema::{At, Problem, Segment};

use crate::diagnostic::{Diagnostic, Diagnostics, Place};
use crate::file::File;
use crate::source::{self, Candidate};

/// What a list of folders holds.
#[derive(Debug)]
pub(crate) struct Set {
    files: Vec<File>,
    pub(crate) problems: Diagnostics,
}

impl Set {
    /// Finds, parses and checks the migrations in `folders`, relative to `base`.
    pub(crate) fn load(base: &Path, folders: &[PathBuf]) -> Self {
        let found = source::find(base, folders);
        let mut files: Vec<File> = found.candidates.iter().map(Candidate::load).collect();

        let mut known = found.problems.is_empty();
        let mut problems = Diagnostics::default();
        problems.extend(found.problems);

        let mut later: Vec<(usize, Diagnostic)> = Vec::new();
        for (index, problem) in ambiguous(&found.candidates, &files) {
            later.push((index, problem));
            known = false;
        }
        later.extend(same_name(&found.candidates, &files));
        for (index, file) in files.iter_mut().enumerate() {
            later.extend(file.problems.drain(..).map(|problem| (index, problem)));
        }
        if known {
            later.extend(replay(&files));
        }
        later.sort_by_key(|(index, problem)| (*index, problem.line, problem.column));
        problems.extend(later.into_iter().map(|(_, problem)| problem));
        Self { files, problems }
    }

    /// The migrations that could be read, in order, each with the path of its file.
    pub(crate) fn migrations(&self) -> impl Iterator<Item = (&Migration, &str)> {
        self.files
            .iter()
            .filter_map(|file| Some((file.migration.as_ref()?, file.source.path.as_str())))
    }

    /// The migrations, if nothing is wrong with any of them.
    pub(crate) fn into_result(self) -> Result<Migrations, Diagnostics> {
        if self.problems.is_empty() {
            Ok(Migrations::owned(self.files.into_iter().filter_map(|f| f.migration).collect()))
        } else {
            Err(self.problems)
        }
    }
}

/// Files whose order is not plain: `1_x` and `01_x`, `a.toml` and `a.json`.
fn ambiguous(candidates: &[Candidate], files: &[File]) -> Vec<(usize, Diagnostic)> {
    let mut problems = Vec::new();
    for (index, pair) in candidates.windows(2).enumerate() {
        let [first, second] = pair else { continue };
        if first.order != second.order {
            continue;
        }
        let (a, b) = (first.file_name(), second.file_name());
        let (message, help) = if first.stem == second.stem {
            (
                format!("two files are the migration `{}`", first.stem),
                "rename or remove one of them",
            )
        } else {
            let (a, b) = (&first.stem, &second.stem);
            let message = format!("the order of `{a}` and `{b}` is ambiguous: they sort alike");
            (
                message,
                "rename one of them: the numbers, read as numbers, or else the names must differ",
            )
        };
        let problem = Diagnostic::new(Place::whole(&files[index + 1].source), message)
            .help(format!("{help}: `{a}`, `{b}`"));
        problems.push((index + 1, problem));
    }
    problems
}

/// Files that give themselves the same name. Those that already clash by their stems are left out.
fn same_name(candidates: &[Candidate], files: &[File]) -> Vec<(usize, Diagnostic)> {
    let mut problems = Vec::new();
    for (index, file) in files.iter().enumerate() {
        let Some(migration) = &file.migration else { continue };
        let earlier = files[..index].iter().zip(candidates).find(|(other, candidate)| {
            other.migration.as_ref().is_some_and(|other| other.name == migration.name)
                && candidate.order != candidates[index].order
        });
        if let Some((other, _)) = earlier {
            let message = format!("two migrations have the name `{}`", migration.name);
            let label = format!("the other one is `{}`", other.source.path);
            let problem = Diagnostic::new(file.name_place(), message)
                .related(other.name_place(), label)
                .help("give one of them another name");
            problems.push((index, problem));
        }
    }
    problems
}

/// Replays the migrations before the first that could not be read: what comes after it may depend on it.
fn replay(files: &[File]) -> Vec<(usize, Diagnostic)> {
    let migrations: Vec<Migration> =
        files.iter().map_while(|file| file.migration.clone()).collect();
    let (_, problems) = History::replay(&Migrations::owned(migrations));
    problems.into_iter().map(|problem| (problem.at.migration, located(files, problem))).collect()
}

fn located(files: &[File], problem: Problem) -> Diagnostic {
    let place = |at: At, path: &[Segment]| files[at.migration].place(at.action, path);
    let mut diagnostic = Diagnostic::new(place(problem.at, &problem.path), problem.message);
    if let Some((at, path, label)) = problem.related {
        diagnostic = diagnostic.related(place(at, &path), label);
    }
    match problem.help {
        Some(help) => diagnostic.help(help),
        None => diagnostic,
    }
}
