//! What migrations require of other sets: before a start, and before a rollback of what others have built upon.

use std::collections::BTreeSet;

use super::run::{Run, Task};
use super::session::rows;
use crate::error::{Error, ErrorKind};
use crate::model::{Action, Migration};
use crate::plan::Plan;
use crate::report::{SetStatus, State};
use crate::sql::ident::{literal, qualified};
use crate::sql::names;
use crate::sql::tenant;

impl Run<'_> {
    /// The migrations of other sets that `pending` requires are completed, or live in their sets.
    pub(super) fn check_requirements(&mut self, pending: &[Migration]) -> Result<(), Error> {
        let own = self.set.name().to_owned();
        let required: Vec<(&Migration, &str, &str)> = pending
            .iter()
            .flat_map(|migration| {
                migration.required_of_others(&own).map(move |(set, name)| (migration, set, name))
            })
            .collect();
        if required.is_empty() {
            return Ok(());
        }
        // Of thousands of tenants only those that are meant.
        let list = |texts: BTreeSet<String>| {
            texts.iter().map(|text| literal(text)).collect::<Vec<_>>().join(", ")
        };
        let sets = list(required.iter().flat_map(|(_, set, _)| tenant::meant(&own, set)).collect());
        let names = list(required.iter().map(|(_, _, name)| (*name).to_owned()).collect());
        let found = self.in_sets(
            "see what other sets have",
            &format!(
                "SELECT namespace, name, 'completed' FROM reshape.migrations \
                   WHERE namespace IN ({sets}) AND name IN ({names}) \
                 UNION ALL SELECT b.namespace, m ->> 'name', b.state \
                 FROM reshape.batch b, LATERAL jsonb_array_elements(b.plan -> 'migrations') m \
                   WHERE b.namespace IN ({sets}) AND m ->> 'name' IN ({names})"
            ),
        )?;
        for (migration, set, name) in required {
            let meant = tenant::meant(&own, set);
            let mut there = meant
                .iter()
                .filter_map(|set| found.iter().find(|row| row[0] == *set && row[1] == name));
            let state = there.next();
            let problem = match state.map(|row| row[2].as_str()) {
                Some("completed" | "in_progress" | "completing") => continue,
                Some(state) => format!("whose batch is `{state}`"),
                None => String::from("which the database does not have"),
            };
            return Err(Error::new(
                ErrorKind::History,
                format!("the migration `{}` requires `{set}/{name}`, {problem}", migration.name),
            )
            .with_help(format!(
                "start the set of migrations `{set}` first, up to `{name}` at least"
            )));
        }
        Ok(())
    }

    /// The other sets of the database whose tables are in the same schema, by name: there may be thousands of tenants.
    pub(super) fn other_sets(&mut self) -> Result<Vec<SetStatus>, Error> {
        let own = self.set.literal();
        let found = self.in_sets("see what other sets there are", &format!(
                "SELECT b.namespace, b.state, coalesce(b.plan -> 'migrations' -> -1 ->> 'name', \
                   (SELECT m.name FROM reshape.migrations m WHERE coalesce(to_jsonb(m) ->> 'namespace', 'default') = b.namespace ORDER BY m.index DESC LIMIT 1)) \
                 FROM reshape.batch b WHERE b.namespace <> {own} AND {} = {} ORDER BY 1",
                tenant::schema_of_sql("b.namespace"),
                literal(self.set.schema())
            ))?;
        let sets = found.into_iter().map(|[name, state, latest]| {
            let state = serde_json::from_value(state.into()).unwrap_or(State::Idle);
            SetStatus { name, state, latest: Some(latest).filter(|latest| !latest.is_empty()) }
        });
        Ok(sets.collect())
    }

    /// Nothing in other sets stands on what a rollback of the batch would take away.
    pub(super) fn check_unrequired(&mut self, plan: &Plan) -> Result<(), Error> {
        let own = self.set.name().to_owned();
        let names = plan.migrations.iter();
        let names = names.map(|m| literal(&format!("{}/{}", tenant::set_of(&own), m.name)));
        let names: Vec<String> = names.collect();
        let created = plan.migrations.iter().flat_map(|m| m.actions.iter()).filter_map(|action| {
            let Action::CreateTable(table) = action else { return None };
            let table =
                qualified(table.schema.as_deref().unwrap_or(self.set.schema()), &table.name);
            (!plan.changes.contains(&table)).then(|| literal(&table))
        });
        let created: Vec<String> = created.collect();
        let set = literal(&own);
        // Nobody has said of an adopted table whose it is: it belongs to the set that shows all of its schema.
        let adopted = if tenant::shows_all(&own) {
            let schema = literal(self.set.schema());
            format!(
                "o.relation IS NULL AND f.relnamespace = (SELECT oid FROM pg_namespace WHERE nspname = {schema})"
            )
        } else {
            String::from("false")
        };
        // What tenants require may be this set, if it is the one that all share.
        let near = if own == tenant::set_of(&own) {
            String::from("true")
        } else {
            let schema = literal(self.set.schema());
            format!("{} = {schema}", tenant::schema_of_sql("r.namespace"))
        };
        let found = self.in_sets("see what other sets need", &format!(
                "SELECT format('the migration `%s` of the set `%s` requires it', r.name, r.namespace), r.namespace, '' FROM ( \
                   SELECT namespace, name, to_jsonb(m) -> 'requires' AS requires FROM reshape.migrations m \
                   UNION ALL SELECT b.namespace, m ->> 'name', m -> 'requires' \
                   FROM reshape.batch b, LATERAL jsonb_array_elements(b.plan -> 'migrations') m WHERE b.state <> 'aborting') r \
                 WHERE r.namespace <> {set} AND {near} AND jsonb_typeof(r.requires) = 'array' AND r.requires ?| ARRAY[{}]::text[] \
                 UNION ALL SELECT format('the foreign key `%s` of `%s` refers to `%s`, which the batch has created', \
                   k.conname, f.relname, t.relname), coalesce(o.namespace, 'default'), '' \
                 FROM pg_constraint k JOIN pg_class t ON t.oid = k.confrelid JOIN pg_class f ON f.oid = k.conrelid \
                 LEFT JOIN reshape.tables o ON o.relation = f.oid \
                 WHERE k.contype = 'f' AND k.conparentid = 0 AND coalesce(o.namespace, 'default') <> {set} AND NOT ({adopted}) \
                   AND k.confrelid IN (SELECT to_regclass(c) FROM unnest(ARRAY[{}]::text[]) c)",
                names.join(", "),
                created.join(", "),
            ))?;
        let Some(first) = found.first() else { return Ok(()) };
        Err(Error::new(
            ErrorKind::State,
            format!("the batch cannot be rolled back: {}", first[0]),
        )
        .with_help(format!(
            "complete this batch; or take that back first: abort the batch of `{}`, if it is still in progress",
            first[1]
        )))
    }

    /// Asks a question of three columns about all sets; where our tables are not there, there are none.
    fn in_sets(&mut self, what: &str, query: &str) -> Result<Vec<[String; 3]>, Error> {
        let (found, _) = self.retrying(Task::Own(what), |run| {
            let there =
                rows(&mut run.client, "SELECT 1 WHERE to_regclass('reshape.tables') IS NOT NULL")?;
            let found = if there.is_empty() { Vec::new() } else { rows(&mut run.client, query)? };
            let cell =
                |row: &postgres::SimpleQueryRow, n| row.get(n).unwrap_or_default().to_owned();
            Ok(found.iter().map(|row| [cell(row, 0), cell(row, 1), cell(row, 2)]).collect())
        })?;
        Ok(found)
    }
}

impl Migration {
    /// The migrations of other sets than `own` that this one requires: `(namespace, name)`.
    pub(crate) fn required_of_others<'m>(
        &'m self,
        own: &'m str,
    ) -> impl Iterator<Item = (&'m str, &'m str)> {
        self.requires
            .iter()
            .filter_map(|required| names::required(required))
            .filter(move |(set, _)| *set != tenant::set_of(own))
    }
}
