//! What belongs to the versions of the schema, and to their metadata.

use reshape_runtime::rule::Rule;
use reshape_runtime::schema::Problem;

use super::site::Site;

pub(super) fn check(site: &Site<'_>, problems: &mut Vec<Problem>) {
    let statement = site.statement();
    let changes = statement.begins("alter|create|drop|insert|update|delete|truncate|lock|merge");
    if !changes {
        return;
    }
    // A view that reads a version's view keeps that version from being removed.
    let defines = statement.begins("create [or] [replace] [materialized] view");
    let tokens = statement.tokens;
    for (place, token) in tokens.iter().enumerate() {
        let Some(name) = token.name() else { continue };
        let qualifies = tokens.get(place + 1).is_some_and(|next| next.text == ".");
        let generated = name.contains("__reshape");
        // What is read may stand anywhere; what is written stands before the first parenthesis or query.
        let is_target = defines
            || !tokens[..place].iter().any(|t| {
                t.is("select")
                    || t.is("from") && !tokens[0].is("delete")
                    || t.is("values")
                    || t.is("as")
                    || t.is("using")
            });
        // Writing through a version's view works; what is made or removed there is the migrator's business.
        let version = tokens[0].is("create") || tokens[0].is("alter") || tokens[0].is("drop");
        let ours = name == "reshape" || version && site.versions.contains(&name);
        let schema = ours && qualifies;
        let whole = ours && place > 0 && tokens[place - 1].is("schema");
        if is_target && (generated || schema || whole) {
            let whose = if defines && !generated {
                "a view over it keeps the version from being removed"
            } else {
                "it belongs to the migrations themselves"
            };
            problems.push(site.problem(
                Rule::OwnObjects,
                token.range(),
                format!("`{name}` is not for SQL of a migration: {whose}"),
                "name the tables themselves, e.g. `public.users`; what the versions need is made and removed by the migrator",
            ));
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::hazard::tests::flagged;

    #[test]
    fn it_is_found_where_it_is_certain() {
        assert_eq!(flagged(r#"DROP VIEW migration_1_base.users"#), ["own-objects"]);
        assert_eq!(flagged(r#"DELETE FROM reshape.migrations"#), ["own-objects"]);
        assert_eq!(
            flagged(r#"UPDATE reshape.data SET value = NULL WHERE key = 'state'"#),
            ["own-objects"]
        );
        assert_eq!(flagged(r#"DROP SCHEMA reshape"#), ["own-objects"]);
        assert_eq!(
            flagged(r#"ALTER TABLE users DROP COLUMN "__reshape_name""#),
            ["drop-while-in-use", "own-objects"]
        );
        assert_eq!(
            flagged(r#"CREATE VIEW v AS SELECT id FROM migration_1_base.users"#),
            ["own-objects"]
        );
        assert_eq!(
            flagged(
                r#"UPDATE migration_1_base.users SET name = '' WHERE id = 1; SELECT count(*) FROM reshape.migrations; CREATE TABLE migration_notes (x int)"#
            ),
            [""; 0]
        );
        assert_eq!(
            flagged(r#"INSERT INTO users SELECT index, name FROM reshape.migrations"#),
            [""; 0]
        );
    }
}
