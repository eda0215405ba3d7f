//! `create_table`

use std::collections::BTreeMap;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::model::{Check, Column, ForeignKey, List, Str};
use crate::plan::{Batch, Refusal};
use crate::schema::{At, Problem, Schema};

/// Creates a table.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CreateTable {
    /// The table's name.
    pub name: Str,
    /// Its columns, in order.
    pub columns: List<Column>,
    /// The columns of its primary key; a single string in a file is a list of one.
    #[serde(deserialize_with = "one_or_many")]
    pub primary_key: List<Str>,
    /// Its foreign keys.
    #[serde(default, skip_serializing_if = "is_empty")]
    pub foreign_keys: List<ForeignKey>,
    /// Its check constraints.
    #[serde(default, skip_serializing_if = "is_empty")]
    pub checks: List<Check>,
    /// Its comment.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub comment: Option<Str>,
    /// How it is filled from another table.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub up: Option<TableUp>,
}

/// How `create_table` fills the new table from an existing one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TableUp {
    /// The table that rows come from.
    pub table: Str,
    /// The new table's columns and, for each, an SQL expression over the other table's columns; in the file a table.
    #[serde(with = "assignments")]
    pub values: List<(Str, Str)>,
    /// Which rows of the other table are taken.
    #[serde(default, rename = "where", skip_serializing_if = "Option::is_none")]
    pub condition: Option<Str>,
    /// The unique constraint that the upsert goes by; the primary key if there is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub upsert_constraint: Option<Str>,
}

fn is_empty<T: Clone>(list: &List<T>) -> bool {
    list.is_empty()
}

fn one_or_many<'de, D: Deserializer<'de>>(deserializer: D) -> Result<List<Str>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum OneOrMany {
        One(String),
        Many(Vec<String>),
    }
    Ok(match OneOrMany::deserialize(deserializer)? {
        OneOrMany::One(name) => vec![Str::Owned(name)].into(),
        OneOrMany::Many(names) => names.into_iter().map(Str::Owned).collect(),
    })
}

/// A map in JSON, an ordered list here: `const` has no maps.
mod assignments {
    use super::{BTreeMap, Deserialize, Deserializer, List, Serializer, Str};

    pub(super) fn serialize<S: Serializer>(
        list: &List<(Str, Str)>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        serializer.collect_map(list.iter().map(|(column, value)| (column, value)))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<List<(Str, Str)>, D::Error> {
        let map = BTreeMap::<String, String>::deserialize(deserializer)?;
        Ok(map.into_iter().map(|(column, value)| (Str::Owned(column), Str::Owned(value))).collect())
    }
}

// --- check: the simulated schema -------------------------------------------------------------------------------

impl CreateTable {
    pub(super) fn check(&self, _schema: &mut Schema, _at: At, _problems: &mut Vec<Problem>) {}
}

// --- plan: the steps -------------------------------------------------------------------------------------------

impl CreateTable {
    pub(super) fn plan(&self, batch: &mut Batch<'_>) -> Result<(), Refusal> {
        Err(batch.not_supported("create_table"))
    }
}
