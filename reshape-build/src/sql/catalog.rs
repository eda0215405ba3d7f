//! The schema at some point of a history, as SQL sees it.

use std::rc::Rc;

use reshape_runtime::model::Column;
use reshape_runtime::schema::{Scene, Seen};
use reshape_runtime::sql::names::DEFAULT_SCHEMA;
use reshape_sql::{Catalog, Fill, Named, Relation, Type};

/// What sub-selects see.
pub(crate) struct View<'a> {
    pub(crate) scene: Scene<'a>,
    /// The tables of which the action itself may know several states.
    pub(crate) own: &'a [Seen],
}

impl View<'_> {
    /// Whether the planner shows the table `name` as the actions before have left it.
    fn is_shown(&self, name: &str) -> bool {
        self.own.iter().all(|seen| seen.name != name)
    }
}

impl Catalog for View<'_> {
    /// Until a batch is complete, the database has its tables by the names that they had before; which migrations make a batch is not known
    /// here. Sub-selects are shown them by their new names, unless these have a schema before them.
    fn relation(&self, schema: Option<&str>, name: &str) -> Named {
        let scene = &self.scene;
        let is_shown = schema.is_none() && self.is_shown(name);
        let Some(table) = scene.schema().table(name) else {
            let elsewhere = if is_shown {
                scene.may_have_other_table(name)
            } else {
                scene.may_have_table(name)
            };
            let unknown = schema.is_some() || scene.is_adopted() || elsewhere;
            return if unknown { Named::Uncertain } else { Named::Missing };
        };
        if table.schema != schema.unwrap_or(DEFAULT_SCHEMA) || scene.is_mentioned(name) {
            return Named::Uncertain;
        }
        let former = scene.former_columns(name);
        Named::Known(Rc::new(Relation {
            name: name.to_owned(),
            columns: table.columns.iter().map(|known| column(name, known, scene)).collect(),
            complete: is_shown || former.iter().all(|former| table.column(former).is_some()),
        }))
    }

    fn relations(&self) -> Vec<String> {
        self.scene.schema().tables().map(|table| table.name.clone()).collect()
    }

    fn enumeration(&self, name: &str) -> Option<Vec<String>> {
        let known = self.scene.schema().enumeration(name)?;
        (!self.scene.is_mentioned(name)).then(|| known.values.clone())
    }

    fn may_be_created(&self, name: &str) -> bool {
        self.scene.is_mentioned(name)
    }

    fn is_open(&self) -> bool {
        self.scene.is_adopted() || self.scene.is_mentioned("extension")
    }
}

/// A column as SQL sees it.
pub(crate) fn column(table: &str, column: &Column, scene: &Scene<'_>) -> reshape_sql::Column {
    let certain = super::is_certain(table, column, scene);
    reshape_sql::Column {
        name: column.name.to_string(),
        data_type: Type::parse(&column.data_type).filter(|_| certain),
        nullable: column.nullable,
        fill: Fill::Nothing,
    }
}
