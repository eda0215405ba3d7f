//! What a row has to hold.
//!
//! **Invariant:** a row's `stamp` decides every other column. Each write changes all of them together, so whoever
//! reads a row can tell whether a write was lost, torn or translated wrongly.

const FIRST: [&str; 12] = [
    "Ada", "Grace", "Edsger", "Barbara", "Alan", "Frances", "Donald", "Radia", "Tony", "Margaret",
    "Niklaus", "Zoë",
];
const LAST: [&str; 10] = [
    "Lovelace",
    "Hopper",
    "Dijkstra",
    "Liskov",
    "Turing",
    "Allen",
    "Knuth",
    "van Rossum",
    "O'Hoare",
    "Hamilton",
];

/// What version 2 says where version 1 says nothing.
pub const NO_EMAIL: &str = "N/A";

/// A user, whatever the columns are called.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Person {
    /// The first name: one word.
    pub first_name: String,
    /// The last name: may have spaces and quotes in it.
    pub last_name: String,
    /// `None` for one person in ten.
    pub email: Option<String>,
}

impl Person {
    /// The person whom a stamp stands for.
    pub fn of(stamp: i64) -> Self {
        let number = stamp.unsigned_abs();
        let pick = |list: &[&str], by: u64| {
            let length = list.len() as u64;
            // Less than the list's length, so it fits.
            list[usize::try_from(by % length).unwrap_or(0)].to_owned()
        };
        let first_name = format!("{}{number}", pick(&FIRST, number));
        let last_name = pick(&LAST, number / 7);
        let email = (number % 10 != 0).then(|| format!("user{number}@example.org"));
        Self { first_name, last_name, email }
    }

    /// First and last name, as version 1 stores them.
    pub fn name(&self) -> String {
        format!("{} {}", self.first_name, self.last_name)
    }
}

/// A row as a version of the service reads it.
#[derive(Clone, Debug)]
pub struct Seen {
    /// The key.
    pub id: i64,
    /// What decides the other columns.
    pub stamp: i64,
    /// `v1`, `v2`, or `load` for the rows that were there first.
    pub written_by: String,
    /// First and last name.
    pub name: String,
    /// The email; a version that must have one reads [`NO_EMAIL`].
    pub email: Option<String>,
}

impl Seen {
    /// What is wrong with the row, if something is.
    pub fn fault(&self) -> Option<String> {
        let person = Person::of(self.stamp);
        // Version 1 may read either: nothing where version 1 wrote last, NO_EMAIL where version 2 did.
        let email = self.email.as_deref().filter(|email| *email != NO_EMAIL);
        if self.name == person.name() && email == person.email.as_deref() {
            return None;
        }
        Some(format!(
            "user {} (stamp {}, written by {}) is `{}` <{}>, but was written as `{}` <{}>",
            self.id,
            self.stamp,
            self.written_by,
            self.name,
            self.email.as_deref().unwrap_or("NULL"),
            person.name(),
            person.email.as_deref().unwrap_or("NULL"),
        ))
    }
}
