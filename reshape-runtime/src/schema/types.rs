//! Types by their names: which are the same, which are surely not comparable, which look like a slip.
//!
//! **Invariant:** a type that is not known here may come from an extension, a domain or another schema: nothing is said of it.

use super::Schema;

/// A type as SQL names it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TypeName {
    /// The name, unquoted and folded as Postgres would, without schema and modifiers: `character varying`.
    pub base: String,
    /// What stands in parentheses.
    pub modifiers: Option<String>,
    /// Whether it is an array of that type.
    pub array: bool,
    /// Whether the base is one identifier rather than several words or something that is not understood here.
    pub simple: bool,
}

impl TypeName {
    /// Reads the name of a type; anything at all gives something.
    pub fn parse(sql: &str) -> Self {
        let (rest, array) = strip_array(sql.trim());
        let (rest, modifiers) = match (rest.find('('), rest.rfind(')')) {
            (Some(open), Some(close)) if open < close => (
                format!("{} {}", &rest[..open], &rest[close + 1..]),
                Some(rest[open + 1..close].trim().to_owned()),
            ),
            (_, _) => (rest.to_owned(), None),
        };
        let name = rest.trim();
        let name = ["public.", "pg_catalog.", "\"public\"."]
            .iter()
            .find_map(|schema| name.strip_prefix(schema))
            .unwrap_or(name);
        let quoted = name.strip_prefix('"').and_then(|name| name.strip_suffix('"'));
        let (base, simple) = if let Some(name) = quoted {
            (name.replace("\"\"", "\""), true)
        } else {
            let words: Vec<&str> = name.split_whitespace().collect();
            let simple = matches!(words[..], [word] if is_identifier(word));
            (words.join(" ").to_lowercase(), simple)
        };
        Self { base, modifiers, array, simple }
    }

    /// Postgres's own short name of a built-in type: `int4` for `integer` and `serial`.
    pub fn built_in(&self) -> Option<&'static str> {
        let found = BUILT_IN.iter().find(|(_, names)| names.contains(&self.base.as_str()));
        found.map(|(name, _)| *name)
    }

    /// The integer type behind a serial one.
    pub(crate) fn serial(&self) -> Option<&'static str> {
        match self.base.as_str() {
            "smallserial" | "serial2" => Some("smallint"),
            "serial" | "serial4" => Some("integer"),
            "bigserial" | "serial8" => Some("bigint"),
            _ => None,
        }
    }

    /// What the type is likely a slip of. Only where it is next to certain: one plain word, neither built in nor of a known
    /// extension, and within one or two letters of a type that exists.
    pub(crate) fn slip<'a>(&'a self, enums: impl Iterator<Item = &'a str>) -> Option<&'a str> {
        let limit = |name: &str| match name.chars().count().min(self.base.chars().count()) {
            0..=3 => 0,
            4..=6 => 1,
            _ => 2,
        };
        let known = |name: &str| EXTENSIONS.contains(&name);
        // `_text` is what the catalog calls `text[]`.
        let internal = self.base.starts_with('_');
        if !self.simple || internal || self.built_in().is_some() || known(&self.base) {
            return None;
        }
        let letters = |name: &str| name.replace(|c: char| c.is_ascii_digit(), "");
        BUILT_IN
            .iter()
            .flat_map(|(_, names)| names.iter().copied())
            .chain(enums)
            .filter(|name| is_identifier(name) && letters(name) != letters(&self.base))
            .map(|name| (strsim::osa_distance(name, &self.base), name))
            .filter(|(distance, name)| *distance <= limit(name))
            .min_by_key(|(distance, _)| *distance)
            .map(|(_, name)| name)
    }
}

/// Whether a foreign key of the one type surely cannot refer to a key of the other: there is no equality between them that
/// an index on the key supports. Found by trying all pairs on PostgreSQL 15.
pub(crate) fn surely_incomparable(schema: &Schema, from: &str, to: &str) -> bool {
    let (from, to) = (TypeName::parse(from), TypeName::parse(to));
    if from.array && to.array {
        return false;
    }
    if from.array != to.array {
        return family(schema, &from).is_some() && family(schema, &to).is_some();
    }
    let enums = schema.enumeration(&from.base).zip(schema.enumeration(&to.base));
    if let Some((from, to)) = enums {
        return from != to;
    }
    match (family(schema, &from), family(schema, &to)) {
        (Some(from), Some(to)) => {
            from != to
                && !matches!(
                    (from, to),
                    ("integer", "numeric" | "float")
                        | ("numeric", "float")
                        | ("time", "timetz" | "interval")
                )
        }
        (_, _) => false,
    }
}

/// Types that can be compared with each other; `None` where that is not known.
fn family(schema: &Schema, name: &TypeName) -> Option<&'static str> {
    if schema.enumeration(&name.base).is_some() {
        return Some("enum");
    }
    Some(match name.built_in()? {
        "int2" | "int4" | "int8" => "integer",
        "float4" | "float8" => "float",
        "text" | "varchar" | "bpchar" => "text",
        "date" | "timestamp" | "timestamptz" => "date",
        same @ ("numeric" | "time" | "timetz" | "interval" | "uuid" | "bool" | "bytea"
        | "jsonb") => same,
        _ => return None,
    })
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

fn is_identifier(word: &str) -> bool {
    word.starts_with(|c: char| c.is_alphabetic() || c == '_')
        && word.chars().all(|c| c.is_alphanumeric() || c == '_')
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

/// Types of widespread extensions whose names are close to a built-in one.
const EXTENSIONS: &[&str] = &[
    "citext",
    "cube",
    "seg",
    "ulid",
    "hstore",
    "ltree",
    "lquery",
    "isbn",
    "issn",
    "ismn",
    "ean13",
    "upc",
    "box2d",
    "box3d",
    "raster",
    "vector",
    "halfvec",
    "geometry",
    "geography",
    "int1",
    "uint",
    "uint1",
    "uint2",
    "uint4",
    "uint8",
    "uint16",
    "int16",
    "prefix_range",
    "pgvector",
    "bit_vector",
    "ip4",
    "ip6",
    "ipaddress",
    "iprange",
    "semver",
    "uri",
    "emailaddr",
    "uuidv7",
    "sparsevec",
    "roaringbitmap",
    "mol",
    "hll",
    "tdigest",
    "pg_uint8",
    "debversion",
];

#[cfg(test)]
mod tests {
    use super::*;

    fn built_in(sql: &str) -> Option<&'static str> {
        TypeName::parse(sql).built_in()
    }

    #[test]
    fn every_spelling_of_a_type_is_the_same_type() {
        for sql in ["int", "INTEGER", " int4 ", "pg_catalog.int4", "serial"] {
            assert_eq!(built_in(sql), Some("int4"), "{sql}");
        }
        for sql in ["varchar(10)", "character  varying (10)", "CHARACTER VARYING"] {
            assert_eq!(built_in(sql), Some("varchar"), "{sql}");
        }
        assert_eq!(built_in("timestamp(3) with time zone"), Some("timestamptz"));
        assert_eq!(built_in("numeric(10, 2)"), Some("numeric"));
        assert!(TypeName::parse("int[]").array && TypeName::parse("text ARRAY").array);
        assert_eq!(TypeName::parse("\"Mood\"").base, "Mood");
        assert_eq!(TypeName::parse("Mood[][]").base, "mood");
    }

    #[test]
    fn slips_are_only_what_is_next_to_certain() {
        let slip =
            |name: &str| TypeName::parse(name).slip(std::iter::once("status")).map(str::to_owned);
        assert_eq!(slip("integr").as_deref(), Some("integer"));
        assert_eq!(slip("txet").as_deref(), Some("text"));
        assert_eq!(slip("varchr(20)").as_deref(), Some("varchar"));
        assert_eq!(slip("timestampz").as_deref(), Some("timestamptz"));
        assert_eq!(slip("statsu").as_deref(), Some("status"));
        for fine in [
            "citext",
            "ulid",
            "int",
            "email",
            "uuid7",
            "money_t",
            "geometry(Point, 4326)",
            "my.txet",
        ] {
            assert_eq!(slip(fine), None, "{fine}");
        }
    }
}
