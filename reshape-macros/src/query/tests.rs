use super::*;

const CATALOG: &str = "reshape-catalog\t1\nopen\tfalse\ntype\tint8\ti64\ntype\ttext\t::std::string::String\n\
    type\tdate\t__rt::typed::Binary\nenum\tmood\tcrate::migrations::schema::Mood\tsad\n\
    table\tpublic\tusers\ttrue\ncolumn\tid\tbigint\tfalse\talways\ncolumn\tname\ttext\tfalse\tnothing\n\
    column\tnick\ttext\ttrue\tnothing\ncolumn\tmood\tmood\ttrue\tnothing\ncolumn\tborn\tdate\ttrue\tnothing\n";

fn expanded(arguments: &str) -> String {
    let catalog = catalog::parse(CATALOG).unwrap();
    let arguments: Arguments = syn::parse_str(arguments).unwrap();
    match checked(&arguments, &catalog) {
        Ok(tokens) => {
            let file = quote!(fn main() { #tokens });
            prettyplease::unparse(&syn::parse2(file).unwrap())
        }
        Err(errors) => errors.into_iter().map(|error| error.to_string() + "\n").collect(),
    }
}

#[test]
fn a_damaged_catalog_is_not_trusted() {
    for text in [
        "",
        "reshape-catalog\t2\n",
        "reshape-catalog\t1\ncolumn\ta\tint\ttrue\tnothing\n",
        "reshape-catalog\t1\nopen\tmaybe\n",
    ] {
        assert!(catalog::parse(text).is_none(), "{text:?}");
    }
}

#[test]
fn a_statement_has_to_be_a_literal() {
    let error = syn::parse_str::<Arguments>("sql, 1").err().unwrap().to_string();
    assert!(error.starts_with("expected a statement as a string literal"), "{error}");
}

#[test]
fn other_statements_are_refused() {
    assert!(expanded("\"LOCK TABLE users\"").contains("only SELECT, VALUES, INSERT"));
}
