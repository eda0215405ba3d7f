//! The executor against a real server, with plans written by hand.
//!
//! The batch of these tests has every kind of work. It leads from version `1` (table `users`, view `migration_1.users`, index
//! `users_old`) to version `2` (a further column `twice`), and its second step adds a row to `log`: a step that ran
//! twice shows.

#[cfg(any(feature = "tokio", feature = "tracing"))]
mod asynchronous;
mod backfill;
mod commands;
mod compare;
mod connections;
mod crash;
mod ends;
mod locks;
mod metadata;
mod patience;
pub(super) mod pooler;
mod probe;
mod proxy;
mod steps;
mod tenants;
mod turns;

use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::thread::sleep;
use std::time::Duration;

use postgres::Client;

use super::Migrator;
use crate::model::{Action, Custom, Migration, Migrations};
use crate::observer::Event;
use crate::plan::{Phase, Plan, Step, Work};
use crate::testing::{Server, TestDatabase};

/// A database and a session to look at it with.
pub(super) struct Fixture {
    pub(super) database: TestDatabase,
    pub(super) client: Client,
}

const SETUP: &str = "
    DROP SCHEMA IF EXISTS reshape, migration_1, migration_2 CASCADE;
    DROP TABLE IF EXISTS public.users, public.log CASCADE;
    CREATE TABLE public.users (id int PRIMARY KEY, name text NOT NULL) WITH (fillfactor = 10);
    CREATE INDEX users_old ON public.users (name);
    INSERT INTO public.users SELECT n, repeat('x', 300) FROM generate_series(1, 900) n;
    CREATE TABLE public.log (entry text);
    CREATE SCHEMA migration_1;
    CREATE VIEW migration_1.users AS SELECT id, name FROM public.users;";

impl Fixture {
    /// A database in version 1, as if no migration had ever been applied.
    pub(super) fn new() -> Self {
        Self::on(Server::shared().unwrap())
    }

    /// The same on that server.
    pub(super) fn on(server: &Server) -> Self {
        let database = server.database().unwrap();
        let client = database.connect().unwrap();
        let mut fixture = Self { database, client };
        fixture.reset();
        fixture
    }

    fn reset(&mut self) {
        self.client.batch_execute(SETUP).unwrap();
    }

    /// A migrator that plans the batch of these tests.
    pub(super) fn migrator(&self) -> Migrator {
        self.migrator_for(batch())
    }

    pub(super) fn migrator_for(&self, plan: Plan) -> Migrator {
        let migrations = Migrations::owned(plan.migrations.clone());
        Migrator::new(migrations, self.database.url()).planner(move |_| Ok(plan.clone()))
    }

    pub(super) fn detached(&self) -> Migrator {
        Migrator::detached(self.database.url())
    }

    /// One cell as text; NULL is empty.
    pub(super) fn text(&mut self, sql: &str) -> String {
        let rows = super::session::rows(&mut self.client, sql).unwrap();
        rows[0].get(0).unwrap_or_default().to_owned()
    }

    pub(super) fn state(&mut self) -> String {
        self.text("SELECT state FROM reshape.batch")
    }

    /// The database as version 1 had it.
    pub(super) fn assert_old(&mut self) {
        assert_eq!(self.text(COLUMNS), "id,name");
        assert_eq!(
            self.text(OBJECTS),
            "migration_1.users,public.log,public.users,public.users_old,public.users_pkey"
        );
        assert_eq!(self.text("SELECT count(*) FROM public.log"), "0");
        assert_eq!(self.state(), "idle");
        assert_eq!(self.text("SELECT count(*) FROM reshape.journal"), "0");
        assert_eq!(self.text("SELECT count(*) FROM reshape.migrations"), "0");
    }

    /// Both versions live.
    pub(super) fn assert_both(&mut self) {
        assert_eq!(self.text(COLUMNS), "id,name,__reshape_twice");
        assert_eq!(self.text("SELECT count(*) FROM migration_2.users WHERE twice = id * 2"), "900");
        assert_eq!(self.text("SELECT count(*) FROM public.log"), "1");
        assert_eq!(
            self.text(
                "SELECT indisvalid FROM pg_index WHERE indexrelid = 'public.users_new'::regclass"
            ),
            "t"
        );
        assert_eq!(self.state(), "in_progress");
    }

    /// Version 2 alone.
    pub(super) fn assert_new(&mut self) {
        assert_eq!(self.text(COLUMNS), "id,name,twice");
        assert_eq!(
            self.text(OBJECTS),
            "migration_2.users,public.log,public.users,public.users_new,public.users_pkey"
        );
        assert_eq!(self.text("SELECT count(*) FROM public.log"), "1");
        assert_eq!(self.state(), "idle");
        assert_eq!(self.text("SELECT count(*) FROM reshape.journal"), "0");
        assert_eq!(self.text("SELECT string_agg(name, ',') FROM reshape.migrations"), "2");
    }

    /// Waits until the session of a migrator that crashed has let go of the lock.
    pub(super) fn wait_until_unlocked(&mut self) {
        while self.text("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND database = (SELECT oid FROM pg_database WHERE datname = current_database())") != "0" {
            sleep(Duration::from_millis(2));
        }
    }
}

const COLUMNS: &str = "SELECT string_agg(attname, ',' ORDER BY attnum) FROM pg_attribute \
    WHERE attrelid = 'public.users'::regclass AND attnum > 0 AND NOT attisdropped";

const OBJECTS: &str = "SELECT string_agg(format('%I.%I', n.nspname, c.relname), ',' \
      ORDER BY n.nspname, c.relname) \
    FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace \
    WHERE n.nspname = 'public' OR n.nspname LIKE 'migration%'";

pub(super) fn migration(name: &'static str) -> Migration {
    let custom = Custom { start: Some(name.into()), complete: None, abort: None, reverts: None };
    Migration {
        name: name.into(),
        description: None,
        checksum: format!("checksum of {name}").into(),
        actions: vec![Action::Custom(custom)].into(),
        allow: Vec::new().into(),
        requires: Vec::new().into(),
    }
}

fn sql(phase: Phase, title: &str, statements: &[&str], undo: &[&str]) -> Step {
    let owned = |list: &[&str]| list.iter().map(ToString::to_string).collect::<Vec<_>>();
    Step {
        phase,
        title: title.to_owned(),
        offenders: Vec::new(),
        row: None,
        lock: None,
        work: Work::Sql { statements: owned(statements) },
        undo: if undo.is_empty() {
            Vec::new()
        } else {
            vec![Work::Sql { statements: owned(undo) }]
        },
        custom: false,
        patient: false,
        mixed: false,
    }
}

fn step(phase: Phase, title: &str, work: Work, undo: Vec<Work>) -> Step {
    Step {
        phase,
        title: title.to_owned(),
        lock: None,
        work,
        offenders: Vec::new(),
        row: None,
        undo,
        custom: false,
        patient: false,
        mixed: false,
    }
}

fn plan(steps: Vec<Step>) -> Plan {
    Plan {
        base: Some(String::from("1")),
        target: String::from("2"),
        migrations: vec![migration("2")],
        search_path: String::from("\"migration_1\", \"public\""),
        steps,
        changes: Vec::new(),
        uses: Vec::new(),
        notes: Vec::new(),
        reverts: Vec::new(),
    }
}

fn new_index() -> Step {
    step(
        Phase::Backfill,
        "build the index",
        Work::CreateIndex {
            schema: String::from("public"),
            name: String::from("users_new"),
            statement: String::from(
                "CREATE UNIQUE INDEX CONCURRENTLY users_new ON public.users (\"__reshape_twice\")",
            ),
        },
        vec![Work::DropIndex { schema: String::from("public"), name: String::from("users_new") }],
    )
}

fn backfill() -> Step {
    let work = Work::Backfill {
        table: String::from("\"public\".\"users\""),
        statement: String::from("UPDATE \"public\".\"users\" SET \"__reshape_twice\" = id * 2"),
        ctid: String::from("\"users\".ctid"),
        rest: String::new(),
        parallel: true,
        in_turns: false,
        xmin: String::new(),
        walks: String::new(),
    };
    step(Phase::Backfill, "fill the column", work, Vec::new())
}

fn add_column() -> Step {
    sql(
        Phase::Expand,
        "add the column",
        &["ALTER TABLE public.users ADD COLUMN \"__reshape_twice\" int"],
        &["ALTER TABLE public.users DROP COLUMN IF EXISTS \"__reshape_twice\""],
    )
    .locking("ACCESS EXCLUSIVE on the table: catalog only")
}

fn publish() -> Step {
    sql(
        Phase::Publish,
        "publish the schema",
        &[
            "CREATE SCHEMA migration_2",
            "CREATE VIEW migration_2.users AS \
               SELECT id, name, \"__reshape_twice\" AS twice FROM public.users",
        ],
        &["DROP SCHEMA IF EXISTS migration_2 CASCADE"],
    )
}

/// The batch from 1 to 2.
pub(super) fn batch() -> Plan {
    plan(vec![
        add_column(),
        // `users` without a schema is a view of version 1: the plan's search_path is in force.
        sql(
            Phase::Expand,
            "write to the log",
            &["INSERT INTO log SELECT 'once; $$' FROM users LIMIT 1 -- a comment"],
            &["DELETE FROM public.log"],
        ),
        backfill(),
        new_index(),
        step(
            Phase::Backfill,
            "analyze the table",
            Work::Analyze { table: String::from("\"public\".\"users\"") },
            Vec::new(),
        ),
        publish(),
        step(
            Phase::Contract,
            "drop the old index",
            Work::DropIndex { schema: String::from("public"), name: String::from("users_old") },
            Vec::new(),
        ),
        sql(
            Phase::Contract,
            "rename the column",
            &[
                "DROP SCHEMA IF EXISTS migration_1 CASCADE",
                "ALTER TABLE public.users RENAME COLUMN \"__reshape_twice\" TO twice",
            ],
            &[],
        )
        .locking("ACCESS EXCLUSIVE on the table: catalog only"),
    ])
}

/// Runs `command` and crashes at its event number `at`, from 0; whether it came so far.
pub(super) fn crash<T>(
    migrator: Migrator,
    at: usize,
    command: impl FnOnce(&mut Migrator) -> T,
) -> bool {
    let mut seen = 0;
    let mut migrator = migrator.observer(move |_: &Event| {
        if seen == at {
            // Unwinds without the message of a panic.
            resume_unwind(Box::new("crash"));
        }
        seen += 1;
    });
    catch_unwind(AssertUnwindSafe(|| command(&mut migrator))).is_err()
}
