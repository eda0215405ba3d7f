//! One setting of the connection: the best of a flag, the environment and `.env`.

use std::collections::HashMap;

use super::connection::InvalidConnection;

/// Where a setting stands, best last.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Rank {
    File,
    Environment,
    Flag,
}

/// One value, and where it comes from.
#[derive(Debug)]
pub(super) struct Setting {
    pub(super) rank: Rank,
    /// For messages.
    pub(super) origin: String,
    pub(super) value: String,
}

impl Setting {
    /// The best one; an empty value counts as none, as in libpq.
    pub(super) fn find(
        flag: Option<String>,
        option: &str,
        names: &[&str],
        environment: &dyn Fn(&str) -> Option<String>,
        file: &HashMap<String, String>,
    ) -> Option<Self> {
        let flag = flag.map(|value| (Rank::Flag, format!("`{option}`"), value));
        let variable =
            |name: &&str| Some((Rank::Environment, format!("`{name}`"), environment(name)?));
        let line = |name: &&str| {
            Some((Rank::File, format!("`{name}` in `.env`"), file.get(*name)?.clone()))
        };
        flag.into_iter()
            .chain(names.iter().filter_map(variable))
            .chain(names.iter().filter_map(line))
            .find(|(_, _, value)| !value.is_empty())
            .map(|(rank, origin, value)| Self { rank, origin, value })
    }

    pub(super) fn port(&self) -> Result<u16, InvalidConnection> {
        self.value.parse().map_err(|_| {
            InvalidConnection(format!("{} is not a port: `{}`", self.origin, self.value))
        })
    }
}

/// What `.env` says; the first of two lines about the same name counts, as where such files are loaded.
pub(super) fn dotenv() -> Result<HashMap<String, String>, InvalidConnection> {
    // A file that cannot be understood may be about another database than the default: better to stop.
    let invalid =
        |error: dotenvy::Error| InvalidConnection(format!("`.env` cannot be read: {error}"));
    let lines = match dotenvy::dotenv_iter() {
        Err(error) if error.not_found() => return Ok(HashMap::new()),
        lines => lines.map_err(invalid)?,
    };
    let mut values = HashMap::new();
    for line in lines {
        let (name, value) = line.map_err(invalid)?;
        values.entry(name).or_insert(value);
    }
    Ok(values)
}
