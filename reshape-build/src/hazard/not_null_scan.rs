//! NOT NULL that is proven for every row under an exclusive lock.

use reshape_runtime::rule::Rule;
use reshape_runtime::schema::Problem;

use super::site::Site;

pub(super) fn check(site: &Site<'_>, problems: &mut Vec<Problem>) {
    let statement = site.statement();
    let Some((table, changes)) = statement.alter_table() else { return };
    if !site.is_known(&table) {
        return;
    }
    for change in changes {
        if change.begins("alter") && change.has("set not null") {
            problems.push(site.problem(
                Rule::NotNullScan,
                change.span(),
                format!("`SET NOT NULL` reads the whole of `{}` while no query can use it, unless a valid check says the same", table.name),
                "use the action `alter_column` with `nullable = false`, which proves it beforehand without blocking anybody",
            ));
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::hazard::tests::flagged;

    #[test]
    fn it_is_found_where_it_is_certain() {
        assert_eq!(flagged("ALTER TABLE users ALTER COLUMN name SET NOT NULL"), ["not-null-scan"]);
        assert_eq!(flagged("ALTER TABLE users ALTER name DROP NOT NULL"), [""; 0]);
    }
}
