//! What SQL that is run as it is may have to do with the schema.

use squawk_syntax::{SyntaxElement, SyntaxKind, SyntaxNode};

use crate::expr::name_of;
use crate::functions;
use crate::parse::parse;
use crate::walk::is_select;

/// What is left of statements when those are taken out that surely leave all tables, types and functions as they are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Remains {
    /// The text, with what stands in quotes in the statements that were taken out: a trigger may run what it is given.
    pub text: String,
    /// Whether there is a statement left.
    pub changes: bool,
}

/// Takes out the statements that read, write rows, comment, grant or analyze, and call nothing but functions of Postgres. What cannot be parsed is left as it is.
pub fn remains(sql: &str) -> Remains {
    let Some(Ok(root)) = parse(sql, "", "") else {
        return Remains { text: sql.to_owned(), changes: true };
    };
    let mut remains = Remains { text: String::new(), changes: false };
    for statement in root.children() {
        if is_harmless(&statement) {
            let tokens = statement.descendants_with_tokens().filter_map(SyntaxElement::into_token);
            for token in tokens.filter(|token| token.text().contains(['\'', '$'])) {
                remains.text.push_str(token.text());
                remains.text.push('\n');
            }
        } else {
            remains.text.push_str(&statement.text().to_string());
            remains.text.push_str(";\n");
            remains.changes = true;
        }
    }
    remains
}

fn is_harmless(statement: &SyntaxNode) -> bool {
    let kind = statement.kind();
    let of_rows = is_select(kind)
        || matches!(
            kind,
            SyntaxKind::INSERT | SyntaxKind::UPDATE | SyntaxKind::DELETE | SyntaxKind::MERGE
        );
    let besides = matches!(
        kind,
        SyntaxKind::COMMENT_ON | SyntaxKind::GRANT | SyntaxKind::REVOKE | SyntaxKind::ANALYZE
    );
    let writes = statement.descendants().any(|node| {
        matches!(
            node.kind(),
            SyntaxKind::INSERT | SyntaxKind::UPDATE | SyntaxKind::DELETE | SyntaxKind::MERGE
        )
    });
    // Postgres's own tables say what columns there are.
    let own = writes && statement.text().to_string().to_lowercase().contains("pg_");
    besides
        || (of_rows
            && !own
            && statement.descendants().all(|node| match node.kind() {
                SyntaxKind::SELECT_INTO => false,
                SyntaxKind::CALL_EXPR => calls_postgres(&node),
                _ => true,
            }))
}

/// Whether what is called is Postgres's own, and does not run a text as SQL.
fn calls_postgres(call: &SyntaxNode) -> bool {
    let Some(callee) = call.first_child() else { return false };
    match callee.kind() {
        SyntaxKind::NAME_REF => name_of(&callee).is_some_and(|name| {
            functions::find(&name).is_some()
                && !["_to_xml", "ts_stat", "ts_rewrite"].iter().any(|runs| name.contains(runs))
        }),
        SyntaxKind::FIELD_EXPR => false,
        // What has a syntax of its own is Postgres's.
        _ => true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_only_touches_rows_is_taken_out() {
        for sql in [
            "UPDATE users SET name = lower(trim(name)), n = extract(year FROM born) WHERE nick IS NULL",
            "INSERT INTO users (name) SELECT coalesce(nick, email) FROM users; DELETE FROM users;",
            "WITH x AS (SELECT 1) SELECT count(*) FROM users, x -- alter table users",
            "COMMENT ON COLUMN users.name IS NULL",
            "GRANT SELECT ON users TO reader; REVOKE ALL ON users FROM writer; ANALYZE users",
            "",
        ] {
            assert_eq!(remains(sql), Remains { text: String::new(), changes: false }, "{sql}");
        }
    }

    #[test]
    fn what_may_do_more_is_left() {
        for sql in [
            "ALTER TABLE users ADD x int",
            "SELECT f(users.name) FROM users",
            "SELECT public.lower(name) FROM users",
            "SELECT query_to_xml(name, true, true, '') FROM users",
            "SELECT * INTO people FROM users",
            "CREATE TABLE people AS SELECT * FROM users",
            "DO $$ BEGIN UPDATE users SET name = 'x'; END $$",
            "EXPLAIN ANALYZE SELECT * FROM users",
            "UPDATE users SET",
            "UPDATE pg_attribute SET attnotnull = true WHERE attrelid = 'users'::regclass",
        ] {
            let left = remains(sql);
            assert!(left.changes && left.text.contains("users"), "{sql}: {left:?}");
        }
        let both = remains("UPDATE users SET name = 'alter orders'; DROP TABLE days");
        assert_eq!(both.text, "'alter orders'\nDROP TABLE days;\n");
        assert!(both.changes);
        assert_eq!(remains("INSERT INTO jobs VALUES ($$drop it$$)").text, "$$drop it$$\n");
    }
}
