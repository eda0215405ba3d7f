//! A parameter of a statement.

use std::error::Error;

use postgres::types::private::BytesMut;
use postgres::types::{Format, IsNull, Kind, ToSql, Type};

/// A value that may also go where a domain over its type is expected: the driver tells the two apart, the server does not.
#[derive(Clone, Copy, Debug)]
pub(super) struct Param<'a>(pub(super) &'a (dyn ToSql + Sync));

impl ToSql for Param<'_> {
    fn to_sql(
        &self,
        ty: &Type,
        out: &mut BytesMut,
    ) -> Result<IsNull, Box<dyn Error + Sync + Send>> {
        match (self.0.to_sql_checked(ty, out), ty.kind()) {
            (Err(error), Kind::Domain(base)) if error.is::<postgres::types::WrongType>() => {
                self.to_sql(base, out)
            }
            (result, _) => result,
        }
    }

    fn accepts(_: &Type) -> bool {
        true
    }

    fn encode_format(&self, ty: &Type) -> Format {
        self.0.encode_format(ty)
    }

    fn to_sql_checked(
        &self,
        ty: &Type,
        out: &mut BytesMut,
    ) -> Result<IsNull, Box<dyn Error + Sync + Send>> {
        self.to_sql(ty, out)
    }
}
