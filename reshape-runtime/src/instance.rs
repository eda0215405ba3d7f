//! Who uses a version of the schema.

use std::fmt;

use serde::Serialize;

/// How it is known that somebody uses a version.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[cfg_attr(feature = "client", derive(serde::Deserialize))]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Evidence {
    /// A lease: a session holds a lock for as long as its program lives.
    Lease,
    /// A lease that is kept up by heartbeats, behind a proxy that pools connections.
    Heartbeat,
    /// No lease, but an open transaction that uses views of the version; where clients use the plain tables, those tables.
    Transaction,
    /// No lease, but an idle session whose last statement named the version's schema. It may have gone on to another one since.
    LastStatement,
}

impl Evidence {
    /// Whether it is certain that the version is in use: a guess keeps nobody from completing.
    pub const fn is_certain(self) -> bool {
        match self {
            Self::Lease | Self::Heartbeat | Self::Transaction => true,
            Self::LastStatement => false,
        }
    }

    /// Whether a program has said so itself.
    pub const fn is_lease(self) -> bool {
        match self {
            Self::Lease | Self::Heartbeat => true,
            Self::Transaction | Self::LastStatement => false,
        }
    }
}

/// A running program, or a session of one, that uses a version.
///
/// Of a session that belongs to another role, Postgres tells address and time only to members of `pg_read_all_stats`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Instance {
    /// The version, by the name of its migration; `None` for the plain tables.
    pub version: Option<String>,
    /// How that is known.
    pub evidence: Evidence,
    /// The process of the server; of a heartbeat it is not known.
    pub pid: Option<i32>,
    /// The session's `application_name`, or the name that the lease was given.
    pub application_name: Option<String>,
    /// The client's address.
    pub address: Option<String>,
    /// Since when it is connected, or holds its lease.
    pub since: Option<String>,
}

impl fmt::Display for Instance {
    /// `` `web-1` (pid 7, 10.0.0.1, since 2026-01-02 03:04:05 UTC) ``
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { version: _, evidence, pid, application_name, address, since } = self;
        match application_name {
            // Anybody may call themselves anything: neither a terminal nor a log is for that.
            Some(name) => {
                let plain = name.chars().map(|c| if c.is_control() { '\u{fffd}' } else { c });
                write!(f, "`{}`", plain.take(100).collect::<String>())?;
            }
            None => f.write_str("a session")?,
        }
        let mut facts: Vec<String> = Vec::new();
        match evidence {
            Evidence::Lease => {}
            Evidence::Heartbeat => facts.push(String::from("heartbeat")),
            Evidence::Transaction => facts.push(String::from("no lease, in a transaction")),
            Evidence::LastStatement => facts.push(String::from("no lease, idle")),
        }
        facts.extend(pid.map(|pid| format!("pid {pid}")));
        facts.extend(address.clone());
        facts.extend(since.as_ref().map(|since| format!("since {since}")));
        if facts.is_empty() { Ok(()) } else { write!(f, " ({})", facts.join(", ")) }
    }
}

/// What became of a lease.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum LeaseChange {
    /// It is held: for the first time, or again after an interruption.
    Held,
    /// Its connection was lost, so a completion would not see it; it is being taken again.
    Interrupted(String),
    /// It is over, and why: its version was removed while the program was cut off, or by force.
    Lost(String),
}

/// Instances for a message: the first ones, and how many more.
#[cfg(feature = "client")]
pub(crate) fn list(instances: &[Instance]) -> String {
    const MOST: usize = 10;
    let shown: Vec<String> = instances.iter().take(MOST).map(ToString::to_string).collect();
    match instances.len().saturating_sub(MOST) {
        0 => shown.join("; "),
        more => format!("{}; and {more} more", shown.join("; ")),
    }
}

#[cfg(all(test, feature = "client"))]
mod tests {
    use super::*;

    fn instance(evidence: Evidence) -> Instance {
        Instance {
            version: Some("1_a".into()),
            evidence,
            pid: Some(7),
            application_name: Some("web".into()),
            address: None,
            since: Some("today".into()),
        }
    }

    #[test]
    fn an_instance_is_shown_with_what_is_known_of_it() {
        assert_eq!(instance(Evidence::Lease).to_string(), "`web` (pid 7, since today)");
        let unknown = Instance {
            pid: None,
            application_name: None,
            since: None,
            ..instance(Evidence::Lease)
        };
        assert_eq!(unknown.to_string(), "a session");
        assert_eq!(
            instance(Evidence::Transaction).to_string(),
            "`web` (no lease, in a transaction, pid 7, since today)"
        );
    }

    #[test]
    fn of_many_instances_some_are_named_and_the_rest_counted() {
        let many = vec![instance(Evidence::Lease); 12];
        let text = list(&many);
        assert_eq!(text.matches("`web`").count(), 10);
        assert!(text.ends_with("; and 2 more"), "{text}");
    }
}
