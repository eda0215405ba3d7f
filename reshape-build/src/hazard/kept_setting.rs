//! A setting that stays after the migration's transaction.

use reshape_runtime::rule::Rule;
use reshape_runtime::schema::Problem;

use super::site::Site;
use super::statement::Statement;

pub(super) fn check(site: &Site<'_>, problems: &mut Vec<Problem>) {
    let statement = site.statement();
    let Some(name) = set(&statement).or_else(|| {
        (config(&statement, "search_path") == Some(false)).then(|| String::from("search_path"))
    }) else {
        return;
    };
    if site.later().any(|later| later.begins("reset")) {
        return;
    }
    problems.push(site.problem(
        Rule::KeptSetting,
        statement.span(),
        format!("`{name}` keeps this value for the rest of the session, in which the migrator goes on working"),
        "say `SET LOCAL`, which ends with the SQL's own transaction",
    ));
}

/// The setting that the statement changes for the whole session.
fn set(statement: &Statement<'_>) -> Option<String> {
    let rest = statement.after("set [session]")?;
    // What has a rule of its own, what ends with the transaction, and what is no setting.
    if rest.begins("local|transaction|characteristics|constraints|role|authorization")
        || rest.begins("lock_timeout|session_replication_role")
    {
        return None;
    }
    let name = rest.name()?.name;
    let assigns = rest.has("to") || rest.tokens.iter().any(|token| token.text == "=");
    match name.as_str() {
        "schema" => Some(String::from("search_path")),
        "time" => Some(String::from("TimeZone")),
        _ => assigns.then_some(name),
    }
}

/// Whether `set_config` changes the setting for the transaction alone, if the statement calls it for that setting.
pub(super) fn config(statement: &Statement<'_>, setting: &str) -> Option<bool> {
    let tokens = statement.tokens;
    tokens.iter().enumerate().find_map(|(place, token)| {
        let [open, name, ..] = &tokens[place + 1..] else { return None };
        let called = token.is("set_config")
            && open.text == "("
            && name.text.trim_matches('\'').eq_ignore_ascii_case(setting);
        let mut arguments = tokens[place..].iter().take_while(|token| token.text != ")");
        called.then(|| !arguments.any(|token| token.is("false")))
    })
}

#[cfg(test)]
mod tests {
    use crate::hazard::tests::flagged;

    #[test]
    fn it_is_found_where_the_setting_stays() {
        for sql in [
            "SET statement_timeout = '1h'",
            "SET SESSION work_mem TO '1GB'",
            "SET search_path TO app, public",
            "SET SCHEMA 'app'",
            "SET TIME ZONE 'UTC'",
            "SELECT pg_catalog.set_config('search_path', '', false)",
        ] {
            assert_eq!(flagged(sql), ["kept-setting"], "{sql}");
        }
        for sql in [
            "SET LOCAL work_mem = '1GB'; SET CONSTRAINTS ALL DEFERRED; SET TRANSACTION READ ONLY",
            "SET LOCAL search_path TO app",
            "SET search_path TO app; SELECT 1; RESET search_path",
            "SELECT set_config('search_path', '', true)",
            "CREATE FUNCTION f() RETURNS int LANGUAGE sql SET search_path = public AS 'SELECT 1'",
        ] {
            assert_eq!(flagged(sql), [""; 0], "{sql}");
        }
    }
}
