//! Files that are broken in every way that chance thinks of: each gives migrations or problems that can be shown, and none takes long.
//!
//! A failure prints its seed; `RESHAPE_MUTATION_SEEDS` runs more of them.

// All of this is test code.
#![allow(clippy::unwrap_used)]

use std::fs;
use std::panic::catch_unwind;
use std::path::{Path, PathBuf};

/// `SplitMix64`.
struct Random(u64);

impl Random {
    fn next(&mut self, below: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        usize::try_from((z ^ (z >> 31)) % (below.max(1) as u64)).unwrap()
    }
}

/// What is put in.
const PIECES: &[&str] = &[
    "\"",
    "'",
    "'''",
    "\"\"\"",
    "[",
    "]",
    "{",
    "}",
    "[[",
    "]]",
    "=",
    ",",
    "\n",
    "\r\n",
    "\\",
    "\\u",
    "\\u12",
    "\\ud800",
    "\0",
    "#",
    "--",
    "/*",
    "*/",
    "$$",
    "$a$",
    ";",
    "(",
    ")",
    "é",
    "日本",
    "\u{feff}",
    "\u{202e}",
    "true",
    "null",
    "-1",
    "1e999",
    "[[actions]]",
    "type = ",
    "\"custom\"",
    "COMMIT",
    "E'",
    "U&\"",
    "::",
    ".",
    "..",
    "table",
    "columns",
    "[[[[[[[[[[[[[[[[[[[[[[[[",
    "((((((((((((((((((((((((((((((",
];

/// Every migration file of the corpus.
fn files() -> Vec<PathBuf> {
    let mut files = Vec::new();
    let mut folders = vec![PathBuf::from("../tests/cases")];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|e| e == "toml" || e == "json") {
                files.push(path);
            }
        }
    }
    files.sort();
    files
}

fn mutate(text: &[u8], dice: &mut Random) -> Vec<u8> {
    let mut bytes = text.to_vec();
    for _ in 0..=dice.next(4) {
        let at = dice.next(bytes.len() + 1);
        let end = (at + dice.next(30)).min(bytes.len());
        match dice.next(6) {
            0 => drop(bytes.drain(at..end)),
            1 => {
                let copy = bytes[at..end].to_vec();
                let to = dice.next(bytes.len() + 1);
                bytes.splice(to..to, copy);
            }
            2 => bytes.truncate(at),
            3 => {
                if let Some(byte) = bytes.get_mut(at) {
                    *byte = u8::try_from(dice.next(256)).unwrap();
                }
            }
            _ => {
                let piece = PIECES[dice.next(PIECES.len())];
                bytes.splice(at..at, piece.bytes());
            }
        }
    }
    bytes
}

/// Checks the files as they are in one folder, and shows what is found.
fn check(folder: &Path) {
    let (_, problems) = reshape_build::check(&[folder]);
    for problem in &problems {
        assert!(!problem.render(false).is_empty() && !problem.render(true).is_empty());
        assert!(problem.line > 0 && problem.column > 0);
    }
}

#[test]
fn no_input_is_too_strange() {
    let seeds = std::env::var("RESHAPE_MUTATION_SEEDS").ok().and_then(|text| text.parse().ok());
    let files = files();
    for seed in 0..seeds.unwrap_or(600) {
        let mut dice = Random(seed);
        let file = &files[dice.next(files.len())];
        let folder = tempfile::tempdir().unwrap();
        let name = Path::new("0002_x").with_extension(file.extension().unwrap());
        let bytes = mutate(&fs::read(file).unwrap(), &mut dice);
        fs::write(folder.path().join(name), &bytes).unwrap();
        // What a mutation refers to is there, sometimes.
        let first = &files[dice.next(files.len())];
        let before = Path::new("0001_x").with_extension(first.extension().unwrap());
        fs::copy(first, folder.path().join(before)).unwrap();
        let shown = || format!("seed {seed}: {}", String::from_utf8_lossy(&bytes));
        assert!(catch_unwind(|| check(folder.path())).is_ok(), "{}", shown());
    }
}

/// A step for each pair of bytes would take hours here.
#[test]
fn long_files_are_no_problem() {
    let many = "SELECT (((('a;b')))) /* ; */ -- ;\n;".repeat(20_000);
    let deep = "(".repeat(50_000);
    let quotes = "$a$ $b$ ' \" ".repeat(20_000);
    for sql in [many, deep, quotes] {
        let folder = tempfile::tempdir().unwrap();
        let file = serde_json::json!({ "actions": [{ "type": "custom", "start": sql }] });
        fs::write(folder.path().join("1_x.json"), file.to_string()).unwrap();
        check(folder.path());
    }
}
