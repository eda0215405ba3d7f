//! A table that other actions of the same migration change, while SQL changes it behind their backs.

use reshape_runtime::model::Action;
use reshape_runtime::rule::Rule;
use reshape_runtime::schema::{At, Problem};

use super::site::{Point, Site};

pub(super) fn check(site: &Site<'_>, problems: &mut Vec<Problem>) {
    let statement = site.statement();
    let Some((table, changes)) = statement.alter_table() else { return };
    let structural = changes.iter().any(|change| {
        change.begins("add|drop|rename|alter [column]")
            && !change.begins("alter constraint")
            && !change.has("set statistics|storage|compression")
    });
    if site.point == Point::Back || !structural || !site.is_known(&table) {
        return;
    }
    let Some(action) =
        site.migration.actions.iter().position(|action| changes_columns(action, &table.name))
    else {
        return;
    };
    let mut problem = site.problem(
        Rule::MigratedTable,
        table.span.clone(),
        format!("another action of this migration changes the columns of `{}`: what it expects of them may not be so any more", table.name),
        "give this SQL a migration of its own, or say it as an action",
    );
    problem.related =
        Some((At { action, ..site.at }, vec!["table".into()], String::from("changed here")));
    problems.push(problem);
}

fn changes_columns(action: &Action, table: &str) -> bool {
    match action {
        Action::AddColumn(action) => action.table == table,
        Action::AlterColumn(action) => action.table == table,
        Action::RemoveColumn(action) => action.table == table,
        Action::RenameTable(action) => action.table == table,
        Action::RemoveTable(action) => action.table == table,
        Action::CreateTable(_)
        | Action::AddIndex(_)
        | Action::RemoveIndex(_)
        | Action::AddForeignKey(_)
        | Action::RemoveForeignKey(_)
        | Action::AddCheck(_)
        | Action::RemoveCheck(_)
        | Action::CreateEnum(_)
        | Action::RemoveEnum(_)
        | Action::Custom(_) => false,
    }
}

#[cfg(test)]
mod tests {
    use crate::hazard::tests::broken;

    fn beside(sql: &str) -> Vec<&'static str> {
        let add = "[[actions]]\ntype = \"add_column\"\ntable = \"users\"\ncolumn = { name = \"x\", type = \"int\" }\n";
        broken(&format!("{add}[[actions]]\ntype = \"custom\"\nstart = '''{sql}'''\n"))
    }

    #[test]
    fn it_is_found_where_both_change_columns() {
        assert_eq!(beside("ALTER TABLE users ADD COLUMN y int"), ["changes-migrated-table"]);
        assert_eq!(beside("ALTER TABLE orders ADD COLUMN y int"), [""; 0]);
        assert_eq!(beside("ALTER TABLE users ENABLE ROW LEVEL SECURITY"), [""; 0]);
    }
}
