//! Every rule: what breaks it, why that matters, an example, and the safe way. `reshape explain R0201` prints a page.
//!
//! The examples follow a migration that creates two tables: `users`, with the columns `id` (`bigint`, the primary key, generated), `name`
//! (`text`, NOT NULL) and `email` (`text`), and `orders`, with `id` (the same), `user_id` (`bigint`, NOT NULL, a foreign key to `users`) and `total`
//! (`numeric(10, 2)`, NOT NULL, default 0).
//!
//! **Invariant:** every rule has a page, and what a page says is tested: an example marked `bad` breaks that rule and no other, one marked `good`
//! none.

use reshape_runtime::Rule;

/// Reads each page from `rules/<id>-<name>.md`.
macro_rules! pages {
    ($($page:literal)+) => {
        $(
            #[doc = include_str!(concat!("../rules/", $page, ".md"))]
            ///
            /// ---
            ///
        )+
        pub const PAGES: &[(&str, &str)] =
            &[$(($page, include_str!(concat!("../rules/", $page, ".md")))),+];
    };
}

pages! {
    // R00: files, and what stands in them.
    "R0001-invalid-toml"
    "R0002-invalid-json"
    "R0003-duplicate-key"
    "R0004-unreadable-file"
    "R0005-not-utf8"
    "R0006-unknown-key"
    "R0007-missing-key"
    "R0008-wrong-type"
    "R0009-unknown-action"
    "R0010-not-supported-yet"
    "R0011-unknown-value"
    "R0012-empty-value"
    "R0013-nul-character"
    "R0014-exclusive-keys"
    "R0015-not-in-baseline"
    "R0016-two-configurations"
    "R0017-unknown-lint"
    "R0018-level-of-error"

    // R01: sets of migrations, their order and their names.
    "R0101-missing-folder"
    "R0102-not-a-folder"
    "R0103-empty-folder"
    "R0104-unreadable-folder"
    "R0105-ambiguous-order"
    "R0106-duplicate-name"
    "R0107-similar-names"
    "R0108-migration-name-too-long"
    "R0109-invalid-namespace"
    "R0110-unknown-requirement"
    "R0111-required-later"

    // R02: histories.
    "R0201-unknown-table"
    "R0202-unknown-column"
    "R0203-unknown-index"
    "R0204-unknown-constraint"
    "R0205-unknown-enum"
    "R0206-unknown-type"
    "R0207-removed-earlier"
    "R0208-renamed-earlier"
    "R0209-created-later"
    "R0210-already-exists"
    "R0211-wrong-schema"
    "R0212-identifier-too-long"
    "R0213-reserved-name"
    "R0214-listed-twice"
    "R0215-no-columns"
    "R0216-not-null-without-value"
    "R0217-removed-without-down"
    "R0218-column-in-primary-key"
    "R0219-still-referenced"
    "R0220-type-in-use"
    "R0221-foreign-key-columns"
    "R0222-foreign-key-types"
    "R0223-foreign-key-without-unique-key"
    "R0224-index-of-primary-key"
    "R0225-conflicting-default"
    "R0226-invalid-generated"
    "R0227-identity-type"
    "R0228-index-method"
    "R0229-changes-nothing"
    "R0230-reverts-nothing"

    // R03: sQL in expressions, conditions and `custom` actions.
    "R0301-sql-syntax"
    "R0302-sql-unknown-column"
    "R0303-sql-ambiguous-column"
    "R0304-sql-unknown-table"
    "R0305-sql-unknown-function"
    "R0306-sql-type-mismatch"
    "R0307-sql-unknown-enum-value"
    "R0308-sql-not-allowed-here"
    "R0309-sql-not-immutable"

    // R04: hazards.
    "R0400-unused-allow"
    "R0401-transaction-control"
    "R0402-not-in-transaction"
    "R0403-own-objects"
    "R0404-session-switch"
    "R0405-kept-setting"
    "R0406-no-lock-timeout"
    "R0407-index-blocks-writes"
    "R0408-constraint-scan"
    "R0409-constraint-builds-index"
    "R0410-not-null-scan"
    "R0411-table-rewrite"
    "R0412-add-column-rewrite"
    "R0413-drop-while-in-use"
    "R0414-hidden-rename"
    "R0415-explicit-lock"
    "R0416-truncate-while-in-use"
    "R0417-unbounded-write"
    "R0418-drop-cascade"
    "R0419-disabled-triggers"
    "R0420-refresh-blocks-reads"
    "R0421-new-enum-value-used"
    "R0422-changes-migrated-table"
    "R0423-narrower-type"

    // R05: the lock file.
    "R0501-lock-edited"
    "R0502-lock-renamed"
    "R0503-lock-reordered"
    "R0504-lock-inserted"
    "R0505-lock-deleted"
    "R0506-lock-broken"
    "R0507-lock-missing"

    // R06: queries in Rust code.
    "R0601-query-statement"
    "R0602-query-parameters"
    "R0603-query-field-name"
    "R0604-query-field-type"
    "R0605-query-row-type"
    "R0606-query-missing-value"
    "R0607-query-generated-column"
    "R0608-query-value-count"
    "R0609-query-conflict-target"
    "R0610-query-ungrouped-column"
    "R0611-query-type-schema"
    "R0612-query-parameter-type"

    // R07: checks on a live database.
    "R0701-live-start"
    "R0702-live-rows"
    "R0703-live-clients"
    "R0704-live-abort"
    "R0705-live-complete"

    // R06: queries in Rust code.

    // R07: checks on a live database.
}

/// The page of a rule, in Markdown.
pub fn page(rule: Rule) -> &'static str {
    let name = format!("{}-{}", rule.id(), rule.name());
    let page = PAGES.iter().find(|(known, _)| *known == name);
    page.map_or("", |(_, page)| page)
}
