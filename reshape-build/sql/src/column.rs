//! Names in expressions: columns, rows, and the keywords that stand for values.

use squawk_syntax::{SyntaxElement, SyntaxKind, SyntaxNode};

use crate::expr::name_of;
use crate::finding::{Finding, Related, Rule};
use crate::frame::{Field, Found, Frame};
use crate::name::{fold, list, nearest, quote};
use crate::role::Role;
use crate::value::Value;
use crate::walk::Walk;

impl Walk<'_> {
    /// A column, a row, or one of the keywords that are functions.
    pub(crate) fn name(&mut self, node: &SyntaxNode, frame: &Frame<'_>) -> Value {
        let Some(token) = node.children_with_tokens().find_map(SyntaxElement::into_token) else {
            return Value::default();
        };
        if let Some(data_type) = keyword(token.kind()) {
            let (text, changes) = (token.text(), self.own_role().is_some_and(Role::is_kept));
            if changes {
                self.changes(text, node);
            }
            // Nothing of the `search_path` may be there, and nobody may have logged in.
            let never =
                !matches!(token.kind(), SyntaxKind::CURRENT_SCHEMA_KW | SyntaxKind::SYSTEM_USER_KW);
            return Value::of(data_type).null_if(never.then_some(false));
        }
        let Some(name) = fold(token.text()) else { return Value::default() };
        match frame.find(&name) {
            Found::Field(field) => of_field(&field),
            // A row of an outer join is NULL.
            Found::Row | Found::Uncertain => Value::default(),
            Found::System => {
                self.system_column(&name, node);
                Value::default()
            }
            Found::Ambiguous(relations) => {
                let owners: Vec<&str> = relations.iter().map(String::as_str).collect();
                let message = format!("`{name}` may be a column of {}", list(&owners));
                let help = format!("say which one: `{}.{}`", quote(owners[0]), quote(&name));
                self.report(
                    Finding::new(Rule::AmbiguousColumn, self.range(node), message).help(help),
                );
                Value::default()
            }
            Found::Missing => {
                self.missing(&name, token.text().starts_with('"'), node, frame);
                Value::default()
            }
        }
    }

    fn missing(&mut self, name: &str, quoted: bool, node: &SyntaxNode, frame: &Frame<'_>) {
        let range = self.range(node);
        let candidates = frame.column_names();
        if candidates.is_empty() {
            let message = match self.own_role() {
                Some(Role::Default) => {
                    format!("`{name}` is a name, and a default can use no columns")
                }
                _ => format!("there is no column `{name}`"),
            };
            let finding = Finding::new(Rule::UnknownColumn, range, message);
            self.report(finding.help(format!("a string is written in single quotes: `'{name}'`")));
            return;
        }
        let items: Vec<_> = frame.items.iter().filter(|item| item.table.is_some()).collect();
        let message = match (&items[..], frame.parent) {
            ([item], None) => {
                let table = item.table.as_deref().unwrap_or_default();
                format!("table `{table}` has no column `{name}`")
            }
            _ => format!("there is no column `{name}` here"),
        };
        let near = nearest(name, candidates.iter().copied());
        let help = match near {
            Some(near) => format!("did you mean `{}`?", quote(near)),
            None if quoted => format!("a string is written in single quotes: `'{name}'`"),
            None => format!("there is {}", list(&candidates)),
        };
        let mut finding = Finding::new(Rule::UnknownColumn, range, message).help(help);
        if let Some(table) = items.first().and_then(|item| item.table.clone()) {
            finding = finding.related(Related::Column(table, name.to_owned()));
        }
        self.report(finding);
    }

    /// `relation.column`, `schema.relation.column`, `(composite).field`.
    pub(crate) fn field(&mut self, node: &SyntaxNode, frame: &Frame<'_>) -> Value {
        let mut children = node.children();
        let Some(base) = children.next() else { return Value::default() };
        let column = children.next().filter(|child| child.kind() == SyntaxKind::NAME_REF);
        let qualifier = match base.kind() {
            SyntaxKind::NAME_REF => base.clone(),
            SyntaxKind::FIELD_EXPR => {
                // The schema may be another one: only a table of that name that is there is certain.
                let Some(table) = base.children().nth(1).and_then(|node| name_of(&node)) else {
                    return Value::default();
                };
                let Some(column) = column.as_ref().and_then(name_of) else {
                    return Value::default();
                };
                let (item, _) = frame.item(&table);
                return match item.map(|item| Frame::field_of(item, &column)) {
                    Some(Found::Field(field)) => of_field(&field),
                    _ => Value::default(),
                };
            }
            _ => {
                self.expression(&base, frame);
                return Value::default();
            }
        };
        let Some(table) = name_of(&qualifier) else { return Value::default() };
        let (item, uncertain) = frame.item(&table);
        let Some(item) = item else {
            if !uncertain && matches!(frame.find(&table), Found::Missing | Found::Ambiguous(_)) {
                self.no_relation(&table, &qualifier, frame);
            }
            return Value::default();
        };
        let Some(column_node) = column else { return Value::default() };
        let Some(column) = name_of(&column_node) else { return Value::default() };
        match Frame::field_of(item, &column) {
            Found::Field(field) => of_field(&field),
            Found::System => {
                self.system_column(&column, &column_node);
                Value::default()
            }
            // `users.full_name` is also how a function of the row is called.
            Found::Missing
                if !self.catalog.may_be_created(&column)
                    && crate::functions::find(&column).is_none() =>
            {
                let names: Vec<&str> =
                    item.fields.iter().map(|field| field.name.as_str()).collect();
                let whose = (item.table.as_deref(), item.name.as_deref());
                self.no_column(whose, &column, &names, &column_node);
                Value::default()
            }
            _ => Value::default(),
        }
    }

    /// Reports a column that a table, or else a relation that is none but has a name, does not have among its `names`.
    pub(crate) fn no_column(
        &mut self,
        (table, relation): (Option<&str>, Option<&str>),
        column: &str,
        names: &[&str],
        node: &SyntaxNode,
    ) {
        let message = match table {
            Some(table) => format!("table `{table}` has no column `{column}`"),
            None => format!("`{}` has no column `{column}`", relation.unwrap_or_default()),
        };
        let help = match nearest(column, names.iter().copied()) {
            Some(near) => format!("did you mean `{}`?", quote(near)),
            None => format!("it has {}", list(names)),
        };
        let mut finding = Finding::new(Rule::UnknownColumn, self.range(node), message).help(help);
        if let Some(table) = table {
            finding = finding.related(Related::Column(table.to_owned(), column.to_owned()));
        }
        self.report(finding);
    }

    /// The name that qualifies a column is that of no relation.
    pub(crate) fn no_relation(&mut self, name: &str, node: &SyntaxNode, frame: &Frame<'_>) {
        let names = frame.item_names();
        let message = format!("there is no table `{name}` here");
        let mut finding = Finding::new(Rule::UnknownTable, self.range(node), message)
            .related(Related::Table(name.to_owned()));
        if let Some(near) = nearest(name, names.iter().copied()) {
            finding = finding.help(format!("did you mean `{}`?", quote(near)));
        } else if !names.is_empty() {
            finding = finding.help(format!("columns can be qualified with {}", list(&names)));
        }
        self.report(finding);
    }
}

pub(crate) fn of_field(field: &Field) -> Value {
    let value = Value::typed(field.data_type.clone()).null_if(field.nullable);
    Value { source: field.source.clone(), ..value }
}

/// The type of a keyword that stands for a value.
pub(crate) fn keyword(kind: SyntaxKind) -> Option<&'static str> {
    Some(match kind {
        SyntaxKind::CURRENT_DATE_KW => "date",
        SyntaxKind::CURRENT_TIME_KW => "timetz",
        SyntaxKind::CURRENT_TIMESTAMP_KW => "timestamptz",
        SyntaxKind::LOCALTIME_KW => "time",
        SyntaxKind::LOCALTIMESTAMP_KW => "timestamp",
        SyntaxKind::SYSTEM_USER_KW => "text",
        SyntaxKind::CURRENT_CATALOG_KW
        | SyntaxKind::CURRENT_ROLE_KW
        | SyntaxKind::CURRENT_SCHEMA_KW
        | SyntaxKind::CURRENT_USER_KW
        | SyntaxKind::SESSION_USER_KW
        | SyntaxKind::USER_KW => "name",
        _ => return None,
    })
}
