//! One statement of an application: what it needs, and what it gives.

use std::collections::BTreeMap;
use std::ops::Range;

use squawk_syntax::{SyntaxElement, SyntaxKind, SyntaxNode, SyntaxToken};

use crate::catalog::Catalog;
use crate::finding::{Finding, Rule};
use crate::frame::{Field, Frame};
use crate::parse::parse;
use crate::types::Type;
use crate::value::Place;
use crate::walk::{Walk, child, is_select};

/// What a statement needs and gives.
#[derive(Clone, Debug)]
pub struct Query {
    /// What it does.
    pub kind: Kind,
    /// Its parameters `$1`, `$2`, …: one entry each, without gaps.
    pub parameters: Vec<Parameter>,
    /// The columns of its rows, `*` spelled out; empty if it gives no rows, `None` if it is not certain which they are.
    pub columns: Option<Vec<Output>>,
    /// What is wrong with it, in the order of the text.
    pub findings: Vec<Finding>,
}

/// What a statement does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// `SELECT`, `VALUES`, `TABLE`, also after `WITH`.
    Select,
    /// `INSERT`.
    Insert,
    /// `UPDATE`.
    Update,
    /// `DELETE`.
    Delete,
    /// `MERGE`.
    Merge,
    /// Anything else: nothing is known of its columns and parameters.
    Other,
    /// Not exactly one statement.
    None,
}

/// A parameter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Parameter {
    /// The `1` of `$1`.
    pub number: u32,
    /// The type that Postgres gives it, where that is certain: from a cast, or the column that it is written to or compared with.
    pub data_type: Option<Type>,
    /// Where it stands for the first time; empty if it does not (`$2` without a `$1`).
    pub range: Range<usize>,
}

/// A column of the rows that a statement gives.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Output {
    /// Its name, as Postgres chooses it: `?column?` where nothing names it.
    pub name: String,
    /// Its type, where that is certain.
    pub data_type: Option<Type>,
    /// Whether it may be NULL, where that is certain: `Some(false)` never is.
    pub nullable: Option<bool>,
    /// The table and column that it is, if it is one as it stands.
    pub source: Option<(String, String)>,
    /// The target that gives it; that of a `*` gives several.
    pub range: Range<usize>,
}

impl Output {
    pub(crate) fn of(field: Field, range: &Range<usize>) -> Self {
        Self {
            name: field.name,
            data_type: field.data_type,
            nullable: field.nullable,
            source: field.source,
            range: range.clone(),
        }
    }
}

/// Checks one statement with parameters `$1`, `$2`, … against `catalog`.
pub fn query(sql: &str, catalog: &dyn Catalog) -> Query {
    let mut query =
        Query { kind: Kind::Other, parameters: Vec::new(), columns: None, findings: Vec::new() };
    let root = match parse(sql, "", "") {
        None => return query,
        Some(Err(finding)) => {
            query.findings.push(finding);
            return query;
        }
        Some(Ok(root)) => root,
    };
    let mut walk = Walk::new(catalog, 0, sql.len());
    let found = parameters(&root);
    let mut statements = root.children();
    let (Some(statement), None) = (statements.next(), statements.next()) else {
        query.kind = Kind::None;
        return query;
    };
    query.kind = match statement.kind() {
        SyntaxKind::INSERT => Kind::Insert,
        SyntaxKind::UPDATE => Kind::Update,
        SyntaxKind::DELETE => Kind::Delete,
        SyntaxKind::MERGE => Kind::Merge,
        SyntaxKind::SELECT_INTO => Kind::Other,
        kind if is_select(kind) => Kind::Select,
        _ => Kind::Other,
    };
    let outside = Frame::default();
    query.columns = match query.kind {
        Kind::Select => walk.outputs(&statement, &outside),
        Kind::Insert | Kind::Update | Kind::Delete | Kind::Merge => walk
            .write(&statement, &outside)
            .and_then(|(outputs, complete)| complete.then_some(outputs)),
        Kind::Other | Kind::None => None,
    };
    walk.type_names(&root);
    untyped(&root, &found, &mut walk);
    query.findings = walk.findings;
    query.findings.sort_by_key(|finding| finding.range.start);
    query.parameters = typed(found, &root, &walk.places);
    query
}

impl Walk<'_> {
    /// The columns of the statement, `None` if there may be others.
    fn outputs(&mut self, statement: &SyntaxNode, outside: &Frame<'_>) -> Option<Vec<Output>> {
        if statement.kind() == SyntaxKind::SELECT {
            let level =
                child(statement, SyntaxKind::WITH_CLAUSE).map(|with| self.with(&with, outside));
            let (outputs, complete) = self.targets_of(statement, level.as_ref().unwrap_or(outside));
            return complete.then_some(outputs);
        }
        let range = self.range(statement);
        let (fields, complete) = self.select(statement, outside);
        complete.then(|| fields.into_iter().map(|field| Output::of(field, &range)).collect())
    }
}

/// Reports the parameters that the server cannot tell the type of: those whose first place is `$1 IS NULL`, whatever the places after it ask for. Postgres
/// looks at the places in an order of its own; that of the text is certain within one condition.
fn untyped(root: &SyntaxNode, found: &BTreeMap<u32, Parameter>, walk: &mut Walk<'_>) {
    let mut all: BTreeMap<u32, Vec<SyntaxToken>> = BTreeMap::new();
    for (number, token) in places(root) {
        all.entry(number).or_default().push(token);
    }
    for (number, tokens) in all {
        let Some(condition) =
            tokens.first().filter(|token| is_null_test(token)).and_then(condition)
        else {
            continue;
        };
        let Some(parameter) = found.get(&number) else { continue };
        if !tokens.iter().all(|token| condition_around(token).as_ref() == Some(&condition)) {
            continue;
        }
        let asked = tokens.iter().find_map(|token| {
            let at = token.text_range().start().into();
            walk.places.get(&Place { number, at }).and_then(Option::as_ref)
        });
        let name = asked.map_or_else(|| String::from("text"), Type::sql);
        let message = format!("the server cannot tell the type of `${number}` from `IS NULL`");
        let finding = Finding::new(Rule::TypeMismatch, parameter.range.clone(), message);
        walk.report(finding.help(format!("cast it: `${number}::{name} IS NULL`")));
    }
}

/// Whether the parameter is all that an `IS NULL` or `IS NOT NULL` is about.
fn is_null_test(token: &SyntaxToken) -> bool {
    let near = |next: fn(&SyntaxToken) -> Option<SyntaxToken>| {
        std::iter::successors(next(token), next).filter(|token| !token.kind().is_trivia())
    };
    let before = near(SyntaxToken::prev_token).next().map(|token| token.kind());
    // An AND may be that of a BETWEEN, which binds more strongly.
    let begins =
        matches!(before, Some(SyntaxKind::L_PAREN | SyntaxKind::WHERE_KW | SyntaxKind::OR_KW));
    let mut after = near(SyntaxToken::next_token).map(|token| token.kind());
    let is = after.next() == Some(SyntaxKind::IS_KW);
    let null = match after.next() {
        Some(SyntaxKind::NOT_KW) => after.next() == Some(SyntaxKind::NULL_KW),
        word => word == Some(SyntaxKind::NULL_KW),
    };
    begins && is && null
}

/// The WHERE clause that the parameter stands in, with nothing but operators and parentheses between.
fn condition(token: &SyntaxToken) -> Option<SyntaxNode> {
    let between = |node: &SyntaxNode| {
        matches!(
            node.kind(),
            SyntaxKind::LITERAL
                | SyntaxKind::BIN_EXPR
                | SyntaxKind::PAREN_EXPR
                | SyntaxKind::PREFIX_EXPR
        )
    };
    let clause = token.parent_ancestors().find(|node| !between(node))?;
    (clause.kind() == SyntaxKind::WHERE_CLAUSE).then_some(clause)
}

/// The nearest WHERE clause around the parameter, unless a sub-select is between.
fn condition_around(token: &SyntaxToken) -> Option<SyntaxNode> {
    let clause = token
        .parent_ancestors()
        .find(|node| node.kind() == SyntaxKind::WHERE_CLAUSE || is_select(node.kind()))?;
    (clause.kind() == SyntaxKind::WHERE_CLAUSE).then_some(clause)
}

/// The parameters with their types. Postgres takes the type that the first place asks for, in an order of its own: only if all places ask for the same one, it
/// is that.
fn typed(
    mut found: BTreeMap<u32, Parameter>,
    root: &SyntaxNode,
    asked: &BTreeMap<Place, Option<Type>>,
) -> Vec<Parameter> {
    let mut types: BTreeMap<u32, Vec<Option<&Type>>> = BTreeMap::new();
    for (number, token) in places(root) {
        let place = Place { number, at: token.text_range().start().into() };
        types.entry(number).or_default().push(asked.get(&place).and_then(Option::as_ref));
    }
    for (number, types) in types {
        if let Some(parameter) = found.get_mut(&number)
            && types.windows(2).all(|pair| pair[0] == pair[1])
        {
            parameter.data_type = types.first().copied().flatten().cloned();
        }
    }
    found.into_values().collect()
}

/// Where parameters stand in the text, in its order.
fn places(root: &SyntaxNode) -> impl Iterator<Item = (u32, SyntaxToken)> {
    let tokens = root.descendants_with_tokens().filter_map(SyntaxElement::into_token);
    let tokens = tokens.filter(|token| token.kind() == SyntaxKind::POSITIONAL_PARAM);
    tokens.filter_map(|token| {
        // Postgres counts them in 16 bits.
        let number = token.text()[1..].parse::<u16>().ok().filter(|number| *number > 0)?;
        Some((number.into(), token))
    })
}

/// The parameters in the text, each at its first place, with those that their numbers leave out.
fn parameters(root: &SyntaxNode) -> BTreeMap<u32, Parameter> {
    let mut found: BTreeMap<u32, Parameter> = BTreeMap::new();
    for (number, token) in places(root) {
        let range = token.text_range();
        let range = range.start().into()..range.end().into();
        found.entry(number).or_insert(Parameter { number, data_type: None, range });
    }
    let last = found.keys().next_back().copied().unwrap_or(0);
    for number in 1..last {
        found.entry(number).or_insert(Parameter { number, data_type: None, range: 0..0 });
    }
    found
}
