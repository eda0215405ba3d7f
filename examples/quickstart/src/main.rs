use reshape_runtime::typed::NewRow;
use reshape_runtime::{Migrator, query, schema_query};

reshape_runtime::migrations!();
use migrations::schema::{NewUsers, users};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let url = std::env::var("DATABASE_URL")?;
    Migrator::new(migrations::SET, &url).start()?;

    let mut client = postgres::Client::connect(&url, postgres::NoTls)?;
    client.batch_execute(schema_query!())?;
    let ada = NewUsers::new(users::Required { name: "Ada" }).insert(&mut client)?;
    let found = query!("SELECT name FROM users WHERE id = $1", ada.id).one(&mut client)?;
    assert_eq!(found.name, ada.name);
    Ok(())
}
