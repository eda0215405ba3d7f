//! INSERT, UPDATE and DELETE.

use squawk_syntax::{SyntaxKind, SyntaxNode};

use crate::catalog::{Fill, Named, Relation};
use crate::constant::constant;
use crate::finding::{Finding, Rule};
use crate::frame::{Frame, Item};
use crate::from::relation_name;
use crate::group::{is_star, targets};
use crate::query::Output;
use crate::required::is_default;
use crate::select::bare;
use crate::walk::{Walk, child, expressions, first_name, has_token, is_expression, is_select};

/// What RETURNING gives, and whether it is all.
pub(crate) type Returned = (Vec<Output>, bool);

impl Walk<'_> {
    /// Looks at a statement that writes; `None` for one that is not understood here.
    pub(crate) fn write(&mut self, node: &SyntaxNode, parent: &Frame<'_>) -> Option<Returned> {
        match child(node, SyntaxKind::WITH_CLAUSE) {
            Some(with) => {
                let level = self.with(&with, parent);
                self.write_body(node, &level)
            }
            None => self.write_body(node, parent),
        }
    }

    fn write_body(&mut self, node: &SyntaxNode, parent: &Frame<'_>) -> Option<Returned> {
        match node.kind() {
            SyntaxKind::INSERT => Some(self.insert(node, parent)),
            SyntaxKind::UPDATE => Some(self.update(node, parent)),
            SyntaxKind::DELETE => Some(self.delete(node, parent)),
            SyntaxKind::MERGE if child(node, SyntaxKind::RETURNING_CLAUSE).is_none() => {
                Some((Vec::new(), true))
            }
            _ => None,
        }
    }

    /// The table that is written, and as what it is visible.
    fn target(
        &mut self,
        node: &SyntaxNode,
        parent: &Frame<'_>,
    ) -> (Option<std::rc::Rc<Relation>>, Item) {
        let alias = node
            .children()
            .find(|child| {
                matches!(
                    child.kind(),
                    SyntaxKind::REQUIRED_AS_ALIAS | SyntaxKind::OPTIONAL_AS_ALIAS
                )
            })
            .and_then(|alias| child(&alias, SyntaxKind::TABLE_ALIAS))
            .and_then(|name| first_name(&name));
        let Some(name) = target_name(node) else { return (None, Item::unknown(alias)) };
        // A statement never writes a query of its WITH clause.
        let outside = Frame { blind: parent.blind, ..Frame::default() };
        let item = self.relation(&name, alias, &outside);
        let relation = relation_name(&name).and_then(|(schema, name)| {
            match self.catalog.relation(schema.as_deref(), &name) {
                Named::Known(relation) => Some(relation),
                Named::Uncertain | Named::Missing => None,
            }
        });
        (relation, item)
    }

    fn insert(&mut self, node: &SyntaxNode, parent: &Frame<'_>) -> Returned {
        let (relation, item) = self.target(node, parent);
        let relation = relation.as_deref();
        let name = target_name(node);
        let targets = child(node, SyntaxKind::COLUMN_TARGET_LIST);
        let overriding = has_token(node, SyntaxKind::OVERRIDING_KW)
            || node.children().any(|child| has_token(&child, SyntaxKind::OVERRIDING_KW));
        let columns: Option<Vec<String>> = match (&targets, relation) {
            (Some(list), _) => Some(self.target_columns(list, relation)),
            (None, Some(relation)) if relation.complete => {
                Some(relation.columns.iter().map(|column| column.name.clone()).collect())
            }
            (None, _) => None,
        };
        // How many of the columns get a value, if they are not listed.
        let mut number = Some(0);
        if let Some(source) = node.children().find(|child| is_select(child.kind())) {
            number = if source.kind() == SyntaxKind::VALUES {
                self.rows(
                    &source,
                    parent,
                    relation,
                    columns.as_deref(),
                    targets.is_some(),
                    overriding,
                )
            } else {
                let (fields, complete) = self.select(&source, parent);
                self.selected(&source, relation, columns.as_deref());
                if let Some(columns) = columns.as_ref().filter(|_| complete) {
                    let many = fields.len() > columns.len();
                    self.count(fields.len(), columns.len(), many || targets.is_some(), &source);
                    let written = fields.len().min(columns.len());
                    let place = targets.as_ref().unwrap_or(&source);
                    for name in &columns[..written] {
                        let column = relation.and_then(|relation| relation.column(name));
                        if column.is_some_and(|column| column.fill == Fill::Always && !overriding) {
                            self.generated(name, place, "leave the column out");
                        }
                    }
                }
                complete.then_some(fields.len())
            };
        }
        if let Some((relation, columns)) = relation.zip(columns.as_deref()) {
            let place = targets.as_ref().or(name.as_ref()).unwrap_or(node);
            let given = match (&targets, number) {
                (Some(_), _) => Some(columns),
                (None, Some(number)) => columns.get(..number),
                (None, None) => None,
            };
            // Of a part of a column it is not known whose it is.
            if let Some(given) = given.filter(|given| !given.iter().any(String::is_empty)) {
                self.all_given(relation, given, self.range(place));
            }
        }
        let mut frame = Frame::inside(parent);
        frame.add(item.clone());
        if let Some(conflict) = child(node, SyntaxKind::ON_CONFLICT_CLAUSE) {
            let mut excluded = item.clone();
            excluded.name = Some(String::from("excluded"));
            self.conflict(&conflict, &frame, &excluded, relation);
        }
        self.returning(node, &frame)
    }

    /// The rows of an INSERT, each value for its column; how many there are in the shortest row.
    fn rows(
        &mut self,
        values: &SyntaxNode,
        parent: &Frame<'_>,
        relation: Option<&Relation>,
        columns: Option<&[String]>,
        listed: bool,
        overriding: bool,
    ) -> Option<usize> {
        let rows = child(values, SyntaxKind::ROW_LIST);
        let rows: Vec<SyntaxNode> = rows.iter().flat_map(SyntaxNode::children).collect();
        let mut number = None;
        for row in &rows {
            let values = self.all(row, parent);
            number = Some(number.map_or(values.len(), |number: usize| number.min(values.len())));
            let Some(columns) = columns else { continue };
            self.count(values.len(), columns.len(), listed || values.len() > columns.len(), row);
            for ((value, node), column) in values.iter().zip(columns) {
                let column = relation.and_then(|relation| relation.column(column));
                let Some(column) = column else { continue };
                if let Some(relation) = relation {
                    self.has_value(relation, column, node);
                }
                if is_default(node) {
                    continue;
                }
                if column.fill == Fill::Always && !overriding {
                    let help = "leave the column out, or write `DEFAULT`";
                    self.generated(&column.name, node, help);
                }
                // Several rows get a type of their own first.
                if let Some(wanted) = &column.data_type {
                    if rows.len() == 1 {
                        self.assign(value, wanted, node);
                    } else {
                        self.determine(value, wanted);
                    }
                }
            }
        }
        number
    }

    /// Constants and parameters as they stand in the targets of an INSERT's query become what the columns are. Whatever else looks at them (sorting, grouping,
    /// a UNION) makes text of them first.
    fn selected(
        &mut self,
        select: &SyntaxNode,
        relation: Option<&Relation>,
        columns: Option<&[String]>,
    ) {
        let looks = |node: SyntaxNode| {
            matches!(node.kind(), SyntaxKind::ORDER_BY_CLAUSE | SyntaxKind::GROUP_BY_CLAUSE)
        };
        let is_distinct = || {
            child(select, SyntaxKind::SELECT_CLAUSE)
                .is_some_and(|clause| child(&clause, SyntaxKind::DISTINCT_CLAUSE).is_some())
        };
        let Some((relation, columns)) = relation.zip(columns) else { return };
        if select.kind() != SyntaxKind::SELECT || select.children().any(looks) || is_distinct() {
            return;
        }
        let targets = targets(select);
        if targets.iter().any(is_star) {
            return;
        }
        for (target, column) in targets.iter().zip(columns) {
            let wanted = relation.column(column).and_then(|column| column.data_type.as_ref());
            let Some((wanted, node)) = wanted.zip(expressions(target).next()) else { continue };
            let node = bare(&node);
            if node.kind() == SyntaxKind::LITERAL {
                self.adapt(&constant(&node), wanted, &self.range(&node));
            }
        }
    }

    fn count(&mut self, values: usize, columns: usize, certain: bool, node: &SyntaxNode) {
        if values == columns || !certain {
            return;
        }
        let message = format!("{} for {}", counted(values, "value"), counted(columns, "column"));
        self.report(Finding::new(Rule::Count, self.range(node), message));
    }

    fn twice(&mut self, column: &str, node: &SyntaxNode) {
        let message = format!("column `{column}` gets two values");
        self.report(Finding::new(Rule::Count, self.range(node), message));
    }

    fn update(&mut self, node: &SyntaxNode, parent: &Frame<'_>) -> Returned {
        let (relation, item) = self.target(node, parent);
        let mut frame = Frame::inside(parent);
        frame.add(item);
        if let Some(from) = child(node, SyntaxKind::FROM_CLAUSE) {
            self.relations(&from, &mut frame);
        }
        if let Some(set) = child(node, SyntaxKind::SET_CLAUSE) {
            self.set(&set, &frame, relation.as_deref());
        }
        if let Some(condition) = child(node, SyntaxKind::WHERE_CLAUSE) {
            self.condition(&condition, &frame);
        }
        self.returning(node, &frame)
    }

    fn delete(&mut self, node: &SyntaxNode, parent: &Frame<'_>) -> Returned {
        let (_, item) = self.target(node, parent);
        let mut frame = Frame::inside(parent);
        frame.add(item);
        if let Some(using) = child(node, SyntaxKind::USING_CLAUSE) {
            self.relations(&using, &mut frame);
        }
        if let Some(condition) = child(node, SyntaxKind::WHERE_CLAUSE) {
            self.condition(&condition, &frame);
        }
        self.returning(node, &frame)
    }

    fn returning(&mut self, node: &SyntaxNode, frame: &Frame<'_>) -> Returned {
        let clause = child(node, SyntaxKind::RETURNING_CLAUSE);
        let Some(list) = clause.as_ref().and_then(|c| child(c, SyntaxKind::TARGET_LIST)) else {
            return (Vec::new(), true);
        };
        let mut frame = frame.clone();
        // PostgreSQL 18 has the row before and after.
        if let Some(target) = frame.items.first().cloned() {
            for name in ["old", "new"] {
                let fields = target.fields.iter().cloned().map(|mut field| {
                    field.nullable = None;
                    field
                });
                let fields = fields.collect();
                frame.items.push(Item { name: Some(name.into()), fields, ..target.clone() });
            }
        }
        let blind = clause
            .is_some_and(|clause| child(&clause, SyntaxKind::RETURNING_OPTION_LIST).is_some());
        frame.blind |= blind;
        self.targets(&list, &frame)
    }

    /// `SET a = …, (b, c) = (…, …)`.
    pub(crate) fn set(
        &mut self,
        clause: &SyntaxNode,
        frame: &Frame<'_>,
        relation: Option<&Relation>,
    ) {
        let Some(list) = child(clause, SyntaxKind::SET_COLUMN_LIST) else { return };
        let mut written: Vec<String> = Vec::new();
        for part in list.children() {
            let columns = match part.kind() {
                SyntaxKind::SET_SINGLE_COLUMN => self.target_columns(&part, relation),
                SyntaxKind::SET_MULTIPLE_COLUMNS => child(&part, SyntaxKind::COLUMN_TARGET_LIST)
                    .map(|list| self.target_columns(&list, relation))
                    .unwrap_or_default(),
                _ => continue,
            };
            for column in columns.iter().filter(|column| !column.is_empty()) {
                if written.contains(column) {
                    self.twice(column, &part);
                }
            }
            written.extend_from_slice(&columns);
            match part.kind() {
                SyntaxKind::SET_SINGLE_COLUMN => {
                    let Some(value) = child(&part, SyntaxKind::SET_EXPR) else { continue };
                    self.set_one(columns.first().map(String::as_str), &value, frame, relation);
                }
                SyntaxKind::SET_MULTIPLE_COLUMNS => {
                    if let Some(values) = child(&part, SyntaxKind::SET_EXPR_LIST) {
                        let values: Vec<SyntaxNode> = values.children().collect();
                        self.count(values.len(), columns.len(), values.len() > 1, &part);
                        for (value, column) in values.iter().zip(&columns) {
                            self.set_one(Some(column), value, frame, relation);
                        }
                    } else if let Some(select) =
                        part.children().find(|child| is_select(child.kind()))
                    {
                        self.scalar(&select, frame);
                    }
                }
                _ => {}
            }
        }
    }

    fn set_one(
        &mut self,
        column: Option<&str>,
        node: &SyntaxNode,
        frame: &Frame<'_>,
        relation: Option<&Relation>,
    ) {
        let expression = expressions(node).next();
        let place = expression.as_ref().unwrap_or(node);
        let value = expression.as_ref().map(|expression| self.expression(expression, frame));
        let column = relation.zip(column).and_then(|(relation, name)| relation.column(name));
        let Some((column, relation)) = column.zip(relation) else { return };
        // Even `DEFAULT` is refused for a generated column: that of the view has none.
        if column.fill == Fill::Always {
            self.generated(&column.name, place, "leave the column out");
        } else {
            self.has_value(relation, column, place);
        }
        let Some((value, expression)) = value.zip(expression) else { return };
        if let Some(wanted) = &column.data_type
            && is_expression(expression.kind())
        {
            self.assign(&value, wanted, &expression);
        }
    }

    /// The columns that are written, in order; those that are not there are reported. A part of one (`a[1]`, `a.b`) has an empty name.
    fn target_columns(&mut self, targets: &SyntaxNode, relation: Option<&Relation>) -> Vec<String> {
        let mut columns = Vec::new();
        for target in targets.children().filter(|child| child.kind() == SyntaxKind::COLUMN_TARGET) {
            let reference = child(&target, SyntaxKind::COLUMN_NAME_REF);
            let Some(name) = reference.as_ref().and_then(first_name) else {
                columns.push(String::new());
                continue;
            };
            if let Some(relation) = relation
                && relation.complete
                && relation.column(&name).is_none()
            {
                let names: Vec<&str> =
                    relation.columns.iter().map(|column| column.name.as_str()).collect();
                self.no_column((Some(&relation.name), None), &name, &names, &target);
            }
            let whole = target.children().count() == 1;
            if whole && columns.contains(&name) {
                self.twice(&name, &target);
            }
            columns.push(if whole { name } else { String::new() });
        }
        columns
    }
}

/// The name of the table that a statement writes.
fn target_name(node: &SyntaxNode) -> Option<SyntaxNode> {
    node.children().find_map(|child| match child.kind() {
        SyntaxKind::RELATION_NAME_REF => Some(child),
        SyntaxKind::RELATION_NAME => child.first_child(),
        _ => None,
    })
}

pub(crate) fn counted(count: usize, what: &str) -> String {
    if count == 1 { format!("1 {what}") } else { format!("{count} {what}s") }
}
