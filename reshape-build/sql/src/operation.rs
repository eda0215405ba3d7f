//! Operators between two expressions.

use std::ops::Range;

use squawk_syntax::{SyntaxKind, SyntaxNode};

use crate::chain::{BETWEEN_AND, binds, excludes, in_order};
use crate::finding::{Finding, Rule};
use crate::frame::Frame;
use crate::types::Type;
use crate::value::{Value, any_null};
use crate::walk::{Walk, expressions, is_select};

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
        // What stands between BETWEEN and its AND follows rules of its own.
        let mut bounds = 0_usize;
        for (operator, operand) in rest {
            while let Some(before) = waiting.pop_if(|before| binds(before) >= binds(&operator)) {
                if bounds == 0 {
                    self.associates(&before, &operator, &operands, &operand);
                }
                self.reduce(&before, &mut operands, frame);
            }
            match &*operator {
                "between" => bounds += 1,
                BETWEEN_AND => bounds = bounds.saturating_sub(1),
                _ => {}
            }
            waiting.push(operator);
            operands.push(Operand::new(operand, self));
        }
        while let Some(operator) = waiting.pop() {
            self.reduce(&operator, &mut operands, frame);
        }
        operands.pop().and_then(|operand| operand.value).unwrap_or_default()
    }

    /// Reports `a = b = c`, which Postgres does not parse.
    fn associates(
        &mut self,
        before: &str,
        operator: &str,
        operands: &[Operand],
        next: &SyntaxNode,
    ) {
        let [.., first, second] = operands else { return };
        let is_whole = second.value.is_none() && is_quantifier(&second.node);
        if !excludes(before, operator) || is_whole {
            return;
        }
        let range = first.range.start..self.range(next).end;
        let (one, other) = (before.to_uppercase(), operator.to_uppercase());
        let one = if before == BETWEEN_AND { String::from("BETWEEN") } else { one };
        let message = format!("the SQL does not parse: `{other}` cannot follow `{one}`");
        self.report(
            Finding::new(Rule::Syntax, range, message)
                .help("put one of the two in parentheses, or `AND` between two comparisons: `a < b AND b < c`"),
        );
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
                "in" | "not in"
                    if matches!(
                        right.node.kind(),
                        SyntaxKind::PAREN_EXPR | SyntaxKind::TUPLE_EXPR
                    ) =>
                {
                    return self.within(left_side, &right.node, frame);
                }
                // `a IN (1)::int` is a cast of the whole.
                "in" | "not in" => return Value::default(),
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
                self.compare_all(operator, one, other, range);
                Value::of("bool").null_if(nullable)
            }
            "between" => {
                let Some((upper, upper_range)) = upper else { return Value::of("bool") };
                self.compare_all(">=", one, other, &right_range);
                self.compare_all("<=", one, (&upper, &upper_range), &upper_range);
                Value::of("bool").null_if(self.null_of([left, &right, &upper]))
            }
            "is distinct from" | "is not distinct from" => {
                self.compare_all("=", one, other, range);
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

    /// As [`compare`](Self::compare); two rows that are written out are compared one value after the other.
    fn compare_all(
        &mut self,
        operator: &str,
        left: (&Value, &Range<usize>),
        right: (&Value, &Range<usize>),
        range: &Range<usize>,
    ) {
        if left.0.row.is_empty() || left.0.row.len() != right.0.row.len() {
            return self.compare(operator, left, right, range.clone());
        }
        for ((one, one_range), (other, other_range)) in left.0.row.iter().zip(&*right.0.row) {
            self.compare(operator, (one, one_range), (other, other_range), other_range.clone());
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
            self.compare_all("=", (left.value, left.range), (element, &range), &range);
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
        if !is_quantifier(right) {
            return None;
        }
        let call = right.first_child()?;
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
}

/// Whether it is the `ANY (…)` of `= ANY (…)`.
fn is_quantifier(node: &SyntaxNode) -> bool {
    let kind = |node: SyntaxNode| {
        matches!(node.kind(), SyntaxKind::ANY_FN | SyntaxKind::SOME_FN | SyntaxKind::ALL_FN)
    };
    node.kind() == SyntaxKind::CALL_EXPR && node.first_child().is_some_and(kind)
}
