//! Types by their names.

use std::borrow::Cow;
use std::fmt;

/// A type, without its modifiers: `varchar(20)` is `varchar`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Type {
    /// Postgres's own name of a built-in type (`int4`, `timestamptz`, `varchar`), else the name as it is in the catalog: an enum, a domain, a type of an
    /// extension.
    pub name: Cow<'static, str>,
    /// Whether it is an array of that.
    pub array: bool,
}

impl Type {
    /// A built-in type by Postgres's own name.
    pub const fn built_in(name: &'static str) -> Self {
        Self { name: Cow::Borrowed(name), array: false }
    }

    /// Reads the name of a type as a migration writes it; `None` for what is no name. A serial type is the integer type behind it.
    pub fn parse(sql: &str) -> Option<Self> {
        let (rest, array) = strip_array(sql.trim());
        let (rest, modifiers) = match (rest.find('('), rest.rfind(')')) {
            (Some(open), Some(close)) if open < close => {
                (format!("{} {}", &rest[..open], &rest[close + 1..]), Some(&rest[open + 1..close]))
            }
            (_, _) => (rest.to_owned(), None),
        };
        let name = rest.trim();
        let schema = ["pg_catalog.", "public."].iter().find_map(|schema| name.strip_prefix(schema));
        let name = schema.unwrap_or(name);
        if let Some(quoted) = name.strip_prefix('"').and_then(|name| name.strip_suffix('"')) {
            let name: Cow<'static, str> = Cow::Owned(quoted.replace("\"\"", "\""));
            return (!name.is_empty()).then_some(Self { name, array });
        }
        let words = name.to_lowercase();
        let words = words.split_whitespace().collect::<Vec<_>>().join(" ");
        if words == "float"
            && modifiers.and_then(|m| m.trim().parse().ok()).is_some_and(|n: u32| n <= 24)
        {
            return Some(Self { name: Cow::Borrowed("float4"), array });
        }
        if let Some((name, _)) = BUILT_IN.iter().find(|(_, names)| names.contains(&words.as_str()))
        {
            return Some(Self { name: Cow::Borrowed(name), array });
        }
        let plain = |c: char| c.is_alphanumeric() || c == '_' || c == '$';
        let simple = !words.is_empty() && words.chars().all(plain);
        simple.then_some(Self { name: Cow::Owned(words), array })
    }

    /// As SQL has to write it.
    pub(crate) fn sql(&self) -> String {
        let spelled = self.to_string();
        if is_built_in(&self.name) { spelled } else { crate::name::quote(&self.name) }
    }

    /// Whether it is one of Postgres's own types, and no array.
    pub fn is(&self, name: &str) -> bool {
        !self.array && self.name == name
    }

    /// An element of the array.
    #[must_use]
    pub fn element(&self) -> Self {
        Self { name: self.name.clone(), array: false }
    }

    /// An array of it.
    #[must_use]
    pub fn array_of(&self) -> Self {
        Self { name: self.name.clone(), array: true }
    }
}

impl fmt::Display for Type {
    /// As SQL would write it: `integer`, `timestamp with time zone[]` as `timestamptz[]`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = match &*self.name {
            "int2" => "smallint",
            "int4" => "integer",
            "int8" => "bigint",
            "bool" => "boolean",
            "float4" => "real",
            "float8" => "double precision",
            "bpchar" => "char",
            other => other,
        };
        write!(f, "{name}{}", if self.array { "[]" } else { "" })
    }
}

fn strip_array(sql: &str) -> (&str, bool) {
    let mut rest = sql;
    let mut array = false;
    while let Some(open) = rest.strip_suffix(']').and_then(|inner| inner.rfind('[')) {
        rest = rest[..open].trim_end();
        array = true;
    }
    if let Some((before, last)) = rest.rsplit_once(char::is_whitespace)
        && last.eq_ignore_ascii_case("array")
    {
        return (before.trim_end(), true);
    }
    (rest, array)
}

/// Postgres's short names, and all names by which SQL knows the type.
const BUILT_IN: &[(&str, &[&str])] = &[
    ("int2", &["smallint", "int2", "smallserial", "serial2"]),
    ("int4", &["integer", "int", "int4", "serial", "serial4"]),
    ("int8", &["bigint", "int8", "bigserial", "serial8"]),
    ("numeric", &["numeric", "decimal", "dec"]),
    ("float4", &["real", "float4"]),
    ("float8", &["double precision", "float8", "float"]),
    ("text", &["text"]),
    ("varchar", &["varchar", "character varying", "char varying"]),
    ("bpchar", &["char", "character", "bpchar", "nchar", "national character"]),
    ("name", &["name"]),
    ("bool", &["boolean", "bool"]),
    ("date", &["date"]),
    ("time", &["time", "time without time zone"]),
    ("timetz", &["timetz", "time with time zone"]),
    ("timestamptz", &["timestamptz", "timestamp with time zone"]),
    ("timestamp", &["timestamp", "timestamp without time zone"]),
    ("interval", &["interval"]),
    ("uuid", &["uuid"]),
    ("bytea", &["bytea"]),
    ("json", &["json"]),
    ("jsonb", &["jsonb"]),
    ("jsonpath", &["jsonpath"]),
    ("inet", &["inet"]),
    ("cidr", &["cidr"]),
    ("macaddr", &["macaddr"]),
    ("macaddr8", &["macaddr8"]),
    ("bit", &["bit"]),
    ("varbit", &["varbit", "bit varying"]),
    ("money", &["money"]),
    ("xml", &["xml"]),
    ("oid", &["oid"]),
    ("xid", &["xid"]),
    ("xid8", &["xid8"]),
    ("cid", &["cid"]),
    ("tid", &["tid"]),
    ("tsvector", &["tsvector"]),
    ("tsquery", &["tsquery"]),
    ("point", &["point"]),
    ("line", &["line"]),
    ("lseg", &["lseg"]),
    ("box", &["box"]),
    ("path", &["path"]),
    ("polygon", &["polygon"]),
    ("circle", &["circle"]),
    ("int4range", &["int4range"]),
    ("int8range", &["int8range"]),
    ("numrange", &["numrange"]),
    ("tsrange", &["tsrange"]),
    ("tstzrange", &["tstzrange"]),
    ("daterange", &["daterange"]),
    ("int4multirange", &["int4multirange"]),
    ("int8multirange", &["int8multirange"]),
    ("nummultirange", &["nummultirange"]),
    ("tsmultirange", &["tsmultirange"]),
    ("tstzmultirange", &["tstzmultirange"]),
    ("datemultirange", &["datemultirange"]),
    ("regclass", &["regclass"]),
    ("regcollation", &["regcollation"]),
    ("regconfig", &["regconfig"]),
    ("regdictionary", &["regdictionary"]),
    ("regnamespace", &["regnamespace"]),
    ("regoper", &["regoper"]),
    ("regoperator", &["regoperator"]),
    ("regproc", &["regproc"]),
    ("regprocedure", &["regprocedure"]),
    ("regrole", &["regrole"]),
    ("regtype", &["regtype"]),
    ("aclitem", &["aclitem"]),
    ("gtsvector", &["gtsvector"]),
    ("int2vector", &["int2vector"]),
    ("oidvector", &["oidvector"]),
    ("refcursor", &["refcursor"]),
    ("pg_lsn", &["pg_lsn"]),
    ("pg_snapshot", &["pg_snapshot"]),
    ("txid_snapshot", &["txid_snapshot"]),
];

/// Whether a value of the one type can stand for one of the other without a cast: both are text of some kind.
pub(crate) fn is_text(name: &str) -> bool {
    matches!(name, "text" | "varchar" | "bpchar" | "name")
}

/// Whether `name` is one of Postgres's own types.
pub(crate) fn is_built_in(name: &str) -> bool {
    BUILT_IN.iter().any(|(known, _)| *known == name)
}
