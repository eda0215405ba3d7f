//! A value of an enum type that is used in the transaction that adds it.

use reshape_runtime::rule::Rule;
use reshape_runtime::schema::Problem;

use super::site::Site;
use super::statement::Statement;
use super::token::Kind;

pub(super) fn check(site: &Site<'_>, problems: &mut Vec<Problem>) {
    let statement = site.statement();
    let Some(rest) = statement.after("alter type") else { return };
    let Some(added) = rest.past("add value [if] [not] [exists]") else { return };
    let Some(value) = added.tokens.first().filter(|token| token.kind == Kind::String) else {
        return;
    };
    let Some(of) = rest.name() else { return };
    // A string that is not cast may be a text.
    let uses = |later: &Statement<'_>| {
        later.tokens.windows(4).any(|tokens| {
            let [string, colon, other, data_type] = tokens else { return false };
            string.kind == Kind::String
                && string.text == value.text
                && (colon.text, other.text) == (":", ":")
                && data_type.name().is_some_and(|name| name == of.name)
        })
    };
    if site.later().any(|later| uses(&later)) {
        problems.push(site.problem(
            Rule::NewEnumValueUsed,
            value.range(),
            format!("{} cannot be used in the transaction that adds it to the type", value.text),
            "use it in a later migration: its SQL runs in another transaction",
        ));
    }
}

#[cfg(test)]
mod tests {
    use crate::hazard::tests::flagged;

    #[test]
    fn it_is_found_where_it_is_certain() {
        assert_eq!(
            flagged(
                "ALTER TYPE mood ADD VALUE 'tired'; UPDATE users SET name = 'tired'::mood::text WHERE id = 1"
            ),
            ["new-enum-value-used"]
        );
        assert_eq!(
            flagged(
                "ALTER TYPE mood ADD VALUE IF NOT EXISTS 'tired' AFTER 'sad'; SELECT 'tired', 'sad'::mood"
            ),
            [""; 0]
        );
    }
}
