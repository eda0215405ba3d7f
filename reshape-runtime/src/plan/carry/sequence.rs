//! The numbers of serial and identity columns.

use crate::plan::asked::Asked;
use crate::plan::carry::Replaced;
use crate::plan::contract::Stage;
use crate::plan::facts::LiveSequence;
use crate::schema::TypeName;
use crate::sql::ident::{ident, literal, qualified};

/// An integer type: its name in SQL, its least and its greatest value.
fn integer(data_type: &str) -> Option<(&'static str, i64, i64)> {
    let name = TypeName::parse(data_type);
    if name.array || name.modifiers.is_some() || name.serial().is_some() {
        return None;
    }
    match name.built_in()? {
        "int2" => Some(("smallint", i16::MIN.into(), i16::MAX.into())),
        "int4" => Some(("integer", i32::MIN.into(), i32::MAX.into())),
        "int8" => Some(("bigint", i64::MIN, i64::MAX)),
        _ => None,
    }
}

/// Whether a column of that type can have a sequence.
pub(super) fn can_count(data_type: &str) -> bool {
    integer(data_type).is_some()
}

/// Contract: the new column gets the old one's numbers. Until then the old column draws them, for clients of both versions.
pub(super) fn carry(replaced: &Replaced<'_>, out: &mut Asked) {
    let number = replaced.number;
    for (name, column) in &replaced.columns {
        let Some(live) = replaced.live.column(name) else { continue };
        let physical = replaced.now(name);
        let on = replaced.table.sql();
        if let (true, Some(default)) = (column.draws, &live.default) {
            let itself = replaced.table.itself();
            let sql = format!(
                "ALTER TABLE {itself} ALTER COLUMN {} SET DEFAULT {default}",
                ident(&physical)
            );
            out.contract.push((number, Stage::Settle, sql));
        }
        let Some(sequence) = &live.sequence else { continue };
        let new_type = &replaced.table.values[column.value].data_type;
        let Some((data_type, min, max)) = integer(new_type) else { continue };
        let of = qualified(&sequence.schema, &sequence.name);
        match &live.identity_kind {
            None => {
                let limits = limits(sequence, min, max);
                let change = if data_type == sequence.data_type {
                    String::new()
                } else {
                    format!(" AS {data_type}{limits}")
                };
                out.contract.push((
                    number,
                    Stage::Settle,
                    format!("ALTER SEQUENCE {of}{change} OWNED BY {on}.{}", ident(&physical)),
                ));
            }
            Some(kind) => identity(replaced, (name, &column.name), sequence, (kind, min, max), out),
        }
    }
}

/// An identity column's sequence cannot change hands: the new one goes on where the old one has stopped.
fn identity(
    replaced: &Replaced<'_>,
    (old, new): (&str, &str),
    sequence: &LiveSequence,
    (kind, min, max): (&str, i64, i64),
    out: &mut Asked,
) {
    let number = replaced.number;
    let of = qualified(&sequence.schema, &sequence.name);
    let setting = literal(&format!("reshape.{}", setting_name(&replaced.live.name, old)));
    // Changes nothing, but takes SHARE ROW EXCLUSIVE on the sequence: a lock on the table does not stop `nextval`, and a number that is drawn
    // after this one has been read would be drawn again.
    let cycle = if sequence.cycle { "CYCLE" } else { "NO CYCLE" };
    out.contract.push((number, Stage::Detach, format!("ALTER SEQUENCE {of} {cycle}")));
    out.contract.push((
        number,
        Stage::Detach,
        format!(
            "SELECT pg_catalog.set_config({setting}, (SELECT last_value || ' ' || is_called FROM {of}), true)"
        ),
    ));
    let mut add = |sql: String| out.contract.push((number, Stage::Finish, sql));
    add(format!(
        "ALTER TABLE {} ALTER COLUMN {} ADD GENERATED {kind} AS IDENTITY (SEQUENCE NAME {of} START WITH {} INCREMENT BY {}{} CACHE {}{})",
        replaced.table.last_sql(),
        ident(new),
        sequence.start,
        sequence.increment,
        limits(sequence, min, max),
        sequence.cache,
        if sequence.cycle { " CYCLE" } else { "" },
    ));
    let stored = format!("pg_catalog.current_setting({setting})");
    add(format!(
        "SELECT pg_catalog.setval({}, pg_catalog.split_part({stored}, ' ', 1)::bigint, \
         pg_catalog.split_part({stored}, ' ', 2)::boolean)",
        literal(&of)
    ));
    if let Some(comment) = &sequence.comment {
        add(format!("COMMENT ON SEQUENCE {of} IS {}", literal(comment)));
    }
    add(super::forget_rights("SEQUENCE", &of));
    for grant in &sequence.grants {
        add(crate::plan::view::grant(grant, None, &format!("SEQUENCE {of}")));
    }
}

/// A name that may stand after the dot in a setting's.
fn setting_name(table: &str, column: &str) -> String {
    format!("sequence_{:016x}", crate::sql::names::fnv1a(format!("{table}.{column}").as_bytes()))
}

/// Limits that the user has chosen; those of the type follow the type.
fn limits(sequence: &LiveSequence, min: i64, max: i64) -> String {
    let (_, old_min, old_max) = integer(&sequence.data_type).unwrap_or(("bigint", min, max));
    // An ascending sequence begins at 1 by default, a descending one ends at -1.
    let (default_min, default_max) =
        if sequence.increment > 0 { (1, old_max) } else { (old_min, -1) };
    let min = if sequence.min == default_min {
        String::from(" NO MINVALUE")
    } else {
        format!(" MINVALUE {}", sequence.min.max(min))
    };
    let max = if sequence.max == default_max {
        String::from(" NO MAXVALUE")
    } else {
        format!(" MAXVALUE {}", sequence.max.min(max))
    };
    format!("{min}{max}")
}
