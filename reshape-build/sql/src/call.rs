//! Calls of functions.

use squawk_syntax::{SyntaxElement, SyntaxKind, SyntaxNode};

use crate::expr::name_of;
use crate::finding::{Finding, Rule};
use crate::frame::Frame;
use crate::functions;
use crate::result::{by_number, text_result};
use crate::value::Value;
use crate::walk::{Walk, child, expressions, is_expression, is_select};

/// The arguments of a call.
pub(crate) type Arguments = Vec<(Value, SyntaxNode)>;

impl Walk<'_> {
    /// A call, also of what only looks like one.
    pub(crate) fn call(&mut self, node: &SyntaxNode, frame: &Frame<'_>) -> Value {
        let Some(callee) = node.first_child() else { return Value::default() };
        match callee.kind() {
            SyntaxKind::EXISTS_FN => {
                if let Some(select) = callee.children().find(|child| is_select(child.kind())) {
                    self.scalar(&select, frame);
                }
                return Value::of("bool").null_if(Some(false));
            }
            SyntaxKind::EXTRACT_FN => {
                self.all(&callee, frame);
                // A part of what is infinite is NULL.
                return Value::of("numeric");
            }
            SyntaxKind::POSITION_FN => {
                let values = self.all(&callee, frame);
                return self.strict(text_result("int4", &values), &values);
            }
            SyntaxKind::SUBSTRING_FN | SyntaxKind::TRIM_FN | SyntaxKind::OVERLAY_FN => {
                let holder = callee.children().find(|child| child.children().next().is_some());
                let mut values = self.all(&callee, frame);
                if let Some(holder) = holder.filter(|holder| !is_expression(holder.kind())) {
                    values.extend(self.all(&holder, frame));
                }
                let result = text_result("text", &values);
                return if callee.kind() == SyntaxKind::SUBSTRING_FN && !by_number(&values) {
                    result
                } else {
                    self.strict(result, &values)
                };
            }
            SyntaxKind::ANY_FN | SyntaxKind::SOME_FN | SyntaxKind::ALL_FN => {
                self.all(&callee, frame);
                return Value::default();
            }
            SyntaxKind::NAME_REF | SyntaxKind::FIELD_EXPR => {}
            // What has a syntax of its own is not looked into.
            _ => return Value::default(),
        }
        // `normalize(x, NFC)`: the second one is a word.
        if function_name(&callee).is_some_and(|(name, _)| name == "normalize") {
            return Value::default();
        }
        let arguments = self.arguments(node, frame);
        let Some((name, own)) = function_name(&callee) else { return Value::default() };
        if !own {
            return Value::default();
        }
        let Some(function) = functions::find(&name) else {
            if !self.catalog.may_be_created(&name)
                && !self.catalog.is_open()
                && let Some(slip) = functions::slip(&name)
            {
                let message = format!("there is no function `{name}`");
                self.report(
                    Finding::new(Rule::UnknownFunction, self.range(&callee), message)
                        .help(format!("did you mean `{slip}`?")),
                );
            }
            return Value::default();
        };
        if !self.catalog.may_be_created(&name) {
            self.allowed(&name, function, node, &callee);
        }
        self.takes(&name, node, &arguments);
        let value = self.result(&name, function, &arguments);
        // An array of arguments may be NULL, and is none of those that were looked at.
        let list = child(node, SyntaxKind::ARG_LIST);
        let tokens = list.iter().flat_map(SyntaxNode::descendants_with_tokens);
        let spread = tokens.into_iter().any(|element| element.kind() == SyntaxKind::VARIADIC_KW);
        if spread { value.null_if(None) } else { value }
    }

    /// The values in the parentheses; what stands in FILTER, OVER, WITHIN and ORDER BY is looked at as well.
    fn arguments(&mut self, node: &SyntaxNode, frame: &Frame<'_>) -> Arguments {
        let mut arguments = Vec::new();
        let list = child(node, SyntaxKind::ARG_LIST);
        for argument in list.iter().flat_map(SyntaxNode::children) {
            if argument.kind() != SyntaxKind::ARG {
                continue;
            }
            for part in argument.children() {
                match part.kind() {
                    SyntaxKind::NAMED_ARG => {
                        for value in expressions(&part) {
                            self.expression(&value, frame);
                        }
                    }
                    SyntaxKind::ORDER_BY_CLAUSE => self.sort(&part, frame, &[]),
                    kind if is_expression(kind) => {
                        arguments.push((self.expression(&part, frame), part));
                    }
                    _ => {}
                }
            }
        }
        for part in node.children() {
            match part.kind() {
                SyntaxKind::FILTER_CLAUSE => {
                    for (value, node) in self.all(&part, frame) {
                        self.boolean(&value, &self.range(&node));
                    }
                }
                SyntaxKind::OVER_CLAUSE => {
                    let spec = part.descendants().find(|d| d.kind() == SyntaxKind::WINDOW_SPEC);
                    if let Some(spec) = spec {
                        self.window(&spec, frame);
                    }
                }
                SyntaxKind::WITHIN_CLAUSE => {
                    if let Some(order) = child(&part, SyntaxKind::ORDER_BY_CLAUSE) {
                        self.sort(&order, frame, &[]);
                    }
                }
                _ => {}
            }
        }
        arguments
    }

    /// What stands in the parentheses of a window.
    pub(crate) fn window(&mut self, spec: &SyntaxNode, frame: &Frame<'_>) {
        for part in spec.children() {
            match part.kind() {
                SyntaxKind::PARTITION_BY_CLAUSE => {
                    self.all(&part, frame);
                }
                SyntaxKind::ORDER_BY_CLAUSE => self.sort(&part, frame, &[]),
                _ => {}
            }
        }
    }
}

/// The function's name, and whether it is looked up where Postgres's own ones are found.
fn function_name(callee: &SyntaxNode) -> Option<(String, bool)> {
    match callee.kind() {
        SyntaxKind::NAME_REF => {
            let token = callee.children_with_tokens().find_map(SyntaxElement::into_token)?;
            Some((crate::name::fold(token.text())?, true))
        }
        SyntaxKind::FIELD_EXPR => {
            let mut parts = callee.children();
            let schema = name_of(&parts.next()?)?;
            let token = parts.next()?.children_with_tokens().find_map(SyntaxElement::into_token)?;
            Some((crate::name::fold(token.text())?, schema == "pg_catalog"))
        }
        _ => None,
    }
}
