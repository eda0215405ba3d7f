//! A batch with every kind of step: transactions, backfills, index builds and drops, validations, constraints that are replaced, user SQL.

pub(crate) const BASE: &str = r#"
[[actions]]
type = "create_enum"
name = "mood"
values = ["calm", "angry"]

[[actions]]
type = "create_table"
name = "users"
primary_key = "id"
columns = [
  { name = "id", type = "integer", generated = "BY DEFAULT AS IDENTITY" },
  { name = "name", type = "text", nullable = false },
  { name = "email", type = "text" },
  { name = "mood", type = "mood" },
]
checks = [{ name = "named", expression = "name <> ''" }]

[[actions]]
type = "create_table"
name = "posts"
primary_key = "id"
columns = [{ name = "id", type = "integer" }, { name = "title", type = "text" }, { name = "author", type = "integer" }]
foreign_keys = [{ columns = ["author"], referenced_table = "users", referenced_columns = ["id"] }]

[[actions]]
type = "add_index"
table = "users"
index = { name = "users_text", columns = ["name"] }
"#;

pub(crate) const CHANGE: &str = r#"
[[actions]]
type = "remove_index"
index = "users_text"

[[actions]]
type = "create_table"
name = "tags"
primary_key = "id"
columns = [{ name = "id", type = "integer" }, { name = "post", type = "integer" }]
foreign_keys = [{ columns = ["post"], referenced_table = "posts", referenced_columns = ["id"] }]

[[actions]]
type = "add_column"
table = "users"
up = "upper(name)"
column = { name = "shout", type = "text", nullable = false }

[[actions]]
type = "alter_column"
table = "users"
column = "email"
up = "coalesce(email, 'none')"
down = "nullif(email, 'none')"
changes = { nullable = false }

[[actions]]
type = "remove_column"
table = "users"
column = "mood"

[[actions]]
type = "remove_enum"
enum = "mood"

[[actions]]
type = "add_index"
table = "users"
index = { name = "users_text", columns = ["shout"], unique = true }

[[actions]]
type = "custom"
start = "CREATE TABLE log (what text); INSERT INTO log VALUES ('started')"
complete = "INSERT INTO log VALUES ('completed')"
abort = "DROP TABLE log"

[[actions]]
type = "remove_check"
table = "users"
check = "named"

[[actions]]
type = "add_check"
table = "users"
check = { name = "named", expression = "email <> '' AND shout = upper(name)" }

[[actions]]
type = "remove_foreign_key"
table = "posts"
foreign_key = "posts_author_fkey"

[[actions]]
type = "add_foreign_key"
table = "posts"
foreign_key = { columns = ["author"], referenced_table = "users", referenced_columns = ["id"], on_delete = "CASCADE" }

[[actions]]
type = "rename_table"
table = "posts"
new_name = "articles"
"#;

pub(crate) const ROWS: &str = "INSERT INTO users (name, email) SELECT 'user ' || i, nullif(i % 3, 0) FROM generate_series(1, 50) i";

/// The same as far as it can be taken back.
pub(crate) const REVERTIBLE: &str = r#"
[[actions]]
type = "remove_index"
index = "users_text"

[[actions]]
type = "create_table"
name = "tags"
primary_key = "id"
columns = [{ name = "id", type = "integer" }, { name = "post", type = "integer" }]
foreign_keys = [{ columns = ["post"], referenced_table = "posts", referenced_columns = ["id"] }]

[[actions]]
type = "add_column"
table = "users"
up = "upper(name)"
column = { name = "shout", type = "text", nullable = false }

[[actions]]
type = "alter_column"
table = "users"
column = "email"
up = "coalesce(email, 'none')"
down = "nullif(email, 'none')"
changes = { nullable = false }

[[actions]]
type = "add_index"
table = "users"
index = { name = "users_text", columns = ["shout"], unique = true }

[[actions]]
type = "custom"
start = "CREATE TABLE log (what text); INSERT INTO log VALUES ('started')"
complete = "INSERT INTO log VALUES ('completed')"
abort = "DROP TABLE log"
reverts = { start = "DELETE FROM log WHERE what = 'completed'", complete = "DROP TABLE log" }

[[actions]]
type = "remove_check"
table = "users"
check = "named"

[[actions]]
type = "remove_foreign_key"
table = "posts"
foreign_key = "posts_author_fkey"

[[actions]]
type = "rename_table"
table = "posts"
new_name = "articles"
"#;
