//! What hangs on a column and cannot go along: found when the action is planned.

use crate::plan::batch::Batch;
use crate::plan::carry::{object, sequence, trigger};
use crate::plan::facts::{
    Dependent, DependentKind, LiveColumn, LiveConstraint, LiveIndex, LiveStatistics, LiveTable,
    Snippet, TableKind, TableName,
};
use crate::plan::lineage::Table;

/// Why `column` of `table`, by its name in the catalog, cannot be replaced by one of type `new_type`: what is in the way, and what to do.
/// A column that `counts` goes on drawing its values from its sequence.
pub(crate) fn refusal(
    batch: &Batch<'_>,
    table: &Table,
    column: &str,
    new_type: &str,
    counts: bool,
) -> Option<(String, String)> {
    let live = batch.live(table)?.column(column)?;
    let shown = format!("`{}`.`{column}`", table.name);
    if live.generated {
        return Some((
            format!("column {shown} is generated and cannot be replaced"),
            String::from("remove it, and add it again with what it is to be"),
        ));
    }
    if counts && live.sequence.is_some() && !sequence::can_count(new_type) {
        return Some((
            format!(
                "column {shown} draws its values from a sequence, so it cannot become `{new_type}`"
            ),
            String::from(
                "it can become smallint, integer or bigint; or give it another default, with `changes.default`",
            ),
        ));
    }
    if let Some(setting) = live.settings.first() {
        return Some((
            format!("column {shown} has a {setting}, which cannot be given to another column"),
            String::from("remove it first, and set it again afterwards"),
        ));
    }
    let partitioned = batch.live(table).is_some_and(|live| live.kind == TableKind::Partitioned);
    live.dependents.iter().find_map(|dependent| {
        if partitioned && !goes_with_partitions(table, dependent) {
            return Some((
                format!(
                    "replacing {shown} of a partitioned table, on which {} depends, is not supported yet",
                    dependent.description
                ),
                String::from("drop it, and create it again when the batch is complete"),
            ));
        }
        let (why, help) = in_the_way(batch, table, live, dependent)?;
        Some((
            format!(
                "column {shown} cannot be replaced: {} depends on it{why}",
                dependent.description
            ),
            help,
        ))
    })
}

/// What Postgres itself makes on every partition, or what is not made of partitions; and indexes of the whole table.
fn goes_with_partitions(table: &Table, dependent: &Dependent) -> bool {
    match dependent.kind {
        DependentKind::Check
        | DependentKind::View
        | DependentKind::Policy
        | DependentKind::Sequence => true,
        DependentKind::Index | DependentKind::PrimaryKey | DependentKind::Unique => {
            dependent.table.as_ref().map(TableName::key) == Some(table.key())
        }
        DependentKind::Column
        | DependentKind::Exclusion
        | DependentKind::ForeignKey
        | DependentKind::Trigger
        | DependentKind::Statistics
        | DependentKind::Other => false,
    }
}

/// Why the dependent cannot go along, and what to do; `None` if it can.
fn in_the_way(
    batch: &Batch<'_>,
    table: &Table,
    column: &LiveColumn,
    dependent: &Dependent,
) -> Option<(String, String)> {
    let no = |why: &str, help: &str| Some((why.to_owned(), help.to_owned()));
    let again = "drop it, and create it again when the batch is complete";
    match dependent.kind {
        DependentKind::Sequence => None,
        DependentKind::Index => index(batch, table, find_index(batch, dependent)?),
        DependentKind::PrimaryKey
        | DependentKind::Unique
        | DependentKind::Exclusion
        | DependentKind::Check
        | DependentKind::ForeignKey => {
            let constraint = find_constraint(batch, table, column, dependent);
            match constraint {
                Some(found) if batch.is_removed(found) => None,
                Some(found) => constraint_in_the_way(batch, table, found),
                None => no("", again),
            }
        }
        DependentKind::View => {
            let views = object::views_over(batch.facts(), &[column]);
            let known = views.iter().any(|view| Some(&view.name) == dependent.name.as_ref());
            if let Some(view) = views.iter().find(|view| !view.owned) {
                return no(
                    &format!(", and `{}` belongs to another role", view.name),
                    "migrate as a role that owns it, or drop it first",
                );
            }
            // Nobody but the session that made it can make it again.
            if let Some(view) = views.iter().find(|view| view.schema.starts_with("pg_temp")) {
                return no(
                    &format!(", and `{}` is a temporary view", view.name),
                    "end the session that has made it",
                );
            }
            let obstacle = views.iter().find_map(|view| Some((view, view.obstacles.first()?)));
            match obstacle {
                Some((_, obstacle)) => no(&format!(", and {obstacle} on that"), again),
                None if known => None,
                None => no("", again),
            }
        }
        DependentKind::Trigger => {
            let mut triggers = batch.facts().triggers.iter();
            let known = triggers.find(|live| {
                trigger::depends(column, live) && Some(&live.name) == dependent.name.as_ref()
            });
            match known {
                Some(live) if trigger::can_widen(live) => None,
                Some(_) | None => no("", again),
            }
        }
        DependentKind::Policy => {
            let policies = object::policies_over(batch.facts(), &[column]);
            match policies.iter().find(|policy| Some(&policy.name) == dependent.name.as_ref()) {
                Some(policy) if policy.owned => None,
                Some(_) => {
                    no(", whose table belongs to another role", "migrate as a role that owns it")
                }
                None => no("", again),
            }
        }
        DependentKind::Statistics => {
            let mut all = batch.facts().statistics.iter();
            let found = all.find(|live| {
                live.table.key() == table.key() && Some(&live.name) == dependent.name.as_ref()
            });
            let known = |live: &LiveStatistics| {
                let texts: Vec<&str> = live.expression_texts.iter().map(String::as_str).collect();
                can_split(batch.live(table), live.expressions.as_ref(), &texts)
            };
            match found {
                Some(live) if !live.owned => {
                    no(", which belong to another role", "migrate as a role that owns them")
                }
                Some(live) if known(live) => None,
                Some(_) | None => no("", again),
            }
        }
        // The index that says which row an update means, a subscriber learns from it.
        DependentKind::Other if dependent.name.is_some() => match find_index(batch, dependent) {
            Some(live) if live.replica_identity => index(batch, table, live),
            Some(_) | None => no("", again),
        },
        DependentKind::Column | DependentKind::Other => no("", again),
    }
}

fn find_index<'a>(batch: &Batch<'a>, dependent: &Dependent) -> Option<&'a LiveIndex> {
    batch.facts().indexes.iter().find(|live| {
        let of_table = dependent.table.as_ref().map(TableName::key) == Some(live.table_key());
        let named = Some(&live.name) == dependent.name.as_ref();
        of_table && (named || live.constraint.is_some() && live.constraint == dependent.name)
    })
}

fn find_constraint<'a>(
    batch: &Batch<'a>,
    table: &Table,
    column: &LiveColumn,
    dependent: &Dependent,
) -> Option<&'a LiveConstraint> {
    batch.facts().constraints.iter().find(|live| {
        let own = live.table_key() == table.key()
            && (live.columns.contains(&column.name) || live.columns.is_empty());
        let to = live
            .references
            .as_ref()
            .is_some_and(|to| to.table_key() == table.key() && to.columns.contains(&column.name));
        let same_table = dependent.table.as_ref().is_none_or(|of| of.key() == live.table_key());
        live.kind == dependent.kind
            && Some(&live.name) == dependent.name.as_ref()
            && same_table
            && (own || to)
    })
}

fn constraint_in_the_way(
    batch: &Batch<'_>,
    table: &Table,
    live: &LiveConstraint,
) -> Option<(String, String)> {
    let no = |why: &str, help: &str| Some((why.to_owned(), help.to_owned()));
    let has_parents = batch.live(table).is_some_and(|live| !live.parents.is_empty());
    if live.inherited && live.kind == DependentKind::Check && has_parents {
        // It comes along with the parent's.
        return None;
    }
    let of = batch.facts().table(live.table_key());
    let is_partitioned = of.is_some_and(|of| of.kind == TableKind::Partitioned);
    if live.kind == DependentKind::ForeignKey && (live.inherited || is_partitioned) {
        return no(
            &format!(
                ", and belongs to `{}`, which is partitioned or a partition: a second one beside it cannot be made without \
                 reading all rows under a lock",
                live.table
            ),
            "drop it, and add it again when the batch is complete",
        );
    }
    if live.inherited {
        return no(" and comes from a parent table", "change the parent table");
    }
    if !live.owned {
        return no(
            &format!(", and table `{}` belongs to another role", live.table),
            "migrate as a role that owns both tables",
        );
    }
    match live.kind {
        DependentKind::Exclusion => no(
            "; its index cannot be built without locking the table",
            "drop it first, and add it again when the batch is complete",
        ),
        DependentKind::PrimaryKey | DependentKind::Unique if live.deferrable => no(
            " and is deferrable: on the new column it would be checked at once while both versions are live",
            "make it not deferrable first, or drop it, and add it again when the batch is complete",
        ),
        DependentKind::PrimaryKey | DependentKind::Unique => {
            let facts = batch.facts();
            let found = facts
                .indexes_of(live.table_key())
                .find(|index| index.constraint.as_ref() == Some(&live.name));
            found.and_then(|found| index(batch, table, found))
        }
        DependentKind::Check => match &live.expression {
            Some(expression) if !expression.is_whole_row() => None,
            Some(_) | None => no(
                ", and its expression is over the whole row",
                "drop it first, and add it again when the batch is complete",
            ),
        },
        _ => None,
    }
}

fn index(batch: &Batch<'_>, table: &Table, live: &LiveIndex) -> Option<(String, String)> {
    let no = |why: &str, help: &str| Some((why.to_owned(), help.to_owned()));
    if batch.removes_index(&live.schema, &live.name) {
        return None;
    }
    if !live.valid {
        return no(
            " and is not valid",
            "drop it, or build it again with REINDEX INDEX CONCURRENTLY",
        );
    }
    if let Some((share, setting)) =
        live.shares.iter().find_map(|share| Some((share, share.settings.first()?)))
    {
        return no(
            &format!(", and its share in partition `{}` has a {setting} of its own", share.table),
            "drop it, and create it again when the batch is complete",
        );
    }
    if live.partitioned && live.replica_identity {
        return no(
            " and is the replica identity",
            "give the table another one first, with `ALTER TABLE … REPLICA IDENTITY`",
        );
    }
    let texts: Vec<&str> = live.keys.iter().filter_map(|key| key.expression.as_deref()).collect();
    let known = can_split(batch.live(table), live.expressions.as_ref(), &texts);
    if known && live.predicate.as_ref().is_none_or(|sql| !sql.is_whole_row()) {
        None
    } else {
        no(
            ", and its expressions cannot be put on another column",
            "drop it first, and create it again when the batch is complete",
        )
    }
}

/// Whether expressions over `table` can be told apart and put on other columns; see [`Snippet::split`].
fn can_split(table: Option<&LiveTable>, expressions: Option<&Snippet>, texts: &[&str]) -> bool {
    let name = |number| table?.numbered(number).map(|column| column.name.clone());
    match expressions {
        None => texts.is_empty(),
        Some(all) => !all.is_whole_row() && all.split(texts, name).is_some(),
    }
}
