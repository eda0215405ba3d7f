//! Chains of operators: what stands in them, and what binds what.

use squawk_syntax::{SyntaxElement, SyntaxKind, SyntaxNode};

use crate::walk::expressions;

/// What stands between the bounds of a BETWEEN.
pub(crate) const BETWEEN_AND: &str = "between and";

/// The operands and operators of nested binary expressions, as they stand in the text. A list, since the tree is as deep as a chain of operators is long.
pub(crate) fn in_order(node: &SyntaxNode) -> Option<(SyntaxNode, Vec<(String, SyntaxNode)>)> {
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
pub(crate) fn binds(operator: &str) -> u8 {
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

/// Whether `operator` cannot follow what `before` makes, because both bind alike and neither comes first. What ends in a list or a word is complete by itself:
/// `a IN (1) IN (true)` is fine.
pub(crate) fn excludes(before: &str, operator: &str) -> bool {
    let takes_expression =
        !matches!(before, "in" | "not in" | "is" | "is not" | "overlaps" | BETWEEN_AND);
    let alone = matches!(binds(before), 4..=6);
    takes_expression && alone && operator != "overlaps" && binds(before) == binds(operator)
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
