//! Schemas of one database that are worked on at the same time.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Barrier, Mutex};

use super::{Fixture, migration};
use crate::exec::Migrator;
use crate::model::{Action, Column, CreateTable, Migration, Migrations};
use crate::plan::{Plan, Refusal, Request, plan};
use crate::sql::names;
use crate::{Fleet, Target};

fn users() -> Migration {
    let column = |name: &'static str, data_type: &'static str| Column {
        name: name.into(),
        data_type: data_type.into(),
        nullable: true,
        default: None,
        generated: None,
        comment: None,
    };
    let table = CreateTable {
        name: "users".into(),
        schema: None,
        columns: vec![column("id", "integer"), column("name", "text")].into(),
        primary_key: vec!["id".into()].into(),
        foreign_keys: Vec::new().into(),
        checks: Vec::new().into(),
        up: None,
        comment: None,
    };
    Migration { actions: vec![Action::CreateTable(table)].into(), ..migration("1_users") }
}

fn fleet(fixture: &Fixture, count: usize) -> Fleet {
    let database = Target::new(fixture.database.config());
    let schemas = (0..count).map(|n| format!("t{n}"));
    Fleet::schemas(Migrations::owned(vec![users()]), &database, schemas)
}

/// How often a plan was made, by set; the first `together` of them at the same moment, before any of them is stored.
#[derive(Clone)]
struct Plans {
    count: Arc<AtomicUsize>,
    seen: Arc<Mutex<BTreeSet<String>>>,
    together: Arc<Barrier>,
    of_them: usize,
}

impl Plans {
    fn new(of_them: usize) -> Self {
        Self {
            count: Arc::default(),
            seen: Arc::default(),
            together: Arc::new(Barrier::new(of_them)),
            of_them,
        }
    }

    fn counting(&self) -> impl Fn(&Request<'_>) -> Result<Plan, Refusal> + Send + Sync + 'static {
        let plans = self.clone();
        move |request| {
            let number = plans.count.fetch_add(1, Ordering::SeqCst);
            plans.seen.lock().unwrap().insert(request.facts.set.clone().unwrap_or_default());
            if number < plans.of_them {
                plans.together.wait();
            }
            plan(request)
        }
    }
}

/// Twenty tenants, four at a time, all of which begin a batch between the look and the store of another one: each plan is made once.
#[test]
fn tenants_do_not_make_each_other_plan_again() {
    let fixture = Fixture::new();
    let plans = Plans::new(4);
    let counting = plans.clone();
    let fleet = fleet(&fixture, 20)
        .jobs(4)
        .configure(move |migrator: Migrator| Ok(migrator.planner(counting.counting())));
    let report = fleet.start();
    if let Some((target, error)) = report.failed().next() {
        panic!("{target}: {}", error.report());
    }
    assert!(report.is_done());
    assert_eq!(plans.seen.lock().unwrap().len(), 20);
    assert_eq!(plans.count.load(Ordering::SeqCst), 20);
    assert!(fleet.complete().is_done());
    assert_eq!(plans.count.load(Ordering::SeqCst), 20);
}

/// Sets whose tables are in the same schema do: the second of them has to look again.
#[test]
fn sets_of_one_schema_look_again() {
    let fixture = Fixture::new();
    let plans = Plans::new(2);
    let start = |namespace: &'static str, table: &'static str| {
        let Action::CreateTable(mut action) = users().actions[0].clone() else { unreachable!() };
        action.name = table.into();
        let actions = vec![Action::CreateTable(action)].into();
        let set = Migrations::owned(vec![Migration { actions, ..migration("1_a") }]);
        let set = set.in_namespace(namespace).in_schema("t");
        Migrator::new(set, fixture.database.url()).planner(plans.counting())
    };
    std::thread::scope(|scope| {
        for mut migrator in [start("one", "ones"), start("two", "twos")] {
            scope.spawn(move || migrator.start().unwrap());
        }
    });
    assert_eq!(plans.count.load(Ordering::SeqCst), 3);
    assert_eq!(names::version("one@t", "1_a"), "one@t/1_a");
}
