//! What the sync triggers cost a client's statement, and what other ways to write them would.
//!
//! `cargo bench --profile dev -p reshape-tests --bench sync` (the program is a client and no more, so its profile does not matter), best by way of
//! `tests/bench sync`. `BENCH_ROWS` says how many rows the table has, `BENCH_ROUNDS` how often each variant is measured. A batch alone: `… --bench sync -- split`.
//!
//! Measured is the CPU time of the client's backend (`/proc/PID/schedstat`), so the server has to be on this machine. Each variant is a copy of the same database in
//! which the batch is in progress, with a session of its own; they take turns with some hundred statements each, one transaction per statement, so that whatever else
//! the machine does meets all of them alike. What counts is the median of the rounds' differences from the same round of the floor: the same views without triggers.

#![allow(missing_docs, clippy::unwrap_used, clippy::print_stdout)]

mod shared;

use std::fs;

use postgres::{Client, Config, NoTls, Statement};
use reshape_runtime::{Migrations, Migrator};
use shared::server::{Databases, done, setting};
use shared::users::USERS;
use shared::{Line, median, report, wanted};

const OLD: &str = "migration_0001_users";
const NEW: &str = "migration_0002_change";

/// A batch, and what is special about measuring it.
struct Batch {
    name: &'static str,
    change: &'static str,
    cases: &'static [Case],
    variants: &'static [Variant],
}

/// A statement that is measured: what it is called, whose it is, its SQL with the number of the row.
struct Case {
    what: &'static str,
    version: &'static str,
    sql: &'static str,
}

/// The triggers written otherwise: SQL that is run when the batch is in progress.
struct Variant {
    what: &'static str,
    sql: &'static str,
}

const UNRELATED: Case = Case {
    what: "an old client updates a column that nothing is computed from",
    version: OLD,
    sql: "UPDATE users SET note = 'x' || ($1::bigint + $2::bigint) WHERE id = $1",
};
const INPUT: Case = Case {
    what: "an old client updates an input",
    version: OLD,
    sql: "UPDATE users SET name = 'x ' || ($1::bigint + $2::bigint) WHERE id = $1",
};
const INSERT: Case = Case {
    what: "an old client inserts",
    version: OLD,
    sql: "INSERT INTO users (id, name, visits, note) VALUES ($1::bigint + 1000000 * $2::bigint, 'some one', 1, 'note')",
};

/// A column is computed from one that both versions have, so an update of that one does not tell who wrote it.
const ADD: Batch = Batch {
    name: "add",
    change: r#"
[[actions]]
type = "add_column"
table = "users"
up = "upper(name)"
column = { name = "upper_name", type = "text", nullable = false }
"#,
    cases: &[
        UNRELATED,
        INPUT,
        INSERT,
        Case {
            what: "a new client updates the computed column",
            version: NEW,
            sql: "UPDATE users SET upper_name = 'X' || ($1::bigint + $2::bigint) WHERE id = $1",
        },
        Case {
            what: "a new client inserts",
            version: NEW,
            sql: "INSERT INTO users (id, name, upper_name, visits, note) VALUES ($1::bigint + 1000000 * $2::bigint, 'some one', 'SOME ONE', 1, 'note')",
        },
    ],
    variants: &[
        AS_IT_IS,
        NO_PATH,
        Variant {
            what: "the search path is asked in WHEN itself",
            sql: r#"
CREATE OR REPLACE TRIGGER "~__reshape_update" BEFORE UPDATE ON public.users FOR EACH ROW
  WHEN (NEW.__reshape_origin IS NOT NULL
    OR (ROW(NEW.name)::record OPERATOR(pg_catalog.*<>) ROW(OLD.name)::record AND NOT (CASE
      WHEN pg_catalog.current_setting('reshape.version', true) <> ''
      THEN pg_catalog.current_setting('reshape.version', true) = '0002_change'
      ELSE coalesce(pg_catalog.array_position(pg_catalog.current_schemas(false), 'migration_0002_change'::name)
        < coalesce(pg_catalog.array_position(pg_catalog.current_schemas(false), 'migration_0001_users'::name), 2147483647), false) END)))
  EXECUTE FUNCTION reshape.users_last();"#,
        },
        Variant {
            what: "WHEN compares with IS DISTINCT FROM",
            sql: r#"
CREATE OR REPLACE TRIGGER "~__reshape_update" BEFORE UPDATE ON public.users FOR EACH ROW
  WHEN (NEW.__reshape_origin IS NOT NULL OR (NEW.name IS DISTINCT FROM OLD.name AND NOT reshape.users_by_new()))
  EXECUTE FUNCTION reshape.users_last();"#,
        },
        Variant {
            what: "UPDATE OF the inputs",
            sql: r#"
CREATE OR REPLACE TRIGGER "~__reshape_update" BEFORE UPDATE OF name, __reshape_upper_name ON public.users FOR EACH ROW
  WHEN (NEW.__reshape_origin IS NOT NULL
    OR (ROW(NEW.name)::record OPERATOR(pg_catalog.*<>) ROW(OLD.name)::record AND NOT reshape.users_by_new()))
  EXECUTE FUNCTION reshape.users_last();"#,
        },
        Variant {
            what: "no WHEN, the function decides",
            sql: r#"
CREATE OR REPLACE TRIGGER "~__reshape_update" BEFORE UPDATE ON public.users FOR EACH ROW EXECUTE FUNCTION reshape.users_last();"#,
        },
    ],
};

/// Columns are replaced and computed in both directions.
const SPLIT: Batch = Batch {
    name: "split",
    change: r#"
[[actions]]
type = "add_column"
table = "users"
up = "split_part(name, ' ', 1)"
column = { name = "first_name", type = "text" }

[[actions]]
type = "add_column"
table = "users"
up = "split_part(name, ' ', 2)"
column = { name = "last_name", type = "text" }

[[actions]]
type = "remove_column"
table = "users"
column = "name"
down = "first_name || ' ' || last_name"
"#,
    cases: &[
        UNRELATED,
        INPUT,
        INSERT,
        Case {
            what: "a new client updates an input",
            version: NEW,
            sql: "UPDATE users SET last_name = 'x' || ($1::bigint + $2::bigint) WHERE id = $1",
        },
        Case {
            what: "a new client inserts",
            version: NEW,
            sql: "INSERT INTO users (id, first_name, last_name, visits, note) VALUES ($1::bigint + 1000000 * $2::bigint, 'some', 'one', 1, 'note')",
        },
    ],
    variants: &[
        AS_IT_IS,
        NO_PATH,
        Variant { what: "the functions compare once", sql: COMPARE_ONCE },
        Variant { what: "one function for both directions", sql: ONE_FUNCTION },
    ],
};

const AS_IT_IS: Variant = Variant { what: "as it is", sql: "" };

const NO_PATH: Variant = Variant {
    what: "functions without a search_path of their own",
    sql: "ALTER FUNCTION reshape.users_first() RESET search_path; ALTER FUNCTION reshape.users_last() RESET search_path;",
};

const COMPARE_ONCE: &str = r"
CREATE OR REPLACE FUNCTION reshape.users_last() RETURNS trigger LANGUAGE plpgsql SET search_path TO public, pg_temp AS $$
#variable_conflict use_column
BEGIN
  IF NEW.__reshape_origin IS NOT NULL THEN
    NEW.__reshape_origin := NULL;
    RETURN NEW;
  END IF;
  IF TG_OP = 'INSERT' OR ROW(NEW.name)::record OPERATOR(pg_catalog.*<>) ROW(OLD.name)::record THEN
    <<users>> DECLARE name text := NEW.name; BEGIN NEW.__reshape_first_name := (split_part(name, ' ', 1)); END;
    <<users>> DECLARE name text := NEW.name; BEGIN NEW.__reshape_last_name := (split_part(name, ' ', 2)); END;
  END IF;
  RETURN NEW;
END $$;";

/// Last of all triggers: those of the user's would see what a new client wrote before it is translated.
const ONE_FUNCTION: &str = r#"
CREATE OR REPLACE FUNCTION reshape.users_last() RETURNS trigger LANGUAGE plpgsql SET search_path TO public, pg_temp AS $$
#variable_conflict use_column
BEGIN
  IF NEW.__reshape_origin IS NOT NULL THEN
    NEW.__reshape_origin := NULL;
    IF TG_OP = 'INSERT' OR ROW(NEW.__reshape_first_name, NEW.__reshape_last_name)::record OPERATOR(pg_catalog.*<>) ROW(OLD.__reshape_first_name, OLD.__reshape_last_name)::record THEN
      <<users>> DECLARE first_name text := NEW.__reshape_first_name; last_name text := NEW.__reshape_last_name; BEGIN NEW.name := (first_name || ' ' || last_name); END;
    END IF;
    RETURN NEW;
  END IF;
  IF TG_OP = 'INSERT' OR ROW(NEW.name)::record OPERATOR(pg_catalog.*<>) ROW(OLD.name)::record THEN
    <<users>> DECLARE name text := NEW.name; BEGIN NEW.__reshape_first_name := (split_part(name, ' ', 1)); END;
    <<users>> DECLARE name text := NEW.name; BEGIN NEW.__reshape_last_name := (split_part(name, ' ', 2)); END;
  END IF;
  RETURN NEW;
END $$;
DROP TRIGGER "!__reshape_insert" ON public.users;"#;

/// The views stay as they are; nothing is translated, nothing is checked.
const FLOOR: Variant = Variant {
    what: "no triggers",
    sql: r"
DO $$
DECLARE name text;
BEGIN
  FOR name IN SELECT tgname FROM pg_trigger WHERE tgrelid = 'public.users'::regclass AND NOT tgisinternal LOOP
    EXECUTE format('DROP TRIGGER %I ON public.users', name);
  END LOOP;
  FOR name IN SELECT conname FROM pg_constraint WHERE conrelid = 'public.users'::regclass AND contype = 'c' LOOP
    EXECUTE format('ALTER TABLE public.users DROP CONSTRAINT %I', name);
  END LOOP;
  -- Nobody computes them any more.
  FOR name IN SELECT attname FROM pg_attribute WHERE attrelid = 'public.users'::regclass AND attnum > 1 AND attnotnull LOOP
    EXECUTE format('ALTER TABLE public.users ALTER %I DROP NOT NULL', name);
  END LOOP;
END $$;",
};

fn main() {
    let wanted = wanted();
    let rows = setting("BENCH_ROWS", 20_000).min(20_000);
    let mut databases = Databases::new();
    let base = reshape_tests::migrations(&[("0001_users", USERS)]);
    let sql = format!(
        "INSERT INTO public.users SELECT n, 'some user', n % 1000, repeat(md5(n::text), 2) FROM generate_series(1, {rows}) AS n"
    );
    databases.prepare("sync", &base, &sql);
    let mut lines = Vec::new();
    for batch in [ADD, SPLIT] {
        if wanted(batch.name) || wanted("sync") {
            lines.extend(measure(&mut databases, &batch, rows));
        }
    }
    report("sync", &lines);
}

fn measure(databases: &mut Databases, batch: &Batch, rows: i64) -> Vec<Line> {
    let set = reshape_tests::migrations(&[("0001_users", USERS), ("0002_change", batch.change)]);
    let variants: Vec<&Variant> = [&FLOOR].into_iter().chain(batch.variants).collect();
    let copies = databases.copies("sync", batch.name, variants.len());
    for (config, variant) in copies.iter().zip(&variants) {
        begin(&set, config, variant);
    }
    let rounds = setting("BENCH_ROUNDS", 15);
    let mut lines = Vec::new();
    for case in batch.cases {
        let mut clients: Vec<Turn> =
            copies.iter().map(|config| Turn::new(config, case, rows)).collect();
        let mut costs = vec![Vec::new(); variants.len()];
        // What a session does for the first time does not count.
        for round in 0..=rounds {
            for (client, costs) in clients.iter_mut().zip(&mut costs) {
                let cost = client.take();
                if round > 0 {
                    costs.push(cost);
                }
            }
        }
        let floor = median(costs[0].clone()).median;
        for (variant, own) in variants.iter().zip(&costs).skip(1) {
            let more: Vec<f64> =
                own.iter().zip(&costs[0]).map(|(own, floor)| own - floor).collect();
            let what = format!("{}: {}, CPU of 1,000 statements", batch.name, case.what);
            let cost = floor + median(more).median;
            println!("{:5.2} {what}: {}", cost / floor, variant.what);
            // The others are for whoever wants to choose anew.
            if variant.what == AS_IT_IS.what {
                lines.push(Line::new("sync", what, cost).beside(floor, FLOOR.what));
            }
        }
    }
    lines
}

/// Starts the batch, and writes the triggers as the variant wants them.
fn begin(set: &Migrations, config: &Config, variant: &Variant) {
    done(Migrator::new(set, config.clone()).start());
    let mut client = config.connect(NoTls).unwrap();
    client.batch_execute(variant.sql).unwrap();
    client.batch_execute("VACUUM (FULL, ANALYZE) public.users").unwrap();
}

/// How many statements are run before it is the next variant's turn.
const TURN: i64 = 500;

/// A session that is measured.
struct Turn {
    client: Client,
    statement: Statement,
    backend: i32,
    rows: i64,
    /// How many statements it has run.
    done: i64,
}

impl Turn {
    fn new(config: &Config, case: &Case, rows: i64) -> Self {
        let mut client = config.connect(NoTls).unwrap();
        let settings =
            format!("SET search_path TO {}; SET synchronous_commit TO off", case.version);
        client.batch_execute(&settings).unwrap();
        let backend = client.query_one("SELECT pg_backend_pid()", &[]).unwrap().get(0);
        let statement = client.prepare(case.sql).unwrap();
        // For statements that want another number each time, in each session of the same database.
        let done = 20_000 * i64::from(backend);
        Self { client, statement, backend, rows, done }
    }

    /// Milliseconds of CPU that a thousand statements take.
    fn take(&mut self) -> f64 {
        let before = self.cpu();
        for _ in 0..TURN {
            self.done += 1;
            let row = self.done % self.rows + 1;
            self.client.execute(&self.statement, &[&row, &self.done]).unwrap();
        }
        #[expect(clippy::cast_precision_loss, reason = "a few seconds in nanoseconds")]
        let spent = (self.cpu() - before) as f64;
        spent / 1e6 * 1000.0 / 500.0
    }

    /// Nanoseconds that the session's backend has been running.
    fn cpu(&self) -> u64 {
        let text = fs::read_to_string(format!("/proc/{}/schedstat", self.backend))
            .expect("the server is on this machine");
        text.split(' ')
            .next()
            .and_then(|first| first.parse().ok())
            .expect("what Linux writes there")
    }
}
