//! What functions give.

use squawk_syntax::SyntaxNode;

use crate::call::Arguments;
use crate::functions::Function;
use crate::operators;
use crate::types::{Type, is_text};
use crate::value::{Kind, Value, any_null};
use crate::walk::Walk;

impl Walk<'_> {
    /// What a function gives that gives no NULL unless it gets one: only where it is certain which function it is.
    pub(crate) fn strict(&self, value: Value, arguments: &Arguments) -> Value {
        let known = value.data_type().is_some();
        let nullable = self.null_of(arguments.iter().map(|(value, _)| value)).filter(|_| known);
        value.null_if(nullable)
    }

    /// What the function gives.
    pub(crate) fn result(
        &mut self,
        name: &str,
        function: Function,
        arguments: &Arguments,
    ) -> Value {
        let any = || any_null(arguments.iter().map(|(value, _)| value));
        let first = arguments.first().map(|(value, _)| value);
        let known = first.and_then(Value::data_type).filter(|first| !first.array);
        match name {
            "coalesce" => {
                let never = arguments.iter().any(|(value, _)| value.nullable == Some(false));
                let nullable = if never { Some(false) } else { any() };
                return self.common("COALESCE", arguments).null_if(nullable);
            }
            "greatest" | "least" => {
                let never = arguments.iter().any(|(value, _)| value.nullable == Some(false));
                let what = if name == "least" { "LEAST" } else { "GREATEST" };
                return self.common(what, arguments).null_if(never.then_some(false));
            }
            "nullif" => {
                if let [(one, one_node), (other, other_node)] = &arguments[..] {
                    let (first, range) = (self.range(one_node), self.range(other_node));
                    self.compare("=", (one, &first), (other, &range), range.clone());
                }
                let kind = first.map_or(Kind::Unknown, |first| first.kind.clone());
                let kind = if matches!(kind, Kind::Literal(_)) { Kind::Unknown } else { kind };
                return Value { kind, nullable: Some(true), ..Value::default() };
            }
            "count" => return Value::of("int8").null_if(Some(false)),
            "row_number" | "rank" | "dense_rank" => {
                return Value::of("int8").null_if(Some(false));
            }
            "now" | "clock_timestamp" | "statement_timestamp" | "transaction_timestamp"
                if arguments.is_empty() =>
            {
                return Value::of("timestamptz").null_if(Some(false));
            }
            "gen_random_uuid" => return Value::of("uuid").null_if(Some(false)),
            "random" if arguments.is_empty() => return Value::of("float8").null_if(Some(false)),
            "concat" | "format" | "concat_ws" => {
                if name == "concat" {
                    return Value::of("text").null_if(Some(false));
                }
                return self.strict(Value::of("text"), arguments);
            }
            "lower" | "upper" | "initcap" | "btrim" | "ltrim" | "rtrim" | "replace" | "left"
            | "right" | "lpad" | "rpad" | "repeat" | "reverse" | "translate" | "split_part"
            | "substr" | "regexp_replace" | "quote_literal" | "md5" | "trim" | "substring" => {
                if let Some((value, _)) = arguments.first() {
                    self.determine(value, &Type::built_in("text"));
                }
                let result = text_result("text", arguments);
                // By a pattern that is not found, it is NULL.
                if name == "substring" && !by_number(arguments) {
                    return result;
                }
                return self.strict(result, arguments);
            }
            "length" | "char_length" | "character_length" | "octet_length" | "strpos" | "ascii" => {
                if let Some((value, _)) = arguments.first() {
                    self.determine(value, &Type::built_in("text"));
                }
                return self.strict(text_result("int4", arguments), arguments);
            }
            "sum" => {
                let result = known.and_then(|known| match &*known.name {
                    "int2" | "int4" => Some("int8"),
                    "int8" | "numeric" => Some("numeric"),
                    "float4" => Some("float4"),
                    "float8" => Some("float8"),
                    "interval" => Some("interval"),
                    _ => None,
                });
                return result.map_or_else(Value::default, Value::of).null_if(Some(true));
            }
            "avg" => {
                let result = known.and_then(|known| match &*known.name {
                    "int2" | "int4" | "int8" | "numeric" => Some("numeric"),
                    "float4" | "float8" => Some("float8"),
                    "interval" => Some("interval"),
                    _ => None,
                });
                return result.map_or_else(Value::default, Value::of).null_if(Some(true));
            }
            "min" | "max" => {
                let same = known.filter(|known| {
                    matches!(
                        &*known.name,
                        "int2"
                            | "int4"
                            | "int8"
                            | "numeric"
                            | "float4"
                            | "float8"
                            | "text"
                            | "date"
                            | "time"
                            | "timestamp"
                            | "timestamptz"
                            | "interval"
                            | "bpchar"
                    )
                });
                let text = known.is_some_and(|known| known.is("varchar"));
                let same = if text { Some(Type::built_in("text")) } else { same.cloned() };
                return Value::typed(same).null_if(Some(true));
            }
            "bool_and" | "bool_or" | "every" => return Value::of("bool").null_if(Some(true)),
            "array_agg" => {
                // With NULLs in it, it would be nothing that its type says.
                let whole = self.is_whole(first.and_then(|first| first.nullable));
                let result = known.filter(|_| whole).map(Type::array_of);
                return Value::typed(result).null_if(Some(true));
            }
            "string_agg" => return text_result("text", arguments).null_if(Some(true)),
            "abs" | "ceil" | "ceiling" | "floor" | "trunc" | "round" if arguments.len() == 1 => {
                let whole = name == "abs";
                let same = known.filter(|known| match &*known.name {
                    "numeric" | "float8" => true,
                    "int2" | "int4" | "int8" | "float4" => whole,
                    _ => false,
                });
                return self.strict(Value::typed(same.cloned()), arguments);
            }
            "round" | "trunc" if known.is_some_and(|known| known.is("numeric")) => {
                return self.strict(Value::of("numeric"), arguments);
            }
            "date_trunc" => {
                let when = arguments.get(1).and_then(|(value, _)| value.data_type());
                let result = when.filter(|when| !when.array).and_then(|when| match &*when.name {
                    "timestamp" => Some("timestamp"),
                    "timestamptz" | "date" => Some("timestamptz"),
                    "interval" => Some("interval"),
                    _ => None,
                });
                return self.strict(result.map_or_else(Value::default, Value::of), arguments);
            }
            "age" => {
                let dates =
                    |known: &&Type| matches!(&*known.name, "date" | "timestamp" | "timestamptz");
                let result = known.filter(dates).map(|_| Type::built_in("interval"));
                return Value::typed(result);
            }
            "lag" | "lead" | "first_value" | "last_value" | "nth_value" => {
                // `lag(x, 1, y)`: the type that both have together.
                let other = arguments.get(2).and_then(|(value, _)| value.data_type());
                let of = first.and_then(Value::data_type);
                let same = arguments.len() < 3 || other == of;
                return Value::typed(of.filter(|_| same).cloned()).null_if(Some(true));
            }
            "unnest" => {
                let element = first.and_then(Value::data_type).filter(|first| first.array);
                return Value::typed(element.map(Type::element));
            }
            "generate_series" => {
                let same = known.filter(|known| {
                    matches!(
                        &*known.name,
                        "int4" | "int8" | "numeric" | "timestamp" | "timestamptz"
                    )
                });
                // Beside another one that gives more rows, it gives NULL in the end.
                return Value::typed(same.cloned());
            }
            _ => {}
        }
        // An extension may have a function of that name for types of its own.
        let own = |value: &Value| match &value.kind {
            Kind::Of(data_type) => data_type.array || operators::is_asked(&data_type.name),
            Kind::Literal(_) | Kind::Parameter(_) => true,
            Kind::Unknown => {
                name.starts_with("json") || name.ends_with("json") || name.ends_with("jsonb")
            }
        };
        match function.result {
            Some(result) if arguments.iter().all(|(value, _)| own(value)) => Value::of(result),
            Some(_) | None => Value::default(),
        }
    }
}

/// Whether a part of a text is said by numbers, rather than by a pattern.
pub(crate) fn by_number(arguments: &Arguments) -> bool {
    let number = |(value, _): &&(Value, SyntaxNode)| {
        value.data_type().is_some_and(|of| of.is("int2") || of.is("int4"))
    };
    arguments.len() > 1 && arguments.iter().filter(number).count() == arguments.len() - 1
}

/// A function of text gives this, if it gets text and nothing else: `lower` also takes ranges, `length` lines.
pub(crate) fn text_result(result: &'static str, arguments: &[(Value, SyntaxNode)]) -> Value {
    let text = |value: &Value| match &value.kind {
        Kind::Of(data_type) => !data_type.array && is_text(&data_type.name),
        Kind::Literal(_) | Kind::Parameter(_) => true,
        Kind::Unknown => false,
    };
    match arguments.first() {
        Some((first, _)) if text(first) => Value::of(result),
        _ => Value::default(),
    }
}
