//! Code that was written for another version of the schema.

use migrations::schema::{Mood, NewUsers, Posts, Users, users};
use reshape_runtime::query;
use reshape_runtime::typed::postgres::Client;

reshape_runtime::migrations!();

fn renamed_column(user: &Users) -> &str {
    &user.name
}

fn renamed_constant() -> &'static str {
    users::NAME.name()
}

fn renamed_column_of_a_new_row(name: String) -> NewUsers {
    NewUsers { name, ..NewUsers::new(users::Required { full_name: "Ada" }) }
}

fn renamed_column_that_is_required() -> NewUsers {
    NewUsers::new(users::Required { name: "Ada" })
}

fn column_that_is_required_and_missing() -> NewUsers {
    NewUsers::new(users::Required {})
}

fn values_by_position() -> NewUsers {
    NewUsers::new("Ada")
}

fn required_column_of_another_type() -> NewUsers {
    NewUsers::new(users::Required { full_name: 1 })
}

fn value_that_the_enum_has_not() -> Mood {
    Mood::Angry
}

fn several_mistakes(client: &mut Client) -> i64 {
    query!("SELECT id, name FROM users WHERE nam = $1", "Ada").one(client).unwrap().id
}

fn rows_of_a_statement_that_gives_none(client: &mut Client) {
    let _ = query!("DELETE FROM users").all(client);
}

fn main() {
    let id = 1_i64;
    let _ = query!("SELECT id, name FROM users");
    let _ = query!(
        "SELECT u.id
         FROM users u
         JOIN posts p ON p.user_id = u.id"
    );
    let _ = query!("SELECT id FROM users WHERE full_name = $1 AND id = $2", "Ada");
    let _ = query!("SELECT id FROM users WHERE mood = 'angry'");
    let _ = query!("SELECT id, my_score(id) AS score FROM users");
    let _ = query!("SELECT id FROM users WHERE id = $1", "Ada");
    let _ = query!("SELECT id FROM users WHERE full_name = $1", id);
    let _ = query!("SELEKT 1");
    let _ = query!("TRUNCATE users");
    let _ = query!("SELECT id FROM users WHERE mood = $1", "sad");
    let sql = "SELECT 1";
    let _ = query!(sql);
}

fn rows_that_the_statement_does_not_give(client: &mut Client) {
    let _ = query!(as Users, "SELECT id, mood FROM users").all(client);
    let _ = query!(as crate::migrations::schema::Users, "SELECT id::text AS id, full_name, mood FROM users").all(client);
    let _ = query!(
        as Users,
        "SELECT next.*
         FROM users LEFT JOIN users next ON next.id = users.id + 1"
    )
    .all(client);
}

fn statements_that_no_server_runs(client: &mut Client) {
    let _ = query!("INSERT INTO users (mood) VALUES ('sad')").execute(client);
    let _ = query!("INSERT INTO users (full_name) VALUES (NULL) ON CONFLICT (mood) DO NOTHING").execute(client);
    let _ = query!("SELECT id, full_name FROM users GROUP BY id").all(client);
    let _ = query!("SELECT id FROM users WHERE mood = $1::mood", Mood::Sad).all(client);
    let _ = query!("UPDATE users SET id = 1").execute(client);
}
