//! Which databases: arguments, a file, a query. And which schemas in each of them: a list, a file, a query.

use std::path::Path;
use std::{fs, io};

use super::{FleetOptions, refuse, usage};
use crate::Target;
use crate::cli::connection::Secret;
use crate::cli::exit::Exit;

impl FleetOptions {
    /// The databases, in the order of the arguments, the file and the query; or the schemas of each.
    pub(super) fn targets(&self) -> Result<Vec<Target>, Exit> {
        let databases = self.databases()?;
        if !self.has_schemas() {
            return Ok(databases);
        }
        let mut targets = Vec::new();
        // As in a file: `acme, globex` is a list of two.
        let mut listed: Vec<String> =
            self.schemas.iter().map(|schema| schema.trim().to_owned()).collect();
        if let Some(file) = &self.schemas_file {
            listed.extend(lines(&read(file)?).map(|(_, line)| line.to_owned()));
        }
        for database in databases {
            targets.extend(listed.iter().map(|schema| database.clone().in_schema(schema)));
            if let Some(query) = &self.schemas_query {
                let found = rows(database.config(), query, "schemas")?;
                targets
                    .extend(found.iter().map(|schema| database.clone().in_schema(schema.trim())));
            }
        }
        Ok(targets)
    }

    fn has_schemas(&self) -> bool {
        !self.schemas.is_empty() || self.schemas_file.is_some() || self.schemas_query.is_some()
    }

    /// The databases; where schemas are asked for and no database, that of the connection.
    fn databases(&self) -> Result<Vec<Target>, Exit> {
        if self.targets.is_empty() && self.file.is_none() && self.query.is_none() {
            if self.has_schemas() {
                let config = self.connection.config().map_err(usage)?;
                return Ok(vec![Target::new(config)]);
            }
            return Err(usage(
                "which databases?\n  help: name them, or a file of them with `--file`, or a query for them with `--query`; or the schemas of one with `--schemas`",
            ));
        }
        let arguments = self.targets.iter().cloned().zip(1..);
        let mut texts: Vec<(String, Secret)> =
            arguments.map(|(text, n)| (format!("argument {n}"), text)).collect();
        if let Some(file) = &self.file {
            let text = read(file)?;
            texts.extend(lines(&text).map(|(n, line)| {
                (format!("line {n} of `{}`", file.display()), line.to_owned().into())
            }));
        }
        if let Some(query) = &self.query {
            let connection = self.connection.config().map_err(usage)?;
            let rows = rows(connection, query, "databases")?.into_iter().zip(1..);
            texts.extend(rows.map(|(row, n)| (format!("row {n} of the query"), row.into())));
        }
        let configs = self.connection.targets(texts).map_err(usage)?;
        Ok(configs.into_iter().map(Target::new).collect())
    }
}

fn rows(
    connection: impl crate::IntoConnection,
    query: &str,
    what: &str,
) -> Result<Vec<String>, Exit> {
    crate::exec::rows(connection, query, what)
        .map_err(|error| refuse(error.kind().into(), &format!("error: {}", error.report())))
}

fn read(file: &Path) -> Result<String, Exit> {
    let is_input = file.as_os_str() == "-";
    let text = if is_input { io::read_to_string(io::stdin()) } else { fs::read_to_string(file) };
    text.map_err(|error| usage(format!("`{}` cannot be read: {error}", file.display())))
}

/// The lines that name something, with their numbers. A `#` further on in a line may be part of a password.
fn lines(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let lines = text.lines().map(str::trim).zip(1..);
    let named = lines.filter(|(line, _)| !line.is_empty() && !line.starts_with('#'));
    named.map(|(line, n)| (n, line))
}
