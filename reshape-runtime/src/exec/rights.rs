//! The rights that a plan needs, looked at before anything is changed.
//!
//! **Invariant:** never a false alarm: what is not certain to fail is left to fail, and is rolled back then.

use std::collections::BTreeSet;

use super::retry::Failure;
use super::run::{Run, Task};
use super::session::rows;
use crate::error::{Error, ErrorKind};
use crate::plan::{Plan, Work};
use crate::sql::ident::{ident, literal};

/// What the plan's statements ask of the role; names as they are written there, quoted.
#[derive(Debug, Default, PartialEq, Eq)]
struct Needs {
    /// Tables that are altered or dropped, which takes their owner: `"schema"."name"`.
    owned: BTreeSet<String>,
    /// Schemas in which something is created or renamed, which takes the right CREATE.
    created_in: BTreeSet<String>,
}

impl Run<'_> {
    /// Fails if the role lacks a right without which a step of the plan would fail.
    pub(super) fn check_rights(&mut self, plan: &Plan) -> Result<(), Error> {
        let needs = needs(plan);
        let sql = format!(
            "SELECT format('it does not own the table `%s`', t.oid::regclass), \
                format('ALTER TABLE %s OWNER TO %I', t.oid::regclass, current_user), current_user \
              FROM unnest({}) AS wanted JOIN pg_class t ON t.oid = to_regclass(wanted) \
              WHERE NOT pg_has_role(t.relowner, 'USAGE') \
            UNION ALL \
            SELECT DISTINCT format('it may not create anything in the schema `%s`', s.nspname), \
                format('GRANT CREATE ON SCHEMA %I TO %I', s.nspname, current_user), current_user \
              FROM unnest({}) AS wanted JOIN pg_namespace s ON s.nspname = (parse_ident(wanted))[1] \
              WHERE NOT has_schema_privilege(s.oid, 'CREATE')",
            array(&needs.owned),
            array(&needs.created_in)
        );
        let (missing, _) = self.retrying(Task::Own("look at the rights of the role"), |run| {
            rows(&mut run.client, &sql).map_err(Failure::from)
        })?;
        let column =
            |n: usize| -> Vec<&str> { missing.iter().filter_map(|row| row.get(n)).collect() };
        let roles = column(2);
        let Some(role) = roles.first() else { return Ok(()) };
        Err(Error::new(
            ErrorKind::Permission,
            format!("the role `{role}` may not do what the batch needs: {}", column(0).join("; ")),
        )
        .with_help(format!("as their owner run: {}", column(1).join("; "))))
    }
}

fn needs(plan: &Plan) -> Needs {
    let mut needs = Needs::default();
    for step in &plan.steps {
        match &step.work {
            Work::Sql { statements } => {
                for statement in statements {
                    needs.add(statement);
                }
            }
            Work::CreateIndex { schema, .. } | Work::DefineIndex { schema, .. } => {
                needs.created_in.insert(ident(schema));
            }
            Work::Backfill { .. }
            | Work::CreateIndexes { .. }
            | Work::DropIndex { .. }
            | Work::Analyze { .. } => {}
        }
    }
    needs
}

impl Needs {
    /// The planner writes one statement at a time, with every name quoted and qualified.
    fn add(&mut self, statement: &str) {
        let after = |keywords: &str| statement.strip_prefix(keywords).and_then(qualified);
        let owned = after("ALTER TABLE ").or_else(|| after("DROP TABLE "));
        self.owned.extend(owned.map(|(schema, name)| format!("{schema}.{name}")));
        let mut created = after("CREATE TABLE ").or_else(|| after("CREATE TYPE "));
        if statement.contains(" RENAME TO ") {
            created = after("ALTER TABLE ").or_else(|| after("ALTER INDEX "));
        }
        self.created_in.extend(created.map(|(schema, _)| schema.to_owned()));
    }
}

/// The schema and the name, both quoted, of the `"schema"."name"` with which `text` begins.
fn qualified(text: &str) -> Option<(&str, &str)> {
    let (schema, rest) = text.split_at(quoted(text)?);
    let rest = rest.strip_prefix('.')?;
    Some((schema, &rest[..quoted(rest)?]))
}

/// The length of the quoted identifier with which `text` begins.
fn quoted(text: &str) -> Option<usize> {
    let mut characters = text.char_indices().peekable();
    characters.next_if(|(_, character)| *character == '"')?;
    while let Some((place, character)) = characters.next() {
        if character == '"' && characters.next_if(|(_, next)| *next == '"').is_none() {
            return Some(place + 1);
        }
    }
    None
}

fn array(names: &BTreeSet<String>) -> String {
    let names: Vec<String> = names.iter().map(|name| literal(name)).collect();
    format!("ARRAY[{}]::text[]", names.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_as_they_are_quoted() {
        assert_eq!(qualified(r#""a"."b" ADD"#), Some((r#""a""#, r#""b""#)));
        assert_eq!(qualified(r#""a"".""x"."é"."c""#), Some((r#""a"".""x""#, r#""é""#)));
        for other in ["a.b", r#""a""#, r#""a"."b"#, r#""a" . "b""#, ""] {
            assert_eq!(qualified(other), None, "{other}");
        }
    }

    #[test]
    fn statements_tell_what_they_need() {
        let mut needs = Needs::default();
        for statement in [
            r#"CREATE TABLE "s"."new" (id int)"#,
            r#"ALTER TABLE "o"."old" ADD COLUMN x int"#,
            r#"ALTER INDEX "i"."i" RENAME TO "j""#,
            r#"CREATE VIEW "v"."x" AS SELECT 1"#,
            "ALTER TABLE mine RENAME TO yours",
        ] {
            needs.add(statement);
        }
        assert_eq!(needs.owned, BTreeSet::from([String::from(r#""o"."old""#)]));
        assert_eq!(needs.created_in, [r#""i""#, r#""s""#].map(String::from).into());
    }
}
