//! A setting that stays after the migration's transaction.

use reshape_runtime::rule::Rule;
use reshape_runtime::schema::Problem;

use super::site::Site;

pub(super) fn check(site: &Site<'_>, problems: &mut Vec<Problem>) {
    let statement = site.statement();
    let Some(rest) = statement.after("set [session]") else { return };
    // What has a rule of its own, what ends with the transaction, and what is no setting.
    let other = rest.begins(
        "local|transaction|characteristics|constraints|search_path|schema|role|authorization|lock_timeout|session_replication_role",
    );
    let (Some(name), false) = (rest.name(), other) else { return };
    if !rest.has("to") && !rest.tokens.iter().any(|token| token.text == "=") && name.name != "time"
    {
        return;
    }
    if site.later().any(|later| later.begins("reset")) {
        return;
    }
    problems.push(site.problem(
        Rule::KeptSetting,
        statement.span(),
        format!(
            "`{}` keeps this value for the rest of the session, in which later steps run",
            name.name
        ),
        "say `SET LOCAL`, which ends with the SQL's own transaction",
    ));
}

#[cfg(test)]
mod tests {
    use crate::hazard::tests::flagged;

    #[test]
    fn it_is_found_where_it_is_certain() {
        assert_eq!(flagged(r#"SET statement_timeout = '1h'"#), ["kept-setting"]);
        assert_eq!(flagged(r#"SET SESSION work_mem TO '1GB'"#), ["kept-setting"]);
        assert_eq!(
            flagged(
                r#"SET LOCAL work_mem = '1GB'; SET CONSTRAINTS ALL DEFERRED; SET TRANSACTION READ ONLY"#
            ),
            [""; 0]
        );
    }
}
