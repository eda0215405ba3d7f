//! One file for each axis.

pub(crate) mod migrations;
pub(crate) mod rows;
pub(crate) mod tables;
pub(crate) mod tenants;

use crate::shared::server::setting;

/// The sizes up to the one that the environment allows.
fn sizes(all: &[usize], variable: &str) -> Vec<usize> {
    let most = setting(variable, i64::MAX).unsigned_abs();
    all.iter().copied().filter(|size| *size as u64 <= most).collect()
}

fn is_large() -> bool {
    setting("BENCH_LARGE", 0) > 0
}

/// How often a size is measured.
fn runs() -> usize {
    usize::try_from(setting("BENCH_RUNS", 3)).unwrap_or(1)
}
