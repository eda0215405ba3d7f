//! Shapes: the code of a table or an enum type, once for all versions in which it is the same.

use std::collections::HashMap;

use reshape_runtime::schema::{Enum, Schema, Table};

use super::docs;
use super::names::{self, Taken};
use super::story::TableStory;
use super::table::{self, Idents};
use super::{EnumPath, Settings};

pub(super) struct Shapes<'a> {
    settings: &'a Settings,
    /// Modules by the code in them.
    known: HashMap<String, String>,
    /// Not the names of the modules beside them.
    taken: Taken,
    /// All of them.
    pub(super) code: String,
}

impl<'a> Shapes<'a> {
    pub(super) fn new(settings: &'a Settings) -> Self {
        let taken = Taken::with(&["schema", "versions", "core", "std", "alloc"]);
        Self { settings, known: HashMap::new(), taken, code: String::new() }
    }

    /// The module with the table's code.
    pub(super) fn table(
        &mut self,
        schema: &Schema,
        table: &Table,
        enums: &[EnumPath],
        story: Option<&TableStory>,
        idents: &Idents,
    ) -> String {
        let code = table::code(self.settings, schema, table, enums, story, idents);
        self.module(&names::module(&table.name, 't'), code)
    }

    /// The module with the enum type's Rust enum.
    pub(super) fn enumeration(&mut self, enumeration: &Enum, ident: &str) -> String {
        let mut taken = Taken::default();
        let mut variants = String::new();
        let mut pairs = Vec::new();
        for value in &enumeration.values {
            let variant = taken.take(&names::camel(value, 'V'));
            docs::write(&mut variants, &docs::code(value));
            variants.push_str(&format!("{variant},\n"));
            pairs.push(format!("{variant} = {value:?}"));
        }
        let name = &enumeration.name;
        let mut code = String::from("use super::__rt;\n");
        docs::write(&mut code, &format!("The enum type {}.", docs::code(name)));
        // Without a value nothing can be compared, and no reference can be matched.
        if pairs.is_empty() {
            code.push_str(&format!("pub type {ident} = __rt::typed::Binary;\n"));
        } else {
            code.push_str(&format!(
                "#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]\npub enum {ident} {{\n{variants}}}\n\
                 __rt::__enumeration!({ident}, {name:?}, {});\n",
                pairs.join(", ")
            ));
        }
        self.module(&names::module(name, 'e'), code)
    }

    fn module(&mut self, name: &str, code: String) -> String {
        if let Some(module) = self.known.get(&code) {
            return module.clone();
        }
        let module = self.taken.take(name);
        self.code.push_str(&format!("mod {module} {{\n{code}}}\n"));
        self.known.insert(code, module.clone());
        module
    }
}
