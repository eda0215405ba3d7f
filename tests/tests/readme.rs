//! README shows the files of `examples/quickstart`, which the workspace compiles.

#![allow(clippy::unwrap_used, reason = "helpers of tests")]

use std::fs;
use std::path::{Path, PathBuf};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

/// The first fenced block after the line that names a file.
fn block<'a>(readme: &'a str, file: &str) -> &'a str {
    let (_, after) = readme.split_once(&format!("`{file}`:\n")).expect(file);
    let (_, after) = after.split_once("```").unwrap();
    let (_language, after) = after.split_once('\n').unwrap();
    after.split_once("```").unwrap().0
}

#[test]
fn the_files_are_those_of_the_example() {
    let readme = fs::read_to_string(root().join("README.md")).unwrap();
    for file in ["build.rs", "migrations/0001_users.toml", "src/main.rs"] {
        let compiled = fs::read_to_string(root().join("examples/quickstart").join(file)).unwrap();
        assert_eq!(block(&readme, file), compiled, "README shows another `{file}`");
    }
}

#[test]
fn the_dependencies_are_those_of_the_example() {
    let readme = fs::read_to_string(root().join("README.md")).unwrap();
    let shown = block(&readme, "Cargo.toml");
    let manifest = fs::read_to_string(root().join("examples/quickstart/Cargo.toml")).unwrap();
    assert_eq!(dependencies(shown), dependencies(&manifest));
    // The paths have to lead to the packages from a folder beside this one's.
    for line in shown.lines().filter(|line| line.contains("path = ")) {
        let path = line.split('"').nth(1).unwrap().strip_prefix("../reshape/").unwrap();
        assert!(root().join(path).join("Cargo.toml").is_file(), "{line}");
    }
}

/// Sections of dependencies and the names in them, in order.
fn dependencies(manifest: &str) -> Vec<String> {
    let mut names = Vec::new();
    let mut section = "";
    for line in manifest.lines() {
        if line.starts_with('[') {
            section = line;
        } else if section.ends_with("dependencies]") && !line.trim().is_empty() {
            let name = line.split(['=', '.']).next().unwrap().trim();
            names.push(format!("{section} {name}"));
        }
    }
    names
}
