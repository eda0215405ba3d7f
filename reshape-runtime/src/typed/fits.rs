//! Whether a Rust type can be given for a parameter of a Postgres type, as far as that is certain.
//!
//! Each Postgres type has a module with the same content, because the compiler's message can then name the type as SQL does.
//!
//! **Invariant:** only types whose conversions the driver fixes for all programs are judged; a type of the program's, or of a library, may have any.

/// A Rust type whose conversions are known.
pub trait Known {}

macro_rules! known {
    ($($rust:ty)*) => {$(impl Known for $rust {})*};
}

known! { bool i8 i16 i32 i64 u32 f32 f64 str String }

impl<T: Known + ?Sized> Known for &T {}
impl<T: Known> Known for Option<T> {}

/// What judges the parameters of one type: `query!` writes it out for an enum type, whose name only the program has.
#[doc(hidden)]
#[macro_export]
macro_rules! __fits {
    ($message:literal, $($rust:ty),*) => {
        /// A known type that can be given for this one.
        #[diagnostic::on_unimplemented(
            message = $message,
            label = "not for this parameter",
            note = "the statement compares it with a column of that type, or writes it to one: convert the value, or cast the parameter in the statement"
        )]
        pub trait Fits {}

        $(
            #[diagnostic::do_not_recommend]
            impl Fits for $rust {}
        )*

        #[diagnostic::do_not_recommend]
        impl<T: Fits + ?Sized> Fits for &T {}

        #[diagnostic::do_not_recommend]
        impl<T: Fits> Fits for ::core::option::Option<T> {}

        /// A value for such a parameter.
        #[derive(Debug)]
        pub struct Given<'a, T: ?Sized>(pub &'a T);

        /// Found first by a method call, where the type is known.
        pub trait OfKnownType {
            /// The value's type.
            type Rust: ?Sized;

            /// Compiles if that can be given for the parameter.
            fn check(&self)
            where
                Self::Rust: Fits,
            {
            }
        }

        impl<T: $crate::typed::fits::Known + ?Sized> OfKnownType for Given<'_, T> {
            type Rust = T;
        }

        /// Found where the other is not: nothing is said.
        pub trait OfAnyType {
            /// Compiles.
            fn check(&self) {}
        }

        impl<T: ?Sized> OfAnyType for &Given<'_, T> {}
    };
}

macro_rules! postgres_type {
    ($module:ident, $message:literal, $($rust:ty),*) => {
        #[doc = concat!("Parameters of the type `", stringify!($module), "`.")]
        pub mod $module {
            $crate::__fits!($message, $($rust),*);
        }
    };
}

postgres_type!(bool, "[R0612] a parameter of type `boolean` cannot be a `{Self}`", bool);
postgres_type!(int2, "[R0612] a parameter of type `smallint` cannot be a `{Self}`", i16);
postgres_type!(int4, "[R0612] a parameter of type `integer` cannot be a `{Self}`", i32);
postgres_type!(int8, "[R0612] a parameter of type `bigint` cannot be a `{Self}`", i64);
postgres_type!(float4, "[R0612] a parameter of type `real` cannot be a `{Self}`", f32);
postgres_type!(float8, "[R0612] a parameter of type `double precision` cannot be a `{Self}`", f64);
postgres_type!(oid, "[R0612] a parameter of type `oid` cannot be a `{Self}`", u32);
postgres_type!(text, "[R0612] a parameter of a text type cannot be a `{Self}`", str, String);
postgres_type!(uuid, "[R0612] a parameter of type `uuid` cannot be a `{Self}`",);
postgres_type!(json, "[R0612] a parameter of type `json` cannot be a `{Self}`",);
postgres_type!(jsonb, "[R0612] a parameter of type `jsonb` cannot be a `{Self}`",);
postgres_type!(date, "[R0612] a parameter of type `date` cannot be a `{Self}`",);
postgres_type!(time, "[R0612] a parameter of type `time` cannot be a `{Self}`",);
postgres_type!(timestamp, "[R0612] a parameter of type `timestamp` cannot be a `{Self}`",);
postgres_type!(timestamptz, "[R0612] a parameter of type `timestamptz` cannot be a `{Self}`",);
postgres_type!(numeric, "[R0612] a parameter of type `numeric` cannot be a `{Self}`",);
postgres_type!(bytea, "[R0612] a parameter of type `bytea` cannot be a `{Self}`",);
postgres_type!(interval, "[R0612] a parameter of type `interval` cannot be a `{Self}`",);
postgres_type!(inet, "[R0612] a parameter of type `inet` cannot be a `{Self}`",);
