//! What a person sees.

use std::time::{Duration, Instant};

use rollout::stats::Stats;

/// Prints what happens, with the time since the start.
pub(super) struct Timeline {
    start: Instant,
}

/// A stretch of time, and what the clients did in it.
pub(super) struct Period {
    pub(super) name: String,
    start: Instant,
    length: Duration,
    pub(super) v1: Stats,
    pub(super) v2: Stats,
}

impl Period {
    pub(super) fn new(name: &str) -> Self {
        let start = Instant::now();
        let (v1, v2) = (Stats::default(), Stats::default());
        Self { name: name.to_owned(), start, length: Duration::ZERO, v1, v2 }
    }

    pub(super) fn end(&mut self) {
        self.length = self.start.elapsed();
    }
}

impl Timeline {
    pub(super) fn start(place: &str) -> Self {
        println!("From version 1 to version 2 without downtime, on {place}\n");
        Self { start: Instant::now() }
    }

    /// Something happened; `who` may be empty.
    pub(super) fn say(&self, who: &str, what: &str) {
        println!("{:>7.2} s  {who:<3} {what}", self.start.elapsed().as_secs_f64());
    }

    pub(super) fn phase(&self, name: &str) {
        println!("{:>7.2} s      {name}", self.start.elapsed().as_secs_f64());
    }

    pub(super) fn step(&self, title: &str, elapsed: Duration, rows: Option<u64>) {
        let rows = rows.map(|rows| format!(", {} rows", thousands(rows))).unwrap_or_default();
        println!("{:>9}        {title}: {}{rows}", "", duration(elapsed));
    }

    /// One line per period.
    pub(super) fn table(&self, periods: &[Period]) {
        println!(
            "\n{:<10} {:>9} {:>12} {:>12} {:>14} {:>14} {:>9} {:>7}",
            "",
            "took",
            "v1 queries",
            "v2 queries",
            "v1 read of v2",
            "v2 read of v1",
            "slowest",
            "errors"
        );
        for Period { name, length, v1, v2, .. } in periods {
            println!(
                "{name:<10} {:>9} {:>12} {:>12} {:>14} {:>14} {:>9} {:>7}",
                duration(*length),
                count(v1.queries),
                count(v2.queries),
                count(v1.seen),
                count(v2.seen),
                duration(v1.slowest.max(v2.slowest)),
                v1.errors + v2.errors,
            );
        }
    }
}

/// Nothing is a dash, so that numbers stand out.
fn count(number: u64) -> String {
    if number == 0 { "-".to_owned() } else { thousands(number) }
}

/// `1234567` -> `1,234,567`
pub(super) fn thousands(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place) % 3 == 0 {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// `0.4 ms`, `12 ms`, `1.35 s`
pub(super) fn duration(time: Duration) -> String {
    let millis = time.as_secs_f64() * 1_000.0;
    match millis {
        ..10.0 => format!("{millis:.1} ms"),
        ..1_000.0 => format!("{millis:.0} ms"),
        _ => format!("{:.2} s", millis / 1_000.0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_grouped() {
        assert_eq!(
            ["0", "999", "1,000", "1,234,567"],
            [0, 999, 1_000, 1_234_567].map(thousands)[..]
        );
    }

    #[test]
    fn durations_have_three_digits_or_fewer() {
        let shown = [400, 12_000, 1_350_000].map(|micros| duration(Duration::from_micros(micros)));
        assert_eq!(shown, ["0.4 ms", "12 ms", "1.35 s"]);
    }
}
