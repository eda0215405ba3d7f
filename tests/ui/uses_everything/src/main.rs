//! Everything that the macros offer, without a warning.
#![deny(warnings, missing_docs, missing_debug_implementations, unreachable_pub, clippy::pedantic)]

use reshape_runtime::{Migration, Migrations, schema_query};

reshape_runtime::migrations!();
reshape_runtime::migrations!(pub(crate) mod db, crate = ::reshape_runtime);

mod inner {
    pub(crate) mod deps {
        pub(crate) use reshape_runtime as rt;
    }
    reshape_runtime::migrations!(mod private, crate = crate::inner::deps::rt);

    pub(crate) fn latest() -> &'static str {
        private::LATEST
    }
}

const QUERY: &str = schema_query!();
const STATEMENTS: &str = concat!(schema_query!(then = ["extensions"]), ";");
static NAMED: &str = schema_query!("0001_create_users", then = ["public", "Ext\"s"],);

fn describe<M: Migration>(_: M) -> String {
    let Migrations { migrations, .. } = migrations::SET;
    assert_eq!(migrations[M::POSITION].name, M::NAME);
    assert_eq!(migrations[M::POSITION].checksum, M::CHECKSUM);
    assert_eq!(migrations[M::POSITION].actions, M::ACTIONS);
    format!("{} {:?} {} {}", M::NAME, M::DESCRIPTION, M::VERSION_SCHEMA, M::SCHEMA_QUERY)
}

fn main() {
    println!("{QUERY}\n{STATEMENTS}\n{NAMED}");
    println!("{}", describe(migrations::M0001CreateUsers));
    println!("{}", describe(db::M0002SplitName));
    println!("{}", migrations::versions::M0001_CREATE_USERS);
    println!("{} {}", migrations::LATEST, migrations::VERSION_SCHEMA);
    assert_eq!(migrations::SCHEMA_QUERY, QUERY);
    assert_eq!(inner::latest(), db::LATEST);
    let by_reference: &Migrations = &migrations::SET;
    assert_eq!(by_reference.migrations.len(), 2);
}
