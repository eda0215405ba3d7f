//! The model as Rust expressions that are `const`.
//!
//! **Invariant:** every type is taken apart field by field and matched variant by variant, so that a new field or variant does not
//! compile until it is emitted.

use proc_macro2::TokenStream;
use quote::quote;
use reshape_runtime::model::{
    Action, AddCheck, AddColumn, AddForeignKey, AddIndex, Allow, AlterColumn, Check, Column,
    ColumnChanges, CreateEnum, CreateTable, Custom, Direction, ForeignKey, Index, IndexColumn,
    IndexMethod, Lint, List, Nulls, ReferentialAction, RemoveCheck, RemoveColumn, RemoveEnum,
    RemoveForeignKey, RemoveIndex, RemoveTable, RenameTable, Reverts, Str, TableUp, Transform,
};

/// A value that can be written as a constant.
pub(super) trait Emit {
    /// The expression. Our own types are named through `__rt`, which the including module brings into scope.
    fn emit(&self) -> TokenStream;
}

macro_rules! emit_structs {
    ($($name:ident { $($field:ident),* $(,)? })*) => {$(
        impl Emit for $name {
            fn emit(&self) -> TokenStream {
                let Self { $($field),* } = self;
                $(let $field = $field.emit();)*
                quote!(__rt::model::$name { $($field: #$field),* })
            }
        }
    )*};
}

macro_rules! emit_keywords {
    ($($name:ident { $($variant:ident),* $(,)? })*) => {$(
        impl Emit for $name {
            fn emit(&self) -> TokenStream {
                match self {
                    $(Self::$variant => quote!(__rt::model::$name::$variant),)*
                }
            }
        }
    )*};
}

macro_rules! emit_actions {
    ($($variant:ident),* $(,)?) => {
        impl Emit for Action {
            fn emit(&self) -> TokenStream {
                match self {
                    $(Self::$variant(action) => {
                        let action = action.emit();
                        quote!(__rt::model::Action::$variant(#action))
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
    fn emit(&self) -> TokenStream {
        match self {
            Self::RowSecurityBypass => quote!(__rt::model::Lint::RowSecurityBypass),
            Self::Drift => quote!(__rt::model::Lint::Drift),
            Self::Hazard(name) => {
                let name = name.emit();
                quote!(__rt::model::Lint::Hazard(#name))
            }
        }
    }
}

impl Emit for IndexColumn {
    fn emit(&self) -> TokenStream {
        match self {
            Self::Name(name) => {
                let name = name.emit();
                quote!(__rt::model::IndexColumn::Name(#name))
            }
            Self::Column { column, direction, nulls } => {
                let (column, direction, nulls) = (column.emit(), direction.emit(), nulls.emit());
                quote!(__rt::model::IndexColumn::Column {
                    column: #column, direction: #direction, nulls: #nulls
                })
            }
            Self::Expression { expression, direction, nulls } => {
                let (expression, direction, nulls) =
                    (expression.emit(), direction.emit(), nulls.emit());
                quote!(__rt::model::IndexColumn::Expression {
                    expression: #expression, direction: #direction, nulls: #nulls
                })
            }
        }
    }
}

impl Emit for Transform {
    fn emit(&self) -> TokenStream {
        match self {
            Self::Expression(expression) => {
                let expression = expression.emit();
                quote!(__rt::model::Transform::Expression(#expression))
            }
            Self::Table { table, schema, value, condition } => {
                let (table, schema) = (table.emit(), schema.emit());
                let (value, condition) = (value.emit(), condition.emit());
                quote!(__rt::model::Transform::Table {
                    table: #table, schema: #schema, value: #value, condition: #condition
                })
            }
        }
    }
}

impl Emit for Str {
    fn emit(&self) -> TokenStream {
        let text = self.as_ref();
        quote!(::std::borrow::Cow::Borrowed(#text))
    }
}

impl Emit for bool {
    fn emit(&self) -> TokenStream {
        quote!(#self)
    }
}

impl<T: Emit> Emit for Option<T> {
    fn emit(&self) -> TokenStream {
        let Some(value) = self else { return quote!(::std::option::Option::None) };
        let value = value.emit();
        quote!(::std::option::Option::Some(#value))
    }
}

impl<T: Emit + Clone> Emit for List<T> {
    fn emit(&self) -> TokenStream {
        let items = self.iter().map(Emit::emit);
        quote!(::std::borrow::Cow::Borrowed(&[#(#items),*]))
    }
}

impl<A: Emit, B: Emit> Emit for (A, B) {
    fn emit(&self) -> TokenStream {
        let (a, b) = (self.0.emit(), self.1.emit());
        quote!((#a, #b))
    }
}
