//! Expressions: the names in them, and the type that they have.
//!
//! **Invariant:** a kind of node that is not known here is not looked into.

use squawk_syntax::{SyntaxElement, SyntaxKind, SyntaxNode};

use crate::expression::Role;
use crate::finding::{Finding, Related, Rule};
use crate::frame::{Field, Found, Frame};
use crate::literal;
use crate::name::{fold, list, nearest, quote};
use crate::types::{Type, is_text};
use crate::value::{Kind, Place, Value, any_null};
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
                self.all(node, frame);
                Value::default()
            }
            _ => Value::default(),
        }
    }

    /// A column, a row, or one of the keywords that are functions.
    fn name(&mut self, node: &SyntaxNode, frame: &Frame<'_>) -> Value {
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

    /// A statement of an application reads views; a migration's expressions are computed from the tables themselves.
    fn system_column(&mut self, name: &str, node: &SyntaxNode) {
        if self.role.is_some() || self.catalog.may_be_created(name) {
            return;
        }
        let message = format!("a version's tables are views, which have no `{name}`");
        self.report(Finding::new(Rule::UnknownColumn, self.range(node), message).help(
            "identify rows by their primary key, and compare a column that each change writes",
        ));
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
    fn field(&mut self, node: &SyntaxNode, frame: &Frame<'_>) -> Value {
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
                let table = item.table.as_deref();
                let message = match table {
                    Some(table) => format!("table `{table}` has no column `{column}`"),
                    None => format!(
                        "`{}` has no column `{column}`",
                        item.name.as_deref().unwrap_or_default()
                    ),
                };
                let names: Vec<&str> =
                    item.fields.iter().map(|field| field.name.as_str()).collect();
                let help = match nearest(&column, names.iter().copied()) {
                    Some(near) => format!("did you mean `{}`?", quote(near)),
                    None => format!("it has {}", list(&names)),
                };
                let mut finding =
                    Finding::new(Rule::UnknownColumn, self.range(&column_node), message).help(help);
                if let Some(table) = table {
                    finding = finding.related(Related::Column(table.to_owned(), column));
                }
                self.report(finding);
                Value::default()
            }
            _ => Value::default(),
        }
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
            let whole = self.role.is_some()
                || field.as_ref().is_some_and(|field| field.nullable == Some(false));
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
        let whole =
            self.role.is_some() || any_null(values.iter().map(|(value, _)| value)) == Some(false);
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

pub(crate) fn of_field(field: &Field) -> Value {
    let value = Value::typed(field.data_type.clone()).null_if(field.nullable);
    Value { source: field.source.clone(), ..value }
}

/// The type of a number with a minus: Postgres reads the two together, so that the least ones are of a smaller type. `None` where it is not certain.
fn negative(operand: &SyntaxNode, data_type: Type) -> Option<Type> {
    let text = operand.text().to_string().replace('_', "");
    let of = [("2147483648", "int4"), ("9223372036854775808", "int8")];
    let Some((digits, name)) = of.into_iter().find(|(digits, _)| text.contains(digits)) else {
        return Some(data_type);
    };
    let first = operand.parent().and_then(|parent| parent.first_token());
    let minus = first.is_some_and(|token| token.kind() == SyntaxKind::MINUS);
    (minus && text == digits).then(|| Type::built_in(name))
}

/// A constant or parameter.
fn constant(node: &SyntaxNode) -> Value {
    let Some(token) = node.children_with_tokens().find_map(SyntaxElement::into_token) else {
        return Value::default();
    };
    let text = token.text();
    let value = match token.kind() {
        SyntaxKind::INT_NUMBER => {
            let digits = text.replace('_', "");
            match digits.parse::<i64>() {
                Ok(number) if i32::try_from(number).is_ok() => Value::of("int4"),
                Ok(_) => Value::of("int8"),
                Err(_) if digits.chars().all(|c| c.is_ascii_digit()) => Value::of("numeric"),
                Err(_) => Value::default(),
            }
        }
        SyntaxKind::NUMERIC_NUMBER => Value::of("numeric"),
        SyntaxKind::TRUE_KW | SyntaxKind::FALSE_KW => Value::of("bool"),
        SyntaxKind::NULL_KW => {
            return Value { kind: Kind::Literal(None), nullable: Some(true), source: None };
        }
        SyntaxKind::STRING | SyntaxKind::DOLLAR_QUOTED_STRING => {
            // Strings on several lines are one: `'a' newline 'b'`.
            let one = node.children_with_tokens().filter(|element| {
                element.as_token().is_some_and(|token| !token.kind().is_trivia())
            });
            let text = if one.count() == 1 { literal::text(text) } else { None };
            let kind = Kind::Literal(text.map(std::borrow::Cow::into_owned));
            Value { kind, ..Value::default() }
        }
        SyntaxKind::ESC_STRING | SyntaxKind::UNICODE_ESC_STRING => {
            Value { kind: Kind::Literal(None), ..Value::default() }
        }
        SyntaxKind::POSITIONAL_PARAM => {
            let at = token.text_range().start().into();
            let place = text[1..].parse().map(|number| Kind::Parameter(Place { number, at }));
            let kind = place.unwrap_or(Kind::Unknown);
            return Value { kind, ..Value::default() };
        }
        _ => return Value::default(),
    };
    value.null_if(Some(false))
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

/// The type of a keyword that stands for a value.
fn keyword(kind: SyntaxKind) -> Option<&'static str> {
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
