//! Which databases or schemas there are, according to a database.

use postgres::SimpleQueryMessage::Row;

use crate::error::{Error, ErrorKind};
use crate::exec::connection::IntoConnection;
use crate::exec::retry::describe;
use crate::exec::{Settings, thread};
use crate::observer::Event;

/// The first column of what a query returns: the databases or schemas (`what`) of a fleet, according to a database. Nothing can be written by it.
pub(crate) fn rows(
    connection: impl IntoConnection,
    query: &str,
    what: &str,
) -> Result<Vec<String>, Error> {
    let mut source = connection.into_source();
    thread::run(|| {
        let mut client = source.open(&Settings::default(), &mut |_: &Event| {})?;
        let failed = |error: postgres::Error| {
            let text = describe(&error);
            Error::new(ErrorKind::Database, format!("the query for {what} failed: {text}"))
                .with_sqlstate(&error)
        };
        client.batch_execute("SET default_transaction_read_only TO on").map_err(failed)?;
        let messages = client.simple_query(query).map_err(failed)?;
        let values = messages.iter().filter_map(|message| match message {
            Row(row) => Some(row.get(0).map(str::to_owned)),
            _ => None,
        });
        values.collect::<Option<Vec<String>>>().ok_or_else(|| {
            let message = format!("the query for {what} returned a row that is null");
            Error::new(ErrorKind::Database, message)
                .with_help("leave such rows out, with `WHERE … IS NOT NULL`")
        })
    })
}
