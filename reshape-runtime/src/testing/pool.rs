//! Databases that are ready before a test asks for one.
//!
//! A state is made once, in a database that becomes a template; copies of it wait under names that say so, and a test takes one by giving it
//! the name of a database in use. Where none waits the test makes a copy itself.
//!
//! **Invariant:** a template, or a database that is ready, is whole: each is made under another name, or by one statement.

use std::sync::{Arc, PoisonError};

use postgres::error::SqlState;
use postgres::{Client, Config};

use super::admin::{connect, on_own_thread};
use super::keeper::{Job, Keeper, draw};
use super::prepared::key;
use super::state::Resolved;
use super::statements::{create_database, drop_database, is_there, lock, try_lock, unlock};
use super::sweep;
use crate::{Error, ErrorKind};

/// The names of templates begin with it; the key follows.
pub(super) const TEMPLATE: &str = "reshape_template_";
/// The names of databases that wait for a test begin with it; the key follows, then what tells them apart.
pub(super) const READY: &str = "reshape_ready_";
/// The names of databases that will be templates begin with it, in the same way.
pub(super) const UNFINISHED: &str = "reshape_unfinished_";

/// The first number of the lock under which a template is made.
const MAKING: i32 = 0x7265_746d;
/// The same for the lock under which the first databases are made ready.
const FILLING: i32 = 0x7265_6669;

/// A template that is dropped between two looks at it, so often in a row, is somebody's mistake.
const TRIES: u32 = 10;

/// How many databases of killed tests are dropped for each that is made: more than one, so that there are fewer in the end.
const DROPPED: i64 = 2;

/// How many databases wait for tests: as many as may begin while one is copied.
fn pool_size() -> i64 {
    let processors = std::thread::available_parallelism().map_or(2, std::num::NonZero::get);
    i64::try_from(processors.clamp(2, 8)).unwrap_or(2) * 2
}

pub(super) fn template(key: u64) -> String {
    format!("{TEMPLATE}{key:016x}")
}

/// A database in this state, whose lease is ours.
pub(super) fn take(keeper: &Arc<Keeper>, state: &Resolved) -> Result<String, Error> {
    // Only its owner can copy a template.
    let key = key(&(state.key(), keeper.config.get_user()));
    keeper.may_be_made(key)?;
    for _ in 0..TRIES {
        let taken = keeper.lease(|client, name| claim(client, key, name));
        // While the test runs, the next one's is made.
        keeper.later(Job::Fill(key));
        let (name, claimed) = taken?;
        if claimed {
            return Ok(name);
        }
        let copied = make_template(keeper, state, key).and_then(|()| copy(keeper, key, &name));
        match copied {
            Ok(true) => return Ok(name),
            Ok(false) => keeper.release(&name),
            Err(error) => {
                keeper.release(&name);
                return Err(error);
            }
        }
    }
    Err(Error::new(
        ErrorKind::Database,
        format!("the template `{}` is dropped again and again", template(key)),
    ))
}

/// Gives a database that is ready its new name; whether there was one. In one round trip, and any number of sessions at once: of two that
/// want the same database one finds that its name has changed, and takes the next.
fn claim(client: &mut Client, key: u64, name: &str) -> Result<bool, postgres::Error> {
    let claimed = client.batch_execute(&format!(
        "DO $claim$
        DECLARE found name;
        BEGIN
            FOR found IN
                SELECT datname FROM pg_catalog.pg_database WHERE starts_with(datname::text, '{READY}{key:016x}_') ORDER BY random()
            LOOP
                BEGIN
                    EXECUTE format('ALTER DATABASE %I RENAME TO {name}', found);
                    RETURN;
                EXCEPTION WHEN SQLSTATE '3D000' OR SQLSTATE '55006' THEN
                    -- It has another name by now, or somebody is connected to it: the next one.
                END;
            END LOOP;
            RAISE no_data_found;
        END
        $claim$"
    ));
    match claimed {
        Err(error) if error.code() == Some(&SqlState::NO_DATA_FOUND) => Ok(false),
        other => other.map(|()| true),
    }
}

/// Copies the template under a name whose lease is ours; whether it was still there.
fn copy(keeper: &Keeper, key: u64, name: &str) -> Result<bool, Error> {
    on_own_thread(|| copy_with(keeper, &mut connect(&keeper.config)?, key, name))
}

fn copy_with(keeper: &Keeper, client: &mut Client, key: u64, name: &str) -> Result<bool, Error> {
    match create_database(client, name, &template(key), keeper.strategy) {
        Ok(()) => Ok(true),
        Err(error) if error.code() == Some(&SqlState::UNDEFINED_DATABASE) => Ok(false),
        Err(error) => Err(keeper.error()(error)),
    }
}

/// Makes sure that the template is there. Who comes while another makes it waits for that one.
fn make_template(keeper: &Arc<Keeper>, state: &Resolved, key: u64) -> Result<(), Error> {
    let _making = keeper.making.lock().unwrap_or_else(PoisonError::into_inner);
    // By who was here before.
    keeper.may_be_made(key)?;
    on_own_thread(|| {
        let mut client = connect(&keeper.config)?;
        let error = keeper.error();
        if is_there(&mut client, &template(key)).map_err(error)? {
            return Ok(());
        }
        // Given back with the session.
        lock(&mut client, MAKING, small(key)).map_err(error)?;
        if is_there(&mut client, &template(key)).map_err(error)? {
            return Ok(());
        }
        // What somebody has left who was killed while he made it.
        drop_unfinished(&mut client, key).map_err(error)?;
        let name = draw(&format!("{UNFINISHED}{key:016x}_"));
        create_database(&mut client, &name, "template0", keeper.strategy).map_err(error)?;
        let mut config: Config = keeper.config.clone();
        config.dbname(&name);
        let made = state.make(&config).and_then(|()| {
            client
                .batch_execute(&format!("ALTER DATABASE {name} RENAME TO {}", template(key)))
                .map_err(error)
        });
        if let Err(error) = made {
            // The failure itself is what the test has to say.
            let dropped = drop_database(&mut client, &name);
            if dropped.is_ok() && is_lasting(&error) {
                keeper.remember_unmade(key, &error);
            }
            return Err(error);
        }
        keeper.later(Job::Fill(key));
        keeper.later(Job::Sweep);
        Ok(())
    })
}

/// Whether the same migrations and fixtures fail again on a server that is well: not what it had no room or no connection for, or has cancelled.
fn is_lasting(error: &Error) -> bool {
    let of_the_server =
        |state: &str| ["08", "53", "57", "58"].iter().any(|class| state.starts_with(class));
    let of_the_moment = [ErrorKind::Connect, ErrorKind::Locked, ErrorKind::LockTimeout];
    !of_the_moment.contains(&error.kind()) && !error.sqlstate().is_some_and(of_the_server)
}

fn drop_unfinished(client: &mut Client, key: u64) -> Result<(), postgres::Error> {
    for name in sweep::beginning_with(client, &format!("{UNFINISHED}{key:016x}_"))? {
        drop_database(client, &name)?;
    }
    Ok(())
}

/// One database for the one that was taken; and more, up to the size of the pool, if nobody else does that just now. After each some are
/// dropped that killed tests have left, so that they never pile up.
pub(super) fn fill(keeper: &Keeper, client: &mut Client, key: u64) -> Result<(), Error> {
    let alone = try_lock(client, FILLING, small(key)).map_err(keeper.error())?;
    if alone {
        sweep::mark_used(client, key);
    }
    let filled = fill_up(keeper, client, key, alone);
    if alone {
        unlock(client, FILLING, small(key)).map_err(keeper.error())?;
    }
    filled
}

fn fill_up(keeper: &Keeper, client: &mut Client, key: u64, alone: bool) -> Result<(), Error> {
    let error = keeper.error();
    let prefix = format!("{READY}{key:016x}_");
    let size = pool_size();
    loop {
        let ready: i64 = client
            .query_one(
                "SELECT count(*) FROM pg_catalog.pg_database WHERE starts_with(datname::text, $1)",
                &[&prefix],
            )
            .and_then(|row| row.try_get(0))
            .map_err(error)?;
        let made = ready < size && copy_with(keeper, client, key, &draw(&prefix))?;
        sweep::some(client, DROPPED).map_err(error)?;
        if !made || !alone {
            return Ok(());
        }
    }
}

/// The second number of a lock. Two keys that share it wait for each other, no more.
fn small(key: u64) -> i32 {
    #[expect(clippy::cast_possible_truncation, reason = "its last 32 bits")]
    let low = key as u32;
    low.cast_signed()
}
