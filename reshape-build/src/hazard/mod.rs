//! Hazards: migrations that would work, at a price that may be too high, and `custom` SQL that would not work where it runs.
//!
//! One rule is one file, with its text in `reshape-build/rules/` and its cases in `tests/cases/bad/`.
//!
//! **Invariant:** never a false alarm. A lock is a hazard only on a table that the history knows to be there before the migration; what a statement
//! does that is not understood is not judged.

mod action;
mod site;
mod statement;
mod token;

mod add_column_rewrite;
mod constraint_builds_index;
mod constraint_scan;
mod disabled_triggers;
mod drop_cascade;
mod drop_while_in_use;
mod explicit_lock;
mod hidden_rename;
mod index_blocks_writes;
mod kept_setting;
mod migrated_table;
mod narrower_type;
mod new_enum_value_used;
mod no_lock_timeout;
mod not_in_transaction;
mod not_null_scan;
mod own_objects;
mod refresh_blocks_reads;
mod session_switch;
mod table_rewrite;
mod transaction_control;
mod truncate_while_in_use;
mod unbounded_write;

use reshape_runtime::Migrations;
use reshape_runtime::history::History;
use reshape_runtime::schema::Problem;

use site::Site;

/// What is hazardous in the migrations; `history` is their replay.
pub(crate) fn find(migrations: &Migrations, history: &History) -> Vec<Problem> {
    let mut problems = Vec::new();
    site::each(migrations, history, |site| {
        for rule in SQL_RULES {
            rule(site, &mut problems);
        }
    });
    action::each(migrations, history, |step| {
        for rule in ACTION_RULES {
            rule(step, &mut problems);
        }
    });
    problems
}

/// Those over each statement of `custom` SQL.
const SQL_RULES: &[fn(&Site<'_>, &mut Vec<Problem>)] = &[
    transaction_control::check,
    not_in_transaction::check,
    own_objects::check,
    session_switch::check,
    kept_setting::check,
    no_lock_timeout::check,
    index_blocks_writes::check,
    constraint_scan::check,
    constraint_builds_index::check,
    not_null_scan::check,
    table_rewrite::check,
    add_column_rewrite::check,
    drop_while_in_use::check,
    hidden_rename::check,
    explicit_lock::check,
    truncate_while_in_use::check,
    unbounded_write::check,
    drop_cascade::check,
    disabled_triggers::check,
    refresh_blocks_reads::check,
    new_enum_value_used::check,
    migrated_table::check,
];

/// Those over the other actions.
const ACTION_RULES: &[fn(&action::Step<'_>, &mut Vec<Problem>)] = &[narrower_type::check];

#[cfg(test)]
pub(crate) mod tests {
    use std::path::Path;

    use crate::set::Set;

    const BASE: &str = r#"
[[actions]]
type = "create_table"
name = "users"
primary_key = "id"
columns = [{ name = "id", type = "int" }, { name = "name", type = "text" }]

[[actions]]
type = "create_table"
name = "orders"
primary_key = "id"
columns = [{ name = "id", type = "int" }]
"#;

    /// The names of the rules that a second migration breaks.
    pub(crate) fn broken(change: &str) -> Vec<&'static str> {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("1_base.toml"), BASE).unwrap();
        std::fs::write(folder.path().join("2_change.toml"), change).unwrap();
        let set = Set::load(Path::new(""), &[folder.path().to_owned()]);
        let mut names: Vec<&str> = set.problems.iter().map(|problem| problem.rule.name()).collect();
        names.sort_unstable();
        names
    }

    /// The names of the rules that `start` of a `custom` action breaks, after tables `users(id, name)` and `orders(id)`.
    pub(crate) fn flagged(start: &str) -> Vec<&'static str> {
        broken(&format!("[[actions]]\ntype = \"custom\"\nstart = {}\n", serde_json::json!(start)))
    }

    #[test]
    fn good_histories_have_no_hazard_that_is_not_accepted() {
        let folder = Path::new("../tests/cases/good");
        let mut found = String::new();
        for case in std::fs::read_dir(folder).unwrap() {
            let case = case.unwrap().path();
            for problem in &Set::load(Path::new(""), &[case]).problems {
                found.push_str(&format!("{problem}\n\n"));
            }
        }
        assert!(found.is_empty(), "{found}");
    }
}
