//! What the server shows of others while a backfill is at work, and whether it has to wait for them.
//!
//! **Invariant:** pure but for the query itself: no clock, no connection.
//!
//! **Invariant:** nothing is waited for without end: a standby that is kept back on purpose, or by a report, must not keep an application from
//! starting.

use std::collections::{BTreeSet, VecDeque};
use std::time::{Duration, Instant};

use serde::Deserialize;

/// Standbys that have been too far behind for so long are not waited for any longer.
const PATIENCE: Duration = Duration::from_mins(5);

/// The most marks that are kept: at one a second an hour.
const MARKS: usize = 3600;

/// One look at the server.
#[derive(Debug, Deserialize)]
pub(super) struct Sight {
    /// How much WAL there has ever been, in bytes.
    wal: u64,
    standbys: Vec<Standby>,
    /// Whether there are some of which this role is told nothing.
    hidden_standbys: bool,
    /// The sessions of clients that run something, ours left out.
    active: u32,
    /// Whether there are some of which this role is told nothing.
    hidden_sessions: bool,
}

/// A physical standby that streams.
#[derive(Debug, Deserialize)]
struct Standby {
    pid: i64,
    name: String,
    /// The WAL that it has replayed, in bytes.
    replayed: u64,
    /// What the server says, in seconds. It stands still when the standby does.
    lag: Option<f64>,
}

/// Asks for a [`Sight`] as JSON. A subscriber of logical replication is no standby: what it has confirmed says nothing about what it shows; a
/// receiver of WAL for an archive replays nothing. Of another role's session the server hides the state; that of the server's own processes, which belong to
/// no database, is of no interest.
pub(super) const QUERY: &str = "SELECT jsonb_build_object( \
    'wal', pg_wal_lsn_diff(pg_current_wal_lsn(), '0/0'), \
    'standbys', (SELECT coalesce(jsonb_agg(jsonb_build_object('pid', r.pid, \
        'name', coalesce(nullif(r.application_name, ''), r.client_addr::text, 'a standby'), \
        'replayed', pg_wal_lsn_diff(r.replay_lsn, '0/0'), 'lag', extract(epoch FROM r.replay_lag))), '[]') \
      FROM pg_stat_replication r WHERE r.state = 'streaming' AND r.replay_lsn IS NOT NULL \
        AND NOT EXISTS (SELECT FROM pg_replication_slots s WHERE s.active_pid = r.pid AND s.slot_type = 'logical')), \
    'hidden_standbys', EXISTS (SELECT FROM pg_stat_replication r WHERE r.state IS NULL \
        AND NOT EXISTS (SELECT FROM pg_replication_slots s WHERE s.active_pid = r.pid AND s.slot_type = 'logical')), \
    'active', (SELECT count(*) FROM pg_stat_activity a \
      WHERE a.backend_type = 'client backend' AND a.state = 'active' AND a.pid <> pg_backend_pid()), \
    'hidden_sessions', EXISTS (SELECT FROM pg_stat_activity a WHERE a.datid IS NOT NULL AND a.backend_type IS NULL))";

/// How much is too much.
#[derive(Clone, Copy, Debug)]
pub(super) struct Bounds {
    /// How far a standby may be behind; zero: as far as it likes.
    pub(super) lag: Duration,
    /// How many sessions of others may be active; zero: as many as like.
    pub(super) load: u32,
}

impl Bounds {
    /// Whether there is anything to look at.
    pub(super) fn is_none(self) -> bool {
        self.lag.is_zero() && self.load == 0
    }
}

/// What a look comes to.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Finding {
    /// Why to wait.
    pub(super) reason: Option<String>,
    /// What the operator should know.
    pub(super) notes: Vec<String>,
}

/// What was seen before.
#[derive(Debug, Default)]
pub(super) struct Watch {
    /// How much WAL there was when: a standby is as far behind as the first mark that it has not replayed.
    marks: VecDeque<(Instant, u64)>,
    /// Since when the wait for standbys lasts.
    waits_since: Option<Instant>,
    /// Standbys that are not waited for any longer.
    given_up: BTreeSet<i64>,
    /// What has been said already.
    said: BTreeSet<&'static str>,
}

impl Watch {
    /// Whether to wait, and why. `own` are sessions of ours that are at work.
    pub(super) fn judge(
        &mut self,
        now: Instant,
        sight: &Sight,
        bounds: Bounds,
        own: u32,
    ) -> Finding {
        let mut finding = Finding::default();
        if !bounds.lag.is_zero() {
            self.judge_lag(now, sight, bounds.lag, &mut finding);
        }
        if bounds.load > 0 {
            let active = sight.active.saturating_sub(own);
            if active > bounds.load && finding.reason.is_none() {
                finding.reason =
                    Some(format!("{active} sessions are active, more than {}", bounds.load));
            }
            if sight.hidden_sessions && self.said.insert("sessions") {
                finding.notes.push(String::from(
                    "sessions of other roles cannot be seen, so they do not count for the load: grant `pg_monitor` to the role that migrates",
                ));
            }
        }
        finding
    }

    fn judge_lag(&mut self, now: Instant, sight: &Sight, bound: Duration, finding: &mut Finding) {
        if sight.hidden_standbys && self.said.insert("standbys") {
            finding.notes.push(String::from(
                "how far standbys are behind cannot be seen, so they are not waited for: grant `pg_monitor` to the role that migrates",
            ));
        }
        if self.marks.len() < MARKS {
            self.marks.push_back((now, sight.wal));
        }
        let waited_for =
            || sight.standbys.iter().filter(|standby| !self.given_up.contains(&standby.pid));
        let slowest = waited_for().map(|standby| standby.replayed).min();
        // A mark that all have replayed says nothing any more.
        while self.marks.front().is_some_and(|mark| slowest.is_none_or(|wal| mark.1 <= wal)) {
            self.marks.pop_front();
        }
        let behind = |standby: &Standby| {
            let mark = self.marks.iter().find(|mark| mark.1 > standby.replayed)?;
            let said = standby.lag.and_then(|lag| Duration::try_from_secs_f64(lag).ok());
            Some(now.duration_since(mark.0).max(said.unwrap_or_default()))
        };
        let late = waited_for().filter_map(|standby| Some((behind(standby)?, standby)));
        let late: Vec<_> = late.filter(|(lag, _)| *lag > bound).collect();
        let Some((lag, standby)) = late.iter().max_by_key(|(lag, _)| *lag) else {
            self.waits_since = None;
            return;
        };
        let since = *self.waits_since.get_or_insert(now);
        if now.duration_since(since) <= PATIENCE {
            let (name, lag) = (&standby.name, lag.as_secs());
            finding.reason =
                Some(format!("the standby `{name}` is {lag} s behind, more than {bound:?}"));
            return;
        }
        let late: Vec<(i64, String)> =
            late.iter().map(|(_, standby)| (standby.pid, standby.name.clone())).collect();
        for (pid, name) in late {
            self.given_up.insert(pid);
            finding.notes.push(format!(
                "the standby `{name}` has been more than {bound:?} behind for {} minutes: it is not waited for any longer",
                PATIENCE.as_secs() / 60
            ));
        }
        self.waits_since = None;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BOUNDS: Bounds = Bounds { lag: Duration::from_secs(10), load: 0 };

    /// A server whose WAL grows by 100 bytes a second, and looks at it.
    struct Server {
        start: Instant,
        watch: Watch,
    }

    impl Server {
        fn new() -> Self {
            Self { start: Instant::now(), watch: Watch::default() }
        }

        /// Looks in that second; a standby each has replayed so much.
        fn look(&mut self, second: u64, replayed: &[u64]) -> Finding {
            let standbys = (0..).zip(replayed).map(|(n, replayed)| Standby {
                pid: n,
                name: format!("s{n}"),
                replayed: *replayed,
                lag: None,
            });
            self.see(second, &Sight { standbys: standbys.collect(), ..nothing(second) })
        }

        fn see(&mut self, second: u64, sight: &Sight) -> Finding {
            self.watch.judge(self.start + Duration::from_secs(second), sight, BOUNDS, 0)
        }
    }

    fn nothing(second: u64) -> Sight {
        Sight {
            wal: second * 100,
            standbys: Vec::new(),
            hidden_standbys: false,
            active: 0,
            hidden_sessions: false,
        }
    }

    #[test]
    fn a_standby_that_keeps_up_is_not_waited_for() {
        let mut server = Server::new();
        for second in 1..100 {
            assert_eq!(server.look(second, &[second * 100]), Finding::default());
        }
        for second in 100..200 {
            assert_eq!(server.look(second, &[second * 100 - 900]), Finding::default(), "{second}");
        }
    }

    /// The server's own figure stands still with such a standby.
    #[test]
    fn a_standby_that_stands_still_is_waited_for_until_it_has_caught_up() {
        let mut server = Server::new();
        for second in 1..=12 {
            let finding = server.look(second, &[second * 100, 150]);
            assert_eq!(finding.reason, None, "{second}");
        }
        let finding = server.look(13, &[1300, 150]);
        assert_eq!(finding.reason.unwrap(), "the standby `s1` is 11 s behind, more than 10s");
        // It goes on, and is still too far behind.
        assert!(server.look(30, &[3000, 1250]).reason.is_some());
        assert_eq!(server.look(31, &[3100, 3050]), Finding::default());
    }

    #[test]
    fn a_standby_that_was_behind_before_is_waited_for_at_once() {
        let mut server = Server::new();
        let late = |replayed| Sight {
            standbys: vec![Standby { pid: 7, name: "r".into(), replayed, lag: Some(60.0) }],
            ..nothing(1)
        };
        let finding = server.see(1, &late(5));
        assert_eq!(finding.reason.unwrap(), "the standby `r` is 60 s behind, more than 10s");
        // The server goes on saying so for a while after it has caught up.
        assert_eq!(server.see(1, &late(100)), Finding::default());
    }

    #[test]
    fn a_standby_that_has_gone_is_not_waited_for() {
        let mut server = Server::new();
        server.look(1, &[50]);
        assert!(server.look(60, &[50]).reason.is_some());
        assert_eq!(server.look(61, &[]), Finding::default());
    }

    #[test]
    fn a_standby_that_is_kept_back_is_not_waited_for_without_end() {
        let mut server = Server::new();
        for second in 1..=11 {
            server.look(second, &[0, second * 100]);
        }
        assert!(server.look(13, &[0, 1300]).reason.is_some());
        assert!(server.look(313, &[0, 1400]).reason.is_some());
        let finding = server.look(314, &[0, 31_400]);
        assert_eq!(finding.reason, None);
        assert_eq!(
            finding.notes,
            [
                "the standby `s0` has been more than 10s behind for 5 minutes: it is not waited for any longer"
            ]
        );
        // Another one is, all the same.
        assert_eq!(server.look(320, &[0, 31_500]), Finding::default());
        assert!(server.look(340, &[0, 31_500]).reason.unwrap().contains("`s1` is"));
    }

    #[test]
    fn what_cannot_be_seen_is_said_once() {
        let mut server = Server::new();
        let hidden = Sight { hidden_standbys: true, hidden_sessions: true, ..nothing(1) };
        let finding = server.see(1, &hidden);
        assert_eq!((finding.reason, finding.notes.len()), (None, 1));
        assert_eq!(server.see(2, &hidden), Finding::default());
    }

    #[test]
    fn a_load_counts_only_where_it_is_asked_for_and_is_that_of_others() {
        let mut server = Server::new();
        let busy = Sight { active: 9, ..nothing(1) };
        assert_eq!(server.see(1, &busy), Finding::default());
        let bounds = Bounds { lag: Duration::ZERO, load: 8 };
        let judge = |own| Watch::default().judge(server.start, &busy, bounds, own).reason;
        assert_eq!(judge(0).unwrap(), "9 sessions are active, more than 8");
        assert_eq!(judge(1), None);
        let hidden = Sight { hidden_sessions: true, ..nothing(1) };
        assert_eq!(Watch::default().judge(server.start, &hidden, bounds, 0).notes.len(), 1);
    }

    #[test]
    fn the_answer_of_the_server_is_understood() {
        let text = r#"{"wal": 12345, "standbys": [{"pid": 5, "name": "r", "replayed": 12000, "lag": 0.012},
            {"pid": 6, "name": "q", "replayed": 12345, "lag": null}],
            "hidden_standbys": false, "active": 3, "hidden_sessions": true}"#;
        let sight: Sight = serde_json::from_str(text).unwrap();
        assert_eq!((sight.wal, sight.standbys.len(), sight.active), (12345, 2, 3));
    }
}
