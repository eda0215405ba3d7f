//! What is set for a column itself.

use crate::plan::asked::Asked;
use crate::plan::carry::{Replaced, options};
use crate::schema::TypeName;
use crate::sql::ident::ident;

/// Types that know collations.
const COLLATABLE: [&str; 7] =
    ["text", "character varying", "varchar", "character", "char", "bpchar", "citext"];

/// Expand: statistics target, planner options, storage and compression.
pub(super) fn carry(replaced: &Replaced<'_>, out: &mut Asked) {
    for (name, column) in &replaced.columns {
        let Some(live) = replaced.live.column(name) else { continue };
        let new_type = &replaced.table.values[column.value].data_type;
        let mut changes = Vec::new();
        changes.extend(live.statistics.map(|target| format!("SET STATISTICS {target}")));
        if !live.options.is_empty() {
            changes.push(format!("SET ({})", options(&live.options)));
        }
        // Another type has a storage of its own.
        if base(new_type) == base(&live.data_type) {
            changes.extend(live.storage.as_ref().map(|storage| format!("SET STORAGE {storage}")));
            changes.extend(
                live.compression.as_ref().map(|method| format!("SET COMPRESSION {method}")),
            );
        }
        let on = replaced.table.itself();
        let physical = ident(&replaced.now(name));
        out.expand.extend(changes.into_iter().map(|change| {
            (replaced.number, format!("ALTER TABLE {on} ALTER COLUMN {physical} {change}"))
        }));
    }
}

/// The collation that a column of type `new_type` takes over from one of `old_type`, as a clause.
pub(crate) fn collation(collation: Option<&str>, old_type: &str, new_type: &str) -> String {
    match collation {
        Some(collation) if keeps_collation(old_type, new_type) => format!(" COLLATE {collation}"),
        Some(_) | None => String::new(),
    }
}

fn keeps_collation(old_type: &str, new_type: &str) -> bool {
    let says_its_own = new_type.to_ascii_lowercase().contains("collate");
    let base = base(new_type);
    !says_its_own && (base == self::base(old_type) || COLLATABLE.contains(&base.as_str()))
}

/// The type without its modifiers.
fn base(data_type: &str) -> String {
    TypeName::parse(data_type).base
}
