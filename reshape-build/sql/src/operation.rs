//! Operators between two expressions.

use std::ops::Range;

use squawk_syntax::{SyntaxElement, SyntaxKind, SyntaxNode};

use crate::finding::{Finding, Rule};
use crate::frame::Frame;
use crate::operators::{self, Outcome};
use crate::types::{Type, is_text};
use crate::value::{Kind, Value, any_null};
use crate::walk::{Walk, expressions, is_expression, is_select};

impl Walk<'_> {
    /// An operator between two expressions. A chain of them is a list here: its tree is as deep as it is long.
    pub(crate) fn binary(&mut self, node: &SyntaxNode, frame: &Frame<'_>) -> Value {
        let mut chain = Vec::new();
        let mut first = node.clone();
        while first.kind() == SyntaxKind::BIN_EXPR {
            let Some(left) = first.children().find(|child| is_expression(child.kind())) else {
                return Value::default();
            };
            let operator = operator(&first, &left);
            let right = expressions(&first).nth(1);
            chain.push((operator, right, first.clone()));
            first = left;
        }
        let mut left_node = first.clone();
        let mut left = self.expression(&first, frame);
        for (operator, right, whole) in chain.into_iter().rev() {
            let range = self.range(&whole);
            left = self.apply(&operator, (left, &left_node), right, range, frame);
            left_node = whole;
        }
        left
    }

    fn apply(
        &mut self,
        operator: &str,
        (left, left_node): (Value, &SyntaxNode),
        right_node: Option<SyntaxNode>,
        range: Range<usize>,
        frame: &Frame<'_>,
    ) -> Value {
        let Some(right_node) = right_node else { return Value::default() };
        match operator {
            "is" | "is not" => {
                if right_node.kind() == SyntaxKind::LITERAL
                    && matches!(
                        right_node.first_token().map(|token| token.kind()),
                        Some(SyntaxKind::TRUE_KW | SyntaxKind::FALSE_KW)
                    )
                {
                    self.boolean(&left, left_node);
                }
                return Value::of("bool").null_if(Some(false));
            }
            "in" | "not in" => return self.within((&left, left_node), &right_node, frame),
            _ => {}
        }
        if let Some(value) =
            self.quantified(operator, (&left, left_node), &right_node, &range, frame)
        {
            return value;
        }
        let right = self.expression(&right_node, frame);
        let nullable = any_null([&left, &right]);
        match operator {
            "and" | "or" => {
                self.boolean(&left, left_node);
                self.boolean(&right, &right_node);
                Value::of("bool").null_if(nullable)
            }
            "=" | "<>" | "!=" | "<" | ">" | "<=" | ">=" => {
                self.compare(operator, (&left, left_node), (&right, &right_node), range);
                Value::of("bool").null_if(nullable)
            }
            "is distinct from" | "is not distinct from" => {
                self.compare("=", (&left, left_node), (&right, &right_node), range);
                Value::of("bool").null_if(Some(false))
            }
            "like" | "not like" | "ilike" | "not ilike" => {
                let name = if operator.ends_with("ilike") { "~~*" } else { "~~" };
                self.pattern(name, operator, (&left, left_node), (&right, &right_node), range);
                Value::of("bool").null_if(nullable)
            }
            "~" | "~*" | "!~" | "!~*" => {
                let name = if operator.ends_with('*') { "~*" } else { "~" };
                self.pattern(name, operator, (&left, left_node), (&right, &right_node), range);
                // Also the bits of a number, inverted: but that has no left side.
                Value::of("bool").null_if(nullable)
            }
            "similar to" | "not similar to" | "overlaps" | "@@" | "@?" => {
                Value::of("bool").null_if(nullable)
            }
            "?" | "?|" | "?&" => {
                if left.data_type().is_some_and(|left| left.is("jsonb")) {
                    let text = Type::built_in("text");
                    let key = if operator == "?" { text } else { text.array_of() };
                    self.determine(&right, &key);
                }
                Value::of("bool").null_if(nullable)
            }
            "@>" | "<@" | "&&" => {
                match (left.data_type(), right.data_type()) {
                    (Some(left), None) if left.array || left.is("jsonb") => {
                        self.determine(&right, &left.clone());
                    }
                    (None, Some(right)) if right.array || right.is("jsonb") => {
                        self.determine(&left, &right.clone());
                    }
                    _ => {}
                }
                Value::of("bool").null_if(nullable)
            }
            "at time zone" => {
                self.determine(&right, &Type::built_in("text"));
                let result = left.data_type().filter(|left| !left.array).and_then(|left| {
                    match &*left.name {
                        "timestamp" => Some("timestamptz"),
                        "timestamptz" | "date" => Some("timestamp"),
                        _ => None,
                    }
                });
                result.map_or_else(Value::default, Value::of).null_if(nullable)
            }
            "->" | "->>" | "#>" | "#>>" => {
                let json =
                    left.data_type().filter(|left| left.is("json") || left.is("jsonb")).cloned();
                let Some(json) = json else { return Value::default() };
                let text = Type::built_in("text");
                let key = if operator.starts_with('#') { text.array_of() } else { text.clone() };
                self.determine(&right, &key);
                Value::typed(Some(if operator.ends_with(">>") { text } else { json }))
                    .null_if(Some(true))
            }
            "||" => self
                .concatenation((&left, left_node), (&right, &right_node), range)
                .null_if(nullable),
            "escape" => left,
            "operator" => Value::default(),
            _ => self
                .arithmetic(operator, (&left, left_node), (&right, &right_node), range)
                .null_if(nullable),
        }
    }

    /// `IN (…)`, with a list or a sub-select.
    fn within(
        &mut self,
        left: (&Value, &SyntaxNode),
        right: &SyntaxNode,
        frame: &Frame<'_>,
    ) -> Value {
        let select = right.children().find(|child| is_select(child.kind()));
        if let Some(select) = select.filter(|_| right.kind() == SyntaxKind::PAREN_EXPR) {
            let value = self.scalar(&select, frame);
            if left.1.kind() != SyntaxKind::TUPLE_EXPR {
                let range = self.range(&select);
                self.compare("=", left, (&value, &select), range);
            }
            return Value::of("bool");
        }
        let elements = self.all(right, frame);
        for (element, node) in &elements {
            let range = self.range(node);
            self.compare("=", left, (element, node), range);
        }
        // `$1 IN (…)`: the common type of all of them.
        Value::of("bool").null_if(any_null(elements.iter().map(|(value, _)| value).chain([left.0])))
    }

    /// `= ANY (…)`, `= ALL (…)`, with an array or a sub-select.
    fn quantified(
        &mut self,
        operator: &str,
        (left, left_node): (&Value, &SyntaxNode),
        right: &SyntaxNode,
        range: &Range<usize>,
        frame: &Frame<'_>,
    ) -> Option<Value> {
        let call =
            (right.kind() == SyntaxKind::CALL_EXPR).then(|| right.first_child()).flatten()?;
        if !matches!(call.kind(), SyntaxKind::ANY_FN | SyntaxKind::SOME_FN | SyntaxKind::ALL_FN) {
            return None;
        }
        let result = Value::of("bool");
        let comparison = matches!(operator, "=" | "<>" | "!=" | "<" | ">" | "<=" | ">=");
        if let Some(select) = call.children().find(|child| is_select(child.kind())) {
            let value = self.scalar(&select, frame);
            if comparison && left_node.kind() != SyntaxKind::TUPLE_EXPR {
                self.compare(operator, (left, left_node), (&value, &select), range.clone());
            }
            return Some(result);
        }
        let Some(node) = expressions(&call).next() else { return Some(result) };
        let value = self.expression(&node, frame);
        match (left.data_type(), value.data_type()) {
            (Some(left), None) if !left.array => {
                if matches!(value.kind, Kind::Parameter(_)) {
                    let mut element = left.clone();
                    if element.name == "varchar" {
                        element.name = "text".into();
                    }
                    self.determine(&value, &element.array_of());
                }
            }
            (_, Some(array)) if array.array => {
                let element = Value::typed(Some(array.element()));
                if comparison && left.data_type().is_none_or(|left| !left.array) {
                    self.compare(operator, (left, left_node), (&element, &node), range.clone());
                }
            }
            _ => {}
        }
        Some(result)
    }

    fn pattern(
        &mut self,
        name: &str,
        spelled: &str,
        (left, left_node): (&Value, &SyntaxNode),
        (right, right_node): (&Value, &SyntaxNode),
        range: Range<usize>,
    ) {
        let text = Type::built_in("text");
        // A constant is first taken for what the other side is: `bytea LIKE '…'`.
        let (one, other) = match (left.data_type(), right.data_type()) {
            (Some(one), Some(other)) => (one.clone(), other.clone()),
            (Some(one), None) => (one.clone(), one.clone()),
            (None, Some(other)) => (other.clone(), other.clone()),
            (None, None) => (text.clone(), text.clone()),
        };
        if [&one, &other].iter().all(|side| is_text(&side.name)) {
            self.determine(left, &text);
            self.determine(right, &text);
        }
        if one.array || other.array || !(self.is_plain(left) && self.is_plain(right)) {
            return;
        }
        if operators::outcome(name, &one.name, &other.name) == Outcome::Nothing {
            let (which, node) =
                if is_text(&one.name) { (&other, right_node) } else { (&one, left_node) };
            let message = format!("`{}` needs text, and this is `{which}`", spelled.to_uppercase());
            self.report(
                Finding::new(
                    Rule::TypeMismatch,
                    if which.array { range } else { self.range(node) },
                    message,
                )
                .help("cast it, as in `x::text`"),
            );
        }
    }

    /// Whether its type decides about operators: it is certain and no array, or a constant that takes what is needed.
    fn is_plain(&self, value: &Value) -> bool {
        match &value.kind {
            Kind::Of(data_type) => {
                !data_type.array && operators::is_asked(&data_type.name) && !self.is_open()
            }
            Kind::Literal(_) | Kind::Parameter(_) => true,
            Kind::Unknown => false,
        }
    }

    fn concatenation(
        &mut self,
        (left, left_node): (&Value, &SyntaxNode),
        (right, right_node): (&Value, &SyntaxNode),
        range: Range<usize>,
    ) -> Value {
        match (left.data_type(), right.data_type()) {
            (Some(one), Some(other)) if one.array && one == other => {
                Value::typed(Some(one.clone()))
            }
            (Some(one), Some(other)) if one.array || other.array => {
                let (array, element) = if one.array { (one, other) } else { (other, one) };
                let same = array.element() == *element;
                Value::typed(same.then(|| array.clone()))
            }
            (Some(_), Some(_)) => {
                self.arithmetic("||", (left, left_node), (right, right_node), range)
            }
            (Some(known), None) | (None, Some(known)) => {
                let open = if left.data_type().is_some() { right } else { left };
                let open_node = if left.data_type().is_some() { right_node } else { left_node };
                if !open.is_open() {
                    return Value::default();
                }
                let known = known.clone();
                if known.array {
                    self.adapt(open, &known, open_node);
                    return Value::typed(Some(known));
                }
                match &*known.name {
                    "text" | "varchar" | "bpchar" | "name" => {
                        self.determine(open, &Type::built_in("text"));
                        Value::of("text")
                    }
                    "jsonb" | "bytea" => {
                        self.adapt(open, &known, open_node);
                        Value::typed(Some(known))
                    }
                    "int2" | "int4" | "int8" | "numeric" | "float4" | "float8" | "bool"
                    | "uuid" | "date" | "timestamp" | "timestamptz"
                        if matches!(open.kind, Kind::Literal(_)) =>
                    {
                        Value::of("text")
                    }
                    _ => Value::default(),
                }
            }
            (None, None) => match (&left.kind, &right.kind) {
                (Kind::Literal(_), Kind::Literal(_)) => Value::of("text"),
                _ => Value::default(),
            },
        }
    }

    fn arithmetic(
        &mut self,
        operator: &str,
        (left, left_node): (&Value, &SyntaxNode),
        (right, right_node): (&Value, &SyntaxNode),
        range: Range<usize>,
    ) -> Value {
        let plain = self.is_plain(left) && self.is_plain(right);
        let (one, other) = match (left.data_type(), right.data_type()) {
            (Some(one), Some(other)) => (one.clone(), other.clone()),
            // A constant or parameter is first taken for what the other side is.
            (Some(known), None) | (None, Some(known)) if plain => {
                let open = if left.data_type().is_some() { right } else { left };
                let known = known.clone();
                if let Outcome::Gives(result) =
                    operators::outcome(operator, &known.name, &known.name)
                {
                    let first = left.data_type().is_some();
                    self.adapt(open, &known, if first { right_node } else { left_node });
                    return Value::of(result);
                }
                let time = matches!(&*known.name, "time" | "timetz" | "timestamp" | "timestamptz");
                if time && matches!(operator, "+" | "-") && left.data_type().is_some() {
                    self.determine(open, &Type::built_in("interval"));
                    return Value::typed(Some(known));
                }
                return Value::default();
            }
            _ => return Value::default(),
        };
        if !plain {
            return Value::default();
        }
        match operators::outcome(operator, &one.name, &other.name) {
            Outcome::Gives(result) => Value::of(result),
            // What is similar to a text, an extension (`pg_trgm`) knows.
            Outcome::Nothing if operator == "%" => Value::default(),
            Outcome::Nothing => {
                let message =
                    format!("there is no operator `{operator}` for `{one}` and `{other}`");
                self.report(
                    Finding::new(Rule::TypeMismatch, range, message)
                        .help("cast one of them, as in `x::text`"),
                );
                Value::default()
            }
            Outcome::Unknown => Value::default(),
        }
    }
}

/// The operator of a binary expression, in lower case and with single blanks; `operator` for one with a schema.
fn operator(node: &SyntaxNode, left: &SyntaxNode) -> String {
    let between = node
        .children_with_tokens()
        .skip_while(|element| element.as_node() != Some(left))
        .skip(1)
        .find(|element| !element.kind().is_trivia());
    let Some(element) = between else { return String::new() };
    match element {
        SyntaxElement::Node(node) if node.kind() == SyntaxKind::OPERATOR_CALL => "operator".into(),
        SyntaxElement::Node(node) => {
            let words: Vec<String> = node
                .descendants_with_tokens()
                .filter_map(SyntaxElement::into_token)
                .filter(|token| !token.kind().is_trivia())
                .map(|token| token.text().to_ascii_lowercase())
                .collect();
            let word = |word: &String| word.starts_with(|c: char| c.is_ascii_alphabetic());
            words.join(if words.iter().all(word) { " " } else { "" })
        }
        SyntaxElement::Token(token) => token.text().to_ascii_lowercase(),
    }
}
