//! The arguments that functions take.
//!
//! `signatures.txt` has the functions that people write by hand, with all of their overloads in PostgreSQL 14 to 18 together: the types of the arguments by
//! commas, `-` for none, `*` before what is VARIADIC, `=` after what has a default. Lines with `>` say what a type is cast to without being asked. Made,
//! server by server, of `pg_proc` and `pg_cast` with `castcontext = 'i'`. Not among them are names that are types as well (`date(x)` is a cast), what has a
//! syntax of its own, ordered-set aggregates, and what stands behind operators.
//!
//! **Invariant:** what may be of a type that is not known is taken by everything.

use squawk_syntax::{SyntaxKind, SyntaxNode};

use crate::call::Arguments;
use crate::finding::{Finding, Rule};
use crate::name::list;
use crate::types::{Type, is_built_in};
use crate::value::{Kind, Value};
use crate::walk::{Walk, child};

const SIGNATURES: &str = include_str!("signatures.txt");

impl Walk<'_> {
    /// Reports a call whose arguments no function of that name takes.
    pub(crate) fn takes(&mut self, name: &str, node: &SyntaxNode, arguments: &Arguments) {
        if self.is_open() || self.catalog.may_be_created(name) || !is_plain(node, arguments) {
            return;
        }
        // In FROM it takes any number of arrays, which is no function of the catalog.
        if name == "unnest" && arguments.len() > 1 {
            return;
        }
        let Some(overloads) = overloads(name) else { return };
        let types: Vec<Option<&Type>> =
            arguments.iter().map(|(value, _)| self.certain_type(value)).collect();
        if overloads.split(' ').any(|overload| accepts(overload, &types)) {
            return;
        }
        let spelled = |value: &Value| match &value.kind {
            Kind::Of(data_type) => data_type.to_string(),
            Kind::Unknown | Kind::Literal(_) | Kind::Parameter(_) => String::from("unknown"),
        };
        let found: Vec<String> = arguments.iter().map(|(value, _)| spelled(value)).collect();
        let message = format!("there is no function `{name}({})`", found.join(", "));
        let known: Vec<String> =
            overloads.split(' ').map(|overload| format!("{name}({})", shown(overload))).collect();
        let known: Vec<&str> = known.iter().map(String::as_str).collect();
        let unknown = vec![None; types.len()];
        let counts = overloads.split(' ').any(|overload| accepts(overload, &unknown));
        let cast =
            if counts && !types.is_empty() { "; cast an argument, as in `x::text`" } else { "" };
        self.report(
            Finding::new(Rule::TypeMismatch, self.range(node), message)
                .help(format!("there is {}{cast}", list(&known))),
        );
    }

    fn certain_type<'v>(&self, value: &'v Value) -> Option<&'v Type> {
        value.data_type().filter(|data_type| self.is_certain(data_type))
    }
}

/// Whether the arguments are all that the call has between its parentheses, in their order.
fn is_plain(node: &SyntaxNode, arguments: &Arguments) -> bool {
    let Some(list) = child(node, SyntaxKind::ARG_LIST) else { return false };
    let count = list.children().filter(|child| child.kind() == SyntaxKind::ARG).count();
    let special = |kind: SyntaxKind| {
        matches!(kind, SyntaxKind::VARIADIC_KW | SyntaxKind::NAMED_ARG | SyntaxKind::STAR)
    };
    let parts = list.children().filter(|child| child.kind() == SyntaxKind::ARG);
    let inside = parts.flat_map(|arg| arg.children_with_tokens().collect::<Vec<_>>());
    let mut all = list.children_with_tokens().chain(inside);
    count == arguments.len()
        && !all.any(|element| special(element.kind()))
        && child(node, SyntaxKind::WITHIN_CLAUSE).is_none()
}

/// The overloads of the function, if it is in the list.
fn overloads(name: &str) -> Option<&'static str> {
    SIGNATURES.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '))
}

/// Whether an overload may take arguments of these types; `None` is one that is not known.
fn accepts(overload: &str, types: &[Option<&Type>]) -> bool {
    let parameters: Vec<&str> =
        if overload == "-" { Vec::new() } else { overload.split(',').collect() };
    let variadic = parameters.last().and_then(|last| last.strip_prefix('*'));
    let fixed = parameters.len() - usize::from(variadic.is_some());
    let needed = parameters[..fixed].iter().filter(|parameter| !parameter.ends_with('=')).count();
    let many = variadic.is_none() && types.len() > fixed;
    // Of what is VARIADIC there is at least one, unless it is of any type.
    if types.len() < needed + usize::from(variadic.is_some_and(|of| of != "any")) || many {
        return false;
    }
    let parameters = parameters[..fixed].iter().map(|parameter| parameter.trim_end_matches('='));
    let parameters = parameters.chain(std::iter::repeat(variadic.unwrap_or_default()));
    parameters.zip(types).all(|(parameter, of)| of.is_none_or(|of| takes(parameter, of)))
}

/// Whether a parameter takes a value of the type, which is one of the common ones, an enum, or an array of these.
fn takes(parameter: &str, of: &Type) -> bool {
    match parameter {
        "anyarray" | "anycompatiblearray" => return of.array,
        "anynonarray" | "anycompatiblenonarray" => return !of.array,
        "anyrange" | "anymultirange" | "anycompatiblerange" | "anycompatiblemultirange" => {
            return false;
        }
        "anyenum" => return !of.array && !is_built_in(&of.name),
        "any" | "anyelement" | "anycompatible" | "record" | "oidvector" | "int2vector" => {
            return true;
        }
        _ => {}
    }
    match (parameter.strip_prefix('_'), of.array) {
        (Some(element), true) => becomes(&of.name, element),
        (None, false) => becomes(&of.name, parameter),
        (Some(_), false) | (None, true) => false,
    }
}

/// Whether a type is the other one, or is cast to it without being asked.
fn becomes(from: &str, to: &str) -> bool {
    let casts = |line: &'static str| line.strip_prefix("> ")?.strip_prefix(from)?.strip_prefix(' ');
    from == to
        || SIGNATURES
            .lines()
            .take_while(|line| line.starts_with('>'))
            .find_map(casts)
            .is_some_and(|targets| targets.split(' ').any(|target| target == to))
}

/// An overload as people write it.
fn shown(overload: &str) -> String {
    if overload == "-" {
        return String::new();
    }
    let parameter = |parameter: &str| {
        let (variadic, parameter) = match parameter.strip_prefix('*') {
            Some(parameter) => ("VARIADIC ", parameter),
            None => ("", parameter),
        };
        let default = if parameter.ends_with('=') { " DEFAULT" } else { "" };
        let parameter = parameter.trim_end_matches('=');
        let (name, array) = match parameter.strip_prefix('_') {
            Some(element) => (element, "[]"),
            None => (parameter, ""),
        };
        let name = Type::parse(name).map_or_else(|| name.to_owned(), |of| of.to_string());
        format!("{variadic}{name}{array}{default}")
    };
    overload.split(',').map(parameter).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fits(name: &str, types: &[&str]) -> bool {
        let types: Vec<Option<Type>> = types.iter().map(|of| Type::parse(of)).collect();
        let types: Vec<Option<&Type>> = types.iter().map(Option::as_ref).collect();
        overloads(name).is_some_and(|all| all.split(' ').any(|one| accepts(one, &types)))
    }

    #[test]
    fn what_a_server_takes() {
        for (name, types) in [
            ("lower", &["text"][..]),
            ("lower", &["varchar"]),
            ("lower", &["?"]),
            ("round", &["integer"]),
            ("round", &["integer", "smallint"]),
            ("make_interval", &[]),
            ("concat", &["integer", "text[]"]),
            ("num_nulls", &["integer"]),
            ("array_length", &["text[]", "integer"]),
            ("array_to_string", &["integer[]", "text"]),
            ("nextval", &["text"]),
            ("date_part", &["text", "date"]),
            ("now", &[]),
        ] {
            assert!(fits(name, types), "{name} {types:?}");
        }
    }

    #[test]
    fn what_no_server_takes() {
        for (name, types) in [
            ("lower", &["integer"][..]),
            ("lower", &[]),
            ("lower", &["text", "text"]),
            ("lower", &["mood"]),
            ("round", &["double precision", "integer"]),
            ("now", &["integer"]),
            ("array_length", &["text", "integer"]),
            ("string_agg", &["integer", "text"]),
            ("jsonb_typeof", &["json"]),
            ("unnest", &["text"]),
        ] {
            assert!(!fits(name, types), "{name} {types:?}");
        }
    }

    #[test]
    fn an_overload_is_shown_as_people_write_it() {
        assert_eq!(shown("jsonb,_text,jsonb,bool="), "jsonb, text[], jsonb, boolean DEFAULT");
        assert_eq!(shown("text,*any"), "text, VARIADIC any");
        assert_eq!(shown("-"), "");
    }
}
