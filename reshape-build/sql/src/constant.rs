//! Constants: the types that they have as they stand.

use squawk_syntax::{SyntaxElement, SyntaxKind, SyntaxNode};

use crate::literal;
use crate::types::Type;
use crate::value::{Kind, Place, Value};

/// The type of a number with a minus: Postgres reads the two together, so that the least ones are of a smaller type. `None` where it is not certain.
pub(crate) fn negative(operand: &SyntaxNode, data_type: Type) -> Option<Type> {
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
pub(crate) fn constant(node: &SyntaxNode) -> Value {
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
            return Value { kind: Kind::Literal(None), nullable: Some(true), ..Value::default() };
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
