use std::path::Path;

use super::*;
use crate::set::Set;

fn written(files: &[(&str, &str)], settings: &Settings) -> String {
    let base = tempfile::tempdir().unwrap();
    for (stem, text) in files {
        std::fs::write(base.path().join(format!("{stem}.toml")), text).unwrap();
    }
    let set = Set::load(base.path(), &["".into()]);
    let migrations: Vec<&Migration> = set.migrations().map(|(migration, _)| migration).collect();
    let (code, _) = modules(settings, &migrations, set.history.as_ref());
    syn::parse_file(&code).unwrap();
    code
}

const USERS: &str = "[[actions]]\ntype = \"create_enum\"\nname = \"mood\"\nvalues = [\"so-so\"]\n\
    [[actions]]\ntype = \"create_table\"\nname = \"users\"\nprimary_key = \"id\"\ncolumns = [\n\
    { name = \"id\", type = \"bigint\", generated = \"ALWAYS AS IDENTITY\" },\n\
    { name = \"name\", type = \"text\", nullable = false, comment = \"not [markdown]\" },\n\
    { name = \"mood\", type = \"mood\", default = \"'so-so'\" }]\n\
    [[actions]]\ntype = \"create_table\"\nname = \"days\"\nprimary_key = \"day\"\n\
    columns = [{ name = \"day\", type = \"date\" }]\n";
const RENAME: &str = "[[actions]]\ntype = \"alter_column\"\ntable = \"users\"\ncolumn = \"name\"\nchanges = { name = \"full_name\" }\n";
const REMOVE: &str = "[[actions]]\ntype = \"remove_table\"\ntable = \"days\"\n";

#[test]
fn the_code_of_a_table_says_where_its_columns_come_from() {
    let code = written(&[("1_users", USERS), ("2_rename", RENAME)], &Settings::default());
    insta::assert_snapshot!(code);
}

#[test]
fn what_has_not_changed_is_written_once() {
    let code = written(&[("1_users", USERS), ("2_rename", RENAME)], &Settings::default());
    assert_eq!(code.matches("pub struct Users ").count(), 2);
    assert_eq!(code.matches("pub struct Days ").count(), 1);
    assert_eq!(code.matches("days::{Days, NewDays, days}").count(), 3);
}

#[test]
fn the_newest_two_versions_have_modules_unless_all_are_asked_for() {
    let files = [("1_users", USERS), ("2_rename", RENAME), ("3_remove", REMOVE)];
    let code = written(&files, &Settings::default());
    assert!(!code.contains("mod v1_users") && code.contains("mod v2_rename"), "{code}");
    assert!(code.contains("mod v3_remove") && code.contains("Removed: `days` by `3_remove`."));
    let all = Settings { all_versions: true, ..Settings::default() };
    assert!(written(&files, &all).contains("mod v1_users"));
}

#[test]
fn a_library_gives_types() {
    let day = |library| {
        let settings = Settings { libraries: vec![library], ..Settings::default() };
        let code = written(&[("1_users", USERS)], &settings);
        let line = code.lines().find(|line| line.starts_with("pub day: ")).unwrap();
        line.trim_end_matches(',').trim_start_matches("pub day: ").to_owned()
    };
    assert_eq!(day(Library::Chrono), "__rt::typed::library::chrono::NaiveDate");
    assert_eq!(day(Library::Jiff), "__rt::typed::library::jiff::civil::Date");
    assert_eq!(day(Library::Time), "__rt::typed::library::time::Date");
    assert_eq!(day(Library::Uuid), "__rt::typed::Binary");
}

#[test]
fn a_given_type_wins() {
    let types = vec![
        ("int8[]".to_owned(), "crate::Ids".to_owned()),
        ("pg_catalog.date".to_owned(), "D".to_owned()),
    ];
    let settings = Settings { libraries: vec![Library::Chrono], types, ..Settings::default() };
    let rust = |sql: &str| settings.rust(sql, &[]).path;
    assert_eq!(rust("bigint[]"), "crate::Ids");
    assert_eq!(rust("bigint"), "i64");
    assert_eq!(rust("date"), "D");
    assert_eq!(rust("date[]"), "::std::vec::Vec<D>");
    assert_eq!(rust("int[][]"), "__rt::typed::Binary");
    assert_eq!(rust("uuid[]"), "__rt::typed::Binary");
    assert_eq!(rust("other.text"), "__rt::typed::Binary");
}

#[test]
fn migrations_with_problems_have_types_as_far_as_they_go() {
    let base = tempfile::tempdir().unwrap();
    std::fs::write(base.path().join("1_users.toml"), USERS).unwrap();
    std::fs::write(base.path().join("2_bad.toml"), RENAME.replace("users", "usres")).unwrap();
    std::fs::write(base.path().join("3_worse.toml"), "actions = ").unwrap();
    std::fs::write(base.path().join("4_fine.toml"), REMOVE).unwrap();
    let set = Set::load(Path::new(base.path()), &["".into()]);
    assert!(!set.problems.is_empty());
    let migrations: Vec<&Migration> = set.migrations().map(|(migration, _)| migration).collect();
    let (code, _) = modules(&Settings::default(), &migrations, set.history.as_ref());
    syn::parse_file(&code).unwrap();
    assert!(code.contains("pub mod schema") && code.contains("pub full_name: "), "{code}");
}

fn loaded(files: &[(&str, &str)]) -> (tempfile::TempDir, Set) {
    let base = tempfile::tempdir().unwrap();
    for (stem, text) in files {
        std::fs::write(base.path().join(format!("{stem}.toml")), text).unwrap();
    }
    let set = Set::load(base.path(), &["".into()]);
    (base, set)
}

/// The catalog of the migrations.
fn text_of(files: &[(&str, &str)], adopted: bool) -> String {
    let (_base, set) = loaded(files);
    let migrations: Vec<&Migration> = set.migrations().map(|(migration, _)| migration).collect();
    let settings = Settings::default();
    let history = set.history.as_ref().unwrap();
    let (_, story) = modules(&settings, &migrations, Some(history));
    catalog(&settings, &migrations, adopted, history, &story)
}

#[test]
fn a_page_tells_actions_and_plan() {
    let (_base, set) = loaded(&[("1_users", USERS), ("2_rename", RENAME), ("3_remove", REMOVE)]);
    let migrations: Vec<&Migration> = set.migrations().map(|(migration, _)| migration).collect();
    let pages = pages(&Settings::default(), &migrations, set.history.as_ref(), None);
    assert!(
        pages[0].contains("- creates table `users` with `id`, `name`, `mood`\n"),
        "{}",
        pages[0]
    );
    assert!(!pages[0].contains("# Plan"), "its version has no module");
    assert!(
        pages[1].contains("- changes column `name` of table `users`: renames it to `full_name`\n")
    );
    assert!(pages[2].contains("-- contract: "), "{}", pages[2]);
}

#[test]
fn the_catalog_says_what_is_certain() {
    let custom = "[[actions]]\ntype = \"custom\"\nstart = \"ALTER TABLE users ADD COLUMN x int\"\n";
    let catalog = |files: &[(&str, &str)]| text_of(files, false);
    let text = catalog(&[("1_users", USERS), ("2_rename", RENAME), ("3_remove", REMOVE)]);
    assert!(
        text.contains("open\tfalse\n") && text.contains("table\tpublic\tusers\ttrue\n"),
        "{text}"
    );
    assert!(
        text.contains("gone\tusers\tname\tit was renamed to `full_name` by `2_rename`\n"),
        "{text}"
    );
    assert!(text.contains("gone\tdays\t\tit was removed by `3_remove`\n"), "{text}");
    let text = catalog(&[("1_users", USERS), ("2_custom", custom)]);
    assert!(
        text.contains("open\ttrue\n") && text.contains("table\tpublic\tusers\tfalse\n"),
        "{text}"
    );
    assert!(text.contains("table\tpublic\tdays\ttrue\n"), "{text}");
}

#[test]
fn unique_keys_are_known_of_tables_that_nobody_else_can_have_touched() {
    let index = "[[actions]]\ntype = \"add_index\"\ntable = \"users\"\n\
        index = { name = \"i\", columns = [\"name\", \"id\"], unique = true }\n\
        [[actions]]\ntype = \"add_index\"\ntable = \"users\"\n\
        index = { name = \"j\", columns = [\"name\", { expression = \"lower(name)\" }], unique = true, where = \"id > 1\" }\n\
        [[actions]]\ntype = \"add_index\"\ntable = \"users\"\n\
        index = { name = \"k\", columns = [\"name\"] }\n";
    let catalog = text_of;
    let settled = "settled\nkey\tfull\tid\nkey\tfull\tname\tid\nkey\tpartial\tname\t\ncolumn\tid\t";
    let text = catalog(&[("1_users", USERS), ("2_index", index)], false);
    assert!(text.contains(&format!("row\tcrate::migrations::schema::Users\n{settled}")), "{text}");
    for sql in [
        "SELECT f() FROM users",
        "CREATE TRIGGER t BEFORE INSERT ON x EXECUTE FUNCTION f()",
        "DO $$ BEGIN EXECUTE f(); END $$",
    ] {
        let custom = format!("[[actions]]\ntype = \"custom\"\nstart = \"{sql}\"\n");
        let text = catalog(&[("1_users", USERS), ("2_index", index), ("3_x", &custom)], false);
        assert!(!text.contains(settled), "{sql}: {text}");
    }
    let custom = "[[actions]]\ntype = \"custom\"\nstart = \"CREATE VIEW v AS SELECT 1\"\n";
    let text = catalog(&[("1_users", USERS), ("2_index", index), ("3_x", custom)], false);
    assert!(text.contains(settled), "{text}");
}

#[test]
fn what_custom_sql_may_have_changed_is_not_certain() {
    let custom =
        |when: &str, sql: &str| format!("[[actions]]\ntype = \"custom\"\n{when} = \"{sql}\"\n");
    let catalog = |files: &[(&str, &str)]| text_of(files, false);
    let id = "column\tid\tbigint\tfalse\talways\n";
    let name = "column\tname\ttext\tfalse\tnothing\n";

    let text = catalog(&[("1_users", USERS), ("2_x", &custom("start", "SELECT f(Users.Name)"))]);
    assert!(text.contains(id) && !text.contains(name), "{text}");
    assert!(text.contains("column\tname\t\ttrue\tdefault\n"), "{text}");

    // What only touches rows changes no column.
    let update = "UPDATE users SET name = upper(name); COMMENT ON TABLE days IS NULL";
    let text = catalog(&[("1_users", USERS), ("2_x", &custom("start", update))]);
    assert!(text.contains("open\tfalse\n") && text.contains(id) && text.contains(name), "{text}");
    assert!(text.contains("table\tpublic\tusers\ttrue\n"), "{text}");

    let alter = custom("complete", "ALTER TABLE users ALTER id DROP IDENTITY");
    let text = catalog(&[("1_users", USERS), ("2_x", &alter)]);
    assert!(!text.contains(id) && !text.contains(name), "{text}");
    assert!(text.contains("column\tday\tdate\t"), "{text}");

    // It was called so then; and what comes after the SQL is as it says.
    let later = "[[actions]]\ntype = \"rename_table\"\ntable = \"users\"\nnew_name = \"people\"\n\
        [[actions]]\ntype = \"add_column\"\ntable = \"people\"\ncolumn = { name = \"age\", type = \"int\" }\n";
    let text = catalog(&[("1_users", USERS), ("2_x", &alter), ("3_later", later)]);
    assert!(text.contains("schema::People\ncolumn\tid\t\ttrue\t"), "{text}");
    assert!(text.contains("column\tage\tint\ttrue\tnothing\n"), "{text}");

    let before = format!("{}{USERS}", custom("start", "ALTER TABLE users ADD x int"));
    let text = catalog(&[("1_users", &before)]);
    assert!(text.contains(id) && text.contains(name), "{text}");

    let code = written(&[("1_users", USERS), ("2_x", &alter)], &Settings::default());
    assert_eq!(code.matches("`custom` SQL of `2_x` mentions it").count(), 1, "{code}");
}

#[test]
fn a_required_string_hides_no_type_of_another_column() {
    let columns = "[[actions]]\ntype = \"create_enum\"\nname = \"mood\"\nvalues = [\"sad\"]\n\
        [[actions]]\ntype = \"create_table\"\nname = \"required\"\nprimary_key = \"mood\"\ncolumns = [\
        { name = \"mood\", type = \"text\" }, { name = \"required\", type = \"text\", nullable = false },\
        { name = \"was\", type = \"mood\", nullable = false }, { name = \"string\", type = \"text\", nullable = false }, { name = \"at\", type = \"pair\", nullable = false }]\n\
        [[actions]]\ntype = \"create_table\"\nname = \"none\"\nprimary_key = \"id\"\n\
        columns = [{ name = \"id\", type = \"int\", generated = \"ALWAYS AS IDENTITY\" }]\n";
    let settings =
        Settings { types: vec![("pair".into(), "String".into())], ..Settings::default() };
    let code = written(&[("1_all", columns)], &settings);
    syn::parse_file(&code).unwrap();
    let required = code.split("pub struct Required_2<").nth(1).unwrap();
    let (required, _) = required.split_once('}').unwrap();
    let fields: Vec<&str> = required.lines().filter(|line| !line.starts_with('#')).collect();
    assert_eq!(
        fields,
        [
            "Mood_2 = ::std::string::String, Required_3 = ::std::string::String, String_2 = ::std::string::String> {",
            "pub mood: Mood_2,",
            "pub required: Required_3,",
            "pub was: Mood,",
            "pub string: String_2,",
            "pub at: String,"
        ]
    );
    assert!(code.contains("pub fn new(required: none::Required<>) -> Self"), "{code}");
}

#[test]
fn what_belongs_to_a_table_keeps_its_name() {
    let files = [("1_users", USERS.replace("\"mood\"", "\"new_users\"").replace("so-so", "self"))];
    let files = files.each_ref().map(|(stem, text)| (*stem, text.as_str()));
    let code = written(&files, &Settings::default());
    assert!(code.contains("pub struct NewUsers {") && code.contains("pub enum NewUsers_2 {"));
    assert!(code.contains("\nSelf_,\n") && code.contains("Self_ = \"self\""), "{code}");
    let text = text_of(&files, false);
    assert!(text.contains("enum\tnew_users\tcrate::migrations::schema::NewUsers_2\t"), "{text}");
}
