//! Statements that Postgres refuses in a transaction, which is where a migration's SQL runs.

use reshape_runtime::rule::Rule;
use reshape_runtime::schema::Problem;

use super::site::Site;

pub(super) fn check(site: &Site<'_>, problems: &mut Vec<Problem>) {
    let statement = site.statement();
    let found = if statement.begins("create [unique] index concurrently") {
        Some((
            "CREATE INDEX CONCURRENTLY",
            "use the action `add_index`, which builds it concurrently",
        ))
    } else if statement.begins("drop index concurrently") {
        Some((
            "DROP INDEX CONCURRENTLY",
            "use the action `remove_index`, which drops it concurrently",
        ))
    } else if statement.begins("reindex") && statement.has("concurrently") {
        Some(("REINDEX CONCURRENTLY", OUTSIDE))
    } else if statement.begins("reindex database|system|schema") {
        Some(("REINDEX of more than one table", OUTSIDE))
    } else if statement.begins("vacuum") {
        Some(("VACUUM", OUTSIDE))
    } else if statement.begins("create|drop database") {
        Some(("CREATE DATABASE", OUTSIDE))
    } else if statement.begins("create|drop tablespace") {
        Some(("CREATE TABLESPACE", OUTSIDE))
    } else if statement.begins("alter system") {
        Some(("ALTER SYSTEM", OUTSIDE))
    } else if statement.begins("discard all") {
        Some(("DISCARD ALL", OUTSIDE))
    } else if statement.begins("alter table") && statement.has("detach partition") {
        statement
            .past("detach partition")
            .filter(|rest| rest.has("concurrently"))
            .map(|_| ("DETACH PARTITION CONCURRENTLY", OUTSIDE))
    } else {
        None
    };
    if let Some((what, help)) = found {
        let what = if what.starts_with("CREATE ") && statement.begins("drop") {
            what.replacen("CREATE", "DROP", 1)
        } else {
            what.to_owned()
        };
        problems.push(site.problem(
            Rule::NotInTransaction,
            statement.span(),
            format!("`{what}` cannot run in a transaction, and a migration's SQL runs in one"),
            help,
        ));
    }
}

const OUTSIDE: &str = "run it outside the migrations";

#[cfg(test)]
mod tests {
    use crate::hazard::tests::flagged;

    #[test]
    fn it_is_found_where_it_is_certain() {
        assert_eq!(
            flagged("CREATE UNIQUE INDEX CONCURRENTLY i ON users (id)"),
            ["not-in-transaction"]
        );
        assert_eq!(flagged("VACUUM (ANALYZE) users"), ["not-in-transaction"]);
        assert_eq!(flagged("DROP INDEX CONCURRENTLY i"), ["not-in-transaction"]);
        assert_eq!(
            flagged("ALTER TABLE p DETACH PARTITION q CONCURRENTLY"),
            ["not-in-transaction"]
        );
        assert_eq!(flagged("DISCARD ALL"), ["not-in-transaction"]);
        assert_eq!(flagged("ANALYZE users; CREATE TABLE vacuum (x int)"), [""; 0]);
    }
}
