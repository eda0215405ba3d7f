//! Waiting for a lock without end, while everybody else waits behind.

use reshape_runtime::rule::Rule;
use reshape_runtime::schema::Problem;

use super::site::Site;

pub(super) fn check(site: &Site<'_>, problems: &mut Vec<Problem>) {
    let statement = site.statement();
    let Some(rest) = statement.after("set [local|session] lock_timeout") else { return };
    let value = rest.tokens.last().map_or("", |token| token.text).trim_matches('\'');
    let none = value.trim_end_matches(char::is_alphabetic).trim() == "0"
        || value.eq_ignore_ascii_case("default");
    if none {
        problems.push(site.problem(
            Rule::NoLockTimeout,
            statement.span(),
            "without `lock_timeout` a statement may wait for its lock without end, and every query that comes after it waits as well",
            "leave it: the migrator sets a short one, gives up when it is reached, and tries again",
        ));
    }
}

#[cfg(test)]
mod tests {
    use crate::hazard::tests::flagged;

    #[test]
    fn it_is_found_where_it_is_certain() {
        assert_eq!(flagged("SET LOCAL lock_timeout = 0"), ["no-lock-timeout"]);
        assert_eq!(flagged("SET lock_timeout TO '0s'"), ["no-lock-timeout"]);
        assert_eq!(flagged("SET LOCAL lock_timeout = '2s'"), [""; 0]);
    }
}
