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

use std::panic::{AssertUnwindSafe, catch_unwind};

fn run(seeds: &[u64]) {
    for_each(seeds, columns::play);
}

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

/// Those that have found something.
#[test]
fn both_versions_agree_with_the_model_again() {
    run(&[14, 39, 1006, 1011]);
}

#[test]
fn both_versions_agree_with_the_model() {
    run(&[2000, 2001, 2002, 2003, 2004]);
}

/// What `relations` plays, summed up.
fn run_relations(seeds: &[u64]) -> relations::Tally {
    let mut tally = relations::Tally::default();
    for_each(seeds, |seed, done| relations::play(seed, done, &mut tally));
    tally
}

#[test]
fn keys_and_foreign_keys_agree_with_the_model() {
    let tally = run_relations(&[1, 2, 3]);
    println!("{tally:#?}");
}
