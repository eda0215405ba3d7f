//! What a test function can ask for.

use std::ops::{Deref, DerefMut};

use postgres::{Client, Config};

use super::TestDb;
use super::admin::connect;
use crate::Error;

/// What a `#[reshape_runtime::test]` function can have as an argument; by its type.
///
/// Implement it for what your tests ask for again and again, a pool say:
///
/// ```no_run
/// # struct App { url: String }
/// use reshape_runtime::Error;
/// use reshape_runtime::testing::{Argument, TestDb};
///
/// impl Argument for App {
///     fn of(db: &TestDb) -> Result<Self, Error> {
///         Ok(App { url: db.url() })
///     }
/// }
/// ```
#[diagnostic::on_unimplemented(
    message = "a test cannot have a `{Self}` from its database",
    label = "not a `TestDb`, `postgres::Client`, `postgres::Config`, `String` (its URL), `Old`, `New`, or a pair of them",
    note = "an asynchronous test can also have a `tokio_postgres::Client`",
    note = "implement `reshape_runtime::testing::Argument` for a type of your own"
)]
pub trait Argument: Sized {
    /// Whether both versions have to be there: then the last migration is in progress.
    const IN_PROGRESS: bool = false;

    /// The value for a test with this database.
    ///
    /// # Errors
    ///
    /// If there is none: the test fails.
    fn of(db: &TestDb) -> Result<Self, Error>;
}

/// What an asynchronous `#[reshape_runtime::test]` function can have as an argument; by its type.
#[cfg(feature = "tokio")]
#[diagnostic::on_unimplemented(
    message = "an asynchronous test cannot have a `{Self}` from its database",
    label = "not a `TestDb`, `tokio_postgres::Client`, `postgres::Config`, `String` (its URL), `Old<tokio_postgres::Client>`, `New<tokio_postgres::Client>`, or a pair of them",
    note = "a `postgres::Client` blocks: it is for tests that are not `async`",
    note = "implement `reshape_runtime::testing::AsyncArgument` for a type of your own"
)]
pub trait AsyncArgument: Sized {
    /// Whether both versions have to be there: then the last migration is in progress.
    const IN_PROGRESS: bool = false;

    /// The value for a test with this database.
    ///
    /// # Errors
    ///
    /// If there is none: the test fails.
    fn of(db: &TestDb) -> impl Future<Output = Result<Self, Error>>;
}

/// A client of the version before the migration that is in progress, as the old instances of an application have during a roll-out.
#[derive(Debug)]
pub struct Old<C = Client>(pub C);

/// A client of the version that the migration in progress leads to, as the new instances of an application have.
#[derive(Debug)]
pub struct New<C = Client>(pub C);

impl<C> Deref for Old<C> {
    type Target = C;

    fn deref(&self) -> &C {
        &self.0
    }
}

impl<C> DerefMut for Old<C> {
    fn deref_mut(&mut self) -> &mut C {
        &mut self.0
    }
}

impl<C> Deref for New<C> {
    type Target = C;

    fn deref(&self) -> &C {
        &self.0
    }
}

impl<C> DerefMut for New<C> {
    fn deref_mut(&mut self) -> &mut C {
        &mut self.0
    }
}

/// The same for both kinds of tests.
macro_rules! argument {
    ($type:ty, $in_progress:literal, |$db:ident| $value:expr) => {
        impl Argument for $type {
            const IN_PROGRESS: bool = $in_progress;

            fn of($db: &TestDb) -> Result<Self, Error> {
                $value
            }
        }

        #[cfg(feature = "tokio")]
        impl AsyncArgument for $type {
            const IN_PROGRESS: bool = $in_progress;

            async fn of($db: &TestDb) -> Result<Self, Error> {
                $value
            }
        }
    };
}

argument!(TestDb, false, |db| Ok(db.clone()));
argument!(Config, false, |db| Ok(db.config()));
argument!(String, false, |db| Ok(db.url()));
argument!(Old<Config>, true, |db| Ok(Old(db.old_config())));
argument!(New<Config>, true, |db| Ok(New(db.config())));
argument!(Old<String>, true, |db| Ok(Old(db.old_url())));
argument!(New<String>, true, |db| Ok(New(db.url())));

impl Argument for Client {
    fn of(db: &TestDb) -> Result<Self, Error> {
        connect(&db.config())
    }
}

impl Argument for Old {
    const IN_PROGRESS: bool = true;

    fn of(db: &TestDb) -> Result<Self, Error> {
        db.connect_old().map(Old)
    }
}

impl Argument for New {
    const IN_PROGRESS: bool = true;

    fn of(db: &TestDb) -> Result<Self, Error> {
        db.connect().map(New)
    }
}

impl<A: Argument, B: Argument> Argument for (A, B) {
    const IN_PROGRESS: bool = A::IN_PROGRESS || B::IN_PROGRESS;

    fn of(db: &TestDb) -> Result<Self, Error> {
        Ok((A::of(db)?, B::of(db)?))
    }
}

#[cfg(feature = "tokio")]
mod asynchronous {
    use tokio_postgres::{Client, Config, NoTls};

    use super::{AsyncArgument, New, Old};
    use crate::Error;
    use crate::testing::TestDb;
    use crate::testing::admin::connect_error;

    async fn connect(url: &str) -> Result<Client, Error> {
        // The same words as for a client that blocks, which has a type of its own for this.
        let error = |error| connect_error(&url.parse().unwrap_or_default(), error);
        let connected = async { url.parse::<Config>()?.connect(NoTls).await };
        let (client, connection) = connected.await.map_err(error)?;
        // It ends with the client, or with the test's runtime; what fails in it fails in the client's statements.
        tokio::spawn(async move {
            let _ = connection.await;
        });
        Ok(client)
    }

    impl AsyncArgument for Client {
        async fn of(db: &TestDb) -> Result<Self, Error> {
            connect(&db.url()).await
        }
    }

    impl AsyncArgument for Old<Client> {
        const IN_PROGRESS: bool = true;

        async fn of(db: &TestDb) -> Result<Self, Error> {
            connect(&db.old_url()).await.map(Old)
        }
    }

    impl AsyncArgument for New<Client> {
        const IN_PROGRESS: bool = true;

        async fn of(db: &TestDb) -> Result<Self, Error> {
            connect(&db.url()).await.map(New)
        }
    }

    impl<A: AsyncArgument, B: AsyncArgument> AsyncArgument for (A, B) {
        const IN_PROGRESS: bool = A::IN_PROGRESS || B::IN_PROGRESS;

        async fn of(db: &TestDb) -> Result<Self, Error> {
            Ok((A::of(db).await?, B::of(db).await?))
        }
    }
}
