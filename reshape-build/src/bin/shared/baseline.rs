//! `baseline`: writes down what is in a database.

use std::fs;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use clap::Args;
use reshape_runtime::Migrator;
use reshape_runtime::cli::{ConnectionOptions, Exit};

/// Options of `baseline`.
#[derive(Args, Debug)]
pub(crate) struct BaselineOptions {
    /// Schema whose tables are described; can be repeated
    #[arg(long, value_name = "NAME", default_value = "public")]
    schema: Vec<String>,
    /// Replace the file if it exists
    #[arg(long)]
    force: bool,
    #[command(flatten)]
    connection: ConnectionOptions,
}

/// Writes `baseline.toml` into the first of the folders.
pub(crate) fn write(options: &BaselineOptions, folders: &[PathBuf]) -> Exit {
    let folder = folders.first().map_or(Path::new("migrations"), PathBuf::as_path);
    let path = folder.join("baseline.toml");
    let shown = path.display();
    // Before the database is asked, which may take its time.
    if path.exists() && !options.force {
        return fail(&format!(
            "`{shown}` exists already\n  help: with `--force` it is replaced; once a migration is applied, it must stay as it is"
        ));
    }
    let config = match options.connection.config() {
        Ok(config) => config,
        Err(error) => {
            let _ = writeln!(io::stderr(), "error: {error}");
            return Exit::Usage;
        }
    };
    let baseline = match Migrator::detached(config).baseline(&options.schema) {
        Ok(baseline) => baseline,
        Err(error) => {
            let _ = writeln!(io::stderr(), "error: {}", error.report());
            return error.kind().into();
        }
    };
    let text = reshape_build::baseline::toml(&baseline);
    let written = fs::create_dir_all(folder).and_then(|()| put(&path, &text, options.force));
    if let Err(error) = written {
        return fail(&format!("cannot write `{shown}`: {error}"));
    }
    let (described, left_out) = (baseline.items.len(), baseline.left_out.len());
    let _ = writeln!(
        io::stdout(),
        "wrote `{shown}`: {described} objects described, {left_out} only named in its comments"
    );
    Exit::Done
}

/// Without `force`, a file that has come meanwhile is not replaced.
fn put(path: &Path, text: &str, force: bool) -> io::Result<()> {
    let mut options = fs::File::options();
    options.write(true).create(true).truncate(true).create_new(!force);
    options.open(path)?.write_all(text.as_bytes())
}

fn fail(message: &str) -> Exit {
    let _ = writeln!(io::stderr(), "error: {message}");
    Exit::Failed
}
