use std::time::Instant;

use postgres::{Client, NoTls};

mod hundred {
    refinery::embed_migrations!("hundred");
}
mod twenty {
    refinery::embed_migrations!("twenty");
}

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    let mut client = Client::connect(&arguments[1], NoTls).unwrap();
    if arguments[2] == "start" {
        twenty::migrations::runner().run(&mut client).unwrap();
        return;
    }
    for _ in 0..arguments[2].parse::<u32>().unwrap() {
        let begin = Instant::now();
        hundred::migrations::runner().run(&mut client).unwrap();
        println!("{}", begin.elapsed().as_secs_f64() * 1000.0);
    }
}
