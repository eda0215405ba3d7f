//! What the attribute does not take.

#[reshape_runtime::test(migration = SET)]
fn unknown_option(_client: postgres::Client) {}

#[reshape_runtime::test(in_progress, in_progress)]
fn given_twice(_client: postgres::Client) {}

#[reshape_runtime::test(upto = 7)]
fn not_a_name(_client: postgres::Client) {}

#[reshape_runtime::test]
fn generic<T>(_value: T) {}

#[reshape_runtime::test]
unsafe fn dangerous() {}

#[reshape_runtime::test]
#[tokio::test]
async fn twice(_client: tokio_postgres::Client) {}

#[reshape_runtime::test]
struct NotAFunction;

struct Tests;

impl Tests {
    #[reshape_runtime::test]
    fn method(&self) {}
}

fn main() {}
