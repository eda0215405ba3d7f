//! Text of SQL: quoting and generated names. Nothing here knows an action.

pub mod ident;
pub mod names;
pub mod tenant;
