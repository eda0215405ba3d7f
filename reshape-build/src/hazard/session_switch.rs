//! Another role, which also writes the record that the SQL has run, and may not.

use reshape_runtime::rule::Rule;
use reshape_runtime::schema::Problem;

use super::kept_setting::config;
use super::site::Site;

pub(super) fn check(site: &Site<'_>, problems: &mut Vec<Problem>) {
    let statement = site.statement();
    let role = statement.after("set [local|session] role");
    let session = statement.after("set [local] session authorization");
    let what = match (role, session) {
        (Some(rest), _) if !rest.begins("none") => "SET ROLE",
        (_, Some(rest)) if !rest.begins("default") => "SET SESSION AUTHORIZATION",
        _ if config(&statement, "role").is_some() => "set_config('role', …)",
        _ => return,
    };
    let goes_back = site.later().any(|later| {
        later.begins("reset role|session|all")
            || later.begins("set [local|session] role none")
            || later.begins("set [local] session authorization default")
    });
    if !goes_back {
        problems.push(site.problem(
            Rule::SessionSwitch,
            statement.span(),
            format!("after `{what}` that role would also write the record that this SQL has run, and it has no right to"),
            "end the SQL with `RESET ROLE`, or with `RESET SESSION AUTHORIZATION`",
        ));
    }
}

#[cfg(test)]
mod tests {
    use crate::hazard::tests::flagged;

    #[test]
    fn it_is_found_where_nothing_goes_back() {
        for sql in ["SET ROLE app", "SET LOCAL ROLE app", "SET SESSION AUTHORIZATION app"] {
            assert_eq!(flagged(sql), ["session-switch"], "{sql}");
        }
        assert_eq!(flagged("SELECT set_config('role', 'app', true)"), ["session-switch"]);
        for sql in [
            "SET ROLE app; SELECT 1; RESET ROLE",
            "SET ROLE NONE",
            "SET SESSION AUTHORIZATION app; SET SESSION AUTHORIZATION DEFAULT",
            "CREATE FUNCTION f() RETURNS int LANGUAGE sql SET role = app AS 'SELECT 1'",
        ] {
            assert_eq!(flagged(sql), [""; 0], "{sql}");
        }
    }
}
