//! The example in every action's documentation, on a server: started, rolled back, started again, completed.

use std::path::Path;

use reshape_tests::Rollout;
use reshape_tests::examples::{example, ground};

macro_rules! examples {
    ($($action:ident)*) => {
        $(#[test]
        fn $action() {
            run(stringify!($action));
        })*

        #[test]
        fn all_actions_are_here() {
            let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../reshape-runtime/src/action");
            let files = std::fs::read_dir(folder).expect("the folder of the actions").count();
            assert_eq!(files - 1, [$(stringify!($action)),*].len());
        }
    };
}

examples! {
    add_check add_column add_foreign_key add_index alter_column create_enum create_table custom remove_check
    remove_column remove_enum remove_foreign_key remove_index remove_table rename_table
}

fn run(action: &str) {
    let rows =
        "INSERT INTO users (name, email) VALUES ('Ada Lovelace', 'Ada@X'), ('Alan', 'alan@x')";
    let mut r = Rollout::prepare(&ground(action), rows, &example(action));
    r.start().unwrap_or_else(|error| panic!("{}", error.report()));
    r.abort();
    r.start().unwrap_or_else(|error| panic!("{}", error.report()));
    r.complete();
}
