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
    let code = modules(settings, &migrations, set.history.as_ref());
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
    let code = modules(&Settings::default(), &migrations, set.history.as_ref());
    syn::parse_file(&code).unwrap();
    assert!(code.contains("pub mod schema") && code.contains("pub full_name: "), "{code}");
}
