//! How something grows with something else.
//!
//! **Invariant:** the verdict is of the two largest sizes alone. Small ones cost what does not depend on the size, and would make anything look
//! better than it is.

use serde_json::{Value, json};

use super::{Line, Spread, Unit};

/// A power up to which growth counts as linear: two runs of the same differ by as much.
pub(crate) const LINEAR: f64 = 1.1;

/// The same at several sizes.
pub(crate) struct Series {
    /// Under what it stands in the table.
    pub(crate) id: &'static str,
    /// What the sizes count, e.g. `rows`.
    pub(crate) axis: &'static str,
    pub(crate) what: String,
    pub(crate) unit: Unit,
    /// Sizes, from the smallest, and what was measured.
    pub(crate) points: Vec<(usize, Spread)>,
    /// Whether it is there for comparison: what Postgres or the machine itself takes.
    pub(crate) is_floor: bool,
}

impl Series {
    pub(crate) fn new(axis: &'static str, what: impl Into<String>) -> Self {
        let what = what.into();
        Self { id: "scale", axis, what, unit: Unit::Ms, points: Vec::new(), is_floor: false }
    }

    /// What it is to be compared with.
    pub(crate) fn floor(axis: &'static str, what: impl Into<String>) -> Self {
        Self { is_floor: true, ..Self::new(axis, what) }
    }

    pub(crate) fn add(&mut self, size: usize, values: Vec<f64>) {
        self.points.push((size, Spread::of(values)));
    }

    /// With which power of the size it grows between the last two.
    pub(crate) fn exponent(&self) -> Option<f64> {
        let [.., (small, before), (large, after)] = &self.points[..] else { return None };
        let ratio = as_f64(*large) / as_f64(*small);
        Some((*after / *before).ln() / ratio.ln())
    }

    /// The exponent as a line of the table, with what was measured.
    pub(crate) fn line(&self) -> Option<Line> {
        let shown = |(size, took): &(usize, Spread)| {
            format!("{}: {}", short(*size), self.unit.show(took.median))
        };
        let points: Vec<String> = self.points.iter().map(shown).collect();
        let what = format!("{}: {} ({})", self.axis, self.what, points.join(", "));
        let line = Line::new(self.id, what, self.exponent()?).in_unit(Unit::Power);
        Some(if self.is_floor { line } else { line.at_most(LINEAR) })
    }

    pub(crate) fn json(&self) -> Value {
        let point = |(size, took): &(usize, Spread)| {
            let mut point = took.json();
            point["size"] = json!(size);
            point["shown"] = json!(self.unit.show(took.median));
            point
        };
        let exponent = self.exponent();
        json!({
            "id": self.id, "axis": self.axis, "what": self.what, "unit": format!("{:?}", self.unit), "is_floor": self.is_floor,
            "points": self.points.iter().map(point).collect::<Vec<_>>(),
            "exponent": exponent, "is_linear": exponent.map(|exponent| exponent <= LINEAR),
        })
    }
}

/// `1k` for a thousand.
fn short(size: usize) -> String {
    match size {
        1_000_000.. => format!("{}M", size / 1_000_000),
        10_000.. => format!("{}k", size / 1000),
        _ => size.to_string(),
    }
}

pub(crate) fn as_f64(count: usize) -> f64 {
    f64::from(u32::try_from(count).expect("no count here is that large"))
}
