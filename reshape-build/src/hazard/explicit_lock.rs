//! `LOCK TABLE`.

use reshape_runtime::rule::Rule;
use reshape_runtime::schema::Problem;

use super::site::Site;

pub(super) fn check(site: &Site<'_>, problems: &mut Vec<Problem>) {
    let statement = site.statement();
    let Some(rest) = statement.after("lock [table]") else { return };
    let weak = statement.has("in access|row share mode") || statement.has("in row exclusive mode");
    for table in rest.names().into_iter().filter(|table| !weak && site.in_use(table)) {
        problems.push(site.problem(
            Rule::ExplicitLock,
            table.span.clone(),
            format!("`{}` stays locked until all of this SQL is done", table.name),
            "leave it out: a statement takes the lock that it needs; `UPDATE` and `SELECT … FOR UPDATE` lock rows alone",
        ));
    }
}

#[cfg(test)]
mod tests {
    use crate::hazard::tests::flagged;

    #[test]
    fn it_is_found_where_it_is_certain() {
        assert_eq!(flagged("LOCK TABLE ONLY users IN EXCLUSIVE MODE"), ["explicit-lock"]);
        assert_eq!(flagged("LOCK users, orders"), ["explicit-lock", "explicit-lock"]);
        assert_eq!(
            flagged("LOCK TABLE users IN ACCESS SHARE MODE; LOCK TABLE unheard_of"),
            [""; 0]
        );
    }
}
