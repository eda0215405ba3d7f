//! Which databases there are, according to one of them.

use postgres::SimpleQueryMessage::Row;

use crate::error::{Error, ErrorKind};
use crate::exec::connection::IntoConnection;
use crate::exec::retry::describe;
use crate::exec::{Settings, thread};
use crate::observer::Event;

/// The first column of what a query returns: where the databases of a fleet are, according to another one. Nothing can be written by it.
pub(crate) fn rows(connection: impl IntoConnection, query: &str) -> Result<Vec<String>, Error> {
    let mut source = connection.into_source();
    thread::run(|| {
        let mut client = source.open(&Settings::default(), &mut |_: &Event| {})?;
        let failed = |error: postgres::Error| {
            let text = describe(&error);
            Error::new(ErrorKind::Database, format!("the query for databases failed: {text}"))
                .with_sqlstate(&error)
        };
        client.batch_execute("SET default_transaction_read_only TO on").map_err(failed)?;
        let messages = client.simple_query(query).map_err(failed)?;
        let values = messages.iter().filter_map(|message| match message {
            Row(row) => Some(row.get(0).map(str::to_owned)),
            _ => None,
        });
        values.collect::<Option<Vec<String>>>().ok_or_else(|| {
            Error::new(ErrorKind::Database, "the query for databases returned a row that is null")
                .with_help("leave such rows out, with `WHERE … IS NOT NULL`")
        })
    })
}
