//! Folds migrations into schema versions.
//!
//! **Invariant:** pure; the same migrations give the same versions and the same problems, in the order of the files.

use std::collections::HashMap;

use crate::action::Action;
use crate::model::Migrations;
use crate::rule::Rule;
use crate::schema::{At, Inspect, Problem, Review, Scene, Schema, Segment, nearest, place};
use crate::sql::names::{self, MAX_MIGRATION_NAME};
use crate::sql::tenant;

/// A set of migrations together with the schema before the first and after each.
#[derive(Clone, Debug)]
pub struct History {
    names: Vec<String>,
    versions: Vec<Schema>,
}

impl History {
    /// Replays `migrations` from their baseline, or else from an empty schema. Every problem is found, not only the first; after one the replay goes on
    /// with what the author most likely meant, so that one mistake gives one problem.
    pub fn replay(migrations: &Migrations) -> (Self, Vec<Problem>) {
        Self::replayed(migrations, None)
    }

    /// The same, and every piece of SQL is shown to the inspector at its point of the history.
    pub fn replay_with(
        migrations: &Migrations,
        inspector: &mut dyn Inspect,
    ) -> (Self, Vec<Problem>) {
        Self::replayed(migrations, Some(inspector))
    }

    fn replayed(
        migrations: &Migrations,
        mut inspector: Option<&mut dyn Inspect>,
    ) -> (Self, Vec<Problem>) {
        let names: Vec<String> =
            migrations.migrations.iter().map(|migration| migration.name.to_string()).collect();
        let mut schema = Schema::new(names.clone()).of_set(migrations.namespace());
        let mut problems = Vec::new();
        let adopted = !migrations.baseline.is_empty();
        for (action, what) in migrations.baseline.iter().enumerate() {
            what.check(&mut schema, At { migration: At::BASELINE, action }, &mut problems);
        }
        let mut versions = vec![schema.snapshot()];
        for (number, migration) in migrations.migrations.iter().enumerate() {
            for (action, what) in migration.actions.iter().enumerate() {
                let at = At { migration: number, action };
                foresee(&mut Review::new(&mut schema, at, &mut problems), what);
            }
        }
        if inspector.is_some() {
            schema.note_snippets();
        }
        // The first of all that are named alike: comparing each name with every other takes longer than all the rest.
        let mut alike: HashMap<String, usize> = HashMap::new();
        for (number, migration) in migrations.migrations.iter().enumerate() {
            let mut review = Review::new(&mut schema, At::whole(number), &mut problems);
            let first = *alike.entry(folded(&names[number])).or_insert(number);
            check_name(&mut review, &names, number, first);
            check_requires(&mut review, migrations, number);
            for (action, what) in migration.actions.iter().enumerate() {
                what.check(&mut schema, At { migration: number, action }, &mut problems);
                if let Some(inspector) = inspector.as_deref_mut() {
                    let snippets = schema.take_snippets();
                    Scene::new(&schema, adopted).show(&snippets, inspector, &mut problems);
                }
            }
            versions.push(schema.snapshot());
        }
        (Self { names, versions }, problems)
    }

    /// The schema after the first `count` migrations; `None` past the end.
    pub fn schema_after(&self, count: usize) -> Option<&Schema> {
        self.versions.get(count)
    }

    /// The schema after the last migration.
    pub fn latest(&self) -> &Schema {
        // There is always the version before the first migration.
        &self.versions[self.versions.len() - 1]
    }

    /// The name of the migration that `at` points into; `None` if that is the baseline, or not of this history.
    pub fn migration_name(&self, at: At) -> Option<&str> {
        self.names.get(at.migration).map(String::as_str)
    }
}

/// What comes too early can be told from what never comes.
fn foresee(review: &mut Review<'_>, action: &Action) {
    if let Action::CreateTable(table) = action {
        review.foresee_table(&table.name, place!["name"]);
    }
    if let Action::RenameTable(table) = action {
        review.foresee_table(&table.new_name, place!["new_name"]);
    }
    if let Action::CreateEnum(enumeration) = action {
        review.foresee_enum(&enumeration.name, place!["name"]);
    }
}

/// What is required of the same set comes before; what is required of another one is not known here, and neither are its tables.
fn check_requires(review: &mut Review<'_>, migrations: &Migrations, number: usize) {
    let set = tenant::set_of(migrations.namespace());
    for (place, entry) in migrations.migrations[number].requires.iter().enumerate() {
        let path = vec![Segment::from("requires"), Segment::from(place)];
        let name = match names::required(entry) {
            Some((other, _)) if other != set && !is_one(migrations, entry) => {
                review.note_other_sets();
                continue;
            }
            Some((_, name)) if !is_one(migrations, entry) => name,
            Some(_) | None => entry,
        };
        let position = migrations.migrations.iter().position(|other| other.name == name);
        let (rule, message) = match position {
            Some(position) if position < number => continue,
            Some(position) if position == number => {
                (Rule::RequiredLater, format!("the migration `{name}` requires itself"))
            }
            Some(_) => (
                Rule::RequiredLater,
                format!("the migration `{name}`, which is required, comes later"),
            ),
            None => (
                Rule::UnknownRequirement,
                format!("the migration `{name}`, which is required, does not exist"),
            ),
        };
        let help = if position.is_some() {
            String::from("migrations run in the order of their names: rename one of them")
        } else {
            let names = migrations.migrations[..number].iter().map(|other| &*other.name);
            let near = nearest(name, names).map(|near| format!("did you mean `{near}`? "));
            let other = "a migration of another set is `<its namespace>/<its name>`";
            format!("{}{other}", near.unwrap_or_default())
        };
        review.report(rule, path, message).help(help);
    }
}

fn is_one(migrations: &Migrations, name: &str) -> bool {
    migrations.migrations.iter().any(|migration| migration.name == name)
}

/// A migration's name makes the name of a schema, and tells it from the others, the first of which that is named alike is `alike`.
fn check_name(review: &mut Review<'_>, names: &[String], number: usize, alike: usize) {
    let name = &names[number];
    let path = place!["name"];
    if name.is_empty() {
        review.report(Rule::EmptyValue, path, "the migration's name is empty");
        return;
    }
    if name.len() > MAX_MIGRATION_NAME {
        let mut end = MAX_MIGRATION_NAME;
        while !name.is_char_boundary(end) {
            end -= 1;
        }
        let short = name[..end].trim_end_matches(['_', '-', ' ', '.']);
        review
            .report(
                Rule::MigrationNameTooLong,
                path.clone(),
                format!("the migration's name `{name}` is {} bytes long", name.len()),
            )
            .help(format!(
                "its schema `migration_<name>` has room for {MAX_MIGRATION_NAME}, e.g. `{short}`"
            ));
    }
    if alike == number {
        return;
    }
    let earlier = &names[..number];
    if let Some(same) = earlier.iter().position(|earlier| earlier == name) {
        let message = format!("there are two migrations called `{name}`");
        let problem = review.report(Rule::DuplicateName, path.clone(), message);
        problem.help("rename one of them; a name is for ever, so rather the newer one");
        problem.related = Some((At::whole(same), path, String::from("the first one")));
    } else {
        let message = format!("the migrations `{}` and `{name}` are named alike", names[alike]);
        let problem = review.report(Rule::SimilarNames, path.clone(), message);
        problem.help("rename one of them: they differ only in case or punctuation");
        problem.related = Some((At::whole(alike), path, String::from("the first one")));
    }
}

/// A name without what is easily overlooked: case, and which character parts the words.
fn folded(name: &str) -> String {
    name.to_lowercase().replace(|c: char| !c.is_alphanumeric(), "_")
}
