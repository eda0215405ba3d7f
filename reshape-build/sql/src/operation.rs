//! Operators between two expressions.

use std::ops::Range;

use squawk_syntax::{SyntaxElement, SyntaxKind, SyntaxNode};

use crate::finding::{Finding, Rule};
use crate::frame::Frame;
use crate::operators::{self, Outcome};
use crate::types::{Type, is_text};
use crate::value::{Kind, Value, any_null};
use crate::walk::{Walk, expressions, is_select};

/// What stands between the bounds of a BETWEEN.
const BETWEEN_AND: &str = "between and";

/// Something between operators.
struct Operand {
    /// What it is; what it begins with, if operators have made it.
    node: SyntaxNode,
    /// Its value, as soon as that is known: what some operators have on their right is no expression.
    value: Option<Value>,
    range: Range<usize>,
    /// The upper bound, where this is the lower one of a BETWEEN.
    upper: Option<(Value, Range<usize>)>,
}

/// What stands on the left of an operator.
struct Left<'v> {
    value: &'v Value,
    range: &'v Range<usize>,
    is_tuple: bool,
}

impl Operand {
    fn new(node: SyntaxNode, walk: &Walk<'_>) -> Self {
        let range = walk.range(&node);
        Self { node, value: None, range, upper: None }
    }
}

impl Walk<'_> {
    /// Operators between expressions. Which of them binds what is decided here, by the precedence that Postgres has: the tree only says which there are.
    pub(crate) fn binary(&mut self, node: &SyntaxNode, frame: &Frame<'_>) -> Value {
        let Some((first, rest)) = in_order(node) else { return Value::default() };
        let mut operands = vec![Operand::new(first, self)];
        let mut waiting: Vec<String> = Vec::new();
        for (operator, operand) in rest {
            while let Some(before) = waiting.pop_if(|before| binds(before) >= binds(&operator)) {
                self.reduce(&before, &mut operands, frame);
            }
            waiting.push(operator);
            operands.push(Operand::new(operand, self));
        }
        while let Some(operator) = waiting.pop() {
            self.reduce(&operator, &mut operands, frame);
        }
        operands.pop().and_then(|operand| operand.value).unwrap_or_default()
    }

    /// Replaces the last two operands by what the operator makes of them.
    fn reduce(&mut self, operator: &str, operands: &mut Vec<Operand>, frame: &Frame<'_>) {
        let (Some(right), Some(left)) = (operands.pop(), operands.pop()) else { return };
        let range = left.range.start..right.range.end;
        let is_tuple = left.node.kind() == SyntaxKind::TUPLE_EXPR && left.value.is_none();
        let value = match left.value {
            Some(value) => value,
            None => self.expression(&left.node, frame),
        };
        if operator == BETWEEN_AND {
            let upper = match right.value {
                Some(upper) => upper,
                None => self.expression(&right.node, frame),
            };
            let upper = Some((upper, right.range));
            operands.push(Operand { node: left.node, value: Some(value), range, upper });
            return;
        }
        let left_side = Left { value: &value, range: &left.range, is_tuple };
        let value = self.apply(operator, &left_side, right, &range, frame);
        operands.push(Operand { node: left.node, value: Some(value), range, upper: None });
    }

    fn apply(
        &mut self,
        operator: &str,
        left_side: &Left<'_>,
        right: Operand,
        range: &Range<usize>,
        frame: &Frame<'_>,
    ) -> Value {
        let left = left_side.value;
        if right.value.is_none() {
            match operator {
                "is" | "is not" => {
                    let word = right.node.first_token().map(|token| token.kind());
                    if right.node.kind() == SyntaxKind::LITERAL
                        && matches!(word, Some(SyntaxKind::TRUE_KW | SyntaxKind::FALSE_KW))
                    {
                        self.boolean(left, left_side.range);
                    }
                    let never = right.node.kind() == SyntaxKind::LITERAL;
                    return Value::of("bool").null_if(never.then_some(false));
                }
                "in" | "not in" => return self.within(left_side, &right.node, frame),
                _ => {}
            }
            if let Some(value) = self.quantified(operator, left_side, &right.node, range, frame) {
                return value;
            }
        }
        let (right_range, upper) = (right.range, right.upper);
        let right = match right.value {
            Some(value) => value,
            None => self.expression(&right.node, frame),
        };
        let nullable = self.null_of([left, &right]);
        let (one, other) = ((left, left_side.range), (&right, &right_range));
        match operator {
            "and" | "or" => {
                self.boolean(left, left_side.range);
                self.boolean(&right, &right_range);
                Value::of("bool").null_if(any_null([left, &right]))
            }
            "=" | "<>" | "!=" | "<" | ">" | "<=" | ">=" => {
                self.compare(operator, one, other, range.clone());
                Value::of("bool").null_if(nullable)
            }
            "between" => {
                let (Some((upper, upper_range)), false) = (upper, left_side.is_tuple) else {
                    return Value::of("bool");
                };
                self.compare(">=", one, other, right_range.clone());
                self.compare("<=", one, (&upper, &upper_range), upper_range.clone());
                Value::of("bool").null_if(self.null_of([left, &right, &upper]))
            }
            "is distinct from" | "is not distinct from" => {
                self.compare("=", one, other, range.clone());
                Value::of("bool").null_if(Some(false))
            }
            "like" | "not like" | "ilike" | "not ilike" => {
                let name = if operator.ends_with("ilike") { "~~*" } else { "~~" };
                self.pattern(name, operator, one, other);
                Value::of("bool").null_if(nullable)
            }
            "~" | "~*" | "!~" | "!~*" => {
                let name = if operator.ends_with('*') { "~*" } else { "~" };
                self.pattern(name, operator, one, other);
                Value::of("bool").null_if(nullable)
            }
            "similar to" | "not similar to" | "overlaps" | "@@" | "@?" => Value::of("bool"),
            "?" | "?|" | "?&" => {
                if left.data_type().is_some_and(|left| left.is("jsonb")) {
                    let text = Type::built_in("text");
                    let key = if operator == "?" { text } else { text.array_of() };
                    self.determine(&right, &key);
                }
                Value::of("bool")
            }
            "@>" | "<@" | "&&" => {
                match (left.data_type(), right.data_type()) {
                    (Some(left), None) if left.array || left.is("jsonb") => {
                        self.determine(&right, &left.clone());
                    }
                    (None, Some(right)) if right.array || right.is("jsonb") => {
                        self.determine(left, &right.clone());
                    }
                    _ => {}
                }
                Value::of("bool")
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
                let json = left.data_type().filter(|left| left.is("json") || left.is("jsonb"));
                let Some(json) = json.cloned() else { return Value::default() };
                let text = Type::built_in("text");
                let key = if operator.starts_with('#') { text.array_of() } else { text.clone() };
                self.determine(&right, &key);
                Value::typed(Some(if operator.ends_with(">>") { text } else { json }))
                    .null_if(Some(true))
            }
            "||" => self.concatenation(one, other, range).null_if(nullable),
            "escape" => left.clone().null_if(nullable),
            "operator" => Value::default(),
            "+" | "-" | "*" | "/" | "%" => {
                self.arithmetic(operator, one, other, range).null_if(nullable)
            }
            _ => self.arithmetic(operator, one, other, range),
        }
    }

    /// `IN (…)`, with a list or a sub-select.
    fn within(&mut self, left: &Left<'_>, right: &SyntaxNode, frame: &Frame<'_>) -> Value {
        let select = right.children().find(|child| is_select(child.kind()));
        if let Some(select) = select.filter(|_| right.kind() == SyntaxKind::PAREN_EXPR) {
            let value = self.scalar(&select, frame);
            if !left.is_tuple {
                let range = self.range(&select);
                self.compare("=", (left.value, left.range), (&value, &range), range.clone());
            }
            return Value::of("bool");
        }
        let elements = self.all(right, frame);
        for (element, node) in &elements {
            let range = self.range(node);
            self.compare("=", (left.value, left.range), (element, &range), range.clone());
        }
        // Postgres takes the type that they all have together.
        let values = || elements.iter().map(|(value, _)| value).chain([left.value]);
        let mut types = values().filter_map(Value::data_type);
        if let Some(one) = types.next()
            && types.any(|other| other != one)
        {
            for value in values() {
                self.blur(value);
            }
        }
        if left.is_tuple {
            return Value::of("bool");
        }
        Value::of("bool").null_if(self.null_of(values()))
    }

    /// `= ANY (…)`, `= ALL (…)`, with an array or a sub-select.
    fn quantified(
        &mut self,
        operator: &str,
        left_side: &Left<'_>,
        right: &SyntaxNode,
        range: &Range<usize>,
        frame: &Frame<'_>,
    ) -> Option<Value> {
        let call =
            (right.kind() == SyntaxKind::CALL_EXPR).then(|| right.first_child()).flatten()?;
        if !matches!(call.kind(), SyntaxKind::ANY_FN | SyntaxKind::SOME_FN | SyntaxKind::ALL_FN) {
            return None;
        }
        let left = left_side.value;
        let result = Value::of("bool");
        let comparison = matches!(operator, "=" | "<>" | "!=" | "<" | ">" | "<=" | ">=");
        if let Some(select) = call.children().find(|child| is_select(child.kind())) {
            let value = self.scalar(&select, frame);
            if comparison && !left_side.is_tuple {
                let of_select = self.range(&select);
                let other = (&value, &of_select);
                self.compare(operator, (left, left_side.range), other, range.clone());
            }
            return Some(result);
        }
        let Some(node) = expressions(&call).next() else { return Some(result) };
        let value = self.expression(&node, frame);
        match (left.data_type(), value.data_type()) {
            (Some(left), None) if !left.array => {
                let mut element = left.clone();
                if element.name == "varchar" {
                    element.name = "text".into();
                }
                self.determine(&value, &element.array_of());
            }
            (_, Some(array)) if array.array => {
                let element = Value::typed(Some(array.element()));
                if comparison && left.data_type().is_none_or(|left| !left.array) {
                    let of_array = self.range(&node);
                    let other = (&element, &of_array);
                    self.compare(operator, (left, left_side.range), other, range.clone());
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
        (left, left_range): (&Value, &Range<usize>),
        (right, right_range): (&Value, &Range<usize>),
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
            let (which, range) =
                if is_text(&one.name) { (&other, right_range) } else { (&one, left_range) };
            let message = format!("`{}` needs text, and this is `{which}`", spelled.to_uppercase());
            self.report(
                Finding::new(Rule::TypeMismatch, range.clone(), message)
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
        (left, left_range): (&Value, &Range<usize>),
        (right, right_range): (&Value, &Range<usize>),
        range: &Range<usize>,
    ) -> Value {
        match (left.data_type(), right.data_type()) {
            (Some(one), Some(other)) if one.array && one == other => {
                Value::typed(Some(one.clone()))
            }
            (Some(one), Some(other)) if one.array || other.array => {
                let (array, element) = if one.array { (one, other) } else { (other, one) };
                // With a NULL in it, it would be nothing that its type says.
                let added = if one.array { right } else { left };
                let whole = self.role.is_some() || added.nullable == Some(false);
                let same = whole && array.element() == *element;
                Value::typed(same.then(|| array.clone()))
            }
            (Some(_), Some(_)) => {
                self.arithmetic("||", (left, left_range), (right, right_range), range)
            }
            (Some(known), None) | (None, Some(known)) => {
                let open = if left.data_type().is_some() { right } else { left };
                let open_range = if left.data_type().is_some() { right_range } else { left_range };
                if !open.is_open() {
                    return Value::default();
                }
                let known = known.clone();
                if known.array {
                    self.adapt(open, &known, open_range);
                    return Value::typed(Some(known));
                }
                match &*known.name {
                    "text" | "varchar" | "bpchar" | "name" => {
                        self.determine(open, &Type::built_in("text"));
                        Value::of("text")
                    }
                    "jsonb" | "bytea" => {
                        self.adapt(open, &known, open_range);
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
        (left, left_range): (&Value, &Range<usize>),
        (right, right_range): (&Value, &Range<usize>),
        range: &Range<usize>,
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
                    self.adapt(open, &known, if first { right_range } else { left_range });
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
                    Finding::new(Rule::TypeMismatch, range.clone(), message)
                        .help("cast one of them, as in `x::text`"),
                );
                Value::default()
            }
            Outcome::Unknown => Value::default(),
        }
    }
}

/// The operands and operators of nested binary expressions, as they stand in the text. A list, since the tree is as deep as a chain of operators is long.
fn in_order(node: &SyntaxNode) -> Option<(SyntaxNode, Vec<(String, SyntaxNode)>)> {
    enum Part {
        Node(SyntaxNode),
        Operator(String),
    }
    let mut parts = Vec::new();
    let mut waiting = vec![Part::Node(node.clone())];
    while let Some(part) = waiting.pop() {
        match part {
            Part::Node(node) if node.kind() == SyntaxKind::BIN_EXPR => {
                let mut operands = expressions(&node);
                let (left, right) = (operands.next()?, operands.next()?);
                let operator = operator(&node, &left);
                waiting.extend([Part::Node(right), Part::Operator(operator), Part::Node(left)]);
            }
            // The parser takes too little for its left side and too much for its right one.
            Part::Node(node) if node.kind() == SyntaxKind::BETWEEN_EXPR => {
                let mut operands = expressions(&node);
                let (target, low) = (operands.next()?, operands.next()?);
                let high = operands.next()?;
                waiting.extend([
                    Part::Node(high),
                    Part::Operator(String::from(BETWEEN_AND)),
                    Part::Node(low),
                    Part::Operator(String::from("between")),
                    Part::Node(target),
                ]);
            }
            part => parts.push(part),
        }
    }
    let mut parts = parts.into_iter();
    let Some(Part::Node(first)) = parts.next() else { return None };
    let mut rest = Vec::new();
    while let (Some(Part::Operator(operator)), Some(Part::Node(node))) =
        (parts.next(), parts.next())
    {
        rest.push((operator, node));
    }
    Some((first, rest))
}

/// How strongly an operator binds: <https://www.postgresql.org/docs/current/sql-syntax-lexical.html#SQL-PRECEDENCE>
fn binds(operator: &str) -> u8 {
    match operator {
        "or" => 1,
        "and" => 2,
        "is" | "is not" | "is distinct from" | "is not distinct from" => 4,
        "=" | "<" | ">" | "<=" | ">=" | "<>" | "!=" => 5,
        "in" | "not in" | "like" | "not like" | "ilike" | "not ilike" | "similar to"
        | "not similar to" | "overlaps" | "between" => 6,
        BETWEEN_AND => 7,
        "escape" => 8,
        "+" | "-" => 10,
        "*" | "/" | "%" => 11,
        "^" => 12,
        "at time zone" => 13,
        _ => 9,
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
