//! The migrations that are there against those that are locked.
//!
//! **Invariant:** one mistake gives one difference: what was renamed is not also gone and new, and of those that changed places the fewest are named.

use std::collections::{BTreeSet, HashMap};

use reshape_runtime::Rule;
use reshape_runtime::model::Migration;

use super::file::{BASELINE, Block, LockFile, requires};
use super::report::{self, Command};
use crate::checksum::line;
use crate::diagnostic::Diagnostic;
use crate::file::File;

/// Something that is not as it was locked.
#[derive(Debug)]
pub(super) struct Difference {
    /// The names by which it can be accepted.
    pub(super) names: Vec<String>,
    pub(super) problem: Diagnostic,
}

/// What a comparison found.
#[derive(Debug, Default)]
pub(super) struct Comparison {
    pub(super) differences: Vec<Difference>,
    /// How many migrations at the end are not locked yet, if there is no difference.
    pub(super) new: usize,
    /// Whether there is a baseline that is not locked yet.
    pub(super) new_baseline: bool,
}

/// The baseline of a set: its first file, and its actions as [`line`] gives them.
pub(super) type Baseline<'s> = Option<(&'s File, Vec<String>)>;

/// Compares; `files` are those of the set, in order, each with its migration.
pub(super) fn compare(
    lock: &LockFile,
    baseline: &Baseline<'_>,
    files: &[(&File, &Migration)],
    command: &Command,
) -> Comparison {
    let mut found = Comparison::default();
    let (before, locked): (Vec<&Block>, Vec<&Block>) =
        whole(lock, command, &mut found).into_iter().partition(|block| block.is_baseline);
    let problem = match (before.first(), baseline) {
        (Some(block), Some((file, lines))) => (block.actions != *lines)
            .then(|| report::edited_baseline((lock, block), file, lines, command)),
        (Some(block), None) => Some(report::deleted_baseline(lock, block, command)),
        (None, there) => {
            found.new_baseline = there.is_some();
            None
        }
    };
    let names = || vec![BASELINE.to_owned()];
    found.differences.extend(problem.map(|problem| Difference { names: names(), problem }));
    // The order of a file that was merged wrongly says nothing.
    let broken = found.differences.iter().any(|found| found.problem.rule == Rule::LockBroken);
    let present: HashMap<&str, usize> =
        files.iter().enumerate().map(|(at, (_, migration))| (&*migration.name, at)).collect();
    let is_locked: BTreeSet<&str> = locked.iter().map(|block| block.name.as_str()).collect();

    // Each locked migration that is still there by its name: its place among the files.
    let places: Vec<usize> =
        locked.iter().filter_map(|block| present.get(&*block.name).copied()).collect();
    let in_order: BTreeSet<usize> = longest_increasing(&places).into_iter().collect();
    let mut renamed: BTreeSet<usize> = BTreeSet::new();
    for (number, block) in locked.iter().copied().enumerate() {
        let mut differ = |names: &[&str], problem| {
            let names = names.iter().map(|name| (*name).to_owned()).collect();
            found.differences.push(Difference { names, problem });
        };
        let Some(at) = present.get(&*block.name).copied() else {
            let same = files.iter().enumerate().find(|(at, (_, migration))| {
                !is_locked.contains(&*migration.name)
                    && !renamed.contains(at)
                    && migration.checksum == block.checksum
            });
            if let Some((at, (file, migration))) = same {
                renamed.insert(at);
                let problem = report::renamed(lock, block, file, &migration.name, command);
                differ(&[&block.name, &migration.name], problem);
            } else {
                differ(&[&block.name], report::deleted(lock, block, command));
            }
            continue;
        };
        let (file, migration) = files[at];
        if !broken && !in_order.contains(&at) {
            let before = number.checked_sub(1).map(|before| locked[before]);
            differ(&[&block.name], report::moved(lock, block, before, file, command));
        }
        if migration.checksum != block.checksum {
            let lines: Vec<String> = migration.actions.iter().map(line).collect();
            differ(&[&block.name], report::edited((lock, block), file, migration, &lines, command));
        }
        let wanted = requires(migration);
        if block.requires.as_ref().is_some_and(|required| *required != wanted) {
            let problem = report::requires_edited((lock, block), file, &wanted, command);
            differ(&[&block.name], problem);
        }
    }
    insertions(&locked, lock, files, &in_order, &renamed, command, &mut found);
    found
}

/// The blocks, each once; what is wrong with the file itself is added to `found`.
fn whole<'l>(lock: &'l LockFile, command: &Command, found: &mut Comparison) -> Vec<&'l Block> {
    let mut locked: Vec<&Block> = Vec::new();
    let mut chain = "";
    for block in &lock.blocks {
        let first = locked
            .iter()
            .find(|first| first.name == block.name && first.is_baseline == block.is_baseline);
        let problem = if let Some(first) = first {
            Some(report::twice(lock, block, first, command))
        } else if !block.is_whole() {
            Some(report::tampered(lock, block, command))
        } else if !block.follows(chain) {
            Some(report::unchained(lock, block, command))
        } else {
            None
        };
        let is_first = first.is_none();
        found
            .differences
            .extend(problem.map(|problem| Difference { names: vec![block.name.clone()], problem }));
        if is_first {
            locked.push(block);
        }
        // What follows is judged by what stands there: one break is one problem.
        chain = &block.chain;
    }
    locked
}

/// New migrations before the last locked one.
fn insertions(
    locked: &[&Block],
    lock: &LockFile,
    files: &[(&File, &Migration)],
    in_order: &BTreeSet<usize>,
    renamed: &BTreeSet<usize>,
    command: &Command,
    found: &mut Comparison,
) {
    let block = |at: usize| locked.iter().copied().find(|block| block.name == files[at].1.name);
    let end = in_order.last().map_or(0, |last| last + 1);
    for (at, (file, migration)) in files.iter().enumerate() {
        if renamed.contains(&at) || block(at).is_some() {
            continue;
        }
        let next = in_order.range(at..).find_map(|next| block(*next));
        match (next, locked.last()) {
            (Some(next), Some(last)) if at < end => found.differences.push(Difference {
                names: vec![migration.name.to_string()],
                problem: report::inserted(lock, file, &migration.name, next, last, command),
            }),
            _ => found.new += 1,
        }
    }
}

/// The longest part of `numbers`, all different, that is in order: what need not be moved.
fn longest_increasing(numbers: &[usize]) -> Vec<usize> {
    // For each length the place of the smallest number that ends a part of it; for each number the one before it.
    let mut ends: Vec<usize> = Vec::new();
    let mut before: Vec<Option<usize>> = Vec::new();
    for (at, number) in numbers.iter().enumerate() {
        let length = ends.partition_point(|end| numbers[*end] < *number);
        before.push(length.checked_sub(1).map(|length| ends[length]));
        if length == ends.len() {
            ends.push(at);
        } else {
            ends[length] = at;
        }
    }
    let mut at = ends.last().copied();
    let mut part = Vec::new();
    while let Some(place) = at {
        part.push(numbers[place]);
        at = before[place];
    }
    part.reverse();
    part
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_fewest_are_moved() {
        assert_eq!(longest_increasing(&[]), [0; 0]);
        assert_eq!(longest_increasing(&[0, 1, 2]), [0, 1, 2]);
        assert_eq!(longest_increasing(&[4, 0, 1, 2, 3]), [0, 1, 2, 3]);
        assert_eq!(longest_increasing(&[1, 2, 3, 0]), [1, 2, 3]);
        assert_eq!(longest_increasing(&[0, 2, 1, 3]).len(), 3);
    }
}
