//! The tables of a version as Rust code: `$OUT_DIR/reshape/schema.rs`.
//!
//! A table's code is a module of its own, a *shape*; a version's module re-exports the shapes of its tables. Tables that are the same in two versions, with
//! the same story, are one shape, so their rows are of the same type.
//!
//! **Invariant:** a function of the migrations and the settings alone.
//!
//! **Invariant:** the code compiles whatever the names are: paths are absolute, identifiers unique, everything documented.

mod catalog;
mod docs;
mod library;
mod names;
mod new;
mod shape;
mod story;
mod table;
mod words;

use reshape_runtime::history::History;
use reshape_runtime::model::Migration;
use reshape_runtime::schema::{Schema, Table};

pub(crate) use self::catalog::catalog;
use self::docs::code;
pub use self::library::Library;
use self::names::Taken;
use self::shape::Shapes;
pub(crate) use self::story::Story;
use self::table::Idents;
pub(crate) use self::words::pages;

/// What the build script says about the typed modules.
#[derive(Clone, Debug, Default)]
pub(crate) struct Settings {
    /// Whose types columns have.
    pub(crate) libraries: Vec<Library>,
    /// Rust types by the Postgres types that they stand for.
    pub(crate) types: Vec<(String, String)>,
    /// The module that `migrations!` makes, as a path that means the same everywhere in the crate.
    pub(crate) module: Option<String>,
    /// Whether every version gets a module, not only the newest two.
    pub(crate) all_versions: bool,
}

/// The modules of the versions and of the newest, for `migrations!` to include, and the story of all migrations.
pub(crate) fn modules(
    settings: &Settings,
    migrations: &[&Migration],
    history: Option<&History>,
) -> (String, Story) {
    let count = history.map_or(0, |history| {
        (0..migrations.len()).take_while(|n| history.schema_after(n + 1).is_some()).count()
    });
    let first = if settings.all_versions { 0 } else { count.saturating_sub(2) };
    let mut story = Story::of_baseline(history.and_then(|history| history.schema_after(0)));
    let mut shapes = Shapes::new(settings);
    let mut taken = Taken::default();
    let mut versions = String::new();
    // With a file that cannot be read, the newest is the last one that is known.
    let known = |number: usize| history.and_then(|history| history.schema_after(number + 1));
    let mut newest_module = String::new();
    for (number, migration) in migrations.iter().enumerate() {
        story.tell(migration);
        // Names of all of them, so that a module keeps its name when another one gets old.
        let module = taken.take(&names::module(&migration.name, 'v'));
        let Some(schema) = known(number).filter(|_| number >= first) else { continue };
        let exports = exports(&mut shapes, schema, &story);
        let about = format!("The tables of version {}.", code(&migration.name));
        version(&mut versions, &module, "super::super", &about, &exports, &story);
        if number + 1 == count {
            let about = format!("The tables of the newest version, {}.", code(&migration.name));
            version(&mut newest_module, "schema", "super", &about, &exports, &story);
        }
    }
    if newest_module.is_empty() {
        version(&mut newest_module, "schema", "super", "There is no version yet.", &[], &story);
    }
    let code = format!(
        "// Written by reshape-build from the migration files.\n{}\n{newest_module}\npub mod versions {{\n{versions}}}\n",
        shapes.code
    );
    (code, story)
}

/// Where the Rust enum of an enum type is.
struct EnumPath {
    /// The type's name.
    name: String,
    /// The shape.
    module: String,
    /// The Rust enum, by a name that nothing else of the version has.
    ident: String,
}

/// What the types of a version are called: of its tables, then of its enum types, each in the schema's order. What belongs to a table keeps
/// its name when an enum type wants the same.
fn idents(schema: &Schema) -> (Vec<Idents>, Vec<String>) {
    let mut taken = Taken::default();
    let table = |table: &Table| {
        let row = taken.take(&names::camel(&table.name, 'T'));
        let new = taken.take(&format!("New{row}"));
        let module = taken.take(&names::module(&table.name, 't'));
        Idents { row, new, module }
    };
    let tables = schema.tables().map(table).collect();
    let enums = schema.enums().map(|known| taken.take(&names::camel(&known.name, 'E'))).collect();
    (tables, enums)
}

/// The paths of everything in a version, from the module that has the shapes.
fn exports(shapes: &mut Shapes<'_>, schema: &Schema, story: &Story) -> Vec<String> {
    let (tables, enums) = idents(schema);
    let enums: Vec<EnumPath> = schema
        .enums()
        .zip(enums)
        .map(|(enumeration, ident)| {
            let module = shapes.enumeration(enumeration, &ident);
            EnumPath { name: enumeration.name.clone(), module, ident }
        })
        .collect();
    let mut exports: Vec<String> =
        enums.iter().map(|known| format!("{}::{}", known.module, known.ident)).collect();
    let told = story.tables(schema);
    for (table, idents) in schema.tables().zip(tables) {
        let shape = shapes.table(schema, table, &enums, told.get(&table.name).copied(), &idents);
        let Idents { row, new, module } = idents;
        exports.push(format!("{shape}::{{{row}, {new}, {module}}}"));
    }
    exports
}

/// Writes the module of a version; `shapes` is the way from it to the module that has the shapes.
fn version(
    text: &mut String,
    module: &str,
    shapes: &str,
    about: &str,
    exports: &[String],
    story: &Story,
) {
    docs::write(text, &docs::version(about, story));
    text.push_str(&format!("pub mod {module} {{\n"));
    for export in exports {
        text.push_str(&format!("pub use {shapes}::{export};\n"));
    }
    text.push_str("}\n");
}

#[cfg(test)]
mod tests;
