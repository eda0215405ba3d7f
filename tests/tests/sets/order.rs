//! Several sets in one program.

use reshape_runtime::Sets;

use super::*;

fn needing(name: &'static str, other: &str) -> Migrations {
    let requires = format!("requires = [\"{other}\"]\nactions = []\n");
    migrations(&[("1_a", "actions = []\n"), ("2_b", &requires)]).in_namespace(name)
}

fn sets(database: &TestDatabase, all: &[Migrations]) -> Result<Sets, Error> {
    Sets::new(all.iter().map(|set| Migrator::new(set, database.url())))
}

#[test]
fn sets_run_after_those_that_they_require() {
    let database = reshape_tests::database();
    let all =
        [needing("third", "second/2_b"), needing("second", "first/1_a"), needing("first", "1_a")];
    let mut sets = sets(&database, &all).unwrap();
    sets.start().unwrap_or_else(|error| panic!("{}", error.report()));
    let text = refusal(abort(&database, &all[1]));
    assert!(text.contains("the migration `2_b` of the set `third` requires it"), "{text}");
    sets.abort().unwrap_or_else(|error| panic!("{}", error.report()));
    let reports = sets.start_and_complete().unwrap_or_else(|error| panic!("{}", error.report()));
    assert_eq!(reports.len(), 3);
    assert_eq!(
        rows(
            &mut client(&database),
            "SELECT DISTINCT ON (namespace) namespace FROM reshape.migrations ORDER BY namespace"
        ),
        ["first", "second", "third"]
    );
}

#[test]
fn sets_that_require_each_other_are_refused() {
    let database = reshape_tests::database();
    let error =
        sets(&database, &[needing("a", "b/1_a"), needing("b", "a/1_a"), needing("c", "1_a")]);
    let error = error.unwrap_err();
    assert_eq!(error.message(), "the sets of migrations `a`, `b` require each other in a circle");
    let error = sets(&database, &[needing("a", "1_a"), needing("a", "1_a")]).unwrap_err();
    assert_eq!(error.message(), "two sets of migrations are called `a`");
}
