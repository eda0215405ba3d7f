//! An `UPDATE` or `DELETE` of every row in one transaction.

use reshape_runtime::rule::Rule;
use reshape_runtime::schema::Problem;

use super::site::Site;

pub(super) fn check(site: &Site<'_>, problems: &mut Vec<Problem>) {
    let statement = site.statement();
    let (verb, table) = if let Some(rest) = statement.after("update [only]") {
        ("updates", rest.name())
    } else if let Some(rest) = statement.after("delete from [only]") {
        ("deletes", rest.name())
    } else {
        return;
    };
    let Some(table) = table.filter(|table| site.in_use(table)) else { return };
    if statement.has("where") {
        return;
    }
    problems.push(site.problem(
        Rule::UnboundedWrite,
        statement.span(),
        format!("this {verb} every row of `{}` in one transaction: whoever wants to write one of them waits until all are done", table.name),
        if verb == "updates" {
            "let `up` of an `alter_column` or `add_column` compute the values: rows are written in small batches, and those of old clients follow"
        } else {
            "delete in small transactions, from the application"
        },
    ));
}

#[cfg(test)]
mod tests {
    use crate::hazard::tests::flagged;

    #[test]
    fn it_is_found_where_it_is_certain() {
        assert_eq!(flagged("UPDATE users SET name = lower(name)"), ["unbounded-write"]);
        assert_eq!(flagged("DELETE FROM ONLY public.users u"), ["unbounded-write"]);
        assert_eq!(flagged("UPDATE users SET name = (SELECT 'x' WHERE true)"), ["unbounded-write"]);
        assert_eq!(
            flagged(
                "UPDATE users SET name = '' WHERE name IS NULL; DELETE FROM users WHERE id = 1; INSERT INTO users VALUES (1)"
            ),
            [""; 0]
        );
    }
}
