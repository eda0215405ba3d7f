//! The text of a lock file.
//!
//! ```text
//! # comments
//! version 1
//!
//! migration "0001_users"
//!   {"type":"create_table", …}
//! checksum <SHA-256 of the actions>
//! chain <SHA-256 of the chain before, the name and the checksum>
//! ```
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
version 1
";

/// What a lock file says.
#[derive(Debug)]
pub(super) struct LockFile {
    pub(super) source: Arc<Source>,
    pub(super) blocks: Vec<Block>,
}

/// One migration, as it was locked.
#[derive(Debug)]
pub(super) struct Block {
    pub(super) name: String,
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
                ("version", _) if value == "1" && !version => version = true,
                ("version", _) if !version => {
                    return Err(report::version(&source, &span, value).into());
                }
                _ if !version => return Err(report::syntax(&source, &span).into()),
                ("migration", None) => {
                    let Ok(name) = serde_json::from_str(value) else {
                        return Err(report::syntax(&source, &span).into());
                    };
                    blocks.push(Block {
                        name,
                        actions: Vec::new(),
                        checksum: String::new(),
                        chain: String::new(),
                        span,
                    });
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

/// The chain after a migration.
pub(super) fn link(before: &str, name: &str, checksum: &str) -> String {
    // None of the parts but the name can hold a line feed, and the name has its length before it.
    sha256(format!("{before}\n{checksum}\n{}\n{name}", name.len()).as_bytes())
}

impl Block {
    /// Whether the actions are those of which the checksum was computed.
    pub(super) fn is_whole(&self) -> bool {
        checksum_of_lines(&self.actions) == self.checksum
    }
}

/// The text after which `migrations` are locked, too; `before` is what the file says so far.
pub(super) fn append<'m>(
    before: Option<&LockFile>,
    migrations: impl Iterator<Item = &'m Migration>,
) -> String {
    let crlf = before.is_some_and(|file| file.source.text.contains("\r\n"));
    let mut text = before.map_or(HEADER.to_owned(), |file| file.source.text.replace("\r\n", "\n"));
    if !text.ends_with('\n') {
        text.push('\n');
    }
    let mut chain = before.map_or("", LockFile::chain).to_owned();
    for migration in migrations {
        chain = link(&chain, &migration.name, &migration.checksum);
        let name = serde_json::Value::from(&*migration.name);
        text.push_str(&format!("\nmigration {name}\n"));
        for action in migration.actions.iter() {
            text.push_str(&format!("  {}\n", line(action)));
        }
        text.push_str(&format!("checksum {}\nchain {chain}\n", migration.checksum));
    }
    if crlf { text.replace('\n', "\r\n") } else { text }
}
