//! Triggers that do not fire, among them those that translate between the versions.

use reshape_runtime::rule::Rule;
use reshape_runtime::schema::Problem;

use super::site::Site;

pub(super) fn check(site: &Site<'_>, problems: &mut Vec<Problem>) {
    let statement = site.statement();
    if statement.begins("set [local|session] session_replication_role")
        && statement
            .tokens
            .last()
            .is_some_and(|token| token.text.trim_matches('\'').eq_ignore_ascii_case("replica"))
    {
        problems.push(site.problem(
            Rule::DisabledTriggers,
            statement.span(),
            "no trigger fires for what is written this way, so the other version does not see it, and no foreign key is checked",
            "leave it out",
        ));
        return;
    }
    let Some((table, changes)) = statement.alter_table() else { return };
    for change in changes {
        if site.in_use(&table) && change.begins("disable trigger all|user") {
            problems.push(site.problem(
                Rule::DisabledTriggers,
                change.span(),
                format!("the triggers that translate between two versions of `{}` are among those: what clients write would be lost for the other version", table.name),
                "disable the one trigger that is in the way, by its name",
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
            flagged("SET LOCAL session_replication_role = 'replica'"),
            ["disabled-triggers"]
        );
        assert_eq!(flagged("ALTER TABLE users DISABLE TRIGGER ALL"), ["disabled-triggers"]);
        assert_eq!(
            flagged(
                "ALTER TABLE users DISABLE TRIGGER audit; SET LOCAL session_replication_role TO origin"
            ),
            [""; 0]
        );
    }
}
