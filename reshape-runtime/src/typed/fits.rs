//! Whether a Rust type can be given for a parameter of a Postgres type, as far as that is certain.
//!
//! **Invariant:** only types whose conversions the driver fixes for all programs are judged; a type of the program's, or of a library, may have any.

use std::marker::PhantomData;

/// Postgres types, as types.
#[allow(non_camel_case_types)]
pub mod postgres_type {
    macro_rules! types {
        ($($name:ident)*) => {$(
            #[doc = stringify!($name)]
            #[derive(Debug)]
            pub struct $name;
        )*};
    }

    types! { bool int2 int4 int8 float4 float8 text oid char another }
}

/// A Rust type whose conversions are known.
pub trait Known {}

/// A known type that can be given for `P`.
#[diagnostic::on_unimplemented(
    message = "a parameter of type `{P}` cannot be a `{Self}`",
    label = "this parameter is of type `{P}`",
    note = "the statement compares it with, or writes it to, a column of that type: convert the value, or cast the parameter in the statement"
)]
pub trait Fits<P> {}

macro_rules! known {
    ($($rust:ty: $postgres:ident),*) => {$(
        impl Known for $rust {}
        impl Fits<postgres_type::$postgres> for $rust {}
    )*};
}

known! {
    bool: bool, i8: char, i16: int2, i32: int4, i64: int8, u32: oid, f32: float4, f64: float8, str: text, String: text
}

impl<T: Known + ?Sized> Known for &T {}
impl<T: Known> Known for Option<T> {}
impl<T: Fits<P> + ?Sized, P> Fits<P> for &T {}
impl<T: Fits<P>, P> Fits<P> for Option<T> {}

/// A value, and the type of the parameter that it is given for.
#[derive(Debug)]
pub struct Given<'a, T: ?Sized, P>(&'a T, PhantomData<P>);

impl<'a, T: ?Sized, P> Given<'a, T, P> {
    /// The value for a parameter of type `P`.
    pub fn new(value: &'a T, _: P) -> Self {
        Self(value, PhantomData)
    }
}

/// Found first by a method call, where the type is known.
pub trait OfKnownType {
    /// The value's type.
    type Rust: ?Sized;
    /// The parameter's.
    type Postgres;

    /// Compiles if the one can be given for the other.
    fn check(&self)
    where
        Self::Rust: Fits<Self::Postgres>;
}

impl<T: Known + ?Sized, P> OfKnownType for Given<'_, T, P> {
    type Rust = T;
    type Postgres = P;

    fn check(&self)
    where
        T: Fits<P>,
    {
    }
}

/// Found where the other is not: nothing is said.
pub trait OfAnyType {
    /// Compiles.
    fn check(&self) {}
}

impl<T: ?Sized, P> OfAnyType for &Given<'_, T, P> {}
