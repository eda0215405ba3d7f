//! `reshape`: migrates a database from folders of migration files.

use reshape_runtime::cli::Exit;

mod shared;

fn main() -> Exit {
    shared::main("reshape", std::env::args_os())
}
