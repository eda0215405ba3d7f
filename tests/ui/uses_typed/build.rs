//! The whole build script.

fn main() {
    reshape_build::migrations("migrations");
}
