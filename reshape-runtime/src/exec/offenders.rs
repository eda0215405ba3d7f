//! What rows have to do with a failure: looked up when a step has failed, before its batch is rolled back.
//!
//! **Invariant:** nothing here changes anything, none of it takes long, and no failure of it hides the error that it is about.

use std::ops::Range;
use std::time::{Duration, Instant};

use super::backfill::Pass;
use super::retry::Failure;
use super::run::{Rules, Run};
use super::session::rows;
use crate::error::{Error, ErrorKind};
use crate::plan::{Offenders, Plan, Step};
use crate::sql::ident::literal;

/// How long a query for offenders may take.
const PATIENCE: Duration = Duration::from_secs(5);

/// How long one try of a part of a range may take: it locks the rows that it would write.
const TRY: Duration = Duration::from_secs(1);

/// How long the search for a row on which an expression fails may take.
const SEARCH: Duration = Duration::from_secs(15);

/// More row pointers than fit into a block of any size.
const POINTERS: u64 = 16_384;

impl Run<'_> {
    /// The error of a step that a rule for rows has stopped, by the names that the user knows. `None` if it is another kind of failure.
    pub(super) fn violation(
        &mut self,
        title: &str,
        rules: Rules<'_>,
        error: &postgres::Error,
    ) -> Option<Error> {
        let failed = error.as_db_error()?;
        if !failed.code().code().starts_with("23") {
            return None;
        }
        let name = failed.constraint()?;
        let broken = rules.offenders.iter().find(|rule| rule.constraint == name)?;
        let by = match self.count(&broken.query, rules.search_path) {
            Some((1, example)) => format!("1 row: {example}"),
            Some((count, example)) if count < Offenders::LIMIT => {
                format!("{count} rows, e.g. {example}")
            }
            Some((_, example)) => format!("at least 1,000 rows, e.g. {example}"),
            None => String::from("a row"),
        };
        let message = format!("the step `{title}` failed: {} is violated by {by}", broken.rule);
        Some(Error::new(ErrorKind::Failed, message).with_sqlstate(error).with_help(&*broken.help))
    }

    /// The number of offenders and one of them; `None` if there is none any more, or if the answer takes too long.
    fn count(&mut self, query: &str, search_path: &str) -> Option<(u64, String)> {
        let sql = format!(
            "BEGIN ISOLATION LEVEL READ COMMITTED READ ONLY; SET LOCAL statement_timeout = {}; \
             SET LOCAL search_path TO {search_path}; {query}",
            PATIENCE.as_millis()
        );
        let found = rows(&mut self.client, &sql);
        self.roll_back_transaction();
        let found = found.ok()?;
        let row = found.first()?;
        let count = row.get(0)?.parse().ok().filter(|count| *count > 0)?;
        Some((count, one_line(row.get(1)?)))
    }

    /// Adds to the error of a backfill the row on which it fails, one of those in the blocks of `range`, if that is found soon enough.
    pub(super) fn with_row(
        &mut self,
        plan: &Plan,
        pass: Pass<'_>,
        range: Option<Range<u64>>,
        error: Error,
    ) -> Error {
        let state = error.sqlstate().unwrap_or_default();
        // What the value of an expression, a function or a trigger of the user's is to blame for; a rule that is known has been found.
        let about_rows = ["22", "23", "2F", "38", "39", "P0"].iter().any(|c| state.starts_with(c));
        if !about_rows || error.help().is_some() && state.starts_with("23") {
            return error;
        }
        let state = state.to_owned();
        let row = range.and_then(|range| self.find_row(plan, pass, range, &state).ok().flatten());
        self.roll_back_transaction();
        match row {
            Some(row) => error.and(&format!("it fails on the row {row}")),
            None => error,
        }
    }

    /// Halves the range that fails until it is one row. What is tried is taken back each time.
    fn find_row(
        &mut self,
        plan: &Plan,
        pass: Pass<'_>,
        range: Range<u64>,
        state: &str,
    ) -> Result<Option<String>, Failure> {
        let Step { row: Some(row), .. } = &plan.steps[pass.step] else { return Ok(None) };
        let began = Instant::now();
        let fails = |run: &mut Self, from: &str, to: &str| -> Result<bool, Failure> {
            run.begin(pass.search_path, pass.step)?;
            run.client.batch_execute(&format!(
                "SET LOCAL statement_timeout = {}; SET LOCAL reshape.backfill = 'on'",
                TRY.as_millis()
            ))?;
            let result = run.client.execute_typed(&pass.over(from, to), &[]);
            run.roll_back_transaction();
            match result {
                Ok(_) => Ok(false),
                Err(error) if error.code().is_some_and(|code| code.code() == state) => Ok(true),
                Err(error) => Err(error.into()),
            }
        };
        // The first failing unit of `low..high`, of which the last one fails if no earlier one does.
        let search =
            |run: &mut Self, mut low: u64, mut high: u64, place: &dyn Fn(u64) -> String| {
                while high - low > 1 {
                    if began.elapsed() > SEARCH {
                        return Ok(None);
                    }
                    let middle = low + (high - low) / 2;
                    if fails(run, &place(low), &place(middle))? {
                        high = middle;
                    } else {
                        low = middle;
                    }
                }
                Ok::<_, Failure>(Some(low))
            };
        let block = search(self, range.start, range.end, &|block| format!("({block},0)"))?;
        let Some(block) = block else { return Ok(None) };
        let pointer = search(self, 0, POINTERS, &|pointer| format!("({block},{pointer})"))?;
        let Some(pointer) = pointer else { return Ok(None) };
        let place = format!("({block},{pointer})");
        self.begin(pass.search_path, pass.step)?;
        let sql = format!("{row} WHERE \"__reshape_t\".ctid = {}::tid", literal(&place));
        let found = rows(&mut self.client, &sql)?;
        Ok(found.first().and_then(|row| row.get(0)).map(one_line))
    }
}

fn one_line(text: &str) -> String {
    text.replace(['\n', '\r'], " ")
}
