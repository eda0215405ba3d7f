//! `index.txt`: what the macros read. Lines of fields that are separated by tabs.
//!
//! **Invariant:** the first line names the version of this format; it changes with every change of the format.

use super::ident::Idents;
use crate::set::Set;

/// The version of the format; the macros refuse any other.
const VERSION: &str = "1";

/// The name of the set, `namespace  name`, if it has one; one line per migration, `migration  name  StructIdent  CONST_IDENT  checksum  description  file`, and one per error,
/// `problem  text`. Without a description its field is empty.
pub(super) fn index(set: &Set) -> String {
    let mut text = line(&["reshape-index", VERSION]);
    // Without a name there is no such line, so that what knows of none can read it.
    if let Some(namespace) = &set.namespace {
        text.push_str(&line(&["namespace", namespace]));
    }
    let mut idents = Idents::default();
    for (migration, file) in set.migrations() {
        text.push_str(&line(&[
            "migration",
            &migration.name,
            &idents.type_name(&migration.name),
            &idents.const_name(&migration.name),
            &migration.checksum,
            migration.description.as_deref().unwrap_or_default(),
            file,
        ]));
    }
    for problem in set.problems.errors() {
        text.push_str(&line(&["problem", &problem.render(false)]));
    }
    text
}

pub(crate) fn line(fields: &[&str]) -> String {
    let fields: Vec<String> = fields.iter().map(|field| escape(field)).collect();
    fields.join("\t") + "\n"
}

fn escape(field: &str) -> String {
    field.replace('\\', "\\\\").replace('\t', "\\t").replace('\n', "\\n").replace('\r', "\\r")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_field_cannot_end_its_line_or_itself() {
        assert_eq!(line(&["a\tb", "c\\n\r\n"]), "a\\tb\tc\\\\n\\r\\n\n");
    }
}
