//! Expressions: the names in them, and the type that they have.
//!
//! **Invariant:** a kind of node that is not known here is not looked into.

use squawk_syntax::{SyntaxElement, SyntaxKind, SyntaxNode};

use crate::column::keyword;
use crate::constant::{constant, negative};
use crate::finding::{Finding, Rule};
use crate::frame::{Field, Frame};
use crate::name::fold;
use crate::role::Role;
use crate::types::{Type, is_text};
use crate::value::{Kind, Value, any_null};
use crate::walk::{Walk, child, expressions, has_token, is_expression, is_select};

impl Walk<'_> {
    /// Looks at an expression.
    pub(crate) fn expression(&mut self, node: &SyntaxNode, frame: &Frame<'_>) -> Value {
        match node.kind() {
            SyntaxKind::LITERAL => constant(node),
            SyntaxKind::NAME_REF => self.name(node, frame),
            SyntaxKind::FIELD_EXPR => self.field(node, frame),
            SyntaxKind::PAREN_EXPR => match node.children().find(|node| is_expression(node.kind()))
            {
                Some(inner) => self.expression(&inner, frame),
                None => match node.children().find(|node| is_select(node.kind())) {
                    Some(select) => self.scalar(&select, frame),
                    None => Value::default(),
                },
            },
            SyntaxKind::BIN_EXPR | SyntaxKind::BETWEEN_EXPR => self.binary(node, frame),
            SyntaxKind::PREFIX_EXPR => self.prefix(node, frame),
            SyntaxKind::POSTFIX_EXPR => {
                self.all(node, frame);
                if node.children().any(|child| child.kind() == SyntaxKind::AT_LOCAL) {
                    return Value::default();
                }
                // `IS NORMALIZED` and `IS JSON` of NULL are NULL.
                let never = has_token(node, SyntaxKind::ISNULL_KW)
                    || has_token(node, SyntaxKind::NOTNULL_KW);
                Value::of("bool").null_if(never.then_some(false))
            }
            SyntaxKind::CASE_EXPR => self.case(node, frame),
            SyntaxKind::CAST_EXPR => self.cast(node, frame),
            SyntaxKind::CALL_EXPR => self.call(node, frame),
            SyntaxKind::ARRAY_EXPR => self.array(node, frame),
            SyntaxKind::INDEX_EXPR => {
                let mut values = self.all(node, frame).into_iter().map(|(value, _)| value);
                let base = values.next().unwrap_or_default();
                let element = base.data_type().filter(|base| base.array).map(Type::element);
                Value::typed(element).null_if(Some(true))
            }
            SyntaxKind::SLICE_EXPR => {
                let mut values = self.all(node, frame).into_iter().map(|(value, _)| value);
                let base = values.next().unwrap_or_default();
                Value::typed(base.data_type().filter(|base| base.array).cloned())
            }
            SyntaxKind::COLLATE => {
                let mut values = self.all(node, frame).into_iter().map(|(value, _)| value);
                Value { source: None, ..values.next().unwrap_or_default() }
            }
            SyntaxKind::TUPLE_EXPR => {
                let parts = self.all(node, frame).into_iter();
                let row = parts.map(|(value, node)| (value, self.range(&node))).collect();
                Value { row, ..Value::default() }
            }
            _ => Value::default(),
        }
    }

    fn prefix(&mut self, node: &SyntaxNode, frame: &Frame<'_>) -> Value {
        let Some(inner) = expressions(node).next() else { return Value::default() };
        let value = self.expression(&inner, frame);
        match node.first_token().map(|token| token.kind()) {
            Some(SyntaxKind::NOT_KW) => {
                self.boolean(&value, &self.range(&inner));
                Value::of("bool").null_if(value.nullable)
            }
            Some(SyntaxKind::MINUS | SyntaxKind::PLUS) => {
                let number = |data_type: &&Type| {
                    !data_type.array
                        && matches!(
                            &*data_type.name,
                            "int2" | "int4" | "int8" | "numeric" | "float4" | "float8" | "interval"
                        )
                };
                let Some(data_type) = value.data_type().filter(number).cloned() else {
                    return Value::default();
                };
                Value::typed(negative(&inner, data_type)).null_if(value.nullable)
            }
            _ => Value::default(),
        }
    }

    fn case(&mut self, node: &SyntaxNode, frame: &Frame<'_>) -> Value {
        let operand = expressions(node).next().map(|node| (self.expression(&node, frame), node));
        let mut results = Vec::new();
        let clauses = child(node, SyntaxKind::WHEN_CLAUSE_LIST);
        for clause in clauses.iter().flat_map(SyntaxNode::children) {
            let values = self.all(&clause, frame);
            let [(condition, condition_node), (result, result_node)] = &values[..] else {
                continue;
            };
            match &operand {
                Some((operand, operand_node)) => {
                    let (one, range) = (self.range(operand_node), self.range(condition_node));
                    self.compare("=", (operand, &one), (condition, &range), range.clone());
                }
                None => self.boolean(condition, &self.range(condition_node)),
            }
            results.push((result.clone(), result_node.clone()));
        }
        let otherwise = child(node, SyntaxKind::ELSE_CLAUSE);
        let otherwise = otherwise.and_then(|clause| expressions(&clause).next());
        let has_else = otherwise.is_some();
        if let Some(otherwise) = otherwise {
            results.push((self.expression(&otherwise, frame), otherwise));
        }
        let nullable =
            if has_else { any_null(results.iter().map(|(value, _)| value)) } else { Some(true) };
        // Postgres begins with the last one: of `text` and `varchar` the first wins.
        if has_else {
            results.rotate_right(1);
        }
        self.common("CASE", &results).null_if(nullable)
    }

    fn cast(&mut self, node: &SyntaxNode, frame: &Frame<'_>) -> Value {
        let Some(inner) = expressions(node).next() else { return Value::default() };
        let value = self.expression(&inner, frame);
        let target = node.children().find(|child| is_type(child.kind()));
        let target = target.and_then(|node| Type::parse(&node.text().to_string()));
        let Some(target) = target else { return Value::default() };
        let nullable = self.null_of_cast(&value, &target);
        match value.data_type() {
            Some(found)
                if !found.array
                    && !target.array
                    && crate::operators::cannot_cast(&found.name, &target.name)
                    && !self.is_open() =>
            {
                let message = format!("a value of type `{found}` cannot be cast to `{target}`");
                self.report(Finding::new(Rule::TypeMismatch, self.range(node), message));
            }
            Some(_) => {}
            None => {
                self.determine(&value, &target);
                self.adapt(&value, &target, &self.range(&inner));
            }
        }
        // There may be a NULL within.
        let holey =
            self.role.is_none() && target.array && !value.data_type().is_some_and(|of| of.array);
        let holey = holey
            && match &value.kind {
                Kind::Literal(Some(text)) => text.to_ascii_lowercase().contains("null"),
                Kind::Literal(None) => value.nullable != Some(true),
                Kind::Parameter(_) => false,
                Kind::Of(_) | Kind::Unknown => true,
            };
        Value::typed((!holey).then_some(target)).null_if(nullable)
    }

    /// Casts give no NULL for anything else; that of a JSON `null` may, and so may those that somebody has made.
    fn null_of_cast(&self, value: &Value, target: &Type) -> Option<bool> {
        let json = |of: &Type| matches!(&*of.name, "json" | "jsonb");
        let text = is_text(&target.name) && !target.array;
        if value.data_type().is_some_and(json) && !json(target) && !text {
            return value.nullable.filter(|nullable| *nullable);
        }
        self.null_of([value])
    }

    fn array(&mut self, node: &SyntaxNode, frame: &Frame<'_>) -> Value {
        if let Some(select) = node.children().find(|child| is_select(child.kind())) {
            let field = self.column_of(&select, frame);
            let whole = self.is_whole(field.as_ref().and_then(|field| field.nullable));
            let element = field.and_then(|field| field.data_type).filter(|_| whole);
            let element = element.filter(|element| !element.array).map(|of| of.array_of());
            return Value::typed(element).null_if(Some(false));
        }
        let values = self.all(node, frame);
        if values.is_empty() {
            return Value::default();
        }
        let element = self.common("an array", &values);
        // One with NULLs in it is nothing that its type says.
        let whole = self.is_whole(any_null(values.iter().map(|(value, _)| value)));
        let element = element.data_type().filter(|element| whole && !element.array);
        let element = element.map(Type::array_of);
        Value::typed(element).null_if(Some(false))
    }

    /// A sub-select that gives one value.
    pub(crate) fn scalar(&mut self, select: &SyntaxNode, frame: &Frame<'_>) -> Value {
        let data_type = self.column_of(select, frame).and_then(|field| field.data_type);
        // It may give no row.
        Value::typed(data_type).null_if(Some(true))
    }

    /// The only column that a sub-select gives.
    fn column_of(&mut self, select: &SyntaxNode, frame: &Frame<'_>) -> Option<Field> {
        if let Some(role) = self.own_role()
            && let Some(place) = role.without_selects()
        {
            let message = format!("{place} cannot contain a sub-select");
            self.report(Finding::new(Rule::NotAllowed, self.range(select), message));
        }
        self.selects += 1;
        let (fields, complete) = self.select(select, frame);
        self.selects -= 1;
        match &fields[..] {
            [field] if complete => Some(field.clone()),
            _ => None,
        }
    }

    /// The function is not immutable, where it must be.
    pub(crate) fn changes(&mut self, name: &str, node: &SyntaxNode) {
        let Some(role) = self.role else { return };
        let name = name.to_ascii_lowercase();
        let message =
            format!("`{name}` may give another result the next time: it is not immutable");
        let help = match role {
            Role::Generated => {
                "Postgres keeps what a generated column was computed from its row; give the column a `default` instead"
            }
            _ => "Postgres takes only immutable functions into an index",
        };
        self.report(Finding::new(Rule::Volatile, self.range(node), message).help(help));
    }
}

/// The name that a node is, if it is an identifier.
pub(crate) fn name_of(node: &SyntaxNode) -> Option<String> {
    if node.kind() != SyntaxKind::NAME_REF {
        return None;
    }
    let token = node.children_with_tokens().find_map(SyntaxElement::into_token)?;
    if keyword(token.kind()).is_some() {
        return None;
    }
    fold(token.text())
}

pub(crate) fn is_type(kind: SyntaxKind) -> bool {
    matches!(
        kind,
        SyntaxKind::ARRAY_TYPE
            | SyntaxKind::PATH_TYPE
            | SyntaxKind::VARCHAR_TYPE
            | SyntaxKind::CHARACTER_TYPE
            | SyntaxKind::BIT_TYPE
            | SyntaxKind::BIT_VARYING_TYPE
            | SyntaxKind::DOUBLE_TYPE
            | SyntaxKind::TIME_TYPE
            | SyntaxKind::TIMESTAMP_TYPE
            | SyntaxKind::INTERVAL_TYPE
    )
}
