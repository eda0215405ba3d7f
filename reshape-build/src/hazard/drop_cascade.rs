//! `CASCADE`, which takes along what nobody has named.

use reshape_runtime::rule::Rule;
use reshape_runtime::schema::Problem;

use super::site::{Point, Site};

pub(super) fn check(site: &Site<'_>, problems: &mut Vec<Problem>) {
    let statement = site.statement();
    let Some(last) = statement.tokens.last() else { return };
    // That of a foreign key is another one; a type or function may be dropped with what only it needs.
    let empties = statement.begins("truncate");
    let drops = statement.begins(
        "drop table|view|schema|column|type|extension|function|sequence|domain|materialized",
    );
    let column = statement.alter_table().is_some_and(|(_, changes)| {
        changes.iter().any(|change| {
            change.begins("drop") && change.tokens.last().is_some_and(|t| t.is("cascade"))
        })
    });
    if site.point == Point::Back || !((drops || empties) && last.is("cascade") || column) {
        return;
    }
    if empties {
        let message =
            "`CASCADE` also empties every table that refers to these, and those that refer to them";
        let help = "name every table that is to be emptied";
        return problems.push(site.problem(Rule::DropCascade, last.range(), message, help));
    }
    problems.push(site.problem(
        Rule::DropCascade,
        last.range(),
        "`CASCADE` also drops what depends on it, among it the views through which clients of a version see their tables",
        "name everything that is to go; what a version needs is removed by the actions",
    ));
}

#[cfg(test)]
mod tests {
    use crate::hazard::tests::flagged;

    #[test]
    fn it_is_found_where_it_is_certain() {
        assert_eq!(flagged("DROP TABLE unheard_of CASCADE"), ["drop-cascade"]);
        assert_eq!(
            flagged("DROP EXTENSION citext CASCADE; DROP FUNCTION f() CASCADE"),
            ["drop-cascade", "drop-cascade"]
        );
        assert_eq!(
            flagged(
                "CREATE TABLE t (x int REFERENCES users ON DELETE CASCADE); DROP VIEW v RESTRICT"
            ),
            [""; 0]
        );
    }
}
