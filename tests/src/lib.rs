//! What the database tests share: histories from TOML, a rollout with clients of both versions, and a dump of the catalog.
//!
//! **Invariant:** every test has a database of its own.

pub mod examples;

use std::borrow::Cow;
use std::fs;

use postgres::{Client, SimpleQueryMessage};
use reshape_runtime::history::History;
use reshape_runtime::model::{Allow, Lint};
use reshape_runtime::plan::facts::Facts;
use reshape_runtime::plan::{Plan, Refusal, Request, Work, plan};
use reshape_runtime::rule::Rule;
use reshape_runtime::testing::{Server, TestDatabase};
use reshape_runtime::{Error, Migrations, Migrator, Report};

/// A history from the text of its files: `(stem, TOML)`. It goes through the same parser and checks as a user's.
///
/// # Panics
///
/// If a check fails: the test is wrong.
pub fn migrations(files: &[(&str, &str)]) -> Migrations {
    let root = tempfile::tempdir().expect("a temporary folder");
    let folder = root.path().join("migrations");
    fs::create_dir(&folder).expect("a folder");
    for (stem, text) in files {
        fs::write(folder.join(format!("{stem}.toml")), text).expect("a migration file");
    }
    // Tests do on purpose what a hazard is about.
    let hazards = Rule::ALL.iter().filter(|rule| rule.is_hazard());
    let levels: Vec<String> = hazards.map(|rule| format!("{} = \"allow\"", rule.name())).collect();
    let settings = format!("[lints]\n{}\n", levels.join("\n"));
    fs::write(root.path().join("reshape.toml"), settings).expect("settings");
    match reshape_build::load(&[&folder]) {
        Ok(migrations) => migrations,
        Err(diagnostics) => panic!("{diagnostics}"),
    }
}

/// A fresh database.
///
/// # Panics
///
/// If there is no server.
pub fn database() -> TestDatabase {
    match Server::shared().and_then(Server::database) {
        Ok(database) => database,
        Err(error) => panic!("{}", error.report()),
    }
}

/// The name of the first migration of a [`Rollout`].
pub const BASE: &str = "1_base";
/// The name of the second.
pub const CHANGE: &str = "2_change";

/// Two migrations, and clients of both versions.
pub struct Rollout {
    /// Whose catalog was `before` when the second migration had not begun.
    pub database: TestDatabase,
    /// Uses the first version's schema.
    pub old: Client,
    /// Uses the second version's schema, once it is published.
    pub new: Client,
    /// Both migrations.
    pub migrations: Migrations,
    /// The catalog before the second migration.
    pub before: Vec<String>,
    /// Whether it was not what the first migration says.
    drifted: bool,
}

impl std::fmt::Debug for Rollout {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Rollout").field("database", &self.database).finish_non_exhaustive()
    }
}

impl Rollout {
    /// Completes `base`, runs `rows` as a client of its version, and gets ready to start `change`.
    ///
    /// # Panics
    ///
    /// If anything fails.
    pub fn prepare(base: &str, rows: &str, change: &str) -> Self {
        let database = database();
        let mut migrations = migrations(&[(BASE, base), (CHANGE, change)]);
        let first = migrations.up_to(BASE).expect("the first migration");
        let mut migrator = Migrator::new(first, database.url());
        migrate(&mut migrator);
        let mut old = client(&database, BASE);
        let new = client(&database, CHANGE);
        old.batch_execute(rows).expect("the rows");
        let before = catalog(&mut old);
        // What no migration can make, `rows` may make.
        let upper = rows.to_uppercase();
        let may_drift = ["ALTER ", "DROP ", "CREATE "].iter().any(|word| upper.contains(word));
        if !may_drift {
            assert_no_drift(&mut migrator);
        }
        let drifted = may_drift
            && !migrator.drift().unwrap_or_else(|error| panic!("{}", error.report())).is_none();
        if drifted {
            let reason = Cow::Borrowed("the test needs it");
            let allow = Allow { lint: Lint::Drift, reason };
            migrations.migrations.to_mut()[1].allow.to_mut().push(allow);
        }
        Self { database, old, new, migrations, before, drifted }
    }

    /// [`prepare`](Self::prepare), then starts `change`.
    ///
    /// # Panics
    ///
    /// If anything fails.
    pub fn begin(base: &str, rows: &str, change: &str) -> Self {
        let rollout = Self::prepare(base, rows, change);
        rollout.start().unwrap_or_else(|error| panic!("{}", error.report()));
        rollout
    }

    /// A migrator of both migrations.
    pub fn migrator(&self) -> Migrator {
        Migrator::new(&self.migrations, self.database.url())
    }

    /// Starts the second migration.
    ///
    /// # Errors
    ///
    /// As [`Migrator::start`].
    pub fn start(&self) -> Result<Report, Error> {
        self.migrator().start()
    }

    /// Completes, and checks that nothing generated is left in the user's schema.
    ///
    /// # Panics
    ///
    /// If anything fails or is left.
    pub fn complete(&mut self) {
        self.migrator().complete().unwrap_or_else(|error| panic!("{}", error.report()));
        assert_eq!(leftovers(&mut self.new), Vec::<String>::new());
        if !self.drifted {
            assert_no_drift(&mut self.migrator());
        }
    }

    /// Aborts, and checks that the catalog is what it was before.
    ///
    /// # Panics
    ///
    /// If anything fails or differs.
    pub fn abort(&mut self) {
        self.migrator().abort().unwrap_or_else(|error| panic!("{}", error.report()));
        assert_eq!(leftovers(&mut self.old), Vec::<String>::new());
        assert_eq!(catalog(&mut self.old), self.before);
    }
}

/// Checks that what migrations have made is no drift: a false alarm would keep a start from going on.
///
/// # Panics
///
/// If there is any.
pub fn assert_no_drift(migrator: &mut Migrator) {
    let drift = migrator.drift().unwrap_or_else(|error| panic!("{}", error.report()));
    assert!(drift.is_none(), "{}", drift.report());
}

/// Spreads the rows of all tables of `public` over so many blocks that a backfill has several ranges: they are updated many times, with few on each block,
/// and what they were is left there.
///
/// # Panics
///
/// If anything fails.
pub fn spread(client: &mut Client) {
    let block = r"
        DO $$
        DECLARE
          relation regclass;
          own name;
          versions integer;
        BEGIN
          FOR relation IN SELECT oid FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind = 'r' LOOP
            SELECT attname INTO own FROM pg_attribute
            WHERE attrelid = relation AND attnum > 0 AND NOT attisdropped AND attidentity = '' AND attgenerated = '' ORDER BY attnum LIMIT 1;
            CONTINUE WHEN own IS NULL;
            EXECUTE format('ALTER TABLE %s SET (fillfactor = 10)', relation);
            EXECUTE format('SELECT 4000 / (1 + count(*)) FROM %s', relation) INTO versions;
            FOR n IN 1..versions LOOP
              EXECUTE format('UPDATE %s SET %I = %2$I', relation, own);
            END LOOP;
            EXECUTE format('ALTER TABLE %s RESET (fillfactor)', relation);
          END LOOP;
        END $$";
    client.batch_execute(block).expect("rows that can be updated");
    // Now any block has room, and a row that is updated may go anywhere. Outside a transaction, so not together with the rest.
    client.batch_execute("VACUUM (TRUNCATE off)").expect("a vacuum");
}

/// A client of the version `migration`, and of nothing else.
///
/// # Panics
///
/// If the server cannot be reached.
pub fn client(database: &TestDatabase, migration: &str) -> Client {
    let mut client = database.connect().unwrap_or_else(|error| panic!("{}", error.report()));
    client
        .batch_execute(&format!("SET search_path TO \"migration_{migration}\""))
        .expect("a search_path");
    client
}

/// Starts and completes.
///
/// # Panics
///
/// If anything fails.
#[track_caller]
pub fn migrate(migrator: &mut Migrator) {
    migrator.start().unwrap_or_else(|error| panic!("{}", error.report()));
    migrator.complete().unwrap_or_else(|error| panic!("{}", error.report()));
}

/// Has the server run it, without keeping what it does.
///
/// # Errors
///
/// The server's message.
///
/// # Panics
///
/// If there is no transaction to be had.
pub fn runs(client: &mut Client, sql: &str) -> Result<(), String> {
    let mut transaction = client.transaction().expect("a transaction");
    transaction.batch_execute(sql).map_err(|error| {
        error.as_db_error().map_or_else(|| error.to_string(), |error| error.message().to_owned())
    })
}

/// The result of a query: fields separated by `|`, NULL as `-`.
///
/// # Panics
///
/// If the query fails.
pub fn rows(client: &mut Client, sql: &str) -> Vec<String> {
    fields(&client.simple_query(sql).unwrap_or_else(|error| panic!("{sql}: {error:?}")))
}

/// The databases whose names begin so.
///
/// # Panics
///
/// If the query fails.
pub fn databases(client: &mut Client, prefix: &str) -> Vec<String> {
    let found = rows(client, "SELECT datname FROM pg_database ORDER BY datname");
    found.into_iter().filter(|name| name.starts_with(prefix)).collect()
}

/// The rows among the server's answers: fields separated by `|`, NULL as `-`.
pub fn fields(messages: &[SimpleQueryMessage]) -> Vec<String> {
    messages
        .iter()
        .filter_map(|message| match message {
            SimpleQueryMessage::Row(row) => {
                let fields: Vec<&str> =
                    (0..row.len()).map(|field| row.get(field).unwrap_or("-")).collect();
                Some(fields.join("|"))
            }
            _ => None,
        })
        .collect()
}

/// Everything in the catalog that a migration could leave behind, one line each; our metadata's schema is left out.
///
/// # Panics
///
/// If the query fails.
pub fn catalog(client: &mut Client) -> Vec<String> {
    let mut lines = rows(client, include_str!("../../reshape-build/src/live/catalog.sql"));
    lines.retain(|line| !line.contains(" reshape "));
    lines
}

/// What is generated and not gone: objects with `__reshape` in their names outside the inner schemas.
///
/// # Panics
///
/// If the query fails.
pub fn leftovers(client: &mut Client) -> Vec<String> {
    let mut lines = rows(client, include_str!("../../reshape-build/src/live/catalog.sql"));
    lines.retain(|line| {
        let functions =
            line.starts_with("function reshape ") && !line.starts_with("function reshape beat ");
        functions || line.contains("__reshape") && !line.contains(" reshape_")
    });
    lines
}

/// A migration after which the table exists in a shape that no action makes: the history knows the columns, `(name, type)`, and `sql` creates
/// it in truth, and whatever it needs.
pub fn table_made_by(sql: &str, table: &str, columns: &[(&str, &str)]) -> String {
    let names: Vec<&str> = columns.iter().map(|(name, _)| *name).collect();
    let columns: Vec<String> = columns
        .iter()
        .map(|(name, data_type)| format!("{{ name = {name:?}, type = {data_type:?} }}"))
        .collect();
    format!(
        "[[actions]]\ntype = \"create_table\"\nname = {table:?}\nprimary_key = {:?}\ncolumns = [{}]\n\
         [[actions]]\ntype = \"custom\"\nstart = '''\nDROP TABLE {};\n{sql}'''\n",
        names.first().unwrap_or(&""),
        columns.join(", "),
        reshape_runtime::sql::ident::ident(table)
    )
}

/// The plan of `change` after `base`, as a script that a person can read, for a PostgreSQL 15 that looks as the history says.
///
/// # Errors
///
/// The planner's refusal.
///
/// # Panics
///
/// If the history has problems.
pub fn golden(base: &str, change: &str) -> Result<String, Refusal> {
    let history = migrations(&[(BASE, base), (CHANGE, change)]);
    let (replayed, problems) = History::replay(&history);
    assert!(problems.is_empty(), "{problems:?}");
    let schema = replayed.schema_after(1).expect("the first version");
    let mut facts = Facts::from_schema(schema, 150_000);
    let version = format!("migration_{BASE}");
    facts.base_views =
        facts.tables.iter().map(|table| (version.clone(), table.name.clone())).collect();
    facts.base_schemas = vec![version];
    let request = Request { pending: &history.migrations[1..], base: Some(BASE), facts: &facts };
    plan(&request).map(|plan| script(&plan))
}

/// The plan as a script that a person can read.
fn script(plan: &Plan) -> String {
    let mut text = String::new();
    for step in &plan.steps {
        text.push_str(&format!("-- {}: {}\n", step.phase.name(), step.title));
        if let Some(lock) = &step.lock {
            text.push_str(&format!("-- lock: {lock}\n"));
        }
        text.push_str(&work(&step.work));
        for undo in &step.undo {
            text.push_str("-- undo:\n");
            text.push_str(&work(undo));
        }
        text.push('\n');
    }
    text
}

fn work(work: &Work) -> String {
    match work {
        Work::Sql { statements } => statements.join(";\n") + ";\n",
        Work::CreateIndex { statement, .. } => format!("{statement};\n"),
        Work::DefineIndex { define, .. } => define.join(";\n") + ";\n",
        Work::CreateIndexes { query } => format!("{query}; -- each\n"),
        Work::DropIndex { schema, name } => format!("DROP INDEX CONCURRENTLY {schema}.{name};\n"),
        Work::Backfill { statement, ctid, rest, .. } => {
            format!("{statement}\n  WHERE {ctid} …{rest};\n")
        }
        Work::Analyze { table } => format!("ANALYZE {table};\n"),
    }
}
