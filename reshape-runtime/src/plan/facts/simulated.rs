//! What hangs on the tables of a simulated schema, as the catalog would have it.

use super::{DependentKind, LiveConstraint, LiveIndex, LiveKey, Reference};
use crate::schema::{ForeignKey, Table};
use crate::sql::ident::{idents, qualified};

/// The table's indexes, that of its primary key among them.
pub(super) fn indexes(table: &Table) -> Vec<LiveIndex> {
    let key = |column: Option<&str>| LiveKey {
        column: column.map(str::to_owned),
        expression: None,
        collation: None,
        opclass: None,
        opclass_options: Vec::new(),
        descending: false,
        nulls_first: false,
        statistics: None,
    };
    let own = table.indexes.iter().map(|index| LiveIndex {
        unique: index.unique,
        keys: index.columns.iter().map(|column| key(column.name())).collect(),
        predicate: index.predicate.as_ref().map(|_| super::Snippet::default()),
        ..LiveIndex::new(&index.name, &table.name)
    });
    let name = primary_key_name(table);
    let primary = (!table.primary_key.is_empty()).then(|| LiveIndex {
        unique: true,
        constraint: Some(name.clone()),
        keys: table.primary_key.iter().map(|column| key(Some(column))).collect(),
        ..LiveIndex::new(&name, &table.name)
    });
    own.chain(primary).collect()
}

/// The table's constraints; a check without a name has none here.
pub(super) fn constraints(schema: &str, table: &Table) -> Vec<LiveConstraint> {
    let new =
        |name: &str, kind: DependentKind, columns: &[String], definition: String| LiveConstraint {
            name: name.to_owned(),
            kind,
            schema: schema.to_owned(),
            table: table.name.clone(),
            owned: true,
            columns: columns.to_vec(),
            definition,
            expression: None,
            references: None,
            index: None,
            deferrable: false,
            deferred: false,
            validated: true,
            no_inherit: false,
            inherited: false,
            comment: None,
        };
    let list = |columns: &[String]| idents(columns.iter().map(String::as_str));
    let mut all = Vec::new();
    if !table.primary_key.is_empty() {
        let name = primary_key_name(table);
        let definition = format!("PRIMARY KEY ({})", list(&table.primary_key));
        let key = new(&name, DependentKind::PrimaryKey, &table.primary_key, definition);
        all.push(LiveConstraint { index: Some(name), ..key });
    }
    for check in &table.checks {
        let Some(name) = &check.name else { continue };
        let definition = format!("CHECK ({})", check.expression);
        all.push(new(name, DependentKind::Check, &[], definition));
    }
    all.extend(table.foreign_keys.iter().map(|key| {
        let clauses = clauses(key);
        let definition = format!(
            "FOREIGN KEY ({}) REFERENCES {}({}){clauses}",
            list(&key.columns),
            qualified(schema, &key.referenced_table),
            list(&key.referenced_columns)
        );
        let references = Reference {
            schema: schema.to_owned(),
            table: key.referenced_table.clone(),
            columns: key.referenced_columns.clone(),
            clauses,
            set_columns: Vec::new(),
        };
        LiveConstraint {
            references: Some(references),
            ..new(&key.name, DependentKind::ForeignKey, &key.columns, definition)
        }
    }));
    all
}

fn clauses(key: &ForeignKey) -> String {
    let clause = |event: &str, action: Option<crate::model::ReferentialAction>| {
        action.map(|action| format!(" ON {event} {}", action.sql())).unwrap_or_default()
    };
    clause("UPDATE", key.on_update) + &clause("DELETE", key.on_delete)
}

fn primary_key_name(table: &Table) -> String {
    crate::sql::names::fit(&format!("{}_pkey", table.name))
}
