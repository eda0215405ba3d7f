//! The text of a lock file.
//!
//! ```text
//! # comments
//! version 2
//!
//! baseline
//!   {"type":"create_table", …}
//! checksum <SHA-256 of the actions>
//! chain <SHA-256 of the chain before and the checksum>
//!
//! migration "0001_users"
//! requires ["auth/0002_accounts"]
//!   {"type":"create_table", …}
//! checksum <SHA-256 of the actions>
//! chain <SHA-256 of the chain before, the name, the checksum and what it requires>
//! ```
//!
//! What is empty is left out. Version 1 is the same, but says nothing of what most migrations require: what is not said is not compared.
//!
//! **Invariant:** one action, one line, so that a diff of the file is a diff of actions; and every block ends in a hash of all that is before it, so that
//! two branches that add a block cannot be merged without anybody looking.
//!
//! **Invariant:** line endings do not matter.

use std::sync::Arc;

use reshape_runtime::model::Migration;

use super::report;
use crate::checksum::{checksum_of_lines, line, sha256};
use crate::diagnostic::Diagnostic;
use crate::text::{Source, Span};

const HEADER: &str = "\
# Migrations that are not changed any more: the actions of each, their checksum, and a chain over everything above.
# Written by `reshape lock`. Two branches that add migrations conflict here: keep the blocks of the one that was merged first, then
# run `reshape lock` for your own.
version 2
";

/// What the baseline is called, where a name is wanted.
pub(super) const BASELINE: &str = "baseline";

/// What a lock file says.
#[derive(Debug)]
pub(super) struct LockFile {
    pub(super) source: Arc<Source>,
    pub(super) blocks: Vec<Block>,
}

/// One migration, as it was locked, or the baseline.
#[derive(Debug)]
pub(super) struct Block {
    pub(super) name: String,
    pub(super) is_baseline: bool,
    /// What it requires, in the order of the names; `None` if that is not said.
    pub(super) requires: Option<Vec<String>>,
    /// The actions, as [`line`] gives them.
    pub(super) actions: Vec<String>,
    pub(super) checksum: String,
    pub(super) chain: String,
    /// The line with the name.
    pub(super) span: Span,
}

impl LockFile {
    /// Reads a lock file; what is not one gives the problem.
    pub(super) fn parse(source: Arc<Source>) -> Result<Self, Box<Diagnostic>> {
        let mut blocks: Vec<Block> = Vec::new();
        let mut version = false;
        let mut is_first_version = false;
        let mut end = 0;
        for text in source.text.split_inclusive('\n') {
            let start = end;
            end += text.len();
            let text = text.trim_end();
            let span = start..start + text.len();
            if text.is_empty() || text.starts_with('#') {
                continue;
            }
            if ["<<<<<<<", "|||||||", "=======", ">>>>>>>"].iter().any(|m| text.starts_with(m)) {
                return Err(report::conflict(&source, &span).into());
            }
            let (key, value) = text.trim_start().split_once(' ').unwrap_or((text.trim(), ""));
            let open = blocks.last_mut().filter(|block| block.chain.is_empty());
            match (key, open) {
                ("version", _) if ["1", "2"].contains(&value) && !version => {
                    version = true;
                    is_first_version = value == "1";
                }
                ("version", _) if !version => {
                    return Err(report::version(&source, &span, value).into());
                }
                _ if !version => return Err(report::syntax(&source, &span).into()),
                ("migration", None) => {
                    let Ok(name) = serde_json::from_str(value) else {
                        return Err(report::syntax(&source, &span).into());
                    };
                    let requires = (!is_first_version).then(Vec::new);
                    blocks.push(Block { requires, ..Block::new(name, span) });
                }
                ("baseline", None) if value.is_empty() => {
                    let block = Block::new(BASELINE.to_owned(), span);
                    blocks.push(Block { is_baseline: true, ..block });
                }
                ("requires", Some(block))
                    if block.actions.is_empty()
                        && block.requires.as_ref().is_none_or(Vec::is_empty) =>
                {
                    let Ok(requires) = serde_json::from_str(value) else {
                        return Err(report::syntax(&source, &span).into());
                    };
                    block.requires = Some(requires);
                }
                ("checksum", Some(block)) if block.checksum.is_empty() => {
                    value.clone_into(&mut block.checksum);
                }
                ("chain", Some(block)) if !block.checksum.is_empty() => {
                    value.clone_into(&mut block.chain);
                }
                (_, Some(block)) if block.checksum.is_empty() && key.starts_with('{') => {
                    block.actions.push(text.trim_start().to_owned());
                }
                _ => return Err(report::syntax(&source, &span).into()),
            }
        }
        match blocks.last() {
            Some(block) if block.chain.is_empty() => Err(report::cut_off(&source, block).into()),
            None if !version => Err(report::version(&source, &(0..0), "").into()),
            Some(_) | None => Ok(Self { source, blocks }),
        }
    }

    /// The chain after the last block.
    pub(super) fn chain(&self) -> &str {
        self.blocks.last().map_or("", |block| &block.chain)
    }
}

/// The chain after a migration, or after the baseline, which has no name.
fn link(before: &str, name: &str, checksum: &str, requires: &[String]) -> String {
    // None of the parts but the name can hold a line feed, and the name has its length before it.
    let mut text = format!("{before}\n{checksum}\n{}\n{name}", name.len());
    if !requires.is_empty() {
        text.push_str(&format!("\n{}", list(requires)));
    }
    sha256(text.as_bytes())
}

/// Names as a list in JSON.
pub(super) fn list(names: &[String]) -> String {
    serde_json::Value::from(names).to_string()
}

/// What a migration requires, in the order of the names: that of the file does not matter.
pub(super) fn requires(migration: &Migration) -> Vec<String> {
    let mut names: Vec<String> = migration.requires.iter().map(ToString::to_string).collect();
    names.sort();
    names.dedup();
    names
}

impl Block {
    fn new(name: String, span: Span) -> Self {
        Self {
            name,
            is_baseline: false,
            requires: None,
            actions: Vec::new(),
            checksum: String::new(),
            chain: String::new(),
            span,
        }
    }

    /// Whether its chain is that of the block with the chain `before`.
    pub(super) fn follows(&self, before: &str) -> bool {
        let name = if self.is_baseline { "" } else { &self.name };
        let requires = self.requires.as_deref().unwrap_or_default();
        link(before, name, &self.checksum, requires) == self.chain
    }

    /// Whether the actions are those of which the checksum was computed.
    pub(super) fn is_whole(&self) -> bool {
        checksum_of_lines(&self.actions) == self.checksum
    }
}

/// The text after which `baseline` and `migrations` are locked, too; `before` is what the file says so far.
pub(super) fn append<'m>(
    before: Option<&LockFile>,
    baseline: Option<&[String]>,
    migrations: impl Iterator<Item = &'m Migration>,
) -> String {
    let crlf = before.is_some_and(|file| file.source.text.contains("\r\n"));
    let mut text = before.map_or(HEADER.to_owned(), |file| file.source.text.replace("\r\n", "\n"));
    if !text.ends_with('\n') {
        text.push('\n');
    }
    let mut chain = before.map_or("", LockFile::chain).to_owned();
    if let Some(lines) = baseline {
        let checksum = checksum_of_lines(lines);
        chain = link(&chain, "", &checksum, &[]);
        text.push_str(&format!("\n{BASELINE}\n"));
        text.extend(lines.iter().map(|line| format!("  {line}\n")));
        text.push_str(&format!("checksum {checksum}\nchain {chain}\n"));
    }
    for migration in migrations {
        let requires = requires(migration);
        chain = link(&chain, &migration.name, &migration.checksum, &requires);
        let name = serde_json::Value::from(&*migration.name);
        text.push_str(&format!("\nmigration {name}\n"));
        if !requires.is_empty() {
            text.push_str(&format!("requires {}\n", list(&requires)));
        }
        for action in migration.actions.iter() {
            text.push_str(&format!("  {}\n", line(action)));
        }
        text.push_str(&format!("checksum {}\nchain {chain}\n", migration.checksum));
    }
    if crlf { text.replace('\n', "\r\n") } else { text }
}
