//! The completed migrations with their actions, as the database has recorded them.

use serde::Deserialize;

use super::metadata::Snapshot;
use super::run::{Run, Task};
use super::session::rows;
use crate::error::{Error, ErrorKind};
use crate::model::{Action, Allow, Migration, Str};

/// A row of `reshape.migrations`.
#[derive(Debug, Deserialize)]
struct Recorded {
    name: String,
    actions: Option<serde_json::Value>,
    allow: Option<Vec<Allow>>,
}

impl Run<'_> {
    /// All of them, oldest first. `instead` gives the actions of one, by its place and its name, whose own cannot be read.
    pub(super) fn recorded(
        &mut self,
        snapshot: &Snapshot,
        instead: impl Fn(usize, &str) -> Option<Vec<Action>>,
    ) -> Result<Vec<Migration>, Error> {
        if snapshot.applied.is_empty() {
            return Ok(Vec::new());
        }
        // Tables that the command line has made, or an older layout, have one set of migrations, and not all of the columns.
        let which = if snapshot.installed { self.set.own() } else { String::from("true") };
        let query = format!(
            "SELECT coalesce(jsonb_agg(jsonb_build_object('name', m.name, 'actions', m.actions, \
               'allow', to_jsonb(m) -> 'allow') ORDER BY m.index), '[]') FROM reshape.migrations m WHERE {which}"
        );
        let (text, _) = self.retrying(Task::Own("read the completed migrations"), |run| {
            Ok(rows(&mut run.client, &query)?.first().and_then(|row| row.get(0)).map(str::to_owned))
        })?;
        let recorded: Vec<Recorded> = serde_json::from_str(text.as_deref().unwrap_or("[]"))
            .map_err(|error| unreadable("`reshape.migrations`", &error))?;
        let migration = |(place, recorded): (usize, Recorded)| {
            let actions = recorded.actions.unwrap_or(serde_json::Value::Null);
            let actions = match serde_json::from_value::<Vec<Action>>(actions) {
                Ok(actions) => actions,
                Err(error) => instead(place, &recorded.name).ok_or_else(|| {
                    unreadable(&format!("what the migration `{}` did", recorded.name), &error)
                })?,
            };
            Ok(Migration {
                name: recorded.name.into(),
                description: None,
                checksum: Str::Borrowed(""),
                actions: actions.into(),
                allow: recorded.allow.unwrap_or_default().into(),
                requires: Vec::new().into(),
            })
        };
        recorded.into_iter().enumerate().map(migration).collect()
    }
}

fn unreadable(what: &str, why: &serde_json::Error) -> Error {
    Error::new(ErrorKind::Metadata, format!("{what} cannot be read: {why}")).with_help(
        "it was recorded by another version of `reshape-runtime`, by the `reshape` command line, or by hand; with the migrations at hand, their files or the \
         program that embeds them, drift can be told all the same",
    )
}
