//! A table or column that the old version still uses, or that the history still knows.

use reshape_runtime::rule::Rule;
use reshape_runtime::schema::Problem;

use super::site::{Point, Site};

pub(super) fn check(site: &Site<'_>, problems: &mut Vec<Problem>) {
    let statement = site.statement();
    if site.point != Point::Start {
        return;
    }
    if let Some(rest) = statement.after("drop table [if] [exists]") {
        for table in rest.names().into_iter().filter(|table| site.is_known(table)) {
            problems.push(site.problem(
                Rule::DropWhileInUse,
                table.span.clone(),
                format!("old clients still use `{}` when `start` runs, and the view that shows it to them keeps it from being dropped", table.name),
                "use the action `remove_table`, which drops it when the old version is gone",
            ));
        }
        return;
    }
    let Some((table, changes)) = statement.alter_table() else { return };
    if !site.is_known(&table) {
        return;
    }
    for change in changes {
        let Some(column) = change.after("drop [column] [if] [exists]") else { continue };
        if change.begins("drop constraint|expression|identity|default|not") {
            continue;
        }
        let Some(column) = column.name() else { continue };
        problems.push(site.problem(
            Rule::DropWhileInUse,
            change.span(),
            format!(
                "old clients still use `{}.{}` when `start` runs, and the view that shows it to them keeps it from being dropped",
                table.name, column.name
            ),
            "use the action `remove_column`, which drops it when the old version is gone",
        ));
    }
}

#[cfg(test)]
mod tests {
    use crate::hazard::tests::flagged;

    #[test]
    fn it_is_found_where_it_is_certain() {
        assert_eq!(flagged("DROP TABLE IF EXISTS users, other"), ["drop-while-in-use"]);
        assert_eq!(
            flagged("ALTER TABLE users DROP COLUMN name, DROP CONSTRAINT c"),
            ["drop-while-in-use"]
        );
        assert_eq!(flagged("CREATE TABLE t (x int); DROP TABLE t; DROP TABLE unheard_of"), [""; 0]);
    }
}
