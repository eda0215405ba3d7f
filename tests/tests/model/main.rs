//! Guarantee G1 against a model: random histories, random writes of old and new clients before, during and after a batch. After every write
//! both versions must show what the model says.
//!
//! A failure prints its seed; `RESHAPE_MODEL_SEED` runs that one, `RESHAPE_MODEL_SEEDS` as many as it says.

// Test input: how it is built does not matter.
#![allow(clippy::format_collect)]

mod columns;
mod random;

use std::panic::{AssertUnwindSafe, catch_unwind};

fn run(seeds: &[u64]) {
    let set = |name: &str| std::env::var(name).ok().and_then(|text| text.parse::<u64>().ok());
    let seeds = match (set("RESHAPE_MODEL_SEED"), set("RESHAPE_MODEL_SEEDS")) {
        (Some(seed), _) => vec![seed],
        (None, Some(count)) => (seeds[0]..seeds[0] + count).collect(),
        (None, None) => seeds.to_vec(),
    };
    for seed in seeds {
        let mut done = Vec::new();
        let play = AssertUnwindSafe(|| columns::play(seed, &mut done));
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
