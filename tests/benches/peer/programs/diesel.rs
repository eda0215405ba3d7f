use std::time::Instant;

use diesel::{Connection, PgConnection};
use diesel_migrations::{EmbeddedMigrations, MigrationHarness, embed_migrations};

const HUNDRED: EmbeddedMigrations = embed_migrations!("hundred");
const TWENTY: EmbeddedMigrations = embed_migrations!("twenty");

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    let mut connection = PgConnection::establish(&arguments[1]).unwrap();
    if arguments[2] == "start" {
        connection.run_pending_migrations(TWENTY).unwrap();
        return;
    }
    for _ in 0..arguments[2].parse::<u32>().unwrap() {
        let begin = Instant::now();
        connection.run_pending_migrations(HUNDRED).unwrap();
        println!("{}", begin.elapsed().as_secs_f64() * 1000.0);
    }
}
