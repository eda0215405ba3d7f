//! What the build script left for the macros: `$OUT_DIR/reshape/index.txt`.
//!
//! One record per line, its fields separated by tabs; inside a field `\\`, `\t`, `\n` and `\r` are escaped:
//!
//! ```text
//! reshape-index  1
//! namespace  <the set's name, if it has one>
//! migration  <name>  <struct>  <constant>  <checksum>  <description>  <file>
//! problem    <rendered diagnostic>
//! ```
//!
//! **Invariant:** the text is not trusted. It may be from another version of `reshape-build`, or cut off.

use std::fmt;
use std::path::Path;

use proc_macro2::Ident;

const FORMAT: &str = "1";

/// What the build script found.
#[derive(Debug, Default)]
pub(crate) struct Index {
    /// The set's name, if it has one.
    pub(crate) namespace: Option<String>,
    /// Oldest first. While there are problems, those that could be parsed.
    pub(crate) migrations: Vec<Migration>,
    /// Rendered diagnostics, each of several lines.
    pub(crate) problems: Vec<String>,
}

/// One migration.
#[derive(Debug)]
pub(crate) struct Migration {
    pub(crate) name: String,
    /// Its unit struct, unique in the set.
    pub(crate) type_name: Ident,
    /// Its constant in `versions`, unique in the set.
    pub(crate) constant: Ident,
    pub(crate) checksum: String,
    pub(crate) description: Option<String>,
    /// Relative to the user's `Cargo.toml`.
    pub(crate) file: String,
}

impl Index {
    /// The version that the migration leads to: its name, after that of the set.
    pub(crate) fn version(&self, migration: &str) -> String {
        match &self.namespace {
            Some(namespace) => format!("{namespace}/{migration}"),
            None => migration.to_owned(),
        }
    }
}

/// Why there is no index.
#[derive(Debug)]
pub(crate) enum Missing {
    /// The crate has no build script.
    BuildScript,
    /// It has one, which did not write an index.
    Call,
    /// The index cannot be read.
    Unreadable(String),
    /// The index has another format.
    Format(String),
}

impl fmt::Display for Missing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let version = env!("CARGO_PKG_VERSION");
        match self {
            Self::BuildScript => write!(
                f,
                "this crate has no build script that embeds its migrations\n  \
                 help: write a file `build.rs` next to `Cargo.toml`:\n\n      \
                 fn main() {{\n          reshape_build::migrations(\"migrations\");\n      }}\n\n  \
                 and add to `Cargo.toml`:\n\n      \
                 [build-dependencies]\n      reshape-build = \"{version}\"\n"
            ),
            Self::Call => write!(
                f,
                "the build script of this crate does not embed its migrations\n  \
                 help: add to `main` in `build.rs`:\n\n      \
                 reshape_build::migrations(\"migrations\");\n\n  \
                 and to `Cargo.toml`, unless it is there:\n\n      \
                 [build-dependencies]\n      reshape-build = \"{version}\"\n"
            ),
            Self::Unreadable(error) => write!(
                f,
                "what the build script wrote cannot be read: {error}\n  \
                 help: run `cargo clean`, then build again"
            ),
            Self::Format(found) => write!(
                f,
                "`reshape-build` wrote format `{found}`, `reshape-runtime` {version} reads format `{FORMAT}`\n  \
                 help: use the same version of both crates, `{version}`"
            ),
        }
    }
}

/// Reads the index of the crate that is being compiled.
///
/// Neither the variable nor the file is tracked by the compiler when a macro reads it. They need not be: cargo compiles a
/// crate again whenever its build script has run, and runs that when a migration has changed.
pub(crate) fn read() -> Result<Index, Missing> {
    let directory = std::env::var_os("OUT_DIR").ok_or(Missing::BuildScript)?;
    let path = Path::new(&directory).join("reshape").join("index.txt");
    match std::fs::read_to_string(&path) {
        Ok(text) => parse(&text),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Err(Missing::Call),
        Err(error) => Err(Missing::Unreadable(format!("`{}`: {error}", path.display()))),
    }
}

fn parse(text: &str) -> Result<Index, Missing> {
    let mut lines = text.lines();
    match lines.next().unwrap_or_default().split_once('\t') {
        Some(("reshape-index", FORMAT)) => {}
        Some(("reshape-index", other)) => return Err(Missing::Format(other.to_owned())),
        Some(_) | None => return Err(Missing::Unreadable("it is not an index".into())),
    }
    let mut index = Index::default();
    for (line, number) in lines.zip(2_usize..) {
        let fields = line.split('\t').map(unescape).collect::<Option<Vec<_>>>().unwrap_or_default();
        let fields = fields.iter().map(String::as_str).collect::<Vec<_>>();
        match migration(&fields) {
            Some(migration) => index.migrations.push(migration),
            None => match fields[..] {
                ["namespace", namespace] => index.namespace = Some(namespace.to_owned()),
                ["problem", problem] => index.problems.push(problem.to_owned()),
                _ => return Err(Missing::Unreadable(format!("line {number} of it is not whole"))),
            },
        }
    }
    Ok(index)
}

fn migration(fields: &[&str]) -> Option<Migration> {
    let ["migration", name, type_name, constant, checksum, description, file] = *fields else {
        return None;
    };
    Some(Migration {
        name: name.to_owned(),
        type_name: ident(type_name)?,
        constant: ident(constant)?,
        checksum: checksum.to_owned(),
        description: (!description.is_empty()).then(|| description.to_owned()),
        file: file.to_owned(),
    })
}

/// Names that the generated module has for itself, and the one keyword in upper camel case: a migration called so gets a
/// trailing underscore.
const TAKEN: [&str; 5] = ["SET", "LATEST", "VERSION_SCHEMA", "SCHEMA_QUERY", "Self"];

fn ident(text: &str) -> Option<Ident> {
    if TAKEN.contains(&text) {
        syn::parse_str(&format!("{text}_")).ok()
    } else {
        syn::parse_str(text).ok()
    }
}

/// `None` for an escape that nobody writes.
pub(crate) fn unescape(field: &str) -> Option<String> {
    let mut text = String::with_capacity(field.len());
    let mut characters = field.chars();
    while let Some(character) = characters.next() {
        text.push(match character {
            '\\' => match characters.next()? {
                '\\' => '\\',
                't' => '\t',
                'n' => '\n',
                'r' => '\r',
                _ => return None,
            },
            other => other,
        });
    }
    Some(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_unescaped() {
        let index = parse(
            "reshape-index\t1\n\
             migration\ta\\tb\tAB\tA_B\tcafe\tTwo\\nlines \\\\n\tmigrations/a.toml\n\
             migration\tb\tSelf\tLATEST\tbabe\t\tmigrations/b.json\n\
             problem\tx\\r\\n  y\n",
        )
        .unwrap();
        let [a, b] = &index.migrations[..] else { panic!("{index:?}") };
        assert_eq!(a.name, "a\tb");
        assert_eq!(a.description.as_deref(), Some("Two\nlines \\n"));
        assert_eq!((a.type_name.to_string(), a.constant.to_string()), ("AB".into(), "A_B".into()));
        assert_eq!((a.checksum.as_str(), a.file.as_str()), ("cafe", "migrations/a.toml"));
        assert_eq!(b.description, None);
        assert_eq!(b.type_name, "Self_");
        assert_eq!(b.constant, "LATEST_");
        assert_eq!(index.problems, ["x\r\n  y"]);
    }

    #[test]
    fn another_format_says_so() {
        let error = parse("reshape-index\t2\nfuture\n").unwrap_err().to_string();
        assert!(error.contains("wrote format `2`"), "{error}");
        assert!(error.contains("use the same version of both crates"), "{error}");
    }

    #[test]
    fn a_damaged_index_is_not_trusted() {
        for text in [
            "",
            "index\t1\n",
            "reshape-index\t1\nmigration\ta\tA\n",
            "reshape-index\t1\nmigration\ta\tno ident\tA\tc\td\tf\n",
            "reshape-index\t1\nproblem\t\\x\n",
            "reshape-index\t1\nproblem\t\\",
            "reshape-index\t1\n\n",
        ] {
            let error = parse(text).unwrap_err();
            assert!(matches!(error, Missing::Unreadable(_)), "{text:?}: {error:?}");
        }
    }

    #[test]
    fn what_to_add_is_shown_whole() {
        let error = Missing::BuildScript.to_string();
        assert!(error.contains("reshape_build::migrations(\"migrations\");"), "{error}");
        assert!(error.contains("[build-dependencies]\n"), "{error}");
    }
}
