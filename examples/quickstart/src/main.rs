use reshape_runtime::{Migrator, schema_query};

reshape_runtime::migrations!();

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let url = std::env::var("DATABASE_URL")?;
    Migrator::new(migrations::SET, &url).start()?;

    let mut client = postgres::Client::connect(&url, postgres::NoTls)?;
    client.batch_execute(schema_query!())?;
    client.execute("INSERT INTO users (name) VALUES ($1)", &[&"Ada"])?;
    Ok(())
}
