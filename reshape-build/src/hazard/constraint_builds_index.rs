//! A key whose index is built under an exclusive lock.

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
        let builds = rest.begins("unique") || rest.begins("primary key") || rest.begins("exclude");
        if builds && !rest.has("using index") {
            let help = if rest.begins("exclude") {
                "Postgres has no way to build it beforehand: add it while the table is small, or accept the hazard with `[[allow]]` and a quiet hour"
            } else {
                "build it before, with the action `add_index` and `unique = true`; a later migration can say `ADD CONSTRAINT … UNIQUE USING INDEX …`"
            };
            problems.push(site.problem(
                Rule::ConstraintBuildsIndex,
                change.span(),
                format!(
                    "the index of this constraint is built while no query can read or write `{}`",
                    table.name
                ),
                help,
            ));
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::hazard::tests::flagged;

    #[test]
    fn it_is_found_where_it_is_certain() {
        assert_eq!(
            flagged("ALTER TABLE users ADD CONSTRAINT k UNIQUE (name)"),
            ["constraint-builds-index"]
        );
        assert_eq!(flagged("ALTER TABLE users ADD PRIMARY KEY (id)"), ["constraint-builds-index"]);
        assert_eq!(flagged("ALTER TABLE users ADD CONSTRAINT k UNIQUE USING INDEX i"), [""; 0]);
        assert_eq!(
            flagged("ALTER TABLE users ADD EXCLUDE USING gist (name WITH =)"),
            ["constraint-builds-index"]
        );
    }
}
