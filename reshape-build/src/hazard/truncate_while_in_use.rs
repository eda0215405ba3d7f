//! `TRUNCATE` of a table that clients use.

use reshape_runtime::rule::Rule;
use reshape_runtime::schema::Problem;

use super::site::Site;

pub(super) fn check(site: &Site<'_>, problems: &mut Vec<Problem>) {
    let statement = site.statement();
    let Some(rest) = statement.after("truncate [table]") else { return };
    for table in rest.names().into_iter().filter(|table| site.in_use(table)) {
        problems.push(site.problem(
            Rule::TruncateWhileInUse,
            table.span.clone(),
            format!("the rows of `{}` are gone for clients of both versions, no rollback brings them back, and nobody can read it until this SQL is done", table.name),
            "delete what has to go in small transactions, from the application; where the table itself is to go, use the action `remove_table`",
        ));
    }
}

#[cfg(test)]
mod tests {
    use crate::hazard::tests::flagged;

    #[test]
    fn it_is_found_where_it_is_certain() {
        assert_eq!(
            flagged("TRUNCATE TABLE users, orders RESTART IDENTITY"),
            ["truncate-while-in-use", "truncate-while-in-use"]
        );
        assert_eq!(flagged("TRUNCATE unheard_of"), [""; 0]);
    }
}
