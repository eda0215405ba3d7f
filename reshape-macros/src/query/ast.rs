//! The arguments of `query!`: `[crate = path,] [as Row,] "statement" [, parameter]…`.

use syn::parse::{Parse, ParseStream};
use syn::punctuated::Punctuated;
use syn::{Expr, LitStr, Path, Token, Type};

/// What `query!` is given.
pub(crate) struct Arguments {
    /// The runtime's crate.
    pub(crate) runtime: Path,
    /// The type of the rows, if it is not to be made.
    pub(crate) row: Option<Type>,
    pub(crate) sql: LitStr,
    pub(crate) parameters: Vec<Expr>,
}

impl Parse for Arguments {
    fn parse(input: ParseStream<'_>) -> syn::Result<Self> {
        let mut runtime: Path = syn::parse_quote!(::reshape_runtime);
        if input.peek(Token![crate]) && input.peek2(Token![=]) {
            let _: Token![crate] = input.parse()?;
            let _: Token![=] = input.parse()?;
            runtime = input.call(Path::parse_mod_style)?;
            let _: Token![,] = input.parse()?;
        }
        let mut row = None;
        if input.peek(Token![as]) {
            let _: Token![as] = input.parse()?;
            row = Some(input.parse()?);
            let _: Token![,] = input.parse()?;
        }
        if !input.peek(LitStr) {
            return Err(input.error(
                "expected a statement as a string literal\n  \
                 help: `query!(\"SELECT id FROM users WHERE name = $1\", name)`; only what is known when the program is compiled can be checked",
            ));
        }
        let sql = input.parse()?;
        let mut parameters = Vec::new();
        if !input.is_empty() {
            let _: Token![,] = input.parse()?;
            let list = Punctuated::<Expr, Token![,]>::parse_terminated(input)?;
            parameters.extend(list);
        }
        Ok(Self { runtime, row, sql, parameters })
    }
}
