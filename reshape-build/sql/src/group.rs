//! Queries that group their rows: which columns they may still name outside of aggregates.
//!
//! Postgres takes a table's other columns for known where its primary key is grouped by. A version's tables are views, which have no primary key.
//!
//! **Invariant:** a column counts as not grouped only if no part of GROUP BY names it: then it is in no expression that GROUP BY has, either.

use squawk_syntax::{SyntaxKind, SyntaxNode};

use crate::expr::name_of;
use crate::finding::{Finding, Rule};
use crate::frame::Frame;
use crate::from::relation_name;
use crate::functions;
use crate::name::{list, quote};
use crate::query::Output;
use crate::select::bare;
use crate::walk::{Walk, child, expressions, has_token, is_expression, is_select};

/// A column of a level: item and field.
type Column = (usize, usize);

/// Which columns some SQL names.
#[derive(Default)]
struct Named {
    /// Those of this level, and where.
    here: Vec<(Column, SyntaxNode)>,
    /// Whether a level around it has one.
    outside: bool,
    /// Whether it is not certain what all of it names.
    uncertain: bool,
}

impl Walk<'_> {
    /// Reports the columns that a SELECT names, and that are different for the rows of a group. `outputs` is what its targets give.
    pub(crate) fn grouped(&mut self, node: &SyntaxNode, frame: &Frame<'_>, outputs: &[Output]) {
        // The tables themselves have primary keys.
        if self.role.is_some() || has_tables(node) {
            return;
        }
        let group = child(node, SyntaxKind::GROUP_BY_CLAUSE);
        let having = child(node, SyntaxKind::HAVING_CLAUSE);
        let places = places(node, outputs);
        let groups = group.is_some()
            || having.is_some()
            || places.iter().any(|place| self.has_aggregate(place, frame));
        if !groups {
            return;
        }
        let Some(keys) = self.keys(group.as_ref(), node, frame, outputs) else { return };
        // A column of USING is also one of the tables that it is merged from.
        let merged = frame.items.iter().any(|item| item.name.is_none());
        let name = |(item, field): Column| frame.items[item].fields[field].name.as_str();
        let is_key = |column: Column| {
            keys.iter().any(|key| *key == column || (merged && name(*key) == name(column)))
        };
        let mut told: Vec<Column> = Vec::new();
        for place in &places {
            let mut named = Named::default();
            self.outside_aggregates(place, frame, &mut named);
            let mut free = named.here;
            free.retain(|(column, _)| !is_key(*column));
            if place.kind() == SyntaxKind::TARGET && free.len() > 1 && is_star(place) {
                // `*` is one mistake.
                let several: Vec<&str> = free.iter().map(|(column, _)| name(*column)).collect();
                let message = format!("{} are neither grouped nor in an aggregate", list(&several));
                let help = way_out(free[0].0, &keys, group.is_some(), frame);
                let finding = Finding::new(Rule::Ungrouped, self.range(place), message);
                self.report(finding.help(help));
                continue;
            }
            for (column, place) in free {
                if told.contains(&column) {
                    continue;
                }
                told.push(column);
                let message = format!("`{}` is neither grouped nor in an aggregate", name(column));
                let help = way_out(column, &keys, group.is_some(), frame);
                let finding = Finding::new(Rule::Ungrouped, self.range(&place), message);
                self.report(finding.help(help));
            }
        }
    }

    /// The columns that GROUP BY names, also by the names and numbers of targets; `None` if that is not certain.
    fn keys(
        &self,
        group: Option<&SyntaxNode>,
        select: &SyntaxNode,
        frame: &Frame<'_>,
        outputs: &[Output],
    ) -> Option<Vec<Column>> {
        let Some(group) = group else { return Some(Vec::new()) };
        let list = child(group, SyntaxKind::GROUP_BY_LIST)?;
        let mut keys = Vec::new();
        let mut of_output = |output: &Output| {
            let target = targets(select).into_iter().find(|t| self.range(t) == output.range)?;
            let mut named = Named::default();
            all_named(&target, frame, &mut named);
            keys.extend(named.here.into_iter().map(|(column, _)| column));
            (!named.uncertain).then_some(())
        };
        for node in list.descendants() {
            if node.kind() == SyntaxKind::LITERAL {
                // A number alone stands for a target; that of an expression does no harm.
                let number: Option<usize> = node.text().to_string().parse().ok();
                if let Some(output) = number.and_then(|n| outputs.get(n.checked_sub(1)?)) {
                    of_output(output)?;
                }
            }
            if let Some(name) = name_of(&node)
                && let Place::Outside = locate(&name, frame)
            {
                for output in outputs.iter().filter(|output| output.name == name) {
                    of_output(output)?;
                }
            }
        }
        let mut named = Named::default();
        all_named(&list, frame, &mut named);
        keys.extend(named.here.into_iter().map(|(column, _)| column));
        (!named.uncertain).then_some(keys)
    }

    /// Whether there is an aggregate that makes groups of the rows of this level, for certain.
    fn has_aggregate(&self, node: &SyntaxNode, frame: &Frame<'_>) -> bool {
        if is_select(node.kind()) {
            return false;
        }
        if self.is_aggregate(node) {
            // It belongs to the innermost level that it has a column of.
            let mut named = Named::default();
            for part in node.children().skip(1) {
                all_named(&part, frame, &mut named);
            }
            return !named.here.is_empty() || (!named.outside && !named.uncertain);
        }
        node.children().any(|child| self.has_aggregate(&child, frame))
    }

    /// Whether the node is the call of what surely is an aggregate.
    fn is_aggregate(&self, node: &SyntaxNode) -> bool {
        if node.kind() != SyntaxKind::CALL_EXPR || child(node, SyntaxKind::OVER_CLAUSE).is_some() {
            return false;
        }
        let Some(name) = callee(node) else { return false };
        let everything = name == "count"
            && child(node, SyntaxKind::ARG_LIST).is_some_and(|list| {
                has_token(&list, SyntaxKind::STAR) || list.text().to_string().contains("(*)")
            });
        functions::find(&name).is_some_and(|function| function.aggregate)
            && (everything || !self.catalog.may_be_created(&name))
    }

    /// The columns that are named outside of what may be an aggregate and of sub-selects.
    fn outside_aggregates(&self, node: &SyntaxNode, frame: &Frame<'_>, named: &mut Named) {
        match node.kind() {
            SyntaxKind::TARGET if has_token(node, SyntaxKind::STAR) => {
                named.here.extend(frame.visible.iter().map(|column| (*column, node.clone())));
            }
            SyntaxKind::NAME_REF | SyntaxKind::FIELD_EXPR => add(node, frame, named),
            SyntaxKind::CALL_EXPR => {
                let function = callee(node)
                    .filter(|name| !self.catalog.may_be_created(name))
                    .and_then(|name| functions::find(&name));
                // Over a window, an aggregate is none.
                let over = child(node, SyntaxKind::OVER_CLAUSE).is_some();
                if function.is_some_and(|function| function.ordinary || over) {
                    for part in node.children().skip(1) {
                        self.outside_aggregates(&part, frame, named);
                    }
                }
            }
            kind if is_expression(kind) || is_part(kind) => {
                for part in node.children() {
                    self.outside_aggregates(&part, frame, named);
                }
            }
            _ => {}
        }
    }
}

/// The name of what is called, if that has no schema.
fn callee(call: &SyntaxNode) -> Option<String> {
    name_of(&call.first_child()?)
}

/// What to do about the column.
fn way_out(column: Column, keys: &[Column], groups: bool, frame: &Frame<'_>) -> String {
    let field = |(item, field): Column| &frame.items[item].fields[field];
    let name = quote(&field(column).name);
    if !groups {
        return format!("add `GROUP BY {name}`, or put it into an aggregate: `max({name})`");
    }
    let table = |column: Column| field(column).source.as_ref().map(|(table, _)| table);
    let same = keys.iter().any(|key| key.0 == column.0 && table(*key).is_some());
    let add = format!("add it to GROUP BY, or put it into an aggregate: `max({name})`");
    if same && table(column).is_some() {
        return format!(
            "{add}; a version's tables are views, whose primary key does not stand for their other columns"
        );
    }
    add
}

/// All columns that are named, and more than those if that is not certain.
fn all_named(node: &SyntaxNode, frame: &Frame<'_>, named: &mut Named) {
    match node.kind() {
        kind if is_select(kind) => named.uncertain = true,
        SyntaxKind::TARGET if has_token(node, SyntaxKind::STAR) => {
            named.here.extend(frame.visible.iter().map(|column| (*column, node.clone())));
        }
        SyntaxKind::NAME_REF | SyntaxKind::FIELD_EXPR => add(node, frame, named),
        SyntaxKind::CALL_EXPR => {
            for part in node.children().skip(1) {
                all_named(&part, frame, named);
            }
        }
        _ => node.children().for_each(|part| all_named(&part, frame, named)),
    }
}

/// What a name or a qualified name stands for.
fn add(node: &SyntaxNode, frame: &Frame<'_>, named: &mut Named) {
    let place = if node.kind() == SyntaxKind::NAME_REF {
        name_of(node).map_or(Place::Unknown, |name| locate(&name, frame))
    } else {
        let mut parts = node.children();
        let base = parts.next();
        let column = parts.next();
        let table = base.and_then(|base| match base.kind() {
            // The schema's name comes first.
            SyntaxKind::FIELD_EXPR => base.children().nth(1).and_then(|table| name_of(&table)),
            _ => name_of(&base),
        });
        let star = has_token(node, SyntaxKind::STAR);
        match (table, column.as_ref().and_then(name_of)) {
            (Some(table), column) => qualified(&table, column.as_deref(), star, frame),
            (None, _) => Place::Unknown,
        }
    };
    match place {
        Place::Here(columns) => {
            named.here.extend(columns.into_iter().map(|column| (column, node.clone())));
        }
        Place::Outside => named.outside = true,
        Place::Unknown => named.uncertain = true,
    }
}

/// Where the columns are that a name stands for.
enum Place {
    Here(Vec<Column>),
    Outside,
    Unknown,
}

fn locate(name: &str, frame: &Frame<'_>) -> Place {
    let matching: Vec<Column> = frame
        .visible
        .iter()
        .copied()
        .filter(|(item, field)| frame.items[*item].fields[*field].name == name)
        .collect();
    match matching.len() {
        1 => Place::Here(matching),
        0 if frame.blind || frame.items.iter().any(|item| !item.complete) => Place::Unknown,
        // A whole row.
        0 if frame.items.iter().any(|item| item.name.as_deref() == Some(name)) => Place::Unknown,
        0 => Place::Outside,
        _ => Place::Unknown,
    }
}

fn qualified(table: &str, column: Option<&str>, star: bool, frame: &Frame<'_>) -> Place {
    let found = frame.items.iter().position(|item| item.name.as_deref() == Some(table));
    let Some(item) = found else {
        return if frame.blind { Place::Unknown } else { Place::Outside };
    };
    let fields = &frame.items[item].fields;
    if star {
        return Place::Here((0..fields.len()).map(|field| (item, field)).collect());
    }
    match column.and_then(|name| fields.iter().position(|field| field.name == name)) {
        Some(field) => Place::Here(vec![(item, field)]),
        None => Place::Unknown,
    }
}

/// The parts of a SELECT that see groups: targets, DISTINCT ON, HAVING, WINDOW, ORDER BY; what only names or counts targets is left out.
fn places(select: &SyntaxNode, outputs: &[Output]) -> Vec<SyntaxNode> {
    let mut places = targets(select);
    let is_target = |node: &SyntaxNode| {
        let node = bare(node);
        node.kind() == SyntaxKind::LITERAL
            || name_of(&node).is_some_and(|name| outputs.iter().any(|output| output.name == name))
    };
    for part in distinct_on(select).into_iter().chain(select.children()) {
        match part.kind() {
            SyntaxKind::HAVING_CLAUSE => places.extend(expressions(&part)),
            SyntaxKind::DISTINCT_ON => {
                places.extend(expressions(&part).filter(|node| !is_target(node)));
            }
            SyntaxKind::ORDER_BY_CLAUSE => {
                let list = child(&part, SyntaxKind::SORT_BY_LIST);
                let sorted = list.iter().flat_map(SyntaxNode::children);
                places.extend(
                    sorted
                        .filter_map(|sort| expressions(&sort).next())
                        .filter(|node| !is_target(node)),
                );
            }
            SyntaxKind::WINDOW_CLAUSE => {
                places
                    .extend(part.children().filter_map(|def| child(&def, SyntaxKind::WINDOW_SPEC)));
            }
            _ => {}
        }
    }
    places
}

pub(crate) fn targets(select: &SyntaxNode) -> Vec<SyntaxNode> {
    let clause = child(select, SyntaxKind::SELECT_CLAUSE);
    let list = clause.and_then(|clause| child(&clause, SyntaxKind::TARGET_LIST));
    let targets = list.iter().flat_map(SyntaxNode::children);
    targets.filter(|target| target.kind() == SyntaxKind::TARGET).collect()
}

/// The DISTINCT ON of the query itself.
pub(crate) fn distinct_on(select: &SyntaxNode) -> Option<SyntaxNode> {
    let clause = child(select, SyntaxKind::SELECT_CLAUSE)?;
    let distinct = child(&clause, SyntaxKind::DISTINCT_CLAUSE)?;
    child(&distinct, SyntaxKind::DISTINCT_ON)
}

/// Whether a relation is named with its schema, so that it is no view of the version.
fn has_tables(select: &SyntaxNode) -> bool {
    let from = child(select, SyntaxKind::FROM_CLAUSE);
    from.iter()
        .flat_map(SyntaxNode::descendants)
        .filter(|node| node.kind() == SyntaxKind::RELATION_NAME_REF)
        .any(|name| !matches!(relation_name(&name), Some((None, _))))
}

/// `*` or `u.*`.
pub(crate) fn is_star(target: &SyntaxNode) -> bool {
    let qualified = child(target, SyntaxKind::FIELD_EXPR);
    has_token(target, SyntaxKind::STAR)
        || qualified.is_some_and(|target| has_token(&target, SyntaxKind::STAR))
}

/// What stands between an expression and those that it is made of.
fn is_part(kind: SyntaxKind) -> bool {
    matches!(
        kind,
        SyntaxKind::TARGET
            | SyntaxKind::ARG_LIST
            | SyntaxKind::ARG
            | SyntaxKind::ELSE_CLAUSE
            | SyntaxKind::WHEN_CLAUSE_LIST
            | SyntaxKind::WHEN_CLAUSE
            | SyntaxKind::OVER_CLAUSE
            | SyntaxKind::OVER_WINDOW_SPEC
            | SyntaxKind::WINDOW_SPEC
            | SyntaxKind::PARTITION_BY_CLAUSE
            | SyntaxKind::ORDER_BY_CLAUSE
            | SyntaxKind::SORT_BY_LIST
            | SyntaxKind::SORT_BY
    )
}
