//! Operators whose operands' types decide: arithmetic, `||`, patterns.

use std::ops::Range;

use crate::finding::{Finding, Rule};
use crate::operators::{self, Outcome};
use crate::types::{Type, is_text};
use crate::value::{Kind, Value};
use crate::walk::Walk;

impl Walk<'_> {
    pub(crate) fn pattern(
        &mut self,
        name: &str,
        spelled: &str,
        (left, left_range): (&Value, &Range<usize>),
        (right, right_range): (&Value, &Range<usize>),
    ) {
        let text = Type::built_in("text");
        // A constant is first taken for what the other side is: `bytea LIKE '…'`.
        let (one, other) = match (left.data_type(), right.data_type()) {
            (Some(one), Some(other)) => (one.clone(), other.clone()),
            (Some(one), None) => (one.clone(), one.clone()),
            (None, Some(other)) => (other.clone(), other.clone()),
            (None, None) => (text.clone(), text.clone()),
        };
        if [&one, &other].iter().all(|side| is_text(&side.name)) {
            self.determine(left, &text);
            self.determine(right, &text);
        }
        if one.array || other.array || !(self.is_plain(left) && self.is_plain(right)) {
            return;
        }
        if operators::outcome(name, &one.name, &other.name) == Outcome::Nothing {
            let (which, range) =
                if is_text(&one.name) { (&other, right_range) } else { (&one, left_range) };
            let message = format!("`{}` needs text, and this is `{which}`", spelled.to_uppercase());
            self.report(
                Finding::new(Rule::TypeMismatch, range.clone(), message)
                    .help("cast it, as in `x::text`"),
            );
        }
    }

    /// Whether its type decides about operators: it is certain and no array, or a constant that takes what is needed.
    fn is_plain(&self, value: &Value) -> bool {
        match &value.kind {
            Kind::Of(data_type) => {
                !data_type.array && operators::is_asked(&data_type.name) && !self.is_open()
            }
            Kind::Literal(_) | Kind::Parameter(_) => true,
            Kind::Unknown => false,
        }
    }

    pub(crate) fn concatenation(
        &mut self,
        (left, left_range): (&Value, &Range<usize>),
        (right, right_range): (&Value, &Range<usize>),
        range: &Range<usize>,
    ) -> Value {
        match (left.data_type(), right.data_type()) {
            (Some(one), Some(other)) if one.array && one == other => {
                Value::typed(Some(one.clone()))
            }
            (Some(one), Some(other)) if one.array || other.array => {
                let (array, element) = if one.array { (one, other) } else { (other, one) };
                // With a NULL in it, it would be nothing that its type says.
                let added = if one.array { right } else { left };
                let same = self.is_whole(added.nullable) && array.element() == *element;
                Value::typed(same.then(|| array.clone()))
            }
            (Some(_), Some(_)) => {
                self.arithmetic("||", (left, left_range), (right, right_range), range)
            }
            (Some(known), None) | (None, Some(known)) => {
                let (open, open_range) = open((left, left_range), (right, right_range));
                if !open.is_open() {
                    return Value::default();
                }
                let known = known.clone();
                if known.array {
                    self.adapt(open, &known, open_range);
                    return Value::typed(Some(known));
                }
                match &*known.name {
                    "text" | "varchar" | "bpchar" | "name" => {
                        self.determine(open, &Type::built_in("text"));
                        Value::of("text")
                    }
                    "jsonb" | "bytea" => {
                        self.adapt(open, &known, open_range);
                        Value::typed(Some(known))
                    }
                    "int2" | "int4" | "int8" | "numeric" | "float4" | "float8" | "bool"
                    | "uuid" | "date" | "timestamp" | "timestamptz"
                        if matches!(open.kind, Kind::Literal(_)) =>
                    {
                        Value::of("text")
                    }
                    _ => Value::default(),
                }
            }
            (None, None) => match (&left.kind, &right.kind) {
                (Kind::Literal(_), Kind::Literal(_)) => Value::of("text"),
                _ => Value::default(),
            },
        }
    }

    pub(crate) fn arithmetic(
        &mut self,
        operator: &str,
        (left, left_range): (&Value, &Range<usize>),
        (right, right_range): (&Value, &Range<usize>),
        range: &Range<usize>,
    ) -> Value {
        let plain = self.is_plain(left) && self.is_plain(right);
        let (one, other) = match (left.data_type(), right.data_type()) {
            (Some(one), Some(other)) => (one.clone(), other.clone()),
            // A constant or parameter is first taken for what the other side is.
            (Some(known), None) | (None, Some(known)) if plain => {
                let (open, open_range) = open((left, left_range), (right, right_range));
                let known = known.clone();
                if let Outcome::Gives(result) =
                    operators::outcome(operator, &known.name, &known.name)
                {
                    self.adapt(open, &known, open_range);
                    return Value::of(result);
                }
                let time = matches!(&*known.name, "time" | "timetz" | "timestamp" | "timestamptz");
                if time && matches!(operator, "+" | "-") && left.data_type().is_some() {
                    self.determine(open, &Type::built_in("interval"));
                    return Value::typed(Some(known));
                }
                return Value::default();
            }
            _ => return Value::default(),
        };
        if !plain {
            return Value::default();
        }
        match operators::outcome(operator, &one.name, &other.name) {
            Outcome::Gives(result) => Value::of(result),
            // What is similar to a text, an extension (`pg_trgm`) knows.
            Outcome::Nothing if operator == "%" => Value::default(),
            Outcome::Nothing => {
                let message =
                    format!("there is no operator `{operator}` for `{one}` and `{other}`");
                self.report(
                    Finding::new(Rule::TypeMismatch, range.clone(), message)
                        .help("cast one of them, as in `x::text`"),
                );
                Value::default()
            }
            Outcome::Unknown => Value::default(),
        }
    }
}

/// Of two sides, of which one has a type, the other.
fn open<'v>(
    left: (&'v Value, &'v Range<usize>),
    right: (&'v Value, &'v Range<usize>),
) -> (&'v Value, &'v Range<usize>) {
    if left.0.data_type().is_some() { right } else { left }
}
