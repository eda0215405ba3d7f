//! ON CONFLICT: what it is about, and what it does then.

use squawk_syntax::{SyntaxKind, SyntaxNode};

use crate::catalog::Relation;
use crate::expr::name_of;
use crate::finding::{Finding, Rule};
use crate::frame::{Frame, Item};
use crate::name::{list, quote};
use crate::walk::{Walk, child, expressions};

impl Walk<'_> {
    pub(crate) fn conflict(
        &mut self,
        clause: &SyntaxNode,
        frame: &Frame<'_>,
        excluded: &Item,
        relation: Option<&Relation>,
    ) {
        let mut is_about = false;
        for part in clause.children() {
            match part.kind() {
                SyntaxKind::CONFLICT_ON_INDEX => {
                    is_about = true;
                    let before = self.findings.len();
                    let items = child(&part, SyntaxKind::CONFLICT_INDEX_ITEM_LIST);
                    for item in items.iter().flat_map(SyntaxNode::children) {
                        self.all(&item, frame);
                    }
                    let condition = child(&part, SyntaxKind::WHERE_CLAUSE);
                    if let Some(condition) = &condition {
                        self.condition(condition, frame);
                    }
                    if let Some((relation, items)) = relation.zip(items)
                        && self.findings.len() == before
                    {
                        self.key(&items, condition.is_some(), relation);
                    }
                }
                SyntaxKind::CONFLICT_ON_CONSTRAINT => {
                    is_about = true;
                    if relation.is_some() {
                        let message = "a version's tables are views, which have no constraints";
                        let finding = Finding::new(Rule::Conflict, self.range(&part), message);
                        self.report(finding.help("name the columns instead: `ON CONFLICT (id)`"));
                    }
                }
                SyntaxKind::CONFLICT_DO_UPDATE_SET => {
                    if !is_about {
                        let message = "ON CONFLICT DO UPDATE does not say which columns";
                        let finding = Finding::new(Rule::Conflict, self.range(clause), message);
                        self.report(
                            finding
                                .help("name those of a unique key: `ON CONFLICT (id) DO UPDATE …`"),
                        );
                    }
                    let mut both = frame.clone();
                    // A column alone is ambiguous to Postgres; here it is that of the table.
                    both.items.push(excluded.clone());
                    if let Some(set) = child(&part, SyntaxKind::SET_CLAUSE) {
                        self.set(&set, &both, relation);
                    }
                    if let Some(condition) = child(&part, SyntaxKind::WHERE_CLAUSE) {
                        self.condition(&condition, &both);
                    }
                }
                _ => {}
            }
        }
    }

    /// Reports columns that no unique key of the table is over. With a condition a partial index fits, if the one follows from the other, which is not looked at.
    fn key(&mut self, items: &SyntaxNode, conditional: bool, relation: &Relation) {
        let Some(keys) = self.catalog.keys(&relation.name) else { return };
        let mut columns: Vec<String> = Vec::new();
        for item in items.children() {
            // Expressions, collations and operator classes are not compared.
            let mut parts = item.children();
            let (Some(column), None) = (parts.next().as_ref().and_then(name_of), parts.next())
            else {
                return;
            };
            if expressions(&item).count() != 1 || relation.column(&column).is_none() {
                return;
            }
            columns.push(column);
        }
        let same = |key: &[String]| {
            key.iter().all(|name| columns.contains(name))
                && columns.iter().all(|name| key.contains(name))
        };
        if columns.is_empty()
            || keys.iter().any(|key| same(&key.columns) && (conditional || !key.partial))
        {
            return;
        }
        let names: Vec<&str> = columns.iter().map(String::as_str).collect();
        let table = &relation.name;
        let message = format!("table `{table}` has no unique key over exactly {}", list(&names));
        let others: Vec<String> = keys
            .iter()
            .filter(|key| !key.partial)
            .map(|key| {
                let names: Vec<String> = key.columns.iter().map(|name| quote(name)).collect();
                format!("`({})`", names.join(", "))
            })
            .collect();
        let help = if keys.iter().any(|key| same(&key.columns)) {
            "the unique index over them has a condition: repeat it, as in `ON CONFLICT (…) WHERE …`"
                .to_owned()
        } else if others.is_empty() {
            "add one first, with `add_index` and `unique = true`".to_owned()
        } else {
            format!(
                "it has {}; add another one first, with `add_index` and `unique = true`",
                others.join(", ")
            )
        };
        self.report(Finding::new(Rule::Conflict, self.range(items), message).help(help));
    }
}
