//! A rename of which the history does not know.

use reshape_runtime::rule::Rule;
use reshape_runtime::schema::Problem;

use super::site::{Point, Site};

pub(super) fn check(site: &Site<'_>, problems: &mut Vec<Problem>) {
    let statement = site.statement();
    let Some((table, changes)) = statement.alter_table() else { return };
    if site.point == Point::Back || !site.is_known(&table) {
        return;
    }
    for change in changes {
        let (what, action) = if change.begins("rename to") {
            ("the table", "rename_table")
        } else if change.begins("set schema") {
            problems.push(site.problem(
                Rule::HiddenRename,
                change.span(),
                format!("the migrations go on looking for `{}` where it was", table.name),
                "there is no action for it yet: create the table there, with `up` from this one, and remove this one",
            ));
            continue;
        } else if change.begins("rename") && !change.begins("rename constraint") {
            ("the column", "alter_column` with `changes = { name = … }")
        } else {
            continue;
        };
        problems.push(site.problem(
            Rule::HiddenRename,
            change.span(),
            format!("the migrations go on calling {what} by its old name, and clients of both versions see the old name"),
            &format!("use the action `{action}`: old clients keep the old name, new ones have the new one"),
        ));
    }
}

#[cfg(test)]
mod tests {
    use crate::hazard::tests::flagged;

    #[test]
    fn it_is_found_where_it_is_certain() {
        assert_eq!(flagged("ALTER TABLE users RENAME COLUMN name TO full_name"), ["hidden-rename"]);
        assert_eq!(
            flagged("ALTER TABLE users RENAME TO people; ALTER TABLE orders SET SCHEMA archive"),
            ["hidden-rename", "hidden-rename"]
        );
        assert_eq!(
            flagged("ALTER TABLE users RENAME CONSTRAINT a TO b; ALTER INDEX i RENAME TO j"),
            [""; 0]
        );
    }
}
