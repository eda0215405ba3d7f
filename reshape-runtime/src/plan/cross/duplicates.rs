//! Why filling a new table fails: rows of the source that make two of which a unique index takes but one.

use super::fill::Parts;
use super::lookup::{ROW, columns};
use crate::plan::Offenders;
use crate::plan::batch::Batch;
use crate::plan::lineage::ValueId;
use crate::plan::offenders::labelled;
use crate::sql::ident::ident;

impl Parts<'_> {
    /// The rows of which a unique index that the upsert does not go by takes but one.
    pub(super) fn offenders(&self, batch: &Batch<'_>) -> Vec<Offenders> {
        let pkey = format!("{}_pkey", self.fill.created_as);
        let all = self.table.unique.iter().cloned().chain([(pkey.clone(), self.table.key.clone())]);
        // What the server calls an index whose name is not free yet.
        let built = |name: &str| {
            if name == pkey {
                return format!("{}_pkey", self.table.physical);
            }
            let mut renamed = batch.renamed_indexes.iter();
            let found = renamed.find(|index| index.table == self.fill.table && index.name == name);
            found.map_or_else(|| name.to_owned(), |index| index.built.clone())
        };
        let known = |(name, ids): (String, Vec<ValueId>)| {
            let found = self.duplicates(&name, &ids)?;
            Some(Offenders { constraint: built(&name), ..found })
        };
        all.filter_map(known).collect()
    }

    fn duplicates(&self, index: &str, ids: &[ValueId]) -> Option<Offenders> {
        let mut names: Vec<(&str, &str)> = Vec::new();
        for id in ids {
            let column = self.table.columns.iter().find(|column| column.value == *id)?;
            let physical = self.table.physical(column)?;
            // What `up` does not give comes from a default.
            self.columns.iter().find(|(given, _)| *given == physical)?;
            names.push((&column.name, physical));
        }
        let is_upsert = names.len() == self.key.len()
            && names.iter().all(|(_, column)| self.key.contains(column));
        if names.is_empty() || is_upsert {
            return None;
        }
        let values: Vec<String> = self
            .columns
            .iter()
            .map(|(column, sql)| format!("(\n{sql}\n) AS {}", ident(column)))
            .collect();
        let row = "\"__reshape_r\"";
        let of = |(_, column): &(&str, &str)| format!("{row}.{}", ident(column));
        let given: Vec<String> =
            names.iter().map(|name| format!("{} IS NOT NULL", of(name))).collect();
        let groups: Vec<String> = names.iter().map(of).collect();
        let shown: Vec<String> = names.iter().map(|name| labelled(name.0, &of(name))).collect();
        let query = format!(
            "SELECT least(pg_catalog.sum(n), {limit}), (pg_catalog.array_agg(x))[1] FROM (SELECT pg_catalog.count(*) AS n, \
             pg_catalog.concat_ws(', ', {}) AS x FROM (SELECT DISTINCT ON ({}) * FROM (SELECT {} FROM (SELECT {} FROM {} AS {ROW}) AS {}{}) AS {row}) AS {row} \
             WHERE {} GROUP BY {} HAVING pg_catalog.count(*) > 1 LIMIT {limit}) AS o",
            groups
                .iter()
                .zip(&shown)
                .map(|(_, shown)| format!("(pg_catalog.array_agg({shown}))[1]"))
                .collect::<Vec<_>>()
                .join(", "),
            self.key
                .iter()
                .map(|column| format!("{row}.{}", ident(column)))
                .collect::<Vec<_>>()
                .join(", "),
            values.join(", "),
            columns(self.source, &self.fill.scope, ROW),
            self.source.sql(),
            ident(&self.fill.scope.table),
            self.condition(),
            given.join(" AND "),
            groups.join(", "),
            limit = Offenders::LIMIT,
        );
        Some(Offenders {
            constraint: index.to_owned(),
            rule: format!("the unique index `{index}` of `{}`", self.table.name),
            query,
            help: format!(
                "make those rows of `{}` differ, or what `up` makes of them, then start again",
                self.source.name
            ),
        })
    }
}
