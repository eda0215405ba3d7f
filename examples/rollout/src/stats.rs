//! What the clients of one version have done since they were last asked.

use std::fmt;
use std::ops::AddAssign;
use std::str::FromStr;
use std::time::Duration;

/// Counts of one version, over one period.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Stats {
    /// Queries that were answered.
    pub queries: u64,
    /// Rows read whose last writer was the other version, each of them compared with what was written.
    pub seen: u64,
    /// Rows added.
    pub added: u64,
    /// Rows removed.
    pub removed: u64,
    /// Queries that failed, and rows that were not as they had been written.
    pub errors: u64,
    /// The longest that a query took.
    pub slowest: Duration,
}

impl AddAssign<&Self> for Stats {
    fn add_assign(&mut self, other: &Self) {
        self.queries += other.queries;
        self.seen += other.seen;
        self.added += other.added;
        self.removed += other.removed;
        self.errors += other.errors;
        self.slowest = self.slowest.max(other.slowest);
    }
}

/// As one line between processes: the fields in order, the duration in microseconds.
impl fmt::Display for Stats {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { queries, seen, added, removed, errors, slowest } = self;
        write!(f, "{queries} {seen} {added} {removed} {errors} {}", slowest.as_micros())
    }
}

impl FromStr for Stats {
    type Err = String;

    fn from_str(line: &str) -> Result<Self, Self::Err> {
        let numbers: Result<Vec<u64>, _> = line.split(' ').map(str::parse).collect();
        match numbers.as_deref() {
            Ok(&[queries, seen, added, removed, errors, slowest]) => {
                let slowest = Duration::from_micros(slowest);
                Ok(Self { queries, seen, added, removed, errors, slowest })
            }
            _ => Err(format!("`{line}` is not a line of numbers")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_read_as_it_was_written() {
        let slowest = Duration::from_micros(6);
        let stats = Stats { queries: 1, seen: 2, added: 3, removed: 4, errors: 5, slowest };
        assert_eq!(stats.to_string().parse(), Ok(stats));
        assert!("1 2 3".parse::<Stats>().is_err());
    }
}
