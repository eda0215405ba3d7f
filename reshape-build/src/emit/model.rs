//! The model as Rust expressions that are `const`.
//!
//! Text rather than tokens, and short names: a build script of the dev profile writes it many times faster, and the compiler reads
//! it again whenever the crate has changed.
//!
//! **Invariant:** every type is taken apart field by field and matched variant by variant, so that a new field or variant does not
//! compile until it is emitted.

use std::fmt::Write as _;

use reshape_runtime::model::{
    Action, AddCheck, AddColumn, AddForeignKey, AddIndex, Allow, AlterColumn, Check, Column,
    ColumnChanges, CreateEnum, CreateTable, Custom, Direction, ForeignKey, Index, IndexColumn,
    IndexMethod, Lint, List, Nulls, ReferentialAction, RemoveCheck, RemoveColumn, RemoveEnum,
    RemoveForeignKey, RemoveIndex, RemoveTable, RenameTable, Reverts, Str, TableUp, Transform,
};

/// The names that the expressions use, to stand before them. `__rt` is the runtime, which the including module brings into scope.
pub(super) const NAMES: &str = "\
#[allow(unused_imports)]
use ::std::borrow::Cow::Borrowed as B;
#[allow(unused_imports)]
use ::std::option::Option::{None as N, Some as S};
#[allow(unused_imports)]
use __rt::model::{self as m, Action as A};
";

/// A value that can be written as a constant.
pub(super) trait Emit {
    /// Adds the expression to `out`.
    fn emit(&self, out: &mut String);
}

macro_rules! emit_structs {
    ($($name:ident { $($field:ident),* $(,)? })*) => {$(
        impl Emit for $name {
            fn emit(&self, out: &mut String) {
                let Self { $($field),* } = self;
                out.push_str(concat!("m::", stringify!($name), "{"));
                $(
                    out.push_str(concat!(stringify!($field), ":"));
                    $field.emit(out);
                    out.push(',');
                )*
                out.push('}');
            }
        }
    )*};
}

macro_rules! emit_keywords {
    ($($name:ident { $($variant:ident),* $(,)? })*) => {$(
        impl Emit for $name {
            fn emit(&self, out: &mut String) {
                out.push_str(match self {
                    $(Self::$variant => concat!("m::", stringify!($name), "::", stringify!($variant)),)*
                });
            }
        }
    )*};
}

macro_rules! emit_actions {
    ($($variant:ident),* $(,)?) => {
        impl Emit for Action {
            fn emit(&self, out: &mut String) {
                match self {
                    $(Self::$variant(action) => {
                        out.push_str(concat!("A::", stringify!($variant), "("));
                        action.emit(out);
                        out.push(')');
                    })*
                }
            }
        }
    };
}

emit_structs! {
    Allow { lint, reason }
    AddCheck { table, schema, check }
    AddColumn { table, schema, column, up }
    AddForeignKey { table, schema, foreign_key }
    AddIndex { table, schema, index }
    AlterColumn { table, schema, column, up, down, changes }
    Check { name, expression }
    Column { name, data_type, nullable, default, generated, comment }
    ColumnChanges { name, data_type, nullable, default }
    CreateEnum { name, values }
    CreateTable { name, schema, columns, primary_key, foreign_keys, checks, comment, up }
    Custom { start, complete, abort, reverts }
    ForeignKey { columns, referenced_table, referenced_schema, referenced_columns, on_delete, on_update }
    Index { name, columns, unique, method, predicate }
    RemoveCheck { table, schema, check }
    RemoveColumn { table, schema, column, down }
    RemoveEnum { name }
    RemoveForeignKey { table, schema, foreign_key }
    RemoveIndex { index, schema }
    RemoveTable { table, schema }
    RenameTable { table, schema, new_name }
    Reverts { start, complete }
    TableUp { table, schema, values, condition, upsert_constraint }
}

emit_keywords! {
    Direction { Asc, Desc }
    IndexMethod { Btree, Hash, Gist, Spgist, Gin, Brin }
    Nulls { First, Last }
    ReferentialAction { NoAction, Restrict, Cascade, SetNull, SetDefault }
}

emit_actions! {
    CreateTable, RenameTable, RemoveTable, AddColumn, AlterColumn, RemoveColumn, AddIndex, RemoveIndex, AddForeignKey,
    RemoveForeignKey, AddCheck, RemoveCheck, CreateEnum, RemoveEnum, Custom,
}

impl Emit for Lint {
    fn emit(&self, out: &mut String) {
        match self {
            Self::RowSecurityBypass => out.push_str("m::Lint::RowSecurityBypass"),
            Self::Drift => out.push_str("m::Lint::Drift"),
            Self::Hazard(name) => {
                out.push_str("m::Lint::Hazard(");
                name.emit(out);
                out.push(')');
            }
        }
    }
}

/// Adds `name { field: value, … }` to `out`.
fn fields(out: &mut String, name: &str, fields: &[(&str, &dyn Emit)]) {
    out.push_str(name);
    out.push('{');
    for (field, value) in fields {
        out.push_str(field);
        out.push(':');
        value.emit(out);
        out.push(',');
    }
    out.push('}');
}

impl Emit for IndexColumn {
    fn emit(&self, out: &mut String) {
        match self {
            Self::Name(name) => {
                out.push_str("m::IndexColumn::Name(");
                name.emit(out);
                out.push(')');
            }
            Self::Column { column, direction, nulls } => fields(
                out,
                "m::IndexColumn::Column",
                &[("column", column), ("direction", direction), ("nulls", nulls)],
            ),
            Self::Expression { expression, direction, nulls } => fields(
                out,
                "m::IndexColumn::Expression",
                &[("expression", expression), ("direction", direction), ("nulls", nulls)],
            ),
        }
    }
}

impl Emit for Transform {
    fn emit(&self, out: &mut String) {
        match self {
            Self::Expression(expression) => {
                out.push_str("m::Transform::Expression(");
                expression.emit(out);
                out.push(')');
            }
            Self::Table { table, schema, value, condition } => fields(
                out,
                "m::Transform::Table",
                &[("table", table), ("schema", schema), ("value", value), ("condition", condition)],
            ),
        }
    }
}

impl Emit for Str {
    fn emit(&self, out: &mut String) {
        let text = self.as_ref();
        // What `Debug` writes is a literal of that string.
        let written = write!(out, "B({text:?})");
        written.expect("a string takes everything");
    }
}

impl Emit for bool {
    fn emit(&self, out: &mut String) {
        out.push_str(if *self { "true" } else { "false" });
    }
}

impl<T: Emit> Emit for Option<T> {
    fn emit(&self, out: &mut String) {
        let Some(value) = self else { return out.push('N') };
        out.push_str("S(");
        value.emit(out);
        out.push(')');
    }
}

impl<T: Emit + Clone> Emit for List<T> {
    fn emit(&self, out: &mut String) {
        out.push_str("B(&[");
        for item in self.iter() {
            item.emit(out);
            out.push(',');
        }
        out.push_str("])");
    }
}

impl<A: Emit, B: Emit> Emit for (A, B) {
    fn emit(&self, out: &mut String) {
        out.push('(');
        self.0.emit(out);
        out.push(',');
        self.1.emit(out);
        out.push(')');
    }
}
