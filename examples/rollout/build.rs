//! Embeds `migrations/`: every binary of the package carries all of them.

fn main() {
    reshape_build::migrations("migrations");
}
