//! Which Rust type a column has.
//!
//! **Invariant:** what is not known for certain to be a type with a Rust type of its own is a `Binary`, which takes every value.

use reshape_runtime::schema::TypeName;

use super::{EnumPath, Settings};

/// A crate whose types the columns of typed modules may have. `reshape-runtime` needs the feature of that name, and re-exports the crate as
/// `reshape_runtime::typed::library::…`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Library {
    /// `date`, `time`, `timestamp` and `timestamptz` as types of `chrono`.
    Chrono,
    /// The same as types of `jiff`.
    Jiff,
    /// The same as types of `time`.
    Time,
    /// `json` and `jsonb` as `serde_json::Value`; feature `json`.
    Json,
    /// `numeric` as `rust_decimal::Decimal`.
    RustDecimal,
    /// `uuid` as `uuid::Uuid`.
    Uuid,
}

/// A column's Rust type, without regard to NULL.
pub(super) struct Rust {
    pub(super) path: String,
    /// Whether it is certain that the type has no default of its own, as a domain may.
    pub(super) plain: bool,
}

impl Settings {
    /// The Rust type for the Postgres type `sql`. `enums` are the version's.
    pub(super) fn rust(&self, sql: &str, enums: &[EnumPath]) -> Rust {
        let name = TypeName::parse(sql);
        let given = |array: bool| {
            self.types.iter().rev().find(|(postgres, _)| {
                let known = TypeName::parse(postgres);
                let same = match (known.built_in(), name.built_in()) {
                    (None, None) => known.base == name.base,
                    (known, name) => known == name,
                };
                same && known.array == array
            })
        };
        let whole = name.array.then(|| given(true)).flatten();
        if let Some((_, path)) = whole {
            return Rust { path: path.clone(), plain: false };
        }
        let (element, plain) = if let Some((_, path)) = given(false) {
            (path.clone(), name.built_in().is_some())
        } else if let Some(path) = self.element(sql, &name) {
            (path, true)
        } else if let Some(known) = enums.iter().find(|known| known.name == name.base) {
            (known.ident.clone(), true)
        } else {
            return Rust { path: BINARY.to_owned(), plain: false };
        };
        if !name.array {
            return Rust { path: element, plain };
        }
        // Several dimensions are no `Vec`, and neither is an array of what has no type.
        if sql.matches('[').count() > 1 || element == BINARY {
            return Rust { path: BINARY.to_owned(), plain };
        }
        Rust { path: format!("::std::vec::Vec<{element}>"), plain }
    }

    fn has(&self, library: Library) -> bool {
        self.libraries.contains(&library)
    }

    /// The Rust type of a built-in type; `None` for others.
    fn element(&self, sql: &str, name: &TypeName) -> Option<String> {
        // Quoted, it is another type.
        if sql.trim_start().starts_with("\"char\"") {
            return Some("i8".to_owned());
        }
        if name.base == "citext" && name.simple {
            return Some(STRING.to_owned());
        }
        let date_time = |chrono: &str, jiff: &str, time: &str, without: &str| {
            let libraries = self.libraries.iter().rev();
            let found = libraries.copied().find_map(|library| match library {
                Library::Chrono => Some(format!("{LIBRARY}::chrono::{chrono}")),
                Library::Jiff => Some(format!("{LIBRARY}::jiff::{jiff}")),
                Library::Time => Some(format!("{LIBRARY}::time::{time}")),
                Library::Json | Library::RustDecimal | Library::Uuid => None,
            });
            found.unwrap_or_else(|| without.to_owned())
        };
        let library = |library, path: &str| {
            if self.has(library) { format!("{LIBRARY}::{path}") } else { BINARY.to_owned() }
        };
        let built_in = name.built_in()?;
        Some(match built_in {
            "int2" => "i16".to_owned(),
            "int4" => "i32".to_owned(),
            "int8" => "i64".to_owned(),
            "float4" => "f32".to_owned(),
            "float8" => match name.modifiers.as_deref().map(str::parse::<u8>) {
                // `float(1)` to `float(24)` are `real`.
                Some(Ok(..=24)) => "f32".to_owned(),
                Some(_) | None => "f64".to_owned(),
            },
            "bool" => "bool".to_owned(),
            "text" | "varchar" | "bpchar" | "name" => STRING.to_owned(),
            "bytea" => "::std::vec::Vec<u8>".to_owned(),
            "oid" => "u32".to_owned(),
            "inet" => "::std::net::IpAddr".to_owned(),
            "date" => date_time("NaiveDate", "civil::Date", "Date", BINARY),
            "time" => date_time("NaiveTime", "civil::Time", "Time", BINARY),
            "timestamp" => {
                date_time("NaiveDateTime", "civil::DateTime", "PrimitiveDateTime", SYSTEM_TIME)
            }
            "timestamptz" => date_time(
                &format!("DateTime<{LIBRARY}::chrono::Utc>"),
                "Timestamp",
                "OffsetDateTime",
                SYSTEM_TIME,
            ),
            "json" | "jsonb" => library(Library::Json, "serde_json::Value"),
            "numeric" => library(Library::RustDecimal, "rust_decimal::Decimal"),
            "uuid" => library(Library::Uuid, "uuid::Uuid"),
            _ => BINARY.to_owned(),
        })
    }
}

pub(super) const STRING: &str = "::std::string::String";
const BINARY: &str = "__rt::typed::Binary";
const LIBRARY: &str = "__rt::typed::library";
const SYSTEM_TIME: &str = "::std::time::SystemTime";
