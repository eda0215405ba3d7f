//! An index that is built while no row can be written.

use reshape_runtime::rule::Rule;
use reshape_runtime::schema::Problem;

use super::site::Site;

pub(super) fn check(site: &Site<'_>, problems: &mut Vec<Problem>) {
    let statement = site.statement();
    if !statement.begins("create [unique] index")
        || statement.begins("create [unique] index concurrently")
    {
        return;
    }
    let Some(table) = statement.past("on [only]").and_then(|rest| rest.name()) else { return };
    if !site.in_use(&table) {
        return;
    }
    problems.push(site.problem(
        Rule::IndexBlocksWrites,
        statement.span(),
        format!("building an index in SQL blocks every write to `{}` until it is done, which takes as long as reading and sorting the whole table", table.name),
        "use the action `add_index`, which builds it concurrently",
    ));
}

#[cfg(test)]
mod tests {
    use crate::hazard::tests::flagged;

    #[test]
    fn it_is_found_where_it_is_certain() {
        assert_eq!(
            flagged("CREATE UNIQUE INDEX i ON public.users USING btree (id)"),
            ["index-blocks-writes"]
        );
        assert_eq!(flagged("CREATE TABLE t (x int); CREATE INDEX i ON t (x)"), [""; 0]);
        assert_eq!(
            flagged("CREATE INDEX i ON elsewhere.users (id); CREATE INDEX j ON unheard_of (x)"),
            [""; 0]
        );
    }
}
