fn main() {
    reshape_build::migrations("migrations");
}
