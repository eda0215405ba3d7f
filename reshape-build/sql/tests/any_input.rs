//! Whatever the input is, there is an answer, and its places are in the text.

use std::rc::Rc;

use proptest::prelude::*;
use reshape_sql::{
    Column, Fill, Finding, Key, Relation, Role, Scope, Tables, Type, Visible, expression, query,
    statements,
};

fn users() -> Rc<Relation> {
    let columns = [("id", "bigint"), ("name", "text"), ("mood", "mood"), ("tags", "text[]")];
    let column = |(name, of): &(&str, &str)| Column::new(name, of, true, Fill::Nothing);
    let columns = columns.iter().map(column).collect();
    Rc::new(Relation { name: String::from("users"), columns, complete: true })
}

fn tables() -> Tables {
    Tables {
        tables: vec![(String::from("public"), users())],
        enums: vec![(String::from("mood"), vec![String::from("ok")])],
        keys: vec![(String::from("users"), vec![Key::default()])],
        enum_schema: Some(String::from("other")),
        open: false,
    }
}

fn in_text(sql: &str, findings: &[Finding]) {
    for finding in findings {
        assert!(sql.get(finding.range.clone()).is_some(), "{sql:?}: {finding:?}");
    }
}

fn everything(sql: &str) {
    let tables = tables();
    let wanted = Type::parse("integer");
    let visible = [Visible { name: String::from("users"), relation: users() }];
    let roles = [
        Role::Default,
        Role::Generated,
        Role::Check,
        Role::IndexKey,
        Role::IndexPredicate,
        Role::Value,
        Role::Condition,
    ];
    for role in roles {
        let scope = Scope { catalog: &tables, visible: &visible, role, wanted: wanted.as_ref() };
        in_text(sql, &expression(sql, &scope).findings);
    }
    in_text(sql, &statements(sql).findings);
    let query = query(sql, &tables);
    in_text(sql, &query.findings);
    let parameters = query.parameters.iter().map(|parameter| &parameter.range);
    let columns = query.columns.iter().flatten().map(|column| &column.range);
    for range in parameters.chain(columns) {
        assert!(sql.get(range.clone()).is_some(), "{sql:?}: {range:?}");
    }
}

const WORDS: &[&str] = &[
    "select",
    "from",
    "users",
    "name",
    "id",
    "mood",
    "tags",
    "(",
    ")",
    ",",
    ".",
    "*",
    "+",
    "-",
    "||",
    "=",
    "in",
    "not",
    "and",
    "or",
    "case",
    "when",
    "then",
    "else",
    "end",
    "join",
    "left",
    "on",
    "using",
    "natural",
    "lateral",
    "where",
    "group by",
    "order by",
    "having",
    "limit",
    "union",
    "all",
    "with",
    "recursive",
    "as",
    "insert into",
    "values",
    "update",
    "set",
    "delete from",
    "returning",
    "on conflict",
    "do update",
    "excluded",
    "default",
    "$1",
    "$2",
    "$0",
    "$99999",
    "'x'",
    "'{a}'",
    "E'\\'",
    "U&\"x\"",
    "$$a$$",
    "1",
    "1.5",
    "99999999999999999999",
    "null",
    "true",
    "cast(",
    "::int",
    "::mood",
    "::text[]",
    "[",
    "]",
    ":",
    "any",
    "array",
    "row",
    "exists",
    "coalesce",
    "lower",
    "count",
    "sum",
    "over",
    "partition by",
    "filter",
    "between",
    "like",
    "is",
    "distinct",
    "interval",
    "at time zone",
    "extract",
    "substring",
    "for",
    "trim",
    "both",
    "ü",
    "\"",
    "--",
    "/*",
    "*/",
    ";",
    "\n",
    "\u{0}",
    "current_date",
    "collate",
];

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn any_text_has_an_answer(sql in "\\PC{0,80}") {
        everything(&sql);
    }

    #[test]
    fn any_words_have_an_answer(words in prop::collection::vec(prop::sample::select(WORDS), 0..40)) {
        everything(&words.join(" "));
    }
}

/// A stack overflow would end the process.
#[test]
fn deep_texts_have_an_answer() {
    let around = [
        ("(", ")"),
        ("NOT ", ""),
        ("- ", ""),
        ("a OR ", ""),
        ("CASE WHEN a THEN ", " END"),
        ("f(", ")"),
        ("[", "]"),
        ("(SELECT ", ")"),
    ];
    for (open, close) in around {
        for depth in [10, 55, 70, 500, 20_000] {
            everything(&format!("{}1{}", open.repeat(depth), close.repeat(depth)));
            everything(&format!("SELECT {}1{}", open.repeat(depth), close.repeat(depth)));
        }
    }
    everything(&"SELECT 1 UNION ".repeat(3000));
    everything(&format!("SELECT * FROM users {}", "JOIN users USING (id) ".repeat(300)));
    everything(&format!("SELECT name{}", "::text".repeat(3000)));
}

/// Recursive queries are looked at twice, those inside them not four times.
#[test]
fn nested_recursive_queries_are_no_problem() {
    let mut sql = String::from("SELECT 1");
    for _ in 0..25 {
        sql = format!("WITH RECURSIVE t(n) AS ({sql} UNION ALL SELECT n FROM t) SELECT n FROM t");
    }
    everything(&sql);
}
