//! Where a backfill is: which blocks are done.
//!
//! **Invariant:** the journal is written relative to what it says, so that workers which finish at the same time lose nothing of each
//! other's. Older releases know `next` alone and go on from there; that what lies behind it is done stays true.

use std::ops::Range;

use serde::{Deserialize, Serialize};

use crate::error::{Error, ErrorKind};
use crate::exec::set::Set;

/// Where a backfill is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(in crate::exec) struct Position {
    /// The table's file. Another one means that the table was rewritten: every row may be anywhere.
    pub(super) filenode: Option<u64>,
    /// The table's size when the pass began, in blocks.
    pub(in crate::exec) blocks: u64,
    /// The first block that is not done.
    pub(in crate::exec) next: u64,
    /// What is done, as an `int8multirange`; where it is missing, everything before `next`.
    #[serde(default)]
    done: Option<String>,
}

impl Position {
    /// Where a pass over a table of that file and size begins.
    pub(super) fn start(filenode: Option<u64>, blocks: u64) -> Self {
        Self { filenode, blocks, next: 0, done: None }
    }

    pub(super) fn parse(text: &str) -> Result<Self, Error> {
        serde_json::from_str(text).map_err(|error| {
            Error::new(
                ErrorKind::Metadata,
                format!("the position of a backfill in `reshape.journal` cannot be read: `{text}`"),
            )
            .with_source(error)
            .with_help("set its column `position` to NULL")
        })
    }

    /// The ranges that are done, in order; none touches another.
    pub(super) fn done(&self) -> Vec<Range<u64>> {
        let Some(text) = &self.done else {
            return std::iter::once(0..self.next).filter(|range| !range.is_empty()).collect();
        };
        // Discrete ranges are always shown in this form: `{[0,128),[256,384)}`.
        let bounds = text.trim_matches(['{', '}']).split("),");
        let range = |text: &str| {
            let (from, to) = text.trim_matches(['[', ')']).split_once(',')?;
            Some(from.parse().ok()?..to.parse().ok()?)
        };
        bounds.filter_map(range).collect()
    }

    /// How many blocks are done.
    pub(in crate::exec) fn blocks_done(&self) -> u64 {
        let end = |range: &Range<u64>| range.end.min(self.blocks);
        self.done().iter().map(|range| end(range).saturating_sub(range.start)).sum()
    }

    /// Whether every block is done.
    pub(super) fn is_done(&self) -> bool {
        self.gap(&[], 1).is_none()
    }

    /// The first blocks that are neither done nor taken, at most `most`.
    pub(super) fn gap(&self, taken: &[Range<u64>], most: u64) -> Option<Range<u64>> {
        let mut covered = self.done();
        covered.extend(taken.iter().cloned());
        covered.sort_by_key(|range| range.start);
        let mut from = 0;
        let mut end = self.blocks;
        for range in &covered {
            if range.start > from {
                end = range.start.min(self.blocks);
                break;
            }
            from = from.max(range.end);
        }
        (from < end).then(|| from..end.min(from.saturating_add(most)))
    }

    /// Whether all of `range` is done.
    pub(super) fn has(&self, range: &Range<u64>) -> bool {
        self.done().iter().any(|done| done.start <= range.start && range.end <= done.end)
    }

    /// Writes it into the journal, where the step has a row, and forgets how many rows were written before.
    pub(super) fn start_sql(&self, set: &Set, step: usize) -> String {
        let Self { blocks, next, .. } = self;
        let filenode = self.filenode_sql();
        format!(
            "UPDATE reshape.journal SET rows = 0, \
               position = '{{\"filenode\": {filenode}, \"blocks\": {blocks}, \"next\": {next}}}' \
             WHERE {} AND step = {step}",
            set.own()
        )
    }

    /// Adds rows to the journal, and the range if it is done with them; returns the rows and the position that it then has, unless the table has
    /// been rewritten since.
    pub(super) fn add_sql(
        &self,
        set: &Set,
        step: usize,
        range: Option<&Range<u64>>,
        rows: u64,
    ) -> String {
        let filenode = match self.filenode {
            Some(node) => format!("'{node}'"),
            None => String::from("NULL"),
        };
        let position = range.map(|range| {
            format!(
                ", position = j.position || (\
                 SELECT jsonb_build_object('done', m::text, 'next', \
                   coalesce((SELECT upper(r) FROM unnest(m) AS r WHERE lower(r) = 0), 0)) \
                 FROM (SELECT int8multirange(int8range({}, {})) + coalesce(\
                   (j.position->>'done')::int8multirange, \
                   int8multirange(int8range(0, (j.position->>'next')::int8))) AS m) AS x)",
                range.start, range.end
            )
        });
        format!(
            "UPDATE reshape.journal AS j SET rows = coalesce(j.rows, 0) + {rows}{} \
             WHERE {} AND j.step = {step} AND j.position->>'filenode' IS NOT DISTINCT FROM {filenode} \
             RETURNING j.rows, j.position",
            position.unwrap_or_default(),
            set.own(),
        )
    }

    fn filenode_sql(&self) -> String {
        self.filenode.map_or_else(|| String::from("null"), |node| node.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn position(done: &str) -> Position {
        let json = format!(r#"{{"filenode": 7, "blocks": 100, "next": 0, "done": "{done}"}}"#);
        Position::parse(&json).unwrap()
    }

    #[test]
    fn gaps_are_what_is_neither_done_nor_taken() {
        let start = Position::start(Some(7), 100);
        assert_eq!(start.gap(&[], 30), Some(0..30));
        assert_eq!(start.gap(&[0..30, 70..80], 30), Some(30..60));
        let middle = position("{[0,10),[20,30)}");
        assert_eq!(middle.gap(&[], 30), Some(10..20));
        assert_eq!(middle.gap(&[], 3), Some(10..13));
        assert_eq!(middle.gap(&[10..15, 15..20], 30), Some(30..60));
        assert_eq!(middle.gap(&[15..20, 30..40], 30), Some(10..15));
        assert_eq!(middle.gap(&[10..20, 30..100], 30), None);
        assert!(!middle.is_done());
        assert_eq!(middle.blocks_done(), 20);
        assert!(middle.has(&(22..30)) && !middle.has(&(10..12)) && !middle.has(&(5..12)));
    }

    #[test]
    fn all_is_done_when_there_is_no_gap() {
        assert!(position("{[0,100)}").is_done());
        // The table was shorter when another release began the pass.
        assert!(position("{[0,128)}").is_done());
        assert_eq!(position("{[0,128)}").blocks_done(), 100);
        assert!(Position::start(None, 0).is_done());
        assert!(!position("{}").is_done());
    }

    #[test]
    fn what_another_release_has_written_is_understood() {
        let old = Position::parse(r#"{"filenode": null, "blocks": 100, "next": 40}"#).unwrap();
        assert_eq!(old.gap(&[], 100), Some(40..100));
        assert_eq!(old.blocks_done(), 40);
    }
}
