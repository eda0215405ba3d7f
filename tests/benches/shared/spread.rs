//! What several runs of the same gave.
//!
//! **Invariant:** a figure knows of how many runs it is the middle, and how far apart they were.

use std::fmt;
use std::ops::{Div, Mul};

use serde_json::{Value, json};

/// The middle, the least and the largest of some values.
#[derive(Clone, Copy, Debug, PartialEq, PartialOrd)]
pub(crate) struct Spread {
    pub(crate) median: f64,
    pub(crate) min: f64,
    pub(crate) max: f64,
    /// How many values there are.
    pub(crate) runs: usize,
}

impl Spread {
    /// # Panics
    ///
    /// If there is no value.
    pub(crate) fn of(mut values: Vec<f64>) -> Self {
        values.sort_by(f64::total_cmp);
        Self {
            median: values[values.len() / 2],
            min: values[0],
            max: values[values.len() - 1],
            runs: values.len(),
        }
    }

    pub(crate) fn json(self) -> Value {
        json!({ "median": self.median, "min": self.min, "max": self.max, "runs": self.runs })
    }
}

/// One value.
impl From<f64> for Spread {
    fn from(value: f64) -> Self {
        Self { median: value, min: value, max: value, runs: 1 }
    }
}

impl Mul<f64> for Spread {
    type Output = Self;

    fn mul(self, by: f64) -> Self {
        Self { median: self.median * by, min: self.min * by, max: self.max * by, ..self }
    }
}

/// The ratio of the middles.
impl Div for Spread {
    type Output = f64;

    fn div(self, other: Self) -> f64 {
        self.median / other.median
    }
}

impl fmt::Display for Spread {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.median.fmt(f)
    }
}
