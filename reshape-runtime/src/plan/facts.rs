//! The live facts a plan depends on: a snapshot of the catalog.

/// A snapshot of the catalog. Read by the executor, or made from a simulated schema in tests.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Facts {}
