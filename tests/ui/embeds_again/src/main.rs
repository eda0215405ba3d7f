reshape_runtime::migrations!();

fn main() {
    for migration in migrations::SET.migrations.iter() {
        println!("{}", migration.name);
    }
    println!("{}", reshape_runtime::schema_query!());
}
