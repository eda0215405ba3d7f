//! The tables of a simulated schema and what hangs on them, as the catalog would have it.

use super::{
    DependentKind, LiveColumn, LiveConstraint, LiveIndex, LiveKey, LiveTable, Reference, TableKind,
};
use crate::model::Column;
use crate::plan::mention::mentions;
use crate::schema::{ForeignKey, Schema, Table};
use crate::sql::ident::{idents, qualified};

impl LiveTable {
    /// The table as the catalog would have it.
    pub(super) fn from_schema(table: &Table) -> Self {
        let expression = |column: &Column| {
            let sql = column.generated.as_deref().filter(|sql| !sql.contains("IDENTITY"))?;
            Some(sql.get(sql.find('(')? + 1..sql.rfind(')')?)?.to_owned())
        };
        let sources = |expression: &str| -> Vec<String> {
            let names = table.columns.iter().map(|column| column.name.as_ref());
            let read = names.filter(|name| mentions(expression, &table.name, name));
            read.map(str::to_owned).collect()
        };
        let column = |(number, column): (usize, &Column)| LiveColumn {
            name: column.name.to_string(),
            data_type: column.data_type.to_string(),
            not_null: !column.nullable,
            default: column.default.as_deref().map(str::to_owned),
            generated: column.generated.as_deref().is_some_and(|sql| !sql.contains("IDENTITY")),
            comment: column.comment.as_deref().map(str::to_owned),
            settings: Vec::new(),
            grants: Vec::new(),
            dependents: Vec::new(),
            number: i16::try_from(number + 1).unwrap_or(i16::MAX),
            sequence: None,
            identity_kind: column
                .generated
                .as_deref()
                .and_then(|sql| sql.split_once(" AS IDENTITY"))
                .map(|(kind, _)| kind.to_owned()),
            collation: None,
            statistics: None,
            options: Vec::new(),
            storage: None,
            compression: None,
            inherited: false,
            generated_from: expression(column).map_or_else(Vec::new, |sql| sources(&sql)),
            generation: expression(column),
        };
        Self {
            schema: table.schema.clone(),
            name: table.name.clone(),
            owner: None,
            changed_by: None,
            used_by: None,
            viewed: true,
            kind: TableKind::Ordinary,
            inherits: false,
            owned: true,
            row_security: false,
            comment: table.comment.clone(),
            grants: Vec::new(),
            columns: table.columns.iter().enumerate().map(column).collect(),
            rules: Vec::new(),
            before_triggers: Vec::new(),
            before_update_triggers: Vec::new(),
            after_update_triggers: Vec::new(),
            dependents: Vec::new(),
            parents: Vec::new(),
            children: Vec::new(),
            foreign: None,
            partition_of: None,
            partition_key: Vec::new(),
            partitions: Vec::new(),
        }
    }
}

impl LiveIndex {
    /// A b-tree index of that name about which nothing else is known.
    fn new(name: &str, table: &Table) -> Self {
        Self {
            schema: table.schema.clone(),
            name: name.to_owned(),
            table: table.name.clone(),
            constraint: None,
            replica_identity: false,
            dependents: Vec::new(),
            method: String::from("btree"),
            unique: false,
            nulls_not_distinct: false,
            valid: true,
            clustered: false,
            keys: Vec::new(),
            include: Vec::new(),
            expressions: None,
            predicate: None,
            options: Vec::new(),
            tablespace: None,
            comment: None,
            partitioned: false,
            shares: Vec::new(),
        }
    }
}

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
        ..LiveIndex::new(&index.name, table)
    });
    let name = primary_key_name(table);
    let primary = (!table.primary_key.is_empty()).then(|| LiveIndex {
        unique: true,
        constraint: Some(name.clone()),
        keys: table.primary_key.iter().map(|column| key(Some(column))).collect(),
        ..LiveIndex::new(&name, table)
    });
    own.chain(primary).collect()
}

/// The table's constraints; a check without a name has none here.
pub(super) fn constraints(schema: &Schema, table: &Table) -> Vec<LiveConstraint> {
    let new =
        |name: &str, kind: DependentKind, columns: &[String], definition: String| LiveConstraint {
            name: name.to_owned(),
            kind,
            schema: table.schema.clone(),
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
        let target = schema.table(&key.referenced_table);
        let within = target.map_or(&table.schema, |table| &table.schema);
        let definition = format!(
            "FOREIGN KEY ({}) REFERENCES {}({}){clauses}",
            list(&key.columns),
            qualified(within, &key.referenced_table),
            list(&key.referenced_columns)
        );
        let references = Reference {
            schema: within.clone(),
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
