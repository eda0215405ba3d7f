//! A table that is written anew while nobody can use it.

use reshape_runtime::rule::Rule;
use reshape_runtime::schema::Problem;

use super::site::Site;
use super::statement::{Name, Statement};

pub(super) fn check(site: &Site<'_>, problems: &mut Vec<Problem>) {
    let statement = site.statement();
    if let Some(table) = statement.after("cluster [verbose]").and_then(|rest| rest.name()) {
        if site.in_use(&table) {
            problems.push(problem(site, &table, statement, ""));
        }
        return;
    }
    let Some((table, changes)) = statement.alter_table() else { return };
    if !site.in_use(&table) {
        return;
    }
    for change in changes {
        if change.begins("alter")
            && change.has("[set] [data] type")
            && !change.begins("alter constraint")
        {
            problems.push(problem(
                site,
                &table,
                change,
                "use the action `alter_column`: the new type has a column of its own, filled in small batches, while both versions are in use",
            ));
        } else if change.begins("set logged|unlogged|tablespace")
            || change.begins("set access method")
        {
            problems.push(problem(site, &table, change, ""));
        }
    }
}

fn problem(site: &Site<'_>, table: &Name, change: Statement<'_>, help: &str) -> Problem {
    let help = if help.is_empty() {
        "do it while nobody needs the table, outside the migrations"
    } else {
        help
    };
    site.problem(
        Rule::TableRewrite,
        change.span(),
        format!(
            "this writes the whole of `{}` anew, and no query can use it meanwhile",
            table.name
        ),
        help,
    )
}

#[cfg(test)]
mod tests {
    use crate::hazard::tests::flagged;

    #[test]
    fn it_is_found_where_it_is_certain() {
        assert_eq!(flagged("ALTER TABLE users ALTER COLUMN id TYPE bigint"), ["table-rewrite"]);
        assert_eq!(
            flagged("ALTER TABLE users ALTER name SET DATA TYPE varchar(10) USING left(name, 10)"),
            ["table-rewrite"]
        );
        assert_eq!(
            flagged("ALTER TABLE users SET UNLOGGED; CLUSTER users USING i"),
            ["table-rewrite", "table-rewrite"]
        );
        assert_eq!(
            flagged(
                "ALTER TABLE users ALTER COLUMN name SET DEFAULT 'x', ALTER COLUMN name SET STATISTICS 100"
            ),
            [""; 0]
        );
    }
}
