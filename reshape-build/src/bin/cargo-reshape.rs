//! `cargo reshape`: the same as `reshape`.

use reshape_runtime::cli::Exit;

mod shared;

fn main() -> Exit {
    // Cargo passes on the name of the subcommand: `cargo-reshape reshape migration start`.
    let arguments = std::env::args_os()
        .enumerate()
        .filter(|(place, argument)| *place != 1 || argument != "reshape")
        .map(|(_, argument)| argument);
    shared::main("cargo reshape", arguments)
}
