//! The modules that the tests use: every version, with the types of libraries.

use reshape_build::{Builder, Library};

fn main() {
    Builder::new()
        .folder("migrations")
        .library(Library::Chrono)
        .library(Library::Json)
        .library(Library::RustDecimal)
        .library(Library::Uuid)
        .rust_type("shout", "crate::Shout")
        .rust_type("email_address", "String")
        .module("reshape_tests_typed::migrations")
        .all_versions()
        .emit();
}
