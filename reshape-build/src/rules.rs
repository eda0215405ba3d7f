//! Every rule: what breaks it, why that matters, an example, and the safe way. `reshape explain R0201` prints a page.
//!
//! The examples follow a migration that creates two tables: `users`, with the columns `id` (`bigint`, the primary key, generated), `name`
//! (`text`, NOT NULL) and `email` (`text`), and `orders`, with `id` (the same), `user_id` (`bigint`, NOT NULL, a foreign key to `users`) and `total`
//! (`numeric(10, 2)`, NOT NULL, default 0).
//!
//! **Invariant:** every rule has a page, and what a page says is tested: an example marked `bad` breaks that rule and no other, one marked `good`
//! none.

use reshape_runtime::Rule;

/// Reads the page of each rule from `rules/<id>-<name>.md`; one that is missing does not compile.
macro_rules! pages {
    ($($variant:ident $id:literal $name:literal)+) => {
        $(
            #[doc = include_str!(concat!("../rules/", $id, "-", $name, ".md"))]
            ///
            /// ---
            ///
        )+
        pub const PAGES: &[(Rule, &str)] =
            &[$((Rule::$variant, include_str!(concat!("../rules/", $id, "-", $name, ".md")))),+];
    };
}

reshape_runtime::__with_rules!(pages);

/// The page of a rule, in Markdown.
pub fn page(rule: Rule) -> &'static str {
    let page = PAGES.iter().find(|(known, _)| *known == rule);
    page.map_or("", |(_, page)| page)
}
