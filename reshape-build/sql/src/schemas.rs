//! Types that are named without their schema.
//!
//! A connection's `search_path` is the version's schema, which has the tables. Enum types are where the history has created them.

use squawk_syntax::{SyntaxKind, SyntaxNode};

use crate::finding::{Finding, Rule};
use crate::from::relation_name;
use crate::name::quote;
use crate::types::is_built_in;
use crate::walk::Walk;

impl Walk<'_> {
    /// Reports the enum types that are not found by the name that the statement gives them.
    pub(crate) fn type_names(&mut self, root: &SyntaxNode) {
        for node in root.descendants().filter(|node| node.kind() == SyntaxKind::PATH_TYPE) {
            let Some((None, name)) = relation_name(&node) else { continue };
            let Some(schema) = self.catalog.schema_of_enumeration(&name) else { continue };
            if is_built_in(&name) || self.catalog.may_be_created(&name) {
                continue;
            }
            let message = format!("there is no type `{name}` in the version's schema");
            let qualified = format!("{}.{}", quote(&schema), quote(&name));
            let help = format!(
                "leave the cast out where a column says the type, or name the schema: `{qualified}`"
            );
            let finding = Finding::new(Rule::TypeSchema, self.range(&node), message);
            self.report(finding.help(help));
        }
    }
}
