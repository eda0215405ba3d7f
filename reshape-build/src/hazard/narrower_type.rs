//! A type that does not hold every value of the one before, without a word about those values.

use reshape_runtime::model::Action;
use reshape_runtime::rule::Rule;
use reshape_runtime::schema::Problem;
use reshape_sql::Type;

use super::action::Step;

pub(super) fn check(step: &Step<'_>, problems: &mut Vec<Problem>) {
    let Action::AlterColumn(alter) = step.action else { return };
    let (Some(new), None) = (&alter.changes.data_type, &alter.up) else { return };
    // What an earlier action of the migration has made of it is not looked at.
    let changed = step.earlier.iter().any(|action| match action {
        Action::AlterColumn(earlier) => earlier.table == alter.table,
        Action::RenameTable(rename) => rename.new_name == alter.table,
        Action::CreateTable(create) => create.name == alter.table,
        Action::AddColumn(add) => add.table == alter.table && add.column.name == alter.column,
        Action::RemoveTable(_)
        | Action::RemoveColumn(_)
        | Action::AddIndex(_)
        | Action::RemoveIndex(_)
        | Action::AddForeignKey(_)
        | Action::RemoveForeignKey(_)
        | Action::AddCheck(_)
        | Action::RemoveCheck(_)
        | Action::CreateEnum(_)
        | Action::RemoveEnum(_) => false,
        Action::Custom(_) => true,
    });
    let known = step.before.table(&alter.table).and_then(|table| table.column(&alter.column));
    let (Some(known), false) = (known, changed) else { return };
    let (Some(from), Some(to)) = (Size::of(&known.data_type), Size::of(new)) else { return };
    let Some(loss) = from.loss(&to) else { return };
    problems.push(Problem {
        rule: Rule::NarrowerType,
        at: step.at,
        path: vec!["changes".into(), "type".into()],
        within: None,
        message: format!(
            "`{new}` does not hold every value of `{}`, and there is no `up`: {loss}",
            known.data_type
        ),
        help: Some(String::from(
            "say with `up` what becomes of the others, e.g. `left(…, 80)` or `least(…, 2147483647)`; where there are none, `up` that is the column itself says so",
        )),
        related: None,
    });
}

/// How much a type holds.
#[derive(Debug, PartialEq, Eq)]
enum Size {
    /// An integer of so many bytes.
    Integer(u8),
    /// A text of at most so many characters.
    Text(Option<u32>),
    /// A point in time, with its zone or without.
    Time(bool),
    /// A day.
    Date,
}

impl Size {
    /// Of a type that is surely one of those.
    fn of(sql: &str) -> Option<Self> {
        let of = Type::parse(sql).filter(|of| !of.array)?;
        let limit = match sql.split_once('(') {
            Some((_, rest)) => Some(rest.trim_end().strip_suffix(')')?.trim().parse().ok()?),
            None => None,
        };
        Some(match (&*of.name, limit) {
            ("int2", None) => Self::Integer(2),
            ("int4", None) => Self::Integer(4),
            ("int8", None) => Self::Integer(8),
            ("text", None) => Self::Text(None),
            ("varchar", limit) => Self::Text(limit),
            ("timestamptz", None) => Self::Time(true),
            ("timestamp", None) => Self::Time(false),
            ("date", None) => Self::Date,
            _ => return None,
        })
    }

    /// What happens to values that the other does not hold, if there can be any.
    fn loss(&self, to: &Self) -> Option<&'static str> {
        const FAILS: &str =
            "with one that does not fit start fails, and later the write of an old client";
        const CUT: &str = "a longer one makes start fail, and later the write of an old client";
        const TIME: &str = "what is left out is gone when the migration is complete";
        match (self, to) {
            (Self::Integer(from), Self::Integer(to)) => (to < from).then_some(FAILS),
            (Self::Text(None), Self::Text(Some(_))) => Some(CUT),
            (Self::Text(Some(from)), Self::Text(Some(to))) => (to < from).then_some(CUT),
            (Self::Time(_), Self::Date) => Some(TIME),
            (_, _) => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_surely_narrower_is_a_loss() {
        let loses =
            |from: &str, to: &str| Size::of(from).unwrap().loss(&Size::of(to).unwrap()).is_some();
        assert!(
            loses("bigint", "integer")
                && loses("text", "varchar(10)")
                && loses("timestamptz", "date")
        );
        assert!(loses("VARCHAR (20)", "character varying(10)"));
        assert!(
            !loses("int", "bigint")
                && !loses("varchar(10)", "text")
                && !loses("varchar(5)", "varchar(5)")
        );
        assert_eq!(Size::of("numeric(10, 2)"), None);
        assert_eq!(Size::of("mood"), None);
    }
}
