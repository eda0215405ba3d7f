//! SQL checked without a database, against a schema that is known: does it parse, do the names exist where they stand, do the types fit.
//!
//! - [`expression`]: a snippet of a migration: a default, a check, an `up` or `down`;
//! - [`statements`]: SQL that is run as it is, of which only little is certain;
//! - [`remains`]: what of it may change the schema;
//! - [`query`]: one statement of an application, with the types of its parameters and of the columns that it gives.
//!
//! All names, of relations and columns, are as they are in the catalog: unquoted and folded. All ranges are bytes of the SQL that was given.
//!
//! **Invariant:** never a false alarm. What this crate rejects, every supported Postgres rejects; what is not certain is not found.
//!
//! **Invariant:** pure, and total: no input makes it panic, and time grows with the length of the input alone.

mod arithmetic;
mod call;
mod catalog;
mod chain;
mod column;
mod conflict;
mod constant;
mod depth;
mod expr;
mod expression;
mod finding;
mod frame;
mod from;
mod functions;
mod group;
mod label;
mod literal;
mod name;
mod operation;
mod operators;
mod parse;
mod place;
mod query;
mod remains;
mod required;
mod result;
mod role;
mod schemas;
mod select;
mod signatures;
mod statements;
mod types;
mod value;
mod walk;
mod with;
mod write;

pub use catalog::{Catalog, Column, Fill, Key, Named, Relation, Tables};
pub use expression::{Checked, Scope, Visible, expression};
pub use finding::{Finding, Related, Rule};
pub use query::{Kind, Output, Parameter, Query, query};
pub use remains::{Remains, remains};
pub use role::Role;
pub use statements::statements;
pub use types::Type;
