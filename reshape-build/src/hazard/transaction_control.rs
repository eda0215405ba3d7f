//! `COMMIT` and `ROLLBACK`: a step is one transaction with its journal row.

use reshape_runtime::rule::Rule;
use reshape_runtime::schema::Problem;

use super::site::Site;

pub(super) fn check(site: &Site<'_>, problems: &mut Vec<Problem>) {
    let statement = site.statement();
    let ends = statement.begins("commit|end|abort")
        || statement.begins("rollback") && !statement.has("to")
        || statement.begins("prepare transaction");
    if !ends {
        return;
    }
    let word = statement.tokens[0].text.to_uppercase();
    problems.push(site.problem(
        Rule::TransactionControl,
        statement.span(),
        format!("`{word}` ends the transaction in which a migration's SQL runs"),
        "take it out: the SQL runs in one transaction with the record that it has run; where part of it has to be committed by itself, \
         give it a migration of its own",
    ));
}

#[cfg(test)]
mod tests {
    use crate::hazard::tests::flagged;

    #[test]
    fn it_is_found_where_it_is_certain() {
        assert_eq!(flagged("COMMIT"), ["transaction-control"]);
        assert_eq!(flagged("INSERT INTO users VALUES (1); end work"), ["transaction-control"]);
        assert_eq!(flagged("SAVEPOINT a; ROLLBACK TO a; RELEASE a"), [""; 0]);
        assert_eq!(flagged("DO $$ BEGIN COMMIT; END $$"), [""; 0]);
        assert_eq!(flagged("CREATE FUNCTION f() RETURNS int BEGIN ATOMIC SELECT 1; END"), [""; 0]);
    }
}
