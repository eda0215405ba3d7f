//! Guarantee G1 against a model: random histories, random writes of old and new clients before, during and after a batch. After every write
//! both versions must show what the model says.
//!
//! A failure prints its seed; `RESHAPE_MODEL_SEED` runs that one, `RESHAPE_MODEL_SEEDS` as many as it says.

// Test input: how it is built does not matter.
#![allow(clippy::format_collect)]

mod columns;
mod function;
mod random;
mod relations;

use std::io::Write as _;
use std::panic::{AssertUnwindSafe, catch_unwind};

use relations::Tally;

/// Plays the histories of the seeds, or of those that the environment asks for.
fn for_each(seeds: &[u64], mut play: impl FnMut(u64, &mut Vec<String>)) {
    let set = |name: &str| std::env::var(name).ok().and_then(|text| text.parse::<u64>().ok());
    let seeds = match (set("RESHAPE_MODEL_SEED"), set("RESHAPE_MODEL_SEEDS")) {
        (Some(seed), _) => vec![seed],
        (None, Some(count)) => (seeds[0]..seeds[0] + count).collect(),
        (None, None) => seeds.to_vec(),
    };
    for seed in seeds {
        let mut done = Vec::new();
        let play = AssertUnwindSafe(|| play(seed, &mut done));
        assert!(catch_unwind(play).is_ok(), "seed {seed}:\n{}", done.join("\n"));
    }
}

fn columns(seeds: &[u64]) {
    for_each(seeds, columns::play);
}

/// What has been played, summed up.
fn relations(seeds: &[u64]) -> Tally {
    let mut tally = Tally::default();
    for_each(seeds, |seed, done| relations::play(seed, done, &mut tally));
    // For the output of a long run; the test harness keeps it back otherwise.
    let _ = writeln!(std::io::stdout(), "{tally:#?}");
    tally
}

/// Those that have found something.
#[test]
fn both_versions_agree_with_the_model_again() {
    columns(&[14, 39, 1006, 1011]);
}

#[test]
fn both_versions_agree_with_the_model() {
    columns(&[2000, 2001, 2002, 2003, 2004]);
}

/// Those that have found something.
#[test]
fn keys_and_foreign_keys_agree_with_the_model_again() {
    relations(&[14040, 14049, 14084, 14091]);
}

#[test]
fn keys_and_foreign_keys_agree_with_the_model() {
    relations(&[1, 2, 3, 4]);
}

#[test]
fn few_histories_are_refused() {
    let tally = relations(&[5, 6, 7, 8]);
    assert!(tally.refused.len() * 4 <= tally.batches, "{tally:#?}");
    assert!(tally.failed > 0 && tally.failed * 2 < tally.writes, "{tally:#?}");
    for kind in ["alter", "add_column", "add_index", "add_foreign_key", "create_table"] {
        assert!(tally.actions.contains_key(kind), "no {kind}: {tally:#?}");
    }
}
