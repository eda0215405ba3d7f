use super::*;

const CATALOG: &str = "reshape-catalog\t2\nopen\tfalse\ntype\tint8\ti64\ntype\ttext\t::std::string::String\n\
    type\tdate\t__rt::typed::Binary\nenum\tmood\tcrate::migrations::schema::Mood\tsad\n\
    table\tpublic\tusers\ttrue\nrow\tcrate::migrations::schema::Users\nsettled\nkey\tfull\tid\ncolumn\tid\tbigint\tfalse\talways\ncolumn\tname\ttext\tfalse\tnothing\n\
    column\tnick\ttext\ttrue\tnothing\ncolumn\tmood\tmood\ttrue\tnothing\ncolumn\tborn\tdate\ttrue\tnothing\n\
    gone\tusers\tfirst\tit was renamed to `name` by `2_rename`\ngone\tposts\t\tit was removed by `3_remove`\n";

fn expanded(arguments: &str) -> String {
    let catalog = catalog::parse(CATALOG).unwrap();
    let arguments: Arguments = syn::parse_str(arguments).unwrap();
    match checked(&arguments, &catalog) {
        Ok(tokens) => {
            let file = quote!(fn main() { #tokens });
            prettyplease::unparse(&syn::parse2(file).unwrap())
        }
        Err(errors) => errors.into_iter().map(|error| error.to_string() + "\n").collect(),
    }
}

#[test]
fn a_damaged_catalog_is_not_trusted() {
    for text in [
        "",
        "reshape-catalog\t1\n",
        "reshape-catalog\t2\ncolumn\ta\tint\ttrue\tnothing\n",
        "reshape-catalog\t2\nopen\tmaybe\n",
        "reshape-catalog\t2\nsettled\n",
        "reshape-catalog\t2\ntable\tpublic\ta\ttrue\nkey\tfull\ta\n",
        "reshape-catalog\t2\ntable\tpublic\ta\ttrue\nsettled\nkey\tsome\ta\n",
    ] {
        assert!(catalog::parse(text).is_none(), "{text:?}");
    }
}

#[test]
fn a_statement_has_to_be_a_literal() {
    let error = syn::parse_str::<Arguments>("sql, 1").err().unwrap().to_string();
    assert!(error.starts_with("expected a statement as a string literal"), "{error}");
}

#[test]
fn other_statements_are_refused() {
    assert!(expanded("\"LOCK TABLE users\"").contains("only SELECT, VALUES, INSERT"));
}

#[test]
fn any_number_of_values_is_counted() {
    let error = expanded("\"SELECT 1\", 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11");
    assert!(error.contains("has no parameters, but 11 are given"), "{error}");
    let error = expanded("\"SELECT 1\", 1");
    assert!(error.contains("has no parameters, but 1 is given"), "{error}");
}

#[test]
fn the_whole_expansion() {
    insta::assert_snapshot!(expanded(
        r#""SELECT id, nick, mood, count(*) AS \"all: i64\" FROM users WHERE name = $1 GROUP BY id, nick, mood", &name"#
    ));
}

#[test]
fn a_given_row_type_needs_no_certainty() {
    let code = expanded("as Users, \"SELECT *, x.y FROM other.x, users\"");
    assert!(code.contains("Users,\n") && !code.contains("Record"), "{code}");
    let code = expanded("crate = rt, as crate::Users<'static>, \"SELECT id FROM users\"");
    assert!(code.contains("use rt as __rt") && code.contains("crate::Users<'static>"), "{code}");
}

#[test]
fn each_mistake_is_told() {
    let mistakes = [
        r#""SELECT nam FROM users""#,
        r#""SELECT * FROM userz""#,
        r#""SELECT u.first FROM users u""#,
        r#""SELECT p.id FROM posts p""#,
        r#""SELEC 1""#,
        r#""SELECT id FROM users WHERE id = $1 AND name = $2", 1"#,
        r#""SELECT id FROM users", 1, 2"#,
        r#""SELECT id FROM users WHERE id = $2", 1, 2"#,
        r#""SELECT 1 + 1 FROM users""#,
        r#""SELECT id, id FROM users""#,
        r#""SELECT now() AS \"a b\" FROM users""#,
        r#""SELECT id AS \"a: Vec<\" FROM users""#,
        r#""SELECT born FROM users""#,
        r#""SELECT my_function(id) AS x FROM users""#,
        r#""SELECT * FROM elsewhere.users""#,
        r#""SELECT 1 AS a; SELECT 2 AS b""#,
        r#""""#,
        r#""SELECT id FROM users WHERE mood = 'hapy'""#,
        r#""INSERT INTO users (id, name) VALUES (1, 'x')""#,
        r#""INSERT INTO users (nick) VALUES ('x')""#,
        r#""INSERT INTO users (name) VALUES ('x', 'y')""#,
        r#""INSERT INTO users (name) VALUES ('x') ON CONFLICT (name) DO NOTHING""#,
        r#""SELECT id, name FROM users GROUP BY id""#,
        r#""SELECT id FROM users WHERE mood = $1::mood", mood"#,
        r#""UPDATE users SET name = NULL, id = 1 WHERE nam = 'x'""#,
    ];
    let told: Vec<String> =
        mistakes.iter().map(|text| format!("=== {text}\n{}", expanded(text))).collect();
    insta::assert_snapshot!(told.concat());
}

#[test]
fn several_mistakes_are_one_expression() {
    let literal = syn::LitStr::new("SELECT nam, nik FROM users", Span::call_site());
    let mut statement = Statement::new(&literal, "SELECT nam, nik FROM users");
    statement.problem("R0302", 7..10, "first", None);
    statement.problem("R0302", 12..15, "second", None);
    let code = errors(statement.result().unwrap_err());
    let block: syn::ExprBlock = syn::parse2(code.clone()).unwrap();
    assert!(matches!(block.block.stmts.last(), Some(syn::Stmt::Macro(_) | syn::Stmt::Expr(..))));
    let text = code.to_string();
    assert_eq!(text.matches("compile_error").count(), 2, "{text}");
    assert!(text.contains("first") && text.contains("second"), "{text}");
}

#[test]
fn a_parameter_of_an_enum_type_has_a_message_of_its_own() {
    let code = expanded(r#""SELECT id FROM users WHERE mood = $1", "sad""#);
    assert!(code.contains("\"[R0612] a parameter of type `mood` cannot be a `{Self}`\""), "{code}");
}

#[test]
fn a_column_of_no_certain_type_has_to_be_said() {
    let catalog =
        CATALOG.replace("column\tnick\ttext\ttrue\tnothing", "column\tnick\t\ttrue\tdefault");
    let catalog = catalog::parse(&catalog).unwrap();
    let checked = |text: &str| {
        let arguments: Arguments = syn::parse_str(text).unwrap();
        checked(&arguments, &catalog).map_err(|error| error.to_string())
    };
    let error = checked(r#""SELECT nick FROM users""#).unwrap_err();
    assert!(error.starts_with("[R0604] the type of column `nick` is not certain"), "{error}");
    for text in [
        r#""SELECT nick AS \"nick: i64\" FROM users WHERE nick = $1", 1"#,
        r#""UPDATE users SET nick = 1 + nick""#,
        r#""SELECT name FROM users WHERE nick > 7 AND nick = 'x'""#,
        r#""INSERT INTO users (name, nick) VALUES ('x', 1), ('y', NULL)""#,
    ] {
        assert!(checked(text).is_ok(), "{text}: {:?}", checked(text).err());
    }
}

#[test]
fn what_is_certain_or_said_is_not_refused() {
    for text in [
        r#""SELECT id AS \"n!\", nick AS \"m?\", id AS \"o: u64\", name AS \"type\" FROM users""#,
        r#""SELECT upper(name) AS loud, id + 1 AS next, $1::text AS said FROM users", "x""#,
        r#""DELETE FROM users WHERE id = ANY($1)", &ids"#,
        r#""UPDATE users SET nick = NULL""#,
        r#""VALUES (1)""#,
    ] {
        let code = expanded(text);
        assert!(code.contains("fn main") || text.contains("VALUES (1)"), "{text}: {code}");
    }
}

#[test]
fn rows_of_the_typed_module_get_all_their_columns() {
    for (statement, message) in [
        (
            "SELECT id, name FROM users",
            "[R0605] `nick`, `mood`, `born` are not given, and a `Users` has them",
        ),
        (
            "SELECT id::text AS id, name, nick, mood, born FROM users",
            "[R0605] `id` of a `Users` is of type `bigint`, and this is `text`",
        ),
        (
            "SELECT u.* FROM users a LEFT JOIN users u ON u.id > a.id",
            "[R0605] `id` of a `Users` is never NULL, and this may be",
        ),
    ] {
        for row in ["Users", "migrations::schema::Users"] {
            let code = expanded(&format!("as {row}, \"{statement}\""));
            assert!(code.contains(message), "{code}");
            assert!(code.contains("Rows<crate::migrations::schema::Users>"), "{code}");
        }
    }
    for fine in [
        "as Users, \"SELECT * FROM users\"",
        "as Users, \"SELECT 1 AS more, u.* FROM users u JOIN users o ON o.id = u.id\"",
        "as Users, \"DELETE FROM users\"",
        "as Users, \"SELECT o.* FROM other.o o\"",
        "as Others, \"SELECT id FROM users\"",
        "as (i64,), \"SELECT id FROM users\"",
    ] {
        let code = expanded(fine);
        assert!(!code.contains("IsGiven") && code.contains("typed::Query"), "{code}");
    }
}

/// What the pages of the rules say is true: each has a statement that breaks its rule, and one that does not.
#[test]
fn the_pages_of_the_rules_are_true() {
    const SHOP: &str = "reshape-catalog\t2\nopen\tfalse\ntype\tint8\ti64\ntype\ttext\t::std::string::String\n\
        enum\tmood\tcrate::migrations::schema::Mood\tsad\n\
        table\tpublic\tusers\ttrue\nrow\tcrate::migrations::schema::Users\nsettled\nkey\tfull\tid\n\
        column\tid\tbigint\tfalse\talways\ncolumn\tname\ttext\tfalse\tnothing\ncolumn\temail\ttext\ttrue\tnothing\n\
        table\tpublic\torders\ttrue\nrow\tcrate::migrations::schema::Orders\nsettled\nkey\tfull\tid\n\
        column\tid\tbigint\tfalse\talways\ncolumn\tuser_id\tbigint\tfalse\tnothing\n\
        column\ttotal\tnumeric(10, 2)\tfalse\tdefault\n";
    let catalog = catalog::parse(SHOP).unwrap();
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../reshape-build/rules");
    let mut pages = 0;
    for file in std::fs::read_dir(folder).unwrap().map(Result::unwrap) {
        let name = file.file_name().into_string().unwrap();
        if !name.starts_with("R06") {
            continue;
        }
        pages += 1;
        let page = std::fs::read_to_string(file.path()).unwrap();
        for fence in ["bad", "good"] {
            let (_, rest) = page.split_once(&format!("```text {fence}\n")).unwrap();
            let (text, _) = rest.split_once("\n```").unwrap();
            let inner = text.strip_prefix("query!(").and_then(|text| text.strip_suffix(')'));
            let arguments: Arguments = syn::parse_str(inner.unwrap()).unwrap();
            let told = match checked(&arguments, &catalog) {
                Ok(tokens) => tokens.to_string(),
                Err(error) => error.into_iter().map(|error| error.to_string()).collect(),
            };
            // The compiler itself judges the types of values.
            let breaks = match &name[..5] {
                "R0612" => told.contains("int8 :: Given"),
                code => told.matches("[R0").count() == 1 && told.contains(&format!("[{code}]")),
            };
            assert_eq!(breaks, fence == "bad", "{name}, {fence}: {told}");
        }
    }
    assert_eq!(pages, 12);
}
