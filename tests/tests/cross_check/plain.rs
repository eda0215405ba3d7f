//! What an action means, as plain SQL on tables that nobody else uses.

use reshape_runtime::model::{Action, Column, ForeignKey, IndexColumn, Transform};
use reshape_runtime::sql::ident::ident;

fn list<'a>(names: impl Iterator<Item = &'a str>) -> String {
    names.map(ident).collect::<Vec<_>>().join(", ")
}

fn column(column: &Column) -> String {
    let mut sql = format!("{} {}", ident(&column.name), column.data_type);
    if let Some(default) = &column.default {
        sql.push_str(&format!(" DEFAULT {default}"));
    }
    if let Some(generated) = &column.generated {
        sql.push_str(&format!(" GENERATED {generated}"));
    }
    if !column.nullable {
        sql.push_str(" NOT NULL");
    }
    sql
}

fn foreign_key(key: &ForeignKey) -> String {
    format!(
        "FOREIGN KEY ({}) REFERENCES {} ({})",
        list(key.columns.iter().map(AsRef::as_ref)),
        ident(&key.referenced_table),
        list(key.referenced_columns.iter().map(AsRef::as_ref))
    )
}

/// One or more statements.
pub(crate) fn sql(action: &Action) -> String {
    match action {
        Action::CreateTable(create) => {
            let columns = create.columns.iter().map(column);
            let keys = create.foreign_keys.iter().map(foreign_key);
            let checks = create.checks.iter().map(|check| {
                let name = check.name.as_deref().map(|name| format!("CONSTRAINT {} ", ident(name)));
                format!("{}CHECK ({})", name.unwrap_or_default(), check.expression)
            });
            let key = list(create.primary_key.iter().map(AsRef::as_ref));
            let parts: Vec<String> =
                columns.chain([format!("PRIMARY KEY ({key})")]).chain(keys).chain(checks).collect();
            format!("CREATE TABLE {} ({})", ident(&create.name), parts.join(", "))
        }
        Action::RenameTable(rename) => {
            format!("ALTER TABLE {} RENAME TO {}", ident(&rename.table), ident(&rename.new_name))
        }
        Action::RemoveTable(remove) => format!("DROP TABLE {}", ident(&remove.table)),
        Action::AddColumn(add) => {
            let table = ident(&add.table);
            let value = match &add.up {
                Some(Transform::Expression(up)) => {
                    format!(";\nUPDATE {table} SET {} = ({up})", ident(&add.column.name))
                }
                _ => String::new(),
            };
            format!("ALTER TABLE {table} ADD COLUMN {}{value}", column(&add.column))
        }
        Action::AlterColumn(alter) => {
            let (table, name) = (ident(&alter.table), ident(&alter.column));
            let of =
                |change: String| format!("ALTER TABLE {table} ALTER COLUMN {name} {change};\n");
            // Also where nothing changes: the column has to be there.
            let mut sql = of(String::from("SET STATISTICS 100"));
            if let Some(data_type) = &alter.changes.data_type {
                let value = match &alter.up {
                    Some(Transform::Expression(up)) => up.to_string(),
                    _ => format!("{name}::text::{data_type}"),
                };
                sql.push_str(&of(String::from("DROP DEFAULT")));
                // USING takes no sub-select.
                sql.push_str(&format!(
                    "ALTER TABLE {table} ADD COLUMN value_of_up {data_type};\n\
                     UPDATE {table} SET value_of_up = ({value});\n"
                ));
                sql.push_str(&of(format!("TYPE {data_type} USING value_of_up")));
                sql.push_str(&format!("ALTER TABLE {table} DROP COLUMN value_of_up;\n"));
            }
            if let Some(default) = &alter.changes.default {
                sql.push_str(&of(format!("SET DEFAULT {default}")));
            }
            match alter.changes.nullable {
                Some(true) => sql.push_str(&of(String::from("DROP NOT NULL"))),
                Some(false) => sql.push_str(&of(String::from("SET NOT NULL"))),
                None => {}
            }
            if let Some(new) = &alter.changes.name {
                sql.push_str(&format!(
                    "ALTER TABLE {table} RENAME COLUMN {name} TO {}",
                    ident(new)
                ));
            }
            sql
        }
        Action::RemoveColumn(remove) => {
            format!("ALTER TABLE {} DROP COLUMN {}", ident(&remove.table), ident(&remove.column))
        }
        Action::AddIndex(add) => {
            let keys = add.index.columns.iter().map(|key| match key {
                IndexColumn::Name(name) | IndexColumn::Column { column: name, .. } => ident(name),
                IndexColumn::Expression { expression, .. } => format!("({expression})"),
            });
            format!(
                "CREATE {}INDEX {} ON {} USING {} ({})",
                if add.index.unique { "UNIQUE " } else { "" },
                ident(&add.index.name),
                ident(&add.table),
                add.index.method.map_or("btree", |method| method.sql()),
                keys.collect::<Vec<_>>().join(", ")
            )
        }
        Action::RemoveIndex(remove) => format!("DROP INDEX {}", ident(&remove.index)),
        Action::AddForeignKey(add) => {
            format!("ALTER TABLE {} ADD {}", ident(&add.table), foreign_key(&add.foreign_key))
        }
        Action::RemoveForeignKey(remove) => format!(
            "ALTER TABLE {} DROP CONSTRAINT {}",
            ident(&remove.table),
            ident(&remove.foreign_key)
        ),
        Action::AddCheck(add) => {
            let name = add.check.name.as_deref().unwrap_or_default();
            let check = &add.check.expression;
            format!(
                "ALTER TABLE {} ADD CONSTRAINT {} CHECK ({check})",
                ident(&add.table),
                ident(name)
            )
        }
        Action::RemoveCheck(remove) => {
            format!("ALTER TABLE {} DROP CONSTRAINT {}", ident(&remove.table), ident(&remove.check))
        }
        Action::CreateEnum(create) => {
            let values: Vec<String> = create
                .values
                .iter()
                .map(|value| format!("'{}'", value.replace('\'', "''")))
                .collect();
            format!("CREATE TYPE {} AS ENUM ({})", ident(&create.name), values.join(", "))
        }
        Action::RemoveEnum(remove) => format!("DROP TYPE {}", ident(&remove.name)),
        Action::Custom(custom) => custom.start.as_deref().unwrap_or_default().to_owned(),
    }
}
