use reshape_runtime::{Migration, schema_query};

reshape_runtime::migrations!();

const QUERY: &str = schema_query!();

// None of this raises an error of its own.
fn main() {
    println!("{:?} {QUERY} {}", migrations::SET, migrations::versions::M0001_CREATE_USERS);
    println!("{}", migrations::M0002Split::NAME);
}
