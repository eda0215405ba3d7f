//! Queries that give rows: their columns.

use squawk_syntax::{SyntaxKind, SyntaxNode};

use crate::expr::name_of;
use crate::finding::{Finding, Rule};
use crate::frame::{Field, Frame, Item};
use crate::group::distinct_on;
use crate::label::{chosen_name, column_alias};
use crate::query::Output;
use crate::types::Type;
use crate::value::{Value, any_null};
use crate::walk::{Walk, child, expressions, first_name, has_token, is_select};
use crate::with::first_with;
use crate::write::counted;

/// `MaxTupleAttributeNumber` in `htup_details.h`.
const MAX_COLUMNS: usize = 1664;

impl Walk<'_> {
    /// Looks at a query, and gives its columns and whether they are all.
    pub(crate) fn select(&mut self, node: &SyntaxNode, parent: &Frame<'_>) -> (Vec<Field>, bool) {
        match first_with(node) {
            Some(with) => {
                let level = self.with(&with, parent);
                self.select_body(node, &level)
            }
            None => self.select_body(node, parent),
        }
    }

    /// The same, where the WITH clause has been looked at.
    fn select_body(&mut self, node: &SyntaxNode, parent: &Frame<'_>) -> (Vec<Field>, bool) {
        match node.kind() {
            SyntaxKind::SELECT => {
                let (outputs, complete) = self.targets_of(node, parent);
                (outputs.into_iter().map(to_field).collect(), complete)
            }
            SyntaxKind::PAREN_SELECT => {
                match node.children().find(|child| is_select(child.kind())) {
                    Some(inner) => self.select(&inner, parent),
                    None => (Vec::new(), false),
                }
            }
            SyntaxKind::COMPOUND_SELECT => self.compound(node, parent),
            SyntaxKind::VALUES => self.values(node, parent),
            SyntaxKind::TABLE => {
                let mut frame = Frame::inside(parent);
                let name = node.descendants().find(|d| d.kind() == SyntaxKind::RELATION_NAME_REF);
                let Some(name) = name else { return (Vec::new(), false) };
                let item = self.relation(&name, None, &frame);
                let complete = item.complete;
                frame.add(item);
                (frame.items.remove(0).fields, complete)
            }
            _ => (Vec::new(), false),
        }
    }

    /// A SELECT without its WITH clause: its targets, and whether they are all.
    pub(crate) fn targets_of(
        &mut self,
        node: &SyntaxNode,
        parent: &Frame<'_>,
    ) -> (Vec<Output>, bool) {
        let mut frame = Frame::inside(parent);
        if let Some(from) = child(node, SyntaxKind::FROM_CLAUSE) {
            self.relations(&from, &mut frame);
        }
        // A row for several groups has NULL for what tells them apart.
        let group = child(node, SyntaxKind::GROUP_BY_CLAUSE);
        let several = group.is_some_and(|group| group.descendants().any(|d| is_several(d.kind())));
        if several {
            frame.items.iter_mut().for_each(Item::weaken);
        }
        let clause = child(node, SyntaxKind::SELECT_CLAUSE);
        let targets = clause.as_ref().and_then(|clause| child(clause, SyntaxKind::TARGET_LIST));
        let (mut outputs, complete) = match targets {
            Some(targets) => self.targets(&targets, &frame),
            None => (Vec::new(), true),
        };
        for output in outputs.iter_mut().filter(|_| several) {
            output.nullable = output.nullable.filter(|nullable| *nullable);
            // Nor is it certain what is in an array.
            output.data_type = output.data_type.take().filter(|data_type| !data_type.array);
        }
        let names: Vec<&str> = outputs.iter().map(|output| output.name.as_str()).collect();
        if let Some(distinct) = distinct_on(node) {
            self.named_or(&distinct, &frame, &names);
        }
        for part in node.children() {
            match part.kind() {
                SyntaxKind::WHERE_CLAUSE | SyntaxKind::HAVING_CLAUSE => {
                    self.condition(&part, &frame);
                }
                SyntaxKind::GROUP_BY_CLAUSE => self.group(&part, &frame, &names),
                SyntaxKind::WINDOW_CLAUSE => {
                    for spec in
                        part.children().filter_map(|def| child(&def, SyntaxKind::WINDOW_SPEC))
                    {
                        self.window(&spec, &frame);
                    }
                }
                SyntaxKind::ORDER_BY_CLAUSE => self.sort(&part, &frame, &names),
                SyntaxKind::LIMIT_CLAUSE | SyntaxKind::OFFSET_CLAUSE | SyntaxKind::FETCH_CLAUSE => {
                    self.limit(&part, &frame);
                }
                _ => {}
            }
        }
        self.grouped(node, &frame, &outputs);
        let complete = self.not_too_many(&mut outputs, node) && complete;
        (outputs, complete)
    }

    /// Whether there are no more columns than Postgres can give; queries that double them come to an end here.
    fn not_too_many(&mut self, outputs: &mut Vec<Output>, node: &SyntaxNode) -> bool {
        let number = outputs.len();
        if number <= MAX_COLUMNS {
            return true;
        }
        outputs.truncate(MAX_COLUMNS);
        let place = child(node, SyntaxKind::SELECT_CLAUSE);
        let range = self.range(place.as_ref().unwrap_or(node));
        let message = format!("a query gives at most {MAX_COLUMNS} columns, and this one {number}");
        self.report(Finding::new(Rule::Count, range, message));
        false
    }

    /// WHERE, HAVING, ON.
    pub(crate) fn condition(&mut self, clause: &SyntaxNode, frame: &Frame<'_>) {
        for (value, node) in self.all(clause, frame) {
            self.boolean(&value, &self.range(&node));
        }
    }

    /// What SELECT or RETURNING gives, `*` spelled out, and whether it is all.
    pub(crate) fn targets(&mut self, list: &SyntaxNode, frame: &Frame<'_>) -> (Vec<Output>, bool) {
        let mut outputs = Vec::new();
        let mut complete = true;
        for target in list.children().filter(|child| child.kind() == SyntaxKind::TARGET) {
            let range = self.range(&target);
            let from_field = |field: &Field| Output::of(field.clone(), &range);
            if has_token(&target, SyntaxKind::STAR) {
                complete &= frame.items.iter().all(|item| item.complete) && !frame.blind;
                let fields =
                    frame.visible.iter().map(|(item, field)| &frame.items[*item].fields[*field]);
                outputs.extend(fields.map(from_field));
                continue;
            }
            let Some(expression) = expressions(&target).next() else {
                complete = false;
                continue;
            };
            let value = self.expression(&expression, frame);
            if expression.kind() == SyntaxKind::FIELD_EXPR
                && has_token(&expression, SyntaxKind::STAR)
            {
                let base = expression.first_child().and_then(|base| name_of(&base));
                let item = base.and_then(|name| frame.item(&name).0);
                complete &= item.is_some_and(|item| item.complete);
                outputs.extend(item.iter().flat_map(|item| &item.fields).map(from_field));
                continue;
            }
            let alias = child(&target, SyntaxKind::AS_NAME).map(|name| column_alias(&name));
            let name = match alias {
                Some(alias) => alias,
                None => Some(chosen_name(&expression)),
            };
            outputs.push(Output {
                name: name.unwrap_or_else(|| String::from("?column?")),
                // A constant that nothing gives a type is text.
                data_type: match &value.kind {
                    crate::value::Kind::Literal(_) => Some(Type::built_in("text")),
                    _ => value.data_type().cloned(),
                },
                nullable: value.nullable,
                source: value.source,
                range,
            });
        }
        (outputs, complete)
    }

    fn compound(&mut self, node: &SyntaxNode, parent: &Frame<'_>) -> (Vec<Field>, bool) {
        let mut operands = node
            .children()
            .filter(|child| is_select(child.kind()) || child.kind() == SyntaxKind::PAREN_EXPR);
        let (Some(left), Some(right)) = (operands.next(), operands.next()) else {
            return (Vec::new(), false);
        };
        let (one, complete) = self.operand(&left, parent, true);
        let (other, other_complete) = self.operand(&right, parent, false);
        if complete && other_complete && one.len() != other.len() {
            let (first, second) = (counted(one.len(), "column"), counted(other.len(), "column"));
            let message = format!(
                "the queries of a UNION, INTERSECT or EXCEPT need the same number of columns, and one gives {first}, the other {second}"
            );
            self.report(Finding::new(Rule::Count, self.range(&right), message));
        }
        let both = complete && other_complete && one.len() == other.len();
        let fields = one.into_iter().enumerate().map(|(number, field)| {
            let other = other.get(number);
            let same = other.is_some_and(|other| other.data_type == field.data_type);
            Field {
                data_type: field.data_type.filter(|_| same),
                nullable: field.nullable.zip(other.and_then(|o| o.nullable)).map(|(a, b)| a || b),
                source: None,
                name: field.name,
            }
        });
        (fields.collect(), both)
    }

    fn operand(
        &mut self,
        node: &SyntaxNode,
        parent: &Frame<'_>,
        first: bool,
    ) -> (Vec<Field>, bool) {
        if node.kind() == SyntaxKind::PAREN_EXPR {
            return match node.children().find(|child| is_select(child.kind())) {
                Some(inner) => self.select(&inner, parent),
                None => (Vec::new(), false),
            };
        }
        // The WITH clause of a compound query is part of its first SELECT in the tree.
        if first { self.select_body(node, parent) } else { self.select(node, parent) }
    }

    fn values(&mut self, node: &SyntaxNode, parent: &Frame<'_>) -> (Vec<Field>, bool) {
        let rows = child(node, SyntaxKind::ROW_LIST);
        let mut columns: Vec<Vec<(Value, SyntaxNode)>> = Vec::new();
        for row in rows.iter().flat_map(SyntaxNode::children) {
            for (number, value) in self.all(&row, parent).into_iter().enumerate() {
                if number == columns.len() {
                    columns.push(Vec::new());
                }
                columns[number].push(value);
            }
        }
        let fields = columns.iter().enumerate().map(|(number, column)| {
            let value = self.common("VALUES", column);
            Field {
                name: format!("column{}", number + 1),
                data_type: value.data_type().cloned(),
                nullable: any_null(column.iter().map(|(value, _)| value)),
                source: None,
            }
        });
        (fields.collect(), true)
    }

    /// GROUP BY: columns, or else what the targets are called.
    fn group(&mut self, clause: &SyntaxNode, frame: &Frame<'_>, names: &[&str]) {
        let Some(list) = child(clause, SyntaxKind::GROUP_BY_LIST) else { return };
        for part in list.children() {
            if part.kind() == SyntaxKind::GROUPING_EXPR {
                self.named_or(&part, frame, names);
            }
        }
    }

    /// ORDER BY: what the targets are called, or else expressions over the columns.
    pub(crate) fn sort(&mut self, clause: &SyntaxNode, frame: &Frame<'_>, names: &[&str]) {
        let Some(list) = child(clause, SyntaxKind::SORT_BY_LIST) else { return };
        for part in list.children() {
            self.named_or(&part, frame, names);
        }
    }

    fn named_or(&mut self, node: &SyntaxNode, frame: &Frame<'_>, names: &[&str]) {
        for expression in expressions(node) {
            let name = name_of(&bare(&expression));
            if !name.is_some_and(|name| names.contains(&name.as_str())) {
                self.expression(&expression, frame);
            }
        }
    }

    /// LIMIT, OFFSET, FETCH.
    fn limit(&mut self, clause: &SyntaxNode, frame: &Frame<'_>) {
        for (value, node) in self.all(clause, frame) {
            self.adapt(&value, &Type::built_in("int8"), &self.range(&node));
        }
    }
}

/// The expression without the parentheses around it.
pub(crate) fn bare(node: &SyntaxNode) -> SyntaxNode {
    let mut node = node.clone();
    while node.kind() == SyntaxKind::PAREN_EXPR {
        let Some(inner) = expressions(&node).next() else { break };
        node = inner;
    }
    node
}

/// Groups of several kinds.
fn is_several(kind: SyntaxKind) -> bool {
    matches!(
        kind,
        SyntaxKind::GROUPING_ROLLUP | SyntaxKind::GROUPING_CUBE | SyntaxKind::GROUPING_SETS
    )
}

pub(crate) fn to_field(output: Output) -> Field {
    Field {
        name: output.name,
        data_type: output.data_type,
        nullable: output.nullable,
        source: output.source,
    }
}

/// The names in `(a, b)`.
pub(crate) fn column_names(list: &SyntaxNode) -> Vec<String> {
    list.children().map(|name| first_name(&name).unwrap_or_default()).collect()
}

/// The columns with other names, the first ones first.
pub(crate) fn renamed(mut fields: Vec<Field>, names: Option<&[String]>) -> Vec<Field> {
    for (number, name) in names.unwrap_or_default().iter().enumerate() {
        match fields.get_mut(number) {
            Some(field) => field.name.clone_from(name),
            None => fields.push(Field { name: name.clone(), ..Field::default() }),
        }
    }
    fields
}
