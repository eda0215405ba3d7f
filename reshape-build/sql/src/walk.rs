//! The analysis of a syntax tree: what it found so far, and what all of its parts need.

use std::collections::BTreeMap;
use std::ops::Range;

use squawk_syntax::{SyntaxElement, SyntaxKind, SyntaxNode};

use crate::catalog::Catalog;
use crate::finding::{Finding, Rule};
use crate::frame::Frame;
use crate::literal;
use crate::name::{list, nearest};
use crate::operators::{self, Outcome};
use crate::role::Role;
use crate::types::{Type, is_built_in, is_text};
use crate::value::{Kind, Place, Value, any_null};

/// The analysis of one text.
pub(crate) struct Walk<'a> {
    pub(crate) catalog: &'a dyn Catalog,
    /// The bytes that were put before the text to make a statement of it.
    base: usize,
    /// The length of the text.
    length: usize,
    pub(crate) findings: Vec<Finding>,
    /// What the expression is for; `None` in statements.
    pub(crate) role: Option<Role>,
    /// The expression may be computed from a row as a whole.
    pub(crate) of_row: bool,
    /// How many sub-selects there are around.
    pub(crate) selects: usize,
    /// The same thing is looked at twice, the first time only for its columns.
    pub(crate) ahead: bool,
    /// The type that each place of a parameter asks for; `None` where it is not certain which.
    pub(crate) places: BTreeMap<Place, Option<Type>>,
    /// Somebody may have created operators or casts.
    open: bool,
}

impl<'a> Walk<'a> {
    pub(crate) fn new(catalog: &'a dyn Catalog, base: usize, length: usize) -> Self {
        let open = catalog.is_open()
            || catalog.may_be_created("operator")
            || catalog.may_be_created("cast");
        Self {
            catalog,
            base,
            length,
            findings: Vec::new(),
            role: None,
            of_row: false,
            selects: 0,
            ahead: false,
            places: BTreeMap::new(),
            open,
        }
    }

    /// Where the node stands in the text.
    pub(crate) fn range(&self, node: &SyntaxNode) -> Range<usize> {
        let range = node.text_range();
        let clamp = |at: usize| at.saturating_sub(self.base).min(self.length);
        clamp(range.start().into())..clamp(range.end().into())
    }

    pub(crate) fn report(&mut self, finding: Finding) {
        if !self.ahead {
            self.findings.push(finding);
        }
    }

    /// Whether somebody may have created operators or casts.
    pub(crate) fn is_open(&self) -> bool {
        self.open
    }

    /// What the expression is for, unless it stands in a sub-select.
    pub(crate) fn own_role(&self) -> Option<Role> {
        self.role.filter(|_| self.selects == 0)
    }

    /// Whether an array of values has the type that it says: it has no NULL in it, or that does not matter.
    pub(crate) fn is_whole(&self, nullable: Option<bool>) -> bool {
        self.role.is_some() || nullable == Some(false)
    }

    /// Whether all is known of the type: it is Postgres's own, or an enum.
    pub(crate) fn is_certain(&self, data_type: &Type) -> bool {
        (is_built_in(&data_type.name) && operators::is_asked(&data_type.name))
            || self.is_enum(data_type)
    }

    fn is_enum(&self, data_type: &Type) -> bool {
        !is_built_in(&data_type.name) && self.catalog.enumeration(&data_type.name).is_some()
    }

    /// The place of the parameter asks for a type.
    pub(crate) fn determine(&mut self, value: &Value, data_type: &Type) {
        let Kind::Parameter(place) = value.kind else { return };
        if self.ahead {
            return;
        }
        let mut data_type = data_type.clone();
        // They have no operators of their own.
        match &*data_type.name {
            "varchar" => data_type.name = "text".into(),
            "cidr" => data_type.name = "inet".into(),
            _ => {}
        }
        let known = self.places.entry(place).or_insert_with(|| Some(data_type.clone()));
        if known.as_ref() != Some(&data_type) {
            *known = None;
        }
    }

    /// Which type the place of the parameter asks for is not certain.
    pub(crate) fn blur(&mut self, value: &Value) {
        if let Kind::Parameter(place) = value.kind {
            self.places.insert(place, None);
        }
    }

    /// Whether something may be NULL that gets these and is never NULL if none of them is, as long as they are all of simple types: rows, domains and
    /// the types of extensions may have operators and casts that do as they like.
    pub(crate) fn null_of<'v>(&self, values: impl IntoIterator<Item = &'v Value>) -> Option<bool> {
        let values: Vec<&Value> = values.into_iter().collect();
        let simple = |value: &&Value| match &value.kind {
            Kind::Of(data_type) => self.is_certain(data_type),
            Kind::Literal(_) | Kind::Parameter(_) => true,
            Kind::Unknown => false,
        };
        if self.open || !values.iter().all(simple) {
            return None;
        }
        any_null(values)
    }

    /// The value is taken for one of the type: a constant must be one, a parameter becomes one.
    pub(crate) fn adapt(&mut self, value: &Value, data_type: &Type, range: &Range<usize>) {
        self.determine(value, data_type);
        let Kind::Literal(Some(text)) = &value.kind else { return };
        if self.is_enum(data_type) && !data_type.array {
            let values = self.catalog.enumeration(&data_type.name).unwrap_or_default();
            if !values.iter().any(|known| known == text) && !self.catalog.may_be_created(text) {
                let name = &data_type.name;
                let message = format!("`{text}` is no value of the enum `{name}`");
                let finding = Finding::new(Rule::UnknownEnumValue, range.clone(), message);
                let near = nearest(text, values.iter().map(String::as_str));
                let all: Vec<&str> = values.iter().map(String::as_str).collect();
                let help = match near {
                    Some(near) => format!("did you mean `'{near}'`?"),
                    None => format!("its values are {}", list(&all)),
                };
                self.report(finding.help(help));
            }
        } else if is_built_in(&data_type.name) && literal::is_invalid(text, data_type) {
            let message = format!("`'{text}'` is no value of type `{data_type}`");
            self.report(Finding::new(Rule::TypeMismatch, range.clone(), message));
        }
    }

    /// A condition: a boolean.
    pub(crate) fn boolean(&mut self, value: &Value, range: &Range<usize>) {
        let boolean = Type::built_in("bool");
        match value.data_type() {
            Some(data_type) if *data_type != boolean && self.is_certain(data_type) => {
                let message =
                    format!("a condition is needed here, and this is of type `{data_type}`");
                self.report(
                    Finding::new(Rule::TypeMismatch, range.clone(), message)
                        .help("compare it with something: `… = …`, `… IS NOT NULL`"),
                );
            }
            _ => self.adapt(value, &boolean, range),
        }
    }

    /// Two values that are compared, or otherwise need an operator that takes both; reports where there is none.
    pub(crate) fn compare(
        &mut self,
        operator: &str,
        (left, left_range): (&Value, &Range<usize>),
        (right, right_range): (&Value, &Range<usize>),
        range: Range<usize>,
    ) {
        match (left.data_type(), right.data_type()) {
            (Some(one), Some(other)) => {
                if self.cannot_meet(operator, one, other) {
                    let message =
                        format!("there is no operator `{operator}` for `{one}` and `{other}`");
                    self.report(
                        Finding::new(Rule::TypeMismatch, range, message)
                            .help("cast one of them, as in `x::text`"),
                    );
                }
            }
            (Some(data_type), None) => self.adapt(right, &data_type.clone(), right_range),
            (None, Some(data_type)) => self.adapt(left, &data_type.clone(), left_range),
            (None, None) => {}
        }
    }

    fn cannot_meet(&self, operator: &str, one: &Type, other: &Type) -> bool {
        if self.open || !self.is_certain(one) || !self.is_certain(other) {
            return false;
        }
        if one.array || other.array {
            return one.array != other.array;
        }
        match (self.is_enum(one), self.is_enum(other)) {
            (false, false) => {
                operators::outcome(operator, &one.name, &other.name) == Outcome::Nothing
            }
            (true, true) => one != other,
            (true, false) | (false, true) => true,
        }
    }

    /// The value goes into a column of the type; reports where it surely cannot.
    pub(crate) fn assign(&mut self, value: &Value, wanted: &Type, node: &SyntaxNode) {
        let Some(found) = value.data_type() else {
            self.adapt(value, wanted, &self.range(node));
            return;
        };
        if self.open || !self.is_certain(found) || !self.is_certain(wanted) || found == wanted {
            return;
        }
        let fits = if found.array || wanted.array {
            found.array == wanted.array || (!wanted.array && is_text(&wanted.name))
        } else if self.is_enum(wanted) {
            false
        } else if self.is_enum(found) {
            is_text(&wanted.name)
        } else {
            !operators::cannot_assign(&found.name, &wanted.name)
        };
        if fits {
            return;
        }
        let message = format!("a value of type `{wanted}` is needed, and this is `{found}`");
        let mut finding = Finding::new(Rule::TypeMismatch, self.range(node), message);
        let castable = !found.array
            && !wanted.array
            && !self.is_enum(found)
            && (is_text(&found.name) || !operators::cannot_cast(&found.name, &wanted.name));
        if castable {
            let text = node.text().to_string();
            let simple = text.chars().all(|c| c.is_alphanumeric() || matches!(c, '_' | '.' | '"'));
            let text = if simple { text } else { format!("({text})") };
            finding = finding.help(format!("cast it: `{text}::{}`", wanted.sql()));
        }
        self.report(finding);
    }

    /// The type that several values have together, as in COALESCE, CASE, UNION; reports where there is none.
    pub(crate) fn common(&mut self, what: &str, values: &[(Value, SyntaxNode)]) -> Value {
        let mut kind: Option<Type> = None;
        let mut certain = true;
        for (value, node) in values {
            let Some(data_type) = value.data_type() else {
                certain &= value.is_open();
                continue;
            };
            kind = match kind {
                None => Some(data_type.clone()),
                Some(kind) if kind == *data_type => Some(kind),
                Some(kind) if self.cannot_meet("coalesce", &kind, data_type) => {
                    let message = format!("{what} cannot give both `{kind}` and `{data_type}`");
                    self.report(
                        Finding::new(Rule::TypeMismatch, self.range(node), message)
                            .help("cast one of them, as in `x::text`"),
                    );
                    return Value::default();
                }
                Some(kind) => match operators::outcome("coalesce", &kind.name, &data_type.name) {
                    Outcome::Gives(name) if !kind.array && !data_type.array => {
                        Some(Type::built_in(name))
                    }
                    Outcome::Gives(_) | Outcome::Nothing | Outcome::Unknown => {
                        certain = false;
                        Some(kind)
                    }
                },
            };
        }
        if !certain {
            return Value::default();
        }
        match kind {
            Some(kind) => {
                for (value, node) in values {
                    self.adapt(value, &kind, &self.range(node));
                }
                Value::typed(Some(kind))
            }
            None if values.is_empty() => Value::default(),
            // Constants alone are text.
            None => Value::of("text"),
        }
    }

    /// Looks at every expression below the node.
    pub(crate) fn all(&mut self, node: &SyntaxNode, frame: &Frame<'_>) -> Vec<(Value, SyntaxNode)> {
        expressions(node).map(|child| (self.expression(&child, frame), child)).collect()
    }
}

/// The expressions directly below a node.
pub(crate) fn expressions(node: &SyntaxNode) -> impl Iterator<Item = SyntaxNode> {
    node.children().filter(|child| is_expression(child.kind()))
}

/// The child of that kind.
pub(crate) fn child(node: &SyntaxNode, kind: SyntaxKind) -> Option<SyntaxNode> {
    node.children().find(|child| child.kind() == kind)
}

/// Whether a token of that kind stands directly below the node.
pub(crate) fn has_token(node: &SyntaxNode, kind: SyntaxKind) -> bool {
    node.children_with_tokens().any(|element| match element {
        SyntaxElement::Token(token) => token.kind() == kind,
        SyntaxElement::Node(_) => false,
    })
}

pub(crate) fn is_expression(kind: SyntaxKind) -> bool {
    matches!(
        kind,
        SyntaxKind::CALL_EXPR
            | SyntaxKind::CAST_EXPR
            | SyntaxKind::COLLATE
            | SyntaxKind::ARRAY_EXPR
            | SyntaxKind::LITERAL
            | SyntaxKind::NAME_REF
            | SyntaxKind::BIN_EXPR
            | SyntaxKind::CASE_EXPR
            | SyntaxKind::FIELD_EXPR
            | SyntaxKind::INDEX_EXPR
            | SyntaxKind::SLICE_EXPR
            | SyntaxKind::BETWEEN_EXPR
            | SyntaxKind::PAREN_EXPR
            | SyntaxKind::TUPLE_EXPR
            | SyntaxKind::PREFIX_EXPR
            | SyntaxKind::POSTFIX_EXPR
    )
}

/// Whether the node is a query that gives rows.
pub(crate) fn is_select(kind: SyntaxKind) -> bool {
    matches!(
        kind,
        SyntaxKind::SELECT
            | SyntaxKind::COMPOUND_SELECT
            | SyntaxKind::PAREN_SELECT
            | SyntaxKind::VALUES
            | SyntaxKind::TABLE
            | SyntaxKind::SELECT_INTO
    )
}

/// The name of the first identifier below the node.
pub(crate) fn first_name(node: &SyntaxNode) -> Option<String> {
    let token = node
        .descendants_with_tokens()
        .filter_map(SyntaxElement::into_token)
        .find(|token| !token.kind().is_trivia())?;
    crate::name::fold(token.text())
}
