//! A set of migrations: every file, in order, and everything that is wrong with them together.
//!
//! **Invariant:** one mistake gives one problem. What cannot be judged because something before it is broken is not judged.

use std::collections::HashMap;
use std::ops::Range;
use std::path::{Path, PathBuf};

use reshape_runtime::history::History;
use reshape_runtime::model::{Action, DEFAULT_NAMESPACE, Migration};
use reshape_runtime::schema::{At, Problem, Segment};
use reshape_runtime::sql::names;
use reshape_runtime::{Migrations, Rule};

use crate::config::{self, Config};
use crate::diagnostic::{Diagnostic, Diagnostics, Place};
use crate::file::File;
use crate::hazard;
use crate::level::judge;
use crate::source::{self, Candidate};
use crate::sql::Inspector;
use crate::text::Source;

/// What a list of folders holds.
#[derive(Debug)]
pub(crate) struct Set {
    pub(crate) files: Vec<File>,
    /// Whether every migration is known, and its name is its own.
    pub(crate) whole: bool,
    /// Its name, unless it is the default set.
    pub(crate) namespace: Option<String>,
    /// What the migrations lead to, as far as they could be read.
    pub(crate) history: Option<History>,
    /// Those that say what is there before the first migration.
    baselines: Vec<File>,
    pub(crate) config: Config,
    pub(crate) problems: Diagnostics,
}

impl Set {
    /// Finds, parses and checks the migrations in `folders`, relative to `base`.
    pub(crate) fn load(base: &Path, folders: &[PathBuf]) -> Self {
        Self::load_as(base, folders, None, &base.join(config::root_of(folders)))
    }

    /// The same for the set of that name, with the settings in the folder `root`.
    pub(crate) fn load_as(
        base: &Path,
        folders: &[PathBuf],
        namespace: Option<&str>,
        root: &Path,
    ) -> Self {
        let namespace = namespace.filter(|namespace| *namespace != DEFAULT_NAMESPACE);
        let found = source::find(base, folders);
        let mut files: Vec<File> = found.candidates.iter().map(Candidate::load).collect();

        let mut known = found.problems.is_empty();
        let mut problems = Diagnostics::default();
        let (config, found_there) = Config::load(root, root.strip_prefix(base).unwrap_or(root));
        problems.extend(found_there);
        problems.extend(found.problems);
        let mut baselines: Vec<File> = found.baselines.iter().map(Candidate::load).collect();
        for file in &mut baselines {
            known &= file.problems.is_empty();
            problems.extend(file.problems.drain(..));
        }

        let mut later: Vec<(usize, Diagnostic)> = Vec::new();
        for (index, problem) in ambiguous(&found.candidates, &files) {
            later.push((index, problem));
            known = false;
        }
        let twice = same_name(&found.candidates, &files);
        // The replay takes names for unique: it goes up to the first that is not.
        let whole = known && twice.is_empty() && files.iter().all(|file| file.migration.is_some());
        let unique = twice.first().map_or(files.len(), |(index, _)| *index);
        later.extend(twice);
        for (index, file) in files.iter_mut().enumerate() {
            later.extend(file.problems.drain(..).map(|problem| (index, problem)));
        }
        let mut history = None;
        if known {
            let (replayed, before, found) =
                replay(&baselines, &files[..unique], namespace, &config);
            history = Some(replayed);
            problems.extend(before);
            later.extend(found);
        }
        if let Some(namespace) = namespace {
            match names::namespace_problem(namespace) {
                Some((message, help)) => {
                    let place = Place::whole(&Source::new(Path::new("build.rs"), ""));
                    problems.extend([
                        Diagnostic::new(Rule::InvalidNamespace, place, message).help(help)
                    ]);
                }
                None => later.extend(too_long(&files, namespace)),
            }
        }
        later.sort_by_key(|(index, problem)| (*index, problem.line, problem.column));
        problems.extend(later.into_iter().map(|(_, problem)| problem));
        let namespace = namespace.map(str::to_owned);
        Self { files, whole, namespace, history, baselines, config, problems }
    }

    /// The migrations that could be read, in order, each with the path of its file.
    pub(crate) fn migrations(&self) -> impl Iterator<Item = (&Migration, &str)> {
        self.files
            .iter()
            .filter_map(|file| Some((file.migration.as_ref()?, file.source.path.as_str())))
    }

    /// What is there before the first migration.
    pub(crate) fn baseline(&self) -> Vec<Action> {
        baseline(&self.baselines)
    }

    /// The files that say so.
    pub(crate) fn baselines(&self) -> &[File] {
        &self.baselines
    }

    /// The migrations, if nothing is wrong with any of them.
    pub(crate) fn into_result(self) -> Result<Migrations, Diagnostics> {
        if self.problems.errors().next().is_none() {
            let baseline = self.baseline();
            let migrations = self.files.into_iter().filter_map(|file| file.migration).collect();
            let migrations = Migrations::owned(migrations).after(baseline);
            Ok(named(migrations, self.namespace.as_deref()))
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
        let place = Place::whole(&files[index + 1].source);
        let problem = if first.stem == second.stem {
            Diagnostic::new(
                Rule::DuplicateName,
                place,
                format!("two files are the migration `{}`", first.stem),
            )
            .help(format!("rename or remove `{a}` or `{b}`"))
        } else {
            let (first, second) = (&first.stem, &second.stem);
            let message = format!("the order of `{first}` and `{second}` is ambiguous");
            Diagnostic::new(Rule::AmbiguousOrder, place, message).help(format!(
                "rename `{a}` or `{b}`: leading zeros and upper case do not count in the order"
            ))
        };
        problems.push((index + 1, problem));
    }
    problems
}

/// Files that give themselves the same name. Those that already clash by their stems are left out.
fn same_name(candidates: &[Candidate], files: &[File]) -> Vec<(usize, Diagnostic)> {
    let mut problems = Vec::new();
    let mut by_name: HashMap<&str, Vec<usize>> = HashMap::new();
    for (index, file) in files.iter().enumerate() {
        let Some(migration) = &file.migration else { continue };
        let same = by_name.entry(&migration.name).or_default();
        let earlier =
            same.iter().find(|other| candidates[**other].order != candidates[index].order);
        let earlier = earlier.map(|other| &files[*other]);
        same.push(index);
        if let Some(other) = earlier {
            let message = format!("two migrations have the name `{}`", migration.name);
            let label = format!("the other one is `{}`", other.source.path);
            let problem = Diagnostic::new(Rule::DuplicateName, file.name_place(), message)
                .related(other.name_place(), label)
                .help("give one of them another name");
            problems.push((index, problem));
        }
    }
    problems
}

/// Replays the migrations before the first that could not be read: what comes after it may depend on it. Problems of the baseline
/// stand apart.
fn replay(
    baselines: &[File],
    files: &[File],
    namespace: Option<&str>,
    config: &Config,
) -> (History, Vec<Diagnostic>, Vec<(usize, Diagnostic)>) {
    let migrations = Migrations::owned(replayable(files)).after(baseline(baselines));
    let migrations = named(migrations, namespace);
    let (history, mut problems) = History::replay_with(&migrations, &mut Inspector);
    problems.extend(hazard::find(&migrations, &history));
    let problems = judge(&migrations.migrations, problems, config);
    let (before, later): (Vec<_>, Vec<_>) =
        problems.into_iter().partition(|(problem, _)| problem.at.migration == At::BASELINE);
    let located = |(problem, level)| located(baselines, files, problem).at_level(level);
    let later = later.into_iter().map(|told| (told.0.at.migration, located(told)));
    (history, before.into_iter().map(located).collect(), later.collect())
}

/// The actions of all baselines, one after the other.
fn baseline(files: &[File]) -> Vec<Action> {
    let actions = files.iter().filter_map(|file| file.migration.as_ref());
    actions.flat_map(|baseline| baseline.actions.iter().cloned()).collect()
}

fn named(migrations: Migrations, namespace: Option<&str>) -> Migrations {
    match namespace {
        Some(namespace) => migrations.in_namespace(namespace.to_owned()),
        None => migrations,
    }
}

/// Migrations whose schema has no room for the name of the set.
fn too_long(files: &[File], namespace: &str) -> Vec<(usize, Diagnostic)> {
    let mut problems = Vec::new();
    for (index, file) in files.iter().enumerate() {
        let Some(migration) = &file.migration else { continue };
        if names::is_too_long(namespace, &migration.name) {
            let schema = names::version_schema(&names::version(namespace, &migration.name));
            let message = format!(
                "the schema `{schema}` of the migration has {} bytes: a name in Postgres has room for {}",
                schema.len(),
                names::MAX_IDENTIFIER
            );
            let help = "shorten the name of the migration, or that of the set";
            problems.push((
                index,
                Diagnostic::new(Rule::MigrationNameTooLong, file.name_place(), message).help(help),
            ));
        }
    }
    problems
}

/// The migrations before the first file that gave none: each has the index of its file.
fn replayable(files: &[File]) -> Vec<Migration> {
    files.iter().map_while(|file| file.migration.clone()).collect()
}

fn located(baselines: &[File], files: &[File], problem: Problem) -> Diagnostic {
    let place = |at: At, path: &[Segment], within: Option<&Range<usize>>| {
        if at.migration != At::BASELINE {
            return files[at.migration].place(at.action, path, within);
        }
        let mut action = at.action;
        let file = baselines.iter().find(|file| {
            let actions = file.migration.as_ref().map_or(0, |baseline| baseline.actions.len());
            let here = action < actions;
            if !here {
                action -= actions;
            }
            here
        });
        file.expect("a problem of a baseline is one of its actions").place(action, path, within)
    };
    let mut diagnostic = Diagnostic::new(
        problem.rule,
        place(problem.at, &problem.path, problem.within.as_ref()),
        problem.message,
    );
    if let Some((at, path, label)) = problem.related {
        diagnostic = diagnostic.related(place(at, &path, None), label);
    }
    match problem.help {
        Some(help) => diagnostic.help(help),
        None => diagnostic,
    }
}

#[cfg(test)]
mod tests {
    use reshape_runtime::model::Transform;

    use super::*;

    fn set(case: &str) -> Set {
        Set::load(Path::new("../tests/cases"), &[case.into()])
    }

    fn problem(at: (usize, usize), path: &[Segment]) -> Problem {
        Problem {
            rule: Rule::UnknownTable,
            at: At { migration: at.0, action: at.1 },
            path: path.to_vec(),
            within: None,
            message: "wrong".to_owned(),
            help: None,
            related: None,
        }
    }

    /// `file:line` and the text that is pointed at.
    fn pointed(set: &Set, at: (usize, usize), path: &[Segment]) -> String {
        let diagnostic = located(&set.baselines, &set.files, problem(at, path));
        let source = &set.files[at.0].source;
        let file = source.path.rsplit('/').next().unwrap();
        let line = source.text.lines().nth(diagnostic.line - 1).unwrap();
        let rest: String = line.chars().skip(diagnostic.column - 1).collect();
        format!("{file}:{}: {rest}", diagnostic.line)
    }

    #[test]
    fn a_problem_of_the_history_is_shown_at_its_value() {
        let set = set("good/all_actions_toml");
        let table = |path: &[Segment]| pointed(&set, (0, 1), path);
        assert_eq!(table(&[]), "0001_shop.toml:8: [[actions]]");
        assert_eq!(table(&["name".into()]), "0001_shop.toml:10: \"users\"");
        assert_eq!(
            table(&["columns".into(), 1.into(), "default".into()]),
            "0001_shop.toml:23: \"'nobody'\""
        );
        assert_eq!(table(&["columns".into(), 3.into()]), "0001_shop.toml:30: [[actions.columns]]");
        assert_eq!(
            pointed(&set, (1, 1), &["up".into()]),
            "0002_change.toml:22: \"\"\"",
            "a string of several lines"
        );
        assert_eq!(
            pointed(&set, (1, 2), &["column".into(), "type".into()]),
            "0002_change.toml:35: \"text\" }",
            "in an inline table, after a string of several lines"
        );
    }

    #[test]
    fn a_problem_inside_a_string_is_shown_at_the_very_word() {
        let set = set("good/all_actions_toml");
        let mut problem = problem((1, 1), &["up".into()]);
        let File { migration: Some(migration), .. } = &set.files[1] else { panic!("it is good") };
        let Action::AddColumn(action) = &migration.actions[1] else { panic!("{migration:?}") };
        let Some(Transform::Expression(sql)) = &action.up else { panic!("{action:?}") };
        let at = sql.find("WHEN").expect("it is a case");
        problem.within = Some(at..at + 4);
        let text = located(&set.baselines, &set.files, problem).render(false);
        insta::assert_snapshot!(text, @r"
        error[R0201]: wrong
          --> good/all_actions_toml/0002_change.toml:24:3
           |
        24 |   WHEN name = '' THEN NULL
           |   ^^^^
        ");
    }

    #[test]
    fn a_problem_at_a_value_that_is_not_written_is_shown_around_it() {
        let set = set("good/all_actions_toml");
        let table = |path: &[Segment]| pointed(&set, (0, 1), path);
        // A single name stands for a list of one.
        assert_eq!(table(&["primary_key".into(), 0.into()]), "0001_shop.toml:11: \"id\"");
        assert_eq!(
            table(&["columns".into(), 2.into(), "nullable".into()]),
            "0001_shop.toml:26: [[actions.columns]]"
        );
        assert_eq!(table(&["up".into(), "values".into()]), "0001_shop.toml:8: [[actions]]");
        let json = self::set("good/all_actions_json");
        assert!(pointed(&json, (0, 1), &["up".into()]).ends_with(": \"create_table\""));
    }

    #[test]
    fn a_related_place_in_another_file_is_shown_too() {
        let set = set("good/order");
        let mut problem = problem((2, 0), &["table".into()]);
        problem.help = Some("remove it once".to_owned());
        let before = At { migration: 0, action: 0 };
        problem.related = Some((before, vec!["name".into()], "created here".to_owned()));
        let text = located(&set.baselines, &set.files, problem).render(false);
        insta::assert_snapshot!(text, @r#"
        error[R0201]: wrong
         --> good/order/10_third.toml:3:9
          |
        3 | table = "a"
          |         ^^^
          |
         ::: good/order/1_first.toml:3:8
          |
        3 | name = "a"
          |        --- created here
          |
          = help: remove it once
        "#);
    }

    #[test]
    fn what_follows_a_broken_file_is_not_replayed() {
        let set = set("several/toml_syntax");
        let broken = set.files.iter().position(|file| file.migration.is_none()).unwrap();
        assert_eq!(replayable(&set.files).len(), broken);
        assert!(set.files[broken + 1..].iter().any(|file| file.migration.is_some()));
        assert!(set.problems.iter().all(|problem| !problem.file.contains("2_b")));
    }

    #[test]
    fn folders_that_are_missing_or_no_folders_are_explained() {
        let base = tempfile::tempdir().unwrap();
        std::fs::write(base.path().join("file"), "").unwrap();
        std::fs::create_dir(base.path().join("empty")).unwrap();
        let folders = ["missing/folder".into(), "file".into(), "empty".into(), "empty".into()];
        let set = Set::load(base.path(), &folders);
        insta::assert_snapshot!(set.problems, @r#"
        error[R0101]: there is no folder `missing/folder`
        --> missing/folder
         |
         = help: write a first migration, e.g. `missing/folder/0001_create_users.toml`:

                 [[actions]]
                 type = "create_table"
                 name = "users"
                 primary_key = "id"

                 [[actions.columns]]
                 name = "id"
                 type = "bigint"
                 generated = "ALWAYS AS IDENTITY"

        error[R0102]: `file` is a file, not a folder
        --> file
         |
         = help: name the folder that holds the migrations

        error[R0103]: no migration in the folder `empty`
        --> empty
         |
         = help: write a first migration, e.g. `empty/0001_create_users.toml`:

                 [[actions]]
                 type = "create_table"
                 name = "users"
                 primary_key = "id"

                 [[actions.columns]]
                 name = "id"
                 type = "bigint"
                 generated = "ALWAYS AS IDENTITY"
        "#);
    }

    #[cfg(unix)]
    #[test]
    fn a_file_that_cannot_be_read_is_explained() {
        let base = tempfile::tempdir().unwrap();
        let folder = base.path().join("migrations");
        std::fs::create_dir(&folder).unwrap();
        std::os::unix::fs::symlink("nowhere", folder.join("1_a.toml")).unwrap();
        std::fs::write(folder.join("2_b.toml"), "actions = []").unwrap();
        let set = Set::load(base.path(), &["migrations".into()]);
        assert_eq!(set.migrations().count(), 1);
        insta::assert_snapshot!(set.problems, @r#"
        error[R0004]: cannot read the file: it leads nowhere
        --> migrations/1_a.toml
        "#);
    }

    #[test]
    fn the_order_is_that_of_the_names_over_all_folders() {
        let base = tempfile::tempdir().unwrap();
        for (folder, file) in [("b", "1_x"), ("a", "2_x"), ("b", "10_x"), ("a", "9_x")] {
            let folder = base.path().join(folder);
            std::fs::create_dir_all(&folder).unwrap();
            std::fs::write(folder.join(format!("{file}.toml")), "actions = []").unwrap();
        }
        let set = Set::load(base.path(), &["a".into(), "b".into()]);
        let files: Vec<&str> = set.migrations().map(|(_, file)| file).collect();
        assert_eq!(files, ["b/1_x.toml", "a/2_x.toml", "a/9_x.toml", "b/10_x.toml"]);
        assert!(set.problems.is_empty(), "{}", set.problems);
    }
}
