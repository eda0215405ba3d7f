//! The SQL of a write.

use crate::random::{literal, q};
use crate::relations::schema::ColumnId;
use crate::relations::world::{RowId, Side, World};
use crate::relations::write::{Conflict, SHIFT, Write};

impl Write {
    /// The statement, on the table by that name.
    pub(crate) fn sql(&self, world: &World, side: Side, on: &str) -> String {
        let shape = &world.levels[world.level(side)][&self.table()];
        let at = |rows: &[RowId]| -> String {
            let key = shape.key();
            let rows = rows.iter().map(|row| {
                let cells = key.iter().map(|c| literal(&world.rows(side, self.table())[row][c]));
                format!("({})", cells.collect::<Vec<_>>().join(", "))
            });
            format!("({}) IN ({})", shape.names(key), rows.collect::<Vec<_>>().join(", "))
        };
        match self {
            Self::Delete { rows, .. } => format!("DELETE FROM {on} WHERE {}", at(rows)),
            Self::Shift { rows, column, .. } => {
                let name = q(&shape.name_of(*column));
                format!("UPDATE {on} SET {name} = {name} + {SHIFT} WHERE {}", at(rows))
            }
            Self::Update { rows, set, .. } => {
                let set = set.iter().map(|(column, cell)| {
                    format!("{} = {}", q(&shape.name_of(*column)), literal(cell))
                });
                format!("UPDATE {on} SET {} WHERE {}", set.collect::<Vec<_>>().join(", "), at(rows))
            }
            Self::Insert { given, conflict, select, .. } => {
                let columns: Vec<ColumnId> = given.keys().copied().collect();
                let names = shape.names(&columns);
                let mut sql = match select {
                    _ if given.is_empty() => format!("INSERT INTO {on} DEFAULT VALUES"),
                    None => {
                        let values: Vec<String> = given.values().map(literal).collect();
                        format!("INSERT INTO {on} ({names}) VALUES ({})", values.join(", "))
                    }
                    Some(row) => {
                        let cells = &world.rows(side, self.table())[row];
                        let values: Vec<String> = given
                            .iter()
                            .map(|(column, cell)| {
                                if cells[column] == *cell {
                                    q(&shape.name_of(*column))
                                } else {
                                    literal(cell)
                                }
                            })
                            .collect();
                        let values = values.join(", ");
                        format!(
                            "INSERT INTO {on} ({names}) SELECT {values} FROM {on} WHERE {}",
                            at(&[*row])
                        )
                    }
                };
                match conflict {
                    Conflict::Fail => {}
                    Conflict::Nothing => sql.push_str(" ON CONFLICT DO NOTHING"),
                    Conflict::Update { key, set } => {
                        let set = set.iter().map(|column| {
                            format!("{0} = excluded.{0}", q(&shape.name_of(*column)))
                        });
                        sql.push_str(&format!(
                            " ON CONFLICT ({}) DO UPDATE SET {}",
                            shape.names(key),
                            set.collect::<Vec<_>>().join(", ")
                        ));
                    }
                }
                sql
            }
        }
    }
}
