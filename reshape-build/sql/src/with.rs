//! WITH clauses.

use std::rc::Rc;

use squawk_syntax::{SyntaxKind, SyntaxNode};

use crate::frame::{Cte, Field, Frame};
use crate::select::{column_names, renamed, to_field};
use crate::walk::{Walk, child, first_name, has_token, is_select};

impl Walk<'_> {
    /// The queries of a WITH clause, in a level of their own around the statement.
    pub(crate) fn with<'p>(&mut self, with: &SyntaxNode, parent: &'p Frame<'p>) -> Frame<'p> {
        let recursive = has_token(with, SyntaxKind::RECURSIVE_KW);
        let mut level = Frame::inside(parent);
        for table in with.children().filter(|child| child.kind() == SyntaxKind::WITH_TABLE) {
            let name = child(&table, SyntaxKind::CTE_NAME).and_then(|name| first_name(&name));
            let query = table.children().find(|node| is_query(node.kind()));
            let (Some(name), Some(query)) = (name, query) else {
                level.blind = true;
                continue;
            };
            let names = child(&table, SyntaxKind::COLUMN_LIST).map(|list| column_names(&list));
            let more = table.children().any(|child| {
                matches!(child.kind(), SyntaxKind::SEARCH_CLAUSE | SyntaxKind::CYCLE_CLAUSE)
            });
            if recursive {
                let (fields, complete) = self.first_of(&query, &level);
                let mut fields = renamed(fields, names.as_deref());
                // The next round may give NULL, which the one after it gets.
                for field in &mut fields {
                    field.nullable = field.nullable.filter(|nullable| *nullable);
                }
                let complete = complete && !more;
                level.ctes.push(Cte { name: name.clone(), fields: Rc::new(fields), complete });
            }
            self.selects += 1;
            let (fields, complete) = self.query(&query, &level);
            self.selects -= 1;
            if recursive {
                level.ctes.pop();
            }
            let fields = renamed(fields, names.as_deref());
            level.ctes.push(Cte { name, fields: Rc::new(fields), complete: complete && !more });
        }
        level
    }

    /// The columns of the part of a recursive query that does not refer to itself. Within another one nothing is looked at ahead: that would be done
    /// twice as often with each level.
    fn first_of(&mut self, query: &SyntaxNode, level: &Frame<'_>) -> (Vec<Field>, bool) {
        let first = query.children().find(|child| is_select(child.kind()));
        match first.filter(|_| query.kind() == SyntaxKind::COMPOUND_SELECT && !self.ahead) {
            Some(first) => {
                self.ahead = true;
                let (fields, complete) = self.select(&first, level);
                self.ahead = false;
                (fields, complete)
            }
            None => (Vec::new(), false),
        }
    }

    /// A query of a WITH clause, which may also write.
    fn query(&mut self, node: &SyntaxNode, parent: &Frame<'_>) -> (Vec<Field>, bool) {
        if is_select(node.kind()) {
            return self.select(node, parent);
        }
        match self.write(node, parent) {
            Some((outputs, complete)) => (outputs.into_iter().map(to_field).collect(), complete),
            None => (Vec::new(), false),
        }
    }
}

/// The WITH clause that a query begins with.
pub(crate) fn first_with(node: &SyntaxNode) -> Option<SyntaxNode> {
    let mut node = node.clone();
    loop {
        if let Some(with) = child(&node, SyntaxKind::WITH_CLAUSE) {
            return Some(with);
        }
        if node.kind() != SyntaxKind::COMPOUND_SELECT {
            return None;
        }
        node = node.children().find(|child| is_select(child.kind()))?;
    }
}

/// Whether the node can be a query of a WITH clause.
fn is_query(kind: SyntaxKind) -> bool {
    is_select(kind)
        || matches!(
            kind,
            SyntaxKind::INSERT | SyntaxKind::UPDATE | SyntaxKind::DELETE | SyntaxKind::MERGE
        )
}
