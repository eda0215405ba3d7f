//! What another version of `reshape-build` might leave.

use std::path::Path;
use std::{env, fs};

fn main() {
    let folder = Path::new(&env::var("OUT_DIR").unwrap()).join("reshape");
    fs::create_dir_all(&folder).unwrap();
    fs::write(folder.join("index.txt"), "reshape-index\t2\nsomething new\n").unwrap();
}
