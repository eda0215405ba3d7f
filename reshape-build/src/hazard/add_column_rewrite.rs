//! A new column whose values are written into every row at once.

use reshape_runtime::rule::Rule;
use reshape_runtime::schema::Problem;

use super::site::Site;

pub(super) fn check(site: &Site<'_>, problems: &mut Vec<Problem>) {
    let statement = site.statement();
    let Some((table, changes)) = statement.alter_table() else { return };
    if !site.in_use(&table) {
        return;
    }
    for change in changes {
        let Some(rest) = change.after("add [column] [if] [not] [exists]") else { continue };
        if rest.begins("constraint|check|foreign|unique|primary|exclude") {
            continue;
        }
        let words: Vec<String> = rest.words().skip(1).collect();
        let has = |known: &[&str]| words.iter().any(|word| known.contains(&word.as_str()));
        let serial = words.first().is_some_and(|word| SERIAL.contains(&word.as_str()));
        let why = if serial || rest.has("generated") && rest.has("as identity") {
            "each row draws a number"
        } else if rest.has("generated always as") && !has(&["virtual"]) {
            "the expression is computed for each row"
        } else if rest.has("default") && has(VOLATILE) {
            "the default is another one for each row"
        } else {
            continue;
        };
        problems.push(site.problem(
            Rule::AddColumnRewrite,
            change.span(),
            format!("adding this column writes the whole of `{}` anew, since {why}, and no query can use it meanwhile", table.name),
            "use the action `add_column`, which fills the column in small batches",
        ));
    }
}

const SERIAL: &[&str] = &["serial", "bigserial", "smallserial", "serial2", "serial4", "serial8"];

/// Functions that surely are volatile: `now()` is not.
const VOLATILE: &[&str] = &[
    "random",
    "gen_random_uuid",
    "uuid_generate_v4",
    "uuid_generate_v1",
    "clock_timestamp",
    "timeofday",
    "nextval",
    "uuidv7",
    "uuidv4",
];

#[cfg(test)]
mod tests {
    use crate::hazard::tests::flagged;

    #[test]
    fn it_is_found_where_it_is_certain() {
        assert_eq!(flagged("ALTER TABLE users ADD COLUMN n bigserial"), ["add-column-rewrite"]);
        assert_eq!(
            flagged(
                "ALTER TABLE users ADD token uuid DEFAULT gen_random_uuid(), ADD COLUMN n int GENERATED ALWAYS AS IDENTITY"
            ),
            ["add-column-rewrite", "add-column-rewrite"]
        );
        assert_eq!(
            flagged("ALTER TABLE users ADD COLUMN l int GENERATED ALWAYS AS (length(name)) STORED"),
            ["add-column-rewrite"]
        );
        assert_eq!(
            flagged(
                "ALTER TABLE users ADD COLUMN at timestamptz DEFAULT now(), ADD COLUMN serial int, ADD x int DEFAULT 3"
            ),
            [""; 0]
        );
    }
}
