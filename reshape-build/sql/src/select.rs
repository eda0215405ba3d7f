//! Queries that give rows: their columns.

use std::rc::Rc;

use squawk_syntax::{SyntaxKind, SyntaxNode};

use crate::expr::name_of;
use crate::finding::{Finding, Rule};
use crate::frame::{Cte, Field, Frame, Item};
use crate::name::fold;
use crate::query::Output;
use crate::types::Type;
use crate::value::{Value, any_null};
use crate::walk::{Walk, child, expressions, first_name, has_token, is_expression, is_select};
use crate::write::counted;

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
        let distinct = clause
            .as_ref()
            .and_then(|clause| clause.descendants().find(|d| d.kind() == SyntaxKind::DISTINCT_ON));
        if let Some(distinct) = distinct {
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
        (outputs, complete)
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
            let from_field = |field: &Field| Output {
                name: field.name.clone(),
                data_type: field.data_type.clone(),
                nullable: field.nullable,
                source: field.source.clone(),
                range: range.clone(),
            };
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
            self.report(Finding::new(Rule::Write, self.range(&right), message));
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

    /// The queries of a WITH clause, in a level of their own around the statement.
    pub(crate) fn with<'p>(&mut self, with: &SyntaxNode, parent: &'p Frame<'p>) -> Frame<'p> {
        let recursive = has_token(with, SyntaxKind::RECURSIVE_KW);
        let mut level = Frame::inside(parent);
        for table in with.children().filter(|child| child.kind() == SyntaxKind::WITH_TABLE) {
            let name = child(&table, SyntaxKind::CTE_NAME).and_then(|name| first_name(&name));
            let query = table.children().find(|node| is_query(node.kind()));
            let (Some(name), Some(query)) = (name, query) else {
                level.blind = true;
                continue;
            };
            let names = child(&table, SyntaxKind::COLUMN_LIST).map(|list| column_names(&list));
            let more = table.children().any(|child| {
                matches!(child.kind(), SyntaxKind::SEARCH_CLAUSE | SyntaxKind::CYCLE_CLAUSE)
            });
            if recursive {
                let (fields, complete) = self.first_of(&query, &level);
                let mut fields = renamed(fields, names.as_deref());
                // The next round may give NULL, which the one after it gets.
                for field in &mut fields {
                    field.nullable = field.nullable.filter(|nullable| *nullable);
                }
                let complete = complete && !more;
                level.ctes.push(Cte { name: name.clone(), fields: Rc::new(fields), complete });
            }
            self.selects += 1;
            let (fields, complete) = self.query(&query, &level);
            self.selects -= 1;
            if recursive {
                level.ctes.pop();
            }
            let fields = renamed(fields, names.as_deref());
            level.ctes.push(Cte { name, fields: Rc::new(fields), complete: complete && !more });
        }
        level
    }

    /// The columns of the part of a recursive query that does not refer to itself. Within another one nothing is looked at ahead: that would be done
    /// twice as often with each level.
    fn first_of(&mut self, query: &SyntaxNode, level: &Frame<'_>) -> (Vec<Field>, bool) {
        let first = query.children().find(|child| is_select(child.kind()));
        match first.filter(|_| query.kind() == SyntaxKind::COMPOUND_SELECT && !self.ahead) {
            Some(first) => {
                self.ahead = true;
                let (fields, complete) = self.select(&first, level);
                self.ahead = false;
                (fields, complete)
            }
            None => (Vec::new(), false),
        }
    }

    /// A query of a WITH clause, which may also write.
    fn query(&mut self, node: &SyntaxNode, parent: &Frame<'_>) -> (Vec<Field>, bool) {
        if is_select(node.kind()) {
            return self.select(node, parent);
        }
        match self.write(node, parent) {
            Some((outputs, complete)) => (outputs.into_iter().map(to_field).collect(), complete),
            None => (Vec::new(), false),
        }
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
            let name = name_of(&expression);
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

/// The WITH clause that a query begins with.
fn first_with(node: &SyntaxNode) -> Option<SyntaxNode> {
    let mut node = node.clone();
    loop {
        if let Some(with) = child(&node, SyntaxKind::WITH_CLAUSE) {
            return Some(with);
        }
        if node.kind() != SyntaxKind::COMPOUND_SELECT {
            return None;
        }
        node = node.children().find(|child| is_select(child.kind()))?;
    }
}

/// Groups of several kinds.
fn is_several(kind: SyntaxKind) -> bool {
    matches!(
        kind,
        SyntaxKind::GROUPING_ROLLUP | SyntaxKind::GROUPING_CUBE | SyntaxKind::GROUPING_SETS
    )
}

pub(crate) fn is_query(kind: SyntaxKind) -> bool {
    is_select(kind)
        || matches!(
            kind,
            SyntaxKind::INSERT | SyntaxKind::UPDATE | SyntaxKind::DELETE | SyntaxKind::MERGE
        )
}

fn to_field(output: Output) -> Field {
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

fn column_alias(node: &SyntaxNode) -> Option<String> {
    first_name(&child(node, SyntaxKind::COLUMN_NAME)?)
}

/// The name that Postgres chooses for a target without one: `FigureColname` in `parse_target.c`.
fn chosen_name(expression: &SyntaxNode) -> String {
    strong_name(expression).unwrap_or_else(|| match weak_name(expression) {
        Some(name) => name,
        None => String::from("?column?"),
    })
}

fn strong_name(node: &SyntaxNode) -> Option<String> {
    let token_name = |node: &SyntaxNode| fold(node.first_token()?.text());
    match node.kind() {
        SyntaxKind::NAME_REF => token_name(node),
        SyntaxKind::FIELD_EXPR => token_name(&node.children().nth(1)?),
        SyntaxKind::COLLATE | SyntaxKind::INDEX_EXPR | SyntaxKind::SLICE_EXPR => {
            strong_name(&expressions(node).next()?)
        }
        SyntaxKind::PAREN_EXPR => {
            if let Some(inner) = node.children().find(|child| is_expression(child.kind())) {
                return strong_name(&inner);
            }
            // A sub-select is called what its only target is called.
            let select = child(node, SyntaxKind::SELECT)?;
            let clause = child(&select, SyntaxKind::SELECT_CLAUSE)?;
            let target = child(&child(&clause, SyntaxKind::TARGET_LIST)?, SyntaxKind::TARGET)?;
            match child(&target, SyntaxKind::AS_NAME) {
                Some(alias) => column_alias(&alias),
                None => Some(chosen_name(&expressions(&target).next()?)),
            }
        }
        SyntaxKind::CALL_EXPR => {
            let callee = node.first_child()?;
            match callee.kind() {
                SyntaxKind::TRIM_FN => {
                    let side = callee.children().map(|child| child.kind()).next();
                    Some(String::from(match side {
                        Some(SyntaxKind::TRIM_LEADING) => "ltrim",
                        Some(SyntaxKind::TRIM_TRAILING) => "rtrim",
                        _ => "btrim",
                    }))
                }
                SyntaxKind::FIELD_EXPR => token_name(&callee.children().nth(1)?),
                _ => token_name(&callee),
            }
        }
        SyntaxKind::CAST_EXPR => expressions(node).next().and_then(|inner| strong_name(&inner)),
        SyntaxKind::CASE_EXPR => {
            let otherwise = child(node, SyntaxKind::ELSE_CLAUSE)?;
            strong_name(&expressions(&otherwise).next()?)
        }
        SyntaxKind::BIN_EXPR if child(node, SyntaxKind::AT_TIME_ZONE).is_some() => {
            Some(String::from("timezone"))
        }
        _ => None,
    }
}

fn weak_name(node: &SyntaxNode) -> Option<String> {
    match node.kind() {
        SyntaxKind::CASE_EXPR => Some(String::from("case")),
        SyntaxKind::ARRAY_EXPR => Some(String::from("array")),
        SyntaxKind::TUPLE_EXPR if has_token(node, SyntaxKind::ROW_KW) => Some(String::from("row")),
        SyntaxKind::CAST_EXPR => {
            let inner = expressions(node).next();
            // `interval '1 day'`, `x::int`: the name of the type, unless what is cast has one.
            if let Some(weak) = inner.and_then(|inner| weak_name(&inner)) {
                return Some(weak);
            }
            let target = node.children().find(|child| crate::expr::is_type(child.kind()))?;
            Some(Type::parse(&target.text().to_string())?.name.into_owned())
        }
        SyntaxKind::PAREN_EXPR | SyntaxKind::COLLATE => weak_name(&expressions(node).next()?),
        SyntaxKind::LITERAL if has_token(node, SyntaxKind::TRUE_KW) => Some(String::from("bool")),
        SyntaxKind::LITERAL if has_token(node, SyntaxKind::FALSE_KW) => Some(String::from("bool")),
        _ => None,
    }
}
