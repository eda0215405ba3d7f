//! Enum types as Rust enums.

use std::error::Error;

use postgres::types::{Kind, Type};

/// A Rust enum that stands for an enum type of Postgres.
pub trait Enumeration: Copy + 'static {
    /// The type's name, unquoted.
    const NAME: &'static str;
    /// Every value with the text that Postgres has for it, in the type's order.
    const VALUES: &'static [(Self, &'static str)];

    /// The text that Postgres has for the value.
    fn as_str(self) -> &'static str;
}

#[doc(hidden)]
pub fn enumeration_matches<E: Enumeration>(ty: &Type) -> bool {
    match ty.kind() {
        Kind::Enum(_) => ty.name() == E::NAME,
        Kind::Domain(base) => enumeration_matches::<E>(base),
        _ => false,
    }
}

#[doc(hidden)]
pub fn enumeration_from_sql<E: Enumeration>(raw: &[u8]) -> Result<E, Box<dyn Error + Sync + Send>> {
    let text = std::str::from_utf8(raw)?;
    match E::VALUES.iter().find(|(_, known)| *known == text) {
        Some((value, _)) => Ok(*value),
        None => {
            Err(format!("`{text}` is not a value of enum `{}` in this version", E::NAME).into())
        }
    }
}

/// What a generated enum cannot get from a blanket implementation, because the driver's traits are not ours.
#[doc(hidden)]
#[macro_export]
macro_rules! __enumeration {
    ($type:ident, $name:literal, $($variant:ident = $text:literal),*) => {
        impl $crate::typed::Enumeration for $type {
            const NAME: &'static str = $name;
            const VALUES: &'static [(Self, &'static str)] = &[$((Self::$variant, $text)),*];

            fn as_str(self) -> &'static str {
                match self {
                    $(Self::$variant => $text,)*
                }
            }
        }

        impl $crate::typed::postgres::types::FromSql<'_> for $type {
            fn from_sql(
                _: &$crate::typed::postgres::types::Type,
                raw: &[u8],
            ) -> ::core::result::Result<
                Self,
                ::std::boxed::Box<dyn ::std::error::Error + ::core::marker::Sync + ::core::marker::Send>,
            > {
                $crate::typed::enumeration_from_sql(raw)
            }

            fn accepts(ty: &$crate::typed::postgres::types::Type) -> bool {
                $crate::typed::enumeration_matches::<Self>(ty)
            }
        }

        impl $crate::typed::postgres::types::ToSql for $type {
            fn to_sql(
                &self,
                _: &$crate::typed::postgres::types::Type,
                out: &mut $crate::typed::postgres::types::private::BytesMut,
            ) -> ::core::result::Result<
                $crate::typed::postgres::types::IsNull,
                ::std::boxed::Box<dyn ::std::error::Error + ::core::marker::Sync + ::core::marker::Send>,
            > {
                out.extend_from_slice($crate::typed::Enumeration::as_str(*self).as_bytes());
                ::core::result::Result::Ok($crate::typed::postgres::types::IsNull::No)
            }

            fn accepts(ty: &$crate::typed::postgres::types::Type) -> bool {
                $crate::typed::enumeration_matches::<Self>(ty)
            }

            $crate::typed::postgres::types::to_sql_checked!();
        }

        impl ::core::fmt::Display for $type {
            fn fmt(&self, f: &mut ::core::fmt::Formatter<'_>) -> ::core::fmt::Result {
                f.pad($crate::typed::Enumeration::as_str(*self))
            }
        }
    };
}
