use std::time::Instant;

use sqlx::{Connection, PgConnection};

static HUNDRED: sqlx::migrate::Migrator = sqlx::migrate!("./hundred");
static TWENTY: sqlx::migrate::Migrator = sqlx::migrate!("./twenty");

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    let mut connection = PgConnection::connect(&arguments[1]).await.unwrap();
    if arguments[2] == "start" {
        TWENTY.run(&mut connection).await.unwrap();
        return;
    }
    for _ in 0..arguments[2].parse::<u32>().unwrap() {
        let begin = Instant::now();
        HUNDRED.run(&mut connection).await.unwrap();
        println!("{}", begin.elapsed().as_secs_f64() * 1000.0);
    }
}
