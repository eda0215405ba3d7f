//! Clients that read, change and add rows, and how long each of their statements took.
//!
//! **Invariant:** what arrives on a schedule is measured from when it should have begun: a statement that had to wait for the one before it has
//! waited, too.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread::{self, JoinHandle, sleep};
use std::time::{Duration, Instant};

use postgres::{Client, Config, NoTls, Statement};

/// How many there are that never rest.
pub(crate) const CLIENTS: u32 = 4;

/// How many there are where statements arrive on a schedule: enough that none waits for a client that is free.
pub(crate) const POOL: u32 = 16;

/// The schema that clients of the old version name, and that of the new ones.
pub(crate) const OLD: &str = "migration_0001_users";
const NEW: &str = "migration_0002_change";

/// When a client begins a statement.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Arrival {
    /// When the one before it is done.
    Closed,
    /// So many a second, of all clients together, whatever becomes of those before.
    Open(f64),
}

/// A statement of a client's.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sample {
    /// When it should have begun.
    pub(crate) began: Instant,
    pub(crate) ended: Instant,
    /// Which of [`KINDS`].
    pub(crate) kind: usize,
}

impl Arrival {
    fn clients(self) -> u32 {
        match self {
            Self::Closed => CLIENTS,
            Self::Open(_) => POOL,
        }
    }
}

impl Sample {
    pub(crate) fn millis(&self) -> f64 {
        self.ended.duration_since(self.began).as_secs_f64() * 1000.0
    }
}

/// What statements do.
pub(crate) const KINDS: [&str; 3] = ["select", "update", "insert"];

const INSERT: &str = "INSERT INTO users (id, name, visits, note) VALUES ($1, 'new', 1, 'note')";
const INSERT_NEW: &str =
    "INSERT INTO users (id, name, upper_name, visits, note) VALUES ($1, 'new', 'NEW', 1, 'note')";

/// What clients are told, and what they tell.
#[derive(Debug, Default)]
struct Stage {
    ready: AtomicUsize,
    is_new: AtomicBool,
    ends: AtomicBool,
    errors: AtomicUsize,
}

/// Clients at work.
pub(crate) struct Clients {
    stage: Arc<Stage>,
    count: u32,
    threads: Vec<JoinHandle<Vec<Sample>>>,
}

impl Clients {
    /// Lets them begin with the old version; they have when it returns. The table has so many rows.
    pub(crate) fn begin(config: &Config, arrival: Arrival, rows: i64) -> Self {
        let stage = Arc::new(Stage::default());
        let client = |number| {
            let (config, stage) = (config.clone(), Arc::clone(&stage));
            thread::spawn(move || work(&config, &stage, arrival, number, rows))
        };
        let count = arrival.clients();
        let clients = Self { threads: (0..count).map(client).collect(), count, stage };
        clients.all_ready();
        clients
    }

    /// Moves them to the new version.
    pub(crate) fn change(&self) {
        self.stage.ready.store(0, Ordering::SeqCst);
        self.stage.is_new.store(true, Ordering::SeqCst);
        self.all_ready();
    }

    fn all_ready(&self) {
        while self.stage.ready.load(Ordering::SeqCst) < self.count as usize {
            sleep(Duration::from_millis(5));
        }
    }

    /// What they have done, and how many statements failed.
    pub(crate) fn end(self) -> (Vec<Sample>, usize) {
        self.stage.ends.store(true, Ordering::SeqCst);
        let samples = self.threads.into_iter().flat_map(|thread| thread.join().unwrap()).collect();
        (samples, self.stage.errors.load(Ordering::SeqCst))
    }
}

pub(crate) fn connect(config: &Config, schema: &str) -> Client {
    let mut client = config.connect(NoTls).unwrap();
    client.batch_execute(&format!("SET search_path TO {schema}")).unwrap();
    client
}

fn prepared(client: &mut Client, insert: &str) -> [Statement; 3] {
    [
        "SELECT name FROM users WHERE id = $1",
        "UPDATE users SET visits = visits + 1 WHERE id = $1",
        insert,
    ]
    .map(|sql| client.prepare(sql).unwrap())
}

/// When the statements of a client arrive: at random, but the same for each run.
struct Schedule {
    /// Between two, on average.
    every: Option<Duration>,
    next: Instant,
}

impl Schedule {
    fn new(arrival: Arrival) -> Self {
        let every = match arrival {
            Arrival::Closed => None,
            Arrival::Open(rate) => {
                Some(Duration::from_secs_f64(f64::from(arrival.clients()) / rate))
            }
        };
        Self { every, next: Instant::now() }
    }

    /// Waits for the next; when it should have begun. `draw` is from 0 up to `of`.
    fn next(&mut self, draw: i64, of: i64) -> Instant {
        let Some(every) = self.every else { return Instant::now() };
        // As calls arrive that know nothing of each other.
        #[expect(clippy::cast_precision_loss, reason = "below 2^31")]
        let share = (draw as f64 + 1.0) / of as f64;
        self.next += every.mul_f64(-share.ln());
        sleep(self.next.saturating_duration_since(Instant::now()));
        self.next
    }
}

/// Does one thing after the other until it is told to end.
fn work(config: &Config, stage: &Stage, arrival: Arrival, number: u32, rows: i64) -> Vec<Sample> {
    const OF: i64 = 2_147_483_647;
    let mut samples = Vec::with_capacity(1 << 17);
    let mut is_new = false;
    let mut session = connect(config, OLD);
    let mut statements = prepared(&mut session, INSERT);
    stage.ready.fetch_add(1, Ordering::SeqCst);
    let mut schedule = Schedule::new(arrival);
    // Some order that is not that of the rows; the same for each run.
    let mut at = i64::from(number) + 1;
    let mut next = i64::from(number + 1) * 1_000_000_000;
    let mut draw = || {
        at = (at * 48_271) % OF;
        at
    };
    while !stage.ends.load(Ordering::SeqCst) {
        if stage.is_new.load(Ordering::SeqCst) && !is_new {
            session = connect(config, NEW);
            statements = prepared(&mut session, INSERT_NEW);
            is_new = true;
            stage.ready.fetch_add(1, Ordering::SeqCst);
            schedule = Schedule::new(arrival);
        }
        let id = draw() % rows + 1;
        let kind = match draw() % 10 {
            0..6 => 0,
            6..9 => 1,
            _ => 2,
        };
        let began = schedule.next(draw(), OF);
        let [select, update, insert] = &statements;
        let done = match kind {
            0 => session.query(select, &[&id]).map(drop),
            1 => session.execute(update, &[&id]).map(drop),
            _ => {
                next += 1;
                session.execute(insert, &[&next]).map(drop)
            }
        };
        samples.push(Sample { began, ended: Instant::now(), kind });
        if let Err(error) = done
            && stage.errors.fetch_add(1, Ordering::SeqCst) == 0
        {
            println!("{}: {error:?}", KINDS[kind]);
        }
    }
    samples
}
