//! What a test cannot have from its database.

mod migrations {
    pub(crate) const SET: reshape_runtime::Migrations = reshape_runtime::Migrations::embedded(&[]);
}

#[reshape_runtime::test]
fn a_number(_number: u8) {}

#[reshape_runtime::test]
async fn a_client_that_blocks(_client: postgres::Client) {}

#[reshape_runtime::test]
fn a_client_that_does_not(_client: tokio_postgres::Client) {}

fn main() {}
