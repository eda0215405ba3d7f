use reshape_runtime::schema_query;

const TYPO: &str = schema_query!("0001_create_user");
const NUMBERLESS: &str = schema_query!("split_name", then = ["extensions"]);
const OTHER: &str = schema_query!("something_else");
const NO_NAME: &str = schema_query!(latest);

fn main() {
    println!("{TYPO}{NUMBERLESS}{OTHER}{NO_NAME}");
}
