//! A check or foreign key that is proven for every row under a lock.

use reshape_runtime::rule::Rule;
use reshape_runtime::schema::Problem;

use super::site::Site;

pub(super) fn check(site: &Site<'_>, problems: &mut Vec<Problem>) {
    let statement = site.statement();
    let Some((table, changes)) = statement.alter_table() else { return };
    if !site.in_use(&table) {
        return;
    }
    for change in changes {
        let Some(rest) = change.added_constraint() else { continue };
        let (what, lock, action) = if rest.begins("check") {
            ("check", "no query reads or writes it meanwhile", "add_check")
        } else if rest.begins("foreign key") {
            ("foreign key", "nobody writes either table meanwhile", "add_foreign_key")
        } else {
            continue;
        };
        if change.has("not valid") {
            continue;
        }
        problems.push(site.problem(
            Rule::ConstraintScan,
            change.span(),
            format!("adding a {what} reads every row of `{}` under a lock: {lock}", table.name),
            &format!("use the action `{action}`, which adds it `NOT VALID` and validates it without blocking anybody"),
        ));
    }
}

#[cfg(test)]
mod tests {
    use crate::hazard::tests::flagged;

    #[test]
    fn it_is_found_where_it_is_certain() {
        assert_eq!(
            flagged("ALTER TABLE users ADD CONSTRAINT c CHECK (id > 0)"),
            ["constraint-scan"]
        );
        assert_eq!(
            flagged(
                "ALTER TABLE ONLY users ADD FOREIGN KEY (id) REFERENCES orders (id), ADD CHECK (id > 0)"
            ),
            ["constraint-scan", "constraint-scan"]
        );
        assert_eq!(flagged("ALTER TABLE users ADD CONSTRAINT c CHECK (id > 0) NOT VALID"), [""; 0]);
        assert_eq!(flagged("CREATE TABLE t (x int); ALTER TABLE t ADD CHECK (x > 0)"), [""; 0]);
    }
}
