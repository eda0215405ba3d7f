//! Which set of migrations: a flag, the set that a program has embedded, the environment, `.env`.

use clap::Args;

use super::connection::InvalidConnection;
use super::setting::{Setting, dotenv};
use crate::Migrations;
use crate::model::DEFAULT_NAMESPACE;
use crate::sql::tenant;

/// Which of the sets of migrations that a database may have.
#[derive(Args, Clone, Debug, Default)]
pub struct NamespaceOptions {
    /// The set of migrations, in a database that has several [env: `RESHAPE_NAMESPACE`]
    #[arg(long, value_name = "NAME")]
    namespace: Option<String>,
    /// The schema of the tables, where a database has the same ones once for each tenant
    #[arg(long, value_name = "NAME")]
    schema: Option<String>,
}

impl NamespaceOptions {
    /// The set's name; `embedded` is that of a program's own migrations.
    pub(super) fn resolve(&self, embedded: Option<&str>) -> Result<String, InvalidConnection> {
        let set = self.set(embedded)?;
        Ok(match &self.schema {
            Some(schema) => tenant::in_schema(&set, schema),
            None => set,
        })
    }

    fn set(&self, embedded: Option<&str>) -> Result<String, InvalidConnection> {
        if let Some(name) = self.namespace.as_deref().or(embedded) {
            return Ok(name.to_owned());
        }
        let environment = |name: &str| std::env::var(name).ok();
        let found =
            Setting::find(None, "--namespace", &["RESHAPE_NAMESPACE"], &environment, &dotenv()?);
        Ok(found.map_or_else(|| DEFAULT_NAMESPACE.to_owned(), |setting| setting.value))
    }

    /// The migrations as that set; `embedded` is the name of a program's own.
    ///
    /// # Errors
    ///
    /// If `.env` cannot be read.
    pub fn name(
        &self,
        migrations: Migrations,
        embedded: Option<&str>,
    ) -> Result<Migrations, InvalidConnection> {
        Ok(migrations.in_namespace(self.resolve(embedded)?))
    }
}
