//! The pages of the rules: what they say is true.
//!
//! The fences of a page: `toml bad` and `json bad` are a migration, after [`BEFORE`], that breaks the page's rule and no other; `toml good` is one
//! without a problem. With a further word the text is another file: `baseline`, without anything before it, or `settings`, that is `reshape.toml`.
//! What is neither TOML nor JSON is for people alone.

// All of this is test code.
#![allow(clippy::unwrap_used)]

use std::fs;

use reshape_build::{Rule, check, rules};
use tempfile::TempDir;

/// As described in `rules.rs`.
const BEFORE: &str = r#"
[[actions]]
type = "create_table"
name = "users"
primary_key = "id"
columns = [
  { name = "id", type = "bigint", generated = "ALWAYS AS IDENTITY" },
  { name = "name", type = "text", nullable = false },
  { name = "email", type = "text" },
]

[[actions]]
type = "create_table"
name = "orders"
primary_key = "id"
columns = [
  { name = "id", type = "bigint", generated = "ALWAYS AS IDENTITY" },
  { name = "user_id", type = "bigint", nullable = false },
  { name = "total", type = "numeric(10, 2)", nullable = false, default = "0" },
]
foreign_keys = [{ columns = ["user_id"], referenced_table = "users", referenced_columns = ["id"] }]
"#;

/// A block of a page: the words behind its fence, and its text.
struct Block<'a> {
    words: Vec<&'a str>,
    text: String,
}

fn blocks(page: &str) -> Vec<Block<'_>> {
    let mut blocks = Vec::new();
    let mut open: Option<Block<'_>> = None;
    for line in page.lines() {
        match (line.strip_prefix("```"), &mut open) {
            (Some(_), Some(_)) => blocks.extend(open.take()),
            (Some(words), None) => {
                let words = words.split_whitespace().collect();
                open = Some(Block { words, text: String::new() });
            }
            (None, Some(block)) => {
                block.text.push_str(line);
                block.text.push('\n');
            }
            (None, None) => {}
        }
    }
    assert!(open.is_none(), "a fence that is not closed");
    blocks
}

/// The rules that a block breaks, and what is said about it.
fn broken(block: &Block<'_>) -> (Vec<Rule>, String) {
    let folder = TempDir::new().unwrap();
    let write = |name: &str, text: &str| fs::write(folder.path().join(name), text).unwrap();
    let migrations = folder.path().join("migrations");
    fs::create_dir(&migrations).unwrap();
    match block.words[..] {
        [_, _, "baseline"] => {
            write("migrations/baseline.toml", &block.text);
            write("migrations/0001_first.toml", "actions = []");
        }
        [_, _, "settings"] => {
            write("migrations/0001_before.toml", BEFORE);
            write("reshape.toml", &block.text);
        }
        [format, _] => {
            write("migrations/0001_before.toml", BEFORE);
            write(&format!("migrations/0002_example.{format}"), &block.text);
        }
        _ => panic!("{:?}", block.words),
    }
    let (_, problems) = check(&[migrations]);
    (problems.iter().map(|problem| problem.rule).collect(), problems.to_string())
}

#[test]
fn every_page_has_the_same_parts() {
    for rule in Rule::ALL {
        let page = rules::page(*rule);
        let title = format!("# {}: {}\n\n", rule.id(), rule.name());
        assert!(
            page.starts_with(&title),
            "`rules/{rule}-{}.md` is not listed in `rules.rs`, or has no title",
            rule.name()
        );
        assert!(page.ends_with('\n') && !page.ends_with("\n\n"), "{rule}");
        let bad = blocks(page).iter().filter(|block| block.words.get(1) == Some(&"bad")).count();
        assert!(bad > 0, "{rule} has no bad example");
    }
}

#[test]
fn examples_break_the_rule_that_they_are_for() {
    let mut failed = String::new();
    for rule in Rule::ALL {
        let page = rules::page(*rule);
        for block in blocks(page) {
            let expected: &[Rule] = match block.words[..] {
                ["toml" | "json", "bad", ..] => &[*rule],
                ["toml" | "json", "good", ..] => &[],
                _ => continue,
            };
            let (found, told) = broken(&block);
            if found != expected {
                failed.push_str(&format!("{rule}, {:?}: {found:?}\n{told}\n\n", block.words));
            }
        }
    }
    assert!(failed.is_empty(), "{failed}");
}

#[test]
fn every_file_is_the_page_of_a_rule() {
    for file in fs::read_dir("rules").unwrap() {
        let name = file.unwrap().file_name().into_string().unwrap();
        let known = |rule: &&Rule| format!("{}-{}.md", rule.id(), rule.name()) == name;
        assert!(Rule::ALL.iter().any(|rule| known(&rule)), "`rules/{name}` is about no rule");
    }
}
