//! Which databases: arguments, a file, a query.

use std::path::Path;
use std::{fs, io};

use super::{FleetOptions, refuse, usage};
use crate::Target;
use crate::cli::connection::Secret;
use crate::cli::exit::Exit;

impl FleetOptions {
    /// The databases, in the order of the arguments, the file and the query.
    pub(super) fn targets(&self) -> Result<Vec<Target>, Exit> {
        if self.targets.is_empty() && self.file.is_none() && self.query.is_none() {
            return Err(usage(
                "which databases?\n  help: name them, or a file of them with `--file`, or a query for them with `--query`",
            ));
        }
        let arguments = self.targets.iter().cloned().zip(1..);
        let mut texts: Vec<(String, Secret)> =
            arguments.map(|(text, n)| (format!("argument {n}"), text)).collect();
        if let Some(file) = &self.file {
            let text = read(file)
                .map_err(|error| usage(format!("`{}` cannot be read: {error}", file.display())))?;
            let lines = lines(&text);
            texts
                .extend(lines.map(|(n, line)| (format!("line {n} of `{}`", file.display()), line)));
        }
        if let Some(query) = &self.query {
            let connection = self.connection.config().map_err(usage)?;
            let rows = crate::exec::rows(connection, query).map_err(|error| {
                refuse(error.kind().into(), &format!("error: {}", error.report()))
            })?;
            let rows = rows.into_iter().zip(1..);
            texts.extend(rows.map(|(row, n)| (format!("row {n} of the query"), row.into())));
        }
        let configs = self.connection.targets(texts).map_err(usage)?;
        Ok(configs.into_iter().map(Target::new).collect())
    }
}

fn read(file: &Path) -> io::Result<String> {
    if file.as_os_str() == "-" { io::read_to_string(io::stdin()) } else { fs::read_to_string(file) }
}

/// The lines that name a database, with their numbers. A `#` further on in a line may be part of a password.
fn lines(text: &str) -> impl Iterator<Item = (usize, Secret)> {
    let lines = text.lines().map(str::trim).zip(1..);
    let named = lines.filter(|(line, _)| !line.is_empty() && !line.starts_with('#'));
    named.map(|(line, n)| (n, line.to_owned().into()))
}
