//! The parts of a table, one after the other.

use super::past::Past;
use super::{Beyond, Difference, Drift, Part, default, index, types};
use crate::model::{Column, IndexColumn, ReferentialAction};
use crate::plan::facts::{DependentKind, Facts, LiveColumn, LiveConstraint, LiveTable};
use crate::schema::{Enum, ForeignKey, Table, TypeName, is_identity};
use crate::sql::ident::idents;

/// What is generated has this in its name.
const GENERATED: &str = "__reshape";

/// One table while it is compared.
struct Comparison<'a> {
    past: &'a Past,
    facts: &'a Facts,
    table: &'a Table,
    live: &'a LiveTable,
    drift: &'a mut Drift,
}

/// Compares a table.
pub(super) fn table(past: &Past, facts: &Facts, table: &Table, drift: &mut Drift) {
    let Some(live) = facts.table((&table.schema, &table.name)) else {
        let other = facts.is_no_table((&table.schema, &table.name));
        drift.differences.push(Difference {
            schema: table.schema.clone(),
            name: table.name.clone(),
            part: Part::Table,
            expected: String::from("a table"),
            found: other.then(|| String::from("another relation of that name")),
        });
        return;
    };
    let mut comparison = Comparison { past, facts, table, live, drift };
    comparison.columns();
    comparison.primary_key();
    comparison.indexes();
    comparison.foreign_keys();
    comparison.checks();
}

/// Compares an enum type. Values that are there beyond the history do no harm.
pub(super) fn enumeration(past: &Past, facts: &Facts, known: &Enum, drift: &mut Drift) {
    if past.says(&known.name) {
        return;
    }
    let mut types = facts.types.iter().filter(|found| found.is_enum);
    let found = types.find(|found| found.name == known.name && found.schema == past.schema.home());
    let kept = found.map(|found| {
        let kept = found.labels.iter().filter(|label| known.values.contains(label));
        kept.cloned().collect::<Vec<String>>()
    });
    let (schema, name) = (past.schema.home().to_owned(), known.name.clone());
    if kept.as_ref() != Some(&known.values) {
        let values = |values: &[String]| format!("enum ({})", quoted(values));
        drift.differences.push(Difference {
            schema,
            name,
            part: Part::Enum,
            expected: values(&known.values),
            found: found.map(|found| values(&found.labels)),
        });
    } else if found.is_some_and(|found| found.labels.len() > known.values.len()) {
        drift.beyond.push(Beyond { schema, name, part: Part::Enum });
    }
}

fn quoted(values: &[String]) -> String {
    values.iter().map(|value| format!("'{value}'")).collect::<Vec<_>>().join(", ")
}

impl<'a> Comparison<'a> {
    fn differ(&mut self, part: Part, expected: String, found: Option<String>) {
        let (schema, name) = (self.table.schema.clone(), self.table.name.clone());
        self.drift.differences.push(Difference { schema, name, part, expected, found });
    }

    fn beyond(&mut self, part: Part) {
        let (schema, name) = (self.table.schema.clone(), self.table.name.clone());
        self.drift.beyond.push(Beyond { schema, name, part });
    }

    /// The live constraints of that kind.
    fn constraints(&self, kind: DependentKind) -> impl Iterator<Item = &'a LiveConstraint> {
        let table = self.live;
        self.facts.constraints_of(table.key()).filter(move |constraint| constraint.kind == kind)
    }

    fn columns(&mut self) {
        for column in &self.table.columns {
            let type_name = TypeName::parse(&column.data_type);
            // Its type may be called otherwise by now, or have gone, and the column with it.
            if type_name.built_in().is_none() && self.past.says(&type_name.base) {
                continue;
            }
            let part = Part::Column(column.name.to_string());
            let Some(live) = self.live.column(&column.name) else {
                self.differ(part, spelled(column), None);
                continue;
            };
            let facets = self.facets(column, live);
            if !facets.is_empty() {
                let (expected, found): (Vec<_>, Vec<_>) = facets.into_iter().unzip();
                self.differ(part, expected.join(" "), Some(found.join(" ")));
            }
        }
        for live in &self.live.columns {
            if self.table.column(&live.name).is_none() && !live.name.contains(GENERATED) {
                self.beyond(Part::Column(live.name.clone()));
            }
        }
    }

    /// What surely differs of a column: expected and found.
    fn facets(&self, column: &Column, live: &LiveColumn) -> Vec<(String, String)> {
        let mut facets = Vec::new();
        if types::surely_differ(&column.data_type, &live.data_type) {
            facets.push((column.data_type.to_string(), live.data_type.clone()));
        }
        if column.nullable == live.not_null {
            let null = |nullable| String::from(if nullable { "NULL" } else { "NOT NULL" });
            facets.push((null(column.nullable), null(!live.not_null)));
        }
        let generated = column.generated.as_deref();
        let expected = generated.map(|sql| if is_identity(sql) { identity(sql) } else { STORED });
        let found = match (&live.identity_kind, live.generated) {
            (Some(kind), _) => Some(if kind == "ALWAYS" { ALWAYS } else { BY_DEFAULT }),
            (None, generated) => generated.then_some(STORED),
        };
        let default = |sql: Option<&str>| {
            sql.map_or_else(|| String::from("no default"), |sql| format!("DEFAULT {sql}"))
        };
        if expected != found {
            let told = |kind: Option<&str>, own: Option<&str>| {
                kind.map_or_else(|| default(own), |kind| format!("GENERATED {kind}"))
            };
            let pair = (column.default.as_deref(), live.default.as_deref());
            facets.push((told(expected, pair.0), told(found, pair.1)));
        } else if expected.is_none() {
            let (own, there) = (column.default.as_deref(), live.default.as_deref());
            let open = [own, there].into_iter().flatten().any(|sql| {
                self.past.may_be_gone(sql)
                    || default::called(sql).is_some_and(|name| self.past.says(&name))
            });
            if !open && default::surely_differ(&column.data_type, own, there) {
                facets.push((default(own), default(there)));
            }
        }
        facets
    }

    fn primary_key(&mut self) {
        let live = self.constraints(DependentKind::PrimaryKey).next();
        let key = |columns: &[String]| format!("({})", idents(columns.iter().map(String::as_str)));
        if self.table.primary_key.is_empty() {
            if live.is_some() {
                self.beyond(Part::PrimaryKey);
            }
        } else if live.is_none_or(|live| live.columns != self.table.primary_key)
            && !self.past.may_have_lost_key(&self.table.name)
        {
            let found = live.map(|live| key(&live.columns));
            self.differ(Part::PrimaryKey, key(&self.table.primary_key), found);
        }
    }

    fn indexes(&mut self) {
        let facts = self.facts;
        let predicates = facts.indexes.iter().any(|index| index.predicate.is_some());
        let readable = predicates || facts.constraints.iter().any(|c| c.expression.is_some());
        for index in &self.table.indexes {
            let sql = index.columns.iter().filter_map(|column| match column {
                IndexColumn::Expression { expression, .. } => Some(expression),
                IndexColumn::Name(_) | IndexColumn::Column { .. } => None,
            });
            let mut sql = sql.chain(&index.predicate);
            if self.past.says(&index.name) || sql.any(|sql| self.past.may_be_gone(sql)) {
                continue;
            }
            let live = facts.indexes_of(self.live.key()).find(|live| live.name == index.name);
            let part = Part::Index(index.name.to_string());
            match live {
                None => self.differ(part, index::expected(index), None),
                Some(live) if !live.valid => {
                    self.differ(
                        part,
                        index::expected(index),
                        Some(String::from("an unfinished build")),
                    );
                }
                Some(live) if !index::same(index, live, readable) => {
                    self.differ(part, index::expected(index), Some(index::found(live)));
                }
                Some(_) => {}
            }
        }
        for live in facts.indexes_of(self.live.key()) {
            let known = self.table.indexes.iter().any(|index| index.name == live.name);
            if live.constraint.is_none() && !known && !live.name.contains(GENERATED) {
                self.beyond(Part::Index(live.name.clone()));
            }
        }
        let others = [DependentKind::Unique, DependentKind::Exclusion];
        let others = others.into_iter().flat_map(|kind| self.constraints(kind));
        let unknown = |constraint: &&LiveConstraint| {
            !self.table.indexes.iter().any(|index| index.name == constraint.name)
        };
        for constraint in others.filter(unknown).collect::<Vec<_>>() {
            self.beyond(Part::Constraint(constraint.name.clone()));
        }
    }

    /// Found by what they are over: a name says less, and Postgres chooses it.
    fn foreign_keys(&mut self) {
        let live: Vec<_> = self.constraints(DependentKind::ForeignKey).collect();
        let over = |key: &ForeignKey, live: &LiveConstraint| {
            let Some(to) = &live.references else { return false };
            let own = pairs(&key.columns, &key.referenced_columns);
            to.table == key.referenced_table && own == pairs(&live.columns, &to.columns)
        };
        for key in &self.table.foreign_keys {
            if self.past.may_have_changed(&key.referenced_table) || self.past.says(&key.name) {
                continue;
            }
            let same: Vec<_> = live.iter().filter(|live| over(key, live)).collect();
            if same.iter().any(|live| same_clauses(key, live)) {
                continue;
            }
            let named = live.iter().find(|live| live.name == key.name);
            let found = same.first().copied().or(named).map(|live| live.definition.clone());
            self.differ(Part::ForeignKey(key.name.clone()), told_key(key), found);
        }
        for live in live {
            if !self.table.foreign_keys.iter().any(|key| over(key, live)) {
                self.beyond(Part::ForeignKey(live.name.clone()));
            }
        }
    }

    /// By their names alone.
    fn checks(&mut self) {
        let live: Vec<_> = self.constraints(DependentKind::Check).collect();
        for check in &self.table.checks {
            let Some(name) = &check.name else { continue };
            let open = self.past.says(name) || self.past.may_be_gone(&check.expression);
            if !open && !live.iter().any(|live| live.name == *name) {
                let expected = format!("CHECK ({})", check.expression.trim());
                self.differ(Part::Check(name.to_string()), expected, None);
            }
        }
        // One of them may be any that Postgres has named.
        if self.table.checks.iter().any(|check| check.name.is_none()) {
            return;
        }
        for live in live {
            let known = self
                .table
                .checks
                .iter()
                .any(|check| check.name.as_ref().is_some_and(|name| *name == live.name));
            if !known && !live.name.contains(GENERATED) {
                self.beyond(Part::Check(live.name.clone()));
            }
        }
    }
}

const ALWAYS: &str = "ALWAYS AS IDENTITY";
const BY_DEFAULT: &str = "BY DEFAULT AS IDENTITY";
const STORED: &str = "ALWAYS AS (…) STORED";

fn identity(sql: &str) -> &'static str {
    if sql.trim_start().to_uppercase().starts_with("ALWAYS") { ALWAYS } else { BY_DEFAULT }
}

fn spelled(column: &Column) -> String {
    let null = if column.nullable { "" } else { " NOT NULL" };
    format!("{}{null}", column.data_type)
}

/// Referencing and referenced columns, in an order that says nothing.
fn pairs<'n>(columns: &'n [String], referenced: &'n [String]) -> Vec<(&'n str, &'n str)> {
    let pairs = columns.iter().zip(referenced);
    let mut pairs: Vec<_> = pairs.map(|(a, b)| (a.as_str(), b.as_str())).collect();
    pairs.sort_unstable();
    pairs
}

fn same_clauses(key: &ForeignKey, live: &LiveConstraint) -> bool {
    let clauses = live.references.as_ref().map_or("", |to| to.clauses.as_str());
    let same = |event: &str, action: Option<ReferentialAction>| {
        let found = clauses.split(" ON ").find_map(|clause| clause.strip_prefix(event));
        match action.filter(|action| *action != ReferentialAction::NoAction) {
            Some(action) => found.map(str::trim) == Some(action.sql()),
            None => found.is_none(),
        }
    };
    same("DELETE ", key.on_delete) && same("UPDATE ", key.on_update)
}

fn told_key(key: &ForeignKey) -> String {
    let list = |names: &[String]| idents(names.iter().map(String::as_str));
    let clause = |event: &str, action: Option<ReferentialAction>| {
        action.map(|action| format!(" ON {event} {}", action.sql())).unwrap_or_default()
    };
    format!(
        "FOREIGN KEY ({}) REFERENCES {}({}){}{}",
        list(&key.columns),
        idents([key.referenced_table.as_str()]),
        list(&key.referenced_columns),
        clause("UPDATE", key.on_update),
        clause("DELETE", key.on_delete)
    )
}
