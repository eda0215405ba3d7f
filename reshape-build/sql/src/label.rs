//! What the columns of a query are called, where the query does not say it.

use squawk_syntax::{SyntaxKind, SyntaxNode};

use crate::name::fold;
use crate::types::Type;
use crate::walk::{child, expressions, first_name, has_token, is_expression};

/// The name in `AS name`.
pub(crate) fn column_alias(node: &SyntaxNode) -> Option<String> {
    first_name(&child(node, SyntaxKind::COLUMN_NAME)?)
}

/// The name that Postgres chooses for a target without one: `FigureColname` in `parse_target.c`.
pub(crate) fn chosen_name(expression: &SyntaxNode) -> String {
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
