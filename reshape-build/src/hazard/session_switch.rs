//! A search path or a role that stays after the migration's transaction.

use reshape_runtime::rule::Rule;
use reshape_runtime::schema::Problem;

use super::site::Site;
use super::statement::Statement;

pub(super) fn check(site: &Site<'_>, problems: &mut Vec<Problem>) {
    let statement = site.statement();
    let found = if let Some(rest) =
        statement.after("set [session] search_path|schema|role|authorization")
    {
        let word = statement.tokens[statement.tokens.len() - rest.tokens.len() - 1].text;
        // SET ROLE NONE goes back, SET LOCAL ends with the transaction.
        let what = if word.eq_ignore_ascii_case("authorization") {
            String::from("SET SESSION AUTHORIZATION")
        } else {
            format!("SET {}", word.to_lowercase())
        };
        (!rest.begins("none|default")).then_some(what)
    } else if kept_config(&statement, "search_path") || kept_config(&statement, "role") {
        Some(String::from("set_config(…, false)"))
    } else {
        None
    };
    let Some(what) = found else { return };
    let goes_back = site.later().any(|later| {
        later.begins("reset")
            || later.begins("set role none")
            || later.begins("set session authorization default")
    });
    if !goes_back {
        problems.push(site.problem(
            Rule::SessionSwitch,
            statement.span(),
            format!("`{what}` holds for the rest of the session, in which later steps run"),
            "say `SET LOCAL`, which ends with the SQL's own transaction, or qualify the names",
        ));
    }
}

/// Whether it calls `set_config` for the setting and for the whole session.
fn kept_config(statement: &Statement<'_>, setting: &str) -> bool {
    let tokens = statement.tokens;
    tokens.iter().enumerate().any(|(place, token)| {
        token.is("set_config")
            && matches!(&tokens[place + 1..], [open, name, ..] if open.text == "("
                && name.text.trim_matches('\'').eq_ignore_ascii_case(setting))
            && tokens[place..].iter().take_while(|t| t.text != ")").any(|t| t.is("false"))
    })
}

#[cfg(test)]
mod tests {
    use crate::hazard::tests::flagged;

    #[test]
    fn it_is_found_where_it_is_certain() {
        assert_eq!(flagged(r#"SET search_path TO app, public"#), ["session-switch"]);
        assert_eq!(flagged(r#"SET LOCAL search_path TO app"#), [""; 0]);
        assert_eq!(
            flagged(r#"SELECT pg_catalog.set_config('search_path', '', false)"#),
            ["session-switch"]
        );
        assert_eq!(flagged(r#"SELECT set_config('search_path', '', true)"#), [""; 0]);
        assert_eq!(
            flagged(r#"SET ROLE app; SET SESSION AUTHORIZATION app"#),
            ["session-switch", "session-switch"]
        );
        assert_eq!(
            flagged(
                r#"CREATE FUNCTION f() RETURNS int LANGUAGE sql SET search_path = public AS 'SELECT 1'"#
            ),
            [""; 0]
        );
    }
}
