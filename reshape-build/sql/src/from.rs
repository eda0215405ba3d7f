//! FROM clauses: which relations a query sees.
//!
//! **Invariant:** a condition of a join is looked at when all relations of the clause are known; a tree that nests joins otherwise than Postgres does
//! makes no difference.

use squawk_syntax::{SyntaxKind, SyntaxNode};

use crate::catalog::Named;
use crate::finding::{Finding, Related, Rule};
use crate::frame::{Field, Frame, Item};
use crate::name::{fold, nearest, quote};
use crate::select::{column_names, renamed};
use crate::types::Type;
use crate::walk::{Walk, child, first_name, has_token, is_select};

/// The columns that can be named without a qualifier: item and field.
type Visible = Vec<(usize, usize)>;

/// What looks like a relation's name in FROM, and is a function.
const FUNCTIONS_WITHOUT_PARENTHESES: [&str; 12] = [
    "current_catalog",
    "current_date",
    "current_role",
    "current_schema",
    "current_time",
    "current_timestamp",
    "current_user",
    "localtime",
    "localtimestamp",
    "session_user",
    "system_user",
    "user",
];

impl Walk<'_> {
    /// Adds the relations of a FROM or USING clause to the frame.
    pub(crate) fn relations(&mut self, clause: &SyntaxNode, frame: &mut Frame<'_>) {
        let mut conditions = Vec::new();
        for item in clause.children() {
            let visible = self.item(&item, frame, &mut conditions);
            frame.visible.extend(visible);
        }
        for condition in conditions {
            self.condition(&condition, frame);
        }
        // `a LEFT JOIN b JOIN c ON … ON …`: the tree does not say which of them is inside.
        let odd = |join: SyntaxNode| {
            let is = |kinds: &[SyntaxKind]| {
                join.children().filter(|child| kinds.contains(&child.kind())).count()
            };
            let free = is(&[SyntaxKind::JOIN_CROSS]) == 1
                || has_token(&join, SyntaxKind::NATURAL_KW)
                || join.children().any(|child| has_token(&child, SyntaxKind::NATURAL_KW));
            is(&[SyntaxKind::ON_CLAUSE, SyntaxKind::JOIN_USING_CLAUSE]) != usize::from(!free)
        };
        let mut joins = clause.descendants().filter(|node| node.kind() == SyntaxKind::JOIN);
        if joins.any(odd) {
            frame.items.iter_mut().for_each(Item::weaken);
        }
    }

    fn item(
        &mut self,
        node: &SyntaxNode,
        frame: &mut Frame<'_>,
        conditions: &mut Vec<SyntaxNode>,
    ) -> Visible {
        let alias = child(node, SyntaxKind::FROM_ALIAS);
        let alias_name = alias
            .as_ref()
            .and_then(|alias| child(alias, SyntaxKind::TABLE_ALIAS))
            .and_then(|name| first_name(&name));
        let names = alias
            .as_ref()
            .and_then(|alias| child(alias, SyntaxKind::COLUMN_LIST))
            .map(|list| column_names(&list));
        let mut item = match node.kind() {
            SyntaxKind::JOIN_EXPR => return self.join(node, frame, conditions),
            SyntaxKind::RELATION_FROM_ITEM => match child(node, SyntaxKind::RELATION_NAME_REF) {
                Some(name) => self.relation(&name, alias_name, frame),
                None => Item::unknown(alias_name),
            },
            SyntaxKind::PAREN_FROM_ITEM => {
                let Some(inner) = node.children().find(|child| {
                    is_select(child.kind()) || child.kind() == SyntaxKind::PAREN_EXPR
                }) else {
                    frame.blind = true;
                    return Visible::new();
                };
                let select = if inner.kind() == SyntaxKind::PAREN_EXPR {
                    inner.children().find(|child| is_select(child.kind()))
                } else {
                    Some(inner.clone())
                };
                if let Some(select) = select {
                    self.selects += 1;
                    let (fields, complete) = if has_token(node, SyntaxKind::LATERAL_KW) {
                        self.select(&select, &Frame::inside(frame))
                    } else {
                        match frame.parent {
                            Some(parent) => self.select(&select, parent),
                            None => self.select(&select, &Frame::default()),
                        }
                    };
                    self.selects -= 1;
                    Item { name: alias_name, fields, complete, table: None }
                } else {
                    // Joins in parentheses.
                    let Some(join) = inner.first_child() else { return Visible::new() };
                    let visible = self.item(&join, frame, conditions);
                    let Some(alias) = alias_name else { return visible };
                    let fields = visible
                        .iter()
                        .map(|(item, field)| frame.items[*item].fields[*field].clone())
                        .collect();
                    let complete = frame.items.iter().all(|item| item.complete);
                    Item { name: Some(alias), fields, complete, table: None }
                }
            }
            SyntaxKind::FUNCTION_FROM_ITEM | SyntaxKind::EXPR_FROM_ITEM => {
                self.function(node, alias_name, frame)
            }
            _ => Item::unknown(alias_name),
        };
        if names.is_some() {
            item.fields = renamed(item.fields, names.as_deref());
        }
        if item.name.is_none() && !item.complete {
            frame.blind = true;
        }
        let number = frame.items.len();
        let visible = (0..item.fields.len()).map(|field| (number, field)).collect();
        frame.items.push(item);
        visible
    }

    /// A function in FROM: of one that gives a value that is known, the column is known.
    fn function(&mut self, node: &SyntaxNode, alias: Option<String>, frame: &Frame<'_>) -> Item {
        let Some(call) = child(node, SyntaxKind::CALL_EXPR) else { return Item::unknown(alias) };
        let value = self.expression(&call, frame);
        let callee = call.first_child().filter(|callee| callee.kind() == SyntaxKind::NAME_REF);
        let own = callee.as_ref().and_then(SyntaxNode::first_token);
        let own = own.and_then(|token| fold(token.text()));
        // Others give their columns names of their own.
        let is_plain = matches!(
            own.as_deref(),
            Some("generate_series" | "unnest" | "regexp_split_to_table" | "string_to_table")
        );
        let name = alias.or(own.clone());
        // Several arrays give several columns, rows one for each field.
        let list = child(&call, SyntaxKind::ARG_LIST);
        let several = own.as_deref() == Some("unnest")
            && list.is_some_and(|list| list.children().count() != 1);
        let data_type = value.data_type().filter(|_| is_plain && !several).cloned();
        let data_type = data_type.filter(|data_type| self.is_certain(data_type));
        let Some((data_type, name)) = data_type.zip(name.clone()) else {
            return Item::unknown(name);
        };
        let column = |name: &str, data_type: Type| Field {
            name: name.to_owned(),
            data_type: Some(data_type),
            nullable: None,
            source: None,
        };
        let mut fields = vec![column(&name, data_type)];
        if child(node, SyntaxKind::WITH_ORDINALITY).is_some() {
            fields.push(column("ordinality", Type::built_in("int8")));
        }
        Item { name: Some(name), fields, complete: true, table: None }
    }

    fn join(
        &mut self,
        node: &SyntaxNode,
        frame: &mut Frame<'_>,
        conditions: &mut Vec<SyntaxNode>,
    ) -> Visible {
        let mut parts = node.children();
        let (Some(left), Some(join)) = (parts.next(), parts.next()) else {
            frame.blind = true;
            return Visible::new();
        };
        let first = frame.items.len();
        let left = self.item(&left, frame, conditions);
        let middle = frame.items.len();
        // LATERAL sees what stands before it.
        let before = frame.visible.len();
        frame.visible.extend(left.iter().copied());
        let mut kind = SyntaxKind::JOIN_INNER;
        let mut right = Visible::new();
        let mut using = None;
        for part in join.children() {
            match part.kind() {
                SyntaxKind::JOIN_INNER
                | SyntaxKind::JOIN_LEFT
                | SyntaxKind::JOIN_RIGHT
                | SyntaxKind::JOIN_FULL
                | SyntaxKind::JOIN_CROSS => kind = part.kind(),
                SyntaxKind::ON_CLAUSE => conditions.push(part),
                SyntaxKind::JOIN_USING_CLAUSE => {
                    using =
                        child(&part, SyntaxKind::COLUMN_REF_LIST).map(|list| column_names(&list));
                    if child(&part, SyntaxKind::REQUIRED_AS_ALIAS).is_some() {
                        frame.blind = true;
                    }
                }
                _ => right = self.item(&part, frame, conditions),
            }
        }
        frame.visible.truncate(before);
        let outer = |frame: &mut Frame<'_>, range: std::ops::Range<usize>| {
            for field in frame.items[range].iter_mut().flat_map(|item| &mut item.fields) {
                field.nullable = Some(true);
            }
        };
        let end = frame.items.len();
        if matches!(kind, SyntaxKind::JOIN_LEFT | SyntaxKind::JOIN_FULL) {
            outer(frame, middle..end);
        }
        if matches!(kind, SyntaxKind::JOIN_RIGHT | SyntaxKind::JOIN_FULL) {
            outer(frame, first..middle);
        }
        let name = |frame: &Frame<'_>, (item, field): (usize, usize)| {
            frame.items[item].fields[field].name.clone()
        };
        let natural = has_token(&join, SyntaxKind::NATURAL_KW);
        if natural {
            // What both have in common may be more than is known.
            frame.blind |= frame.items[first..].iter().any(|item| !item.complete);
            let names: Vec<String> = right.iter().map(|at| name(frame, *at)).collect();
            let common = left.iter().map(|at| name(frame, *at)).filter(|name| names.contains(name));
            using = Some(common.collect());
        }
        let Some(using) = using else { return [left, right].concat() };
        // A column that both have is one of its own: it has a value if either has one, and the type that both have together.
        let mut item = Item { complete: true, ..Item::default() };
        for column in &using {
            let at = |side: &Visible| side.iter().copied().find(|at| name(frame, *at) == *column);
            let (Some(left), Some(right)) = (at(&left), at(&right)) else { continue };
            let one = &frame.items[left.0].fields[left.1];
            let other = &frame.items[right.0].fields[right.1];
            let (from, nullable) = match kind {
                SyntaxKind::JOIN_LEFT => (one, one.nullable),
                SyntaxKind::JOIN_RIGHT => (other, other.nullable),
                SyntaxKind::JOIN_FULL => (one, None),
                _ => (one, one.nullable),
            };
            let same = one.data_type == other.data_type;
            item.fields.push(Field {
                name: column.clone(),
                data_type: one.data_type.clone().filter(|_| same),
                nullable,
                source: from.source.clone().filter(|_| same && kind != SyntaxKind::JOIN_FULL),
            });
        }
        let merged = |frame: &Frame<'_>, at: &(usize, usize)| using.contains(&name(frame, *at));
        let number = frame.items.len();
        let mut visible: Visible = (0..item.fields.len()).map(|field| (number, field)).collect();
        visible.extend(left.iter().copied().filter(|at| !merged(frame, at)));
        visible.extend(right.iter().copied().filter(|at| !merged(frame, at)));
        frame.items.push(item);
        visible
    }

    /// The relation that a name stands for, under the alias if there is one.
    pub(crate) fn relation(
        &mut self,
        node: &SyntaxNode,
        alias: Option<String>,
        frame: &Frame<'_>,
    ) -> Item {
        let Some((schema, name)) = relation_name(node) else { return Item::unknown(alias) };
        let shown = alias.unwrap_or_else(|| name.clone());
        if schema.is_none()
            && let Some(cte) = frame.cte(&name)
        {
            let fields = cte.fields.as_ref().clone();
            return Item { name: Some(shown), fields, complete: cte.complete, table: None };
        }
        match self.catalog.relation(schema.as_deref(), &name) {
            Named::Known(relation) => Item::from_relation(&shown, &relation),
            Named::Uncertain => Item::unknown(Some(shown)),
            // The tables of the catalog are found without their schema.
            Named::Missing
                if name.starts_with("pg_")
                    || FUNCTIONS_WITHOUT_PARENTHESES.contains(&name.as_str())
                    || frame.levels().any(|level| level.blind && level.items.is_empty()) =>
            {
                Item::unknown(Some(shown))
            }
            Named::Missing => {
                let message = format!("there is no table `{name}`");
                let mut finding = Finding::new(Rule::UnknownTable, self.range(node), message)
                    .related(Related::Table(name.clone()));
                let mut known = self.catalog.relations();
                known.extend(
                    frame.levels().flat_map(|level| level.ctes.iter().map(|cte| cte.name.clone())),
                );
                if let Some(near) = nearest(&name, known.iter().map(String::as_str)) {
                    finding = finding.help(format!("did you mean `{}`?", quote(near)));
                }
                self.report(finding);
                Item::unknown(Some(shown))
            }
        }
    }
}

/// The schema, if there is one, and the name of a relation.
pub(crate) fn relation_name(node: &SyntaxNode) -> Option<(Option<String>, String)> {
    let mut names = node
        .descendants()
        .filter(|node| node.kind() == SyntaxKind::PATH_SEGMENT_REF)
        .map(|segment| first_name(&segment));
    let (one, two, three) = (names.next()?, names.next(), names.next());
    match (one, two, three) {
        (Some(name), None, None) => Some((None, name)),
        (Some(schema), Some(Some(name)), None) => Some((Some(schema), name)),
        _ => None,
    }
}
