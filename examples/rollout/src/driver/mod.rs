//! The rollout itself, step by step.

mod process;
mod timeline;
mod verify;

use std::fmt::Display;
use std::io::Write as _;
use std::thread::sleep;
use std::time::Duration;

use reshape_runtime::testing::{Server, TestDatabase};
use rollout::person::Person;
use rollout::service::Message;
use rollout::stats::Stats;

use process::Process;
use timeline::{Period, Timeline};

/// What is wanted.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Options {
    /// Rows that are there before version 2 starts.
    pub(crate) rows: u32,
    /// How long both versions serve side by side.
    pub(crate) side_by_side: Duration,
}

/// Why the rollout failed: one reason per line.
#[derive(Debug)]
pub(crate) struct Failure(pub(crate) Vec<String>);

impl<E: Display> From<E> for Failure {
    fn from(error: E) -> Self {
        Self(vec![error.to_string()])
    }
}

/// One version alone is watched for this part of the time side by side.
const ALONE: u32 = 3;

pub(crate) fn run(options: &Options) -> Result<(), Failure> {
    let (database, timeline) = prepare()?;
    let mut rollout = Rollout { timeline, periods: Vec::new() };
    let (rows, alone) = (options.rows, options.side_by_side / ALONE);

    let mut v1 = Process::start("rollout-v1", database.url(), rows)?;
    rollout.timeline.say("v1", "starts and completes on an empty database");
    rollout.follow(&mut v1, "v1", None)?;
    v1.command("complete")?;
    rollout.follow(&mut v1, "v1", None)?;
    load(&database, rows)?;
    rollout.timeline.say("", &format!("{} users are loaded", timeline::thousands(rows.into())));

    v1.command("serve")?;
    rollout.timeline.say("v1", "serves");
    rollout.begin("v1 alone");
    sleep(alone);

    rollout.timeline.say("v2", "starts, while v1 goes on serving");
    let mut v2 = Process::start("rollout-v2", database.url(), rows)?;
    rollout.follow(&mut v2, "v2", Some(&mut v1))?;

    v2.command("serve")?;
    rollout.timeline.say("v2", "serves beside v1; each reads what the other writes");
    rollout.turn("both", Some(&mut v1), None)?;
    sleep(options.side_by_side);

    rollout.turn("v2 alone", Some(&mut v1), Some(&mut v2))?;
    // What is left of v1's queries ends up in its last answer.
    let last = v1.stop()?;
    rollout.timeline.say("v1", "has stopped");
    rollout.current().v1 += &last;
    sleep(alone);

    rollout.timeline.say("v2", "completes, while it goes on serving");
    rollout.turn("contract", None, Some(&mut v2))?;
    v2.command("complete")?;
    rollout.follow(&mut v2, "v2", None)?;
    rollout.turn("v2 after", None, Some(&mut v2))?;
    sleep(alone);

    let last = v2.stop()?;
    rollout.timeline.say("v2", "has stopped");
    rollout.current().v2 += &last;
    rollout.end();
    rollout.finish(&database, rows)
}

fn prepare() -> Result<(TestDatabase, Timeline), Failure> {
    let server = Server::shared().map_err(|error| Failure(vec![error.report()]))?;
    let database = server.database().map_err(|error| Failure(vec![error.report()]))?;
    let version: String = database.connect()?.query_one("SHOW server_version", &[])?.try_get(0)?;
    let whose =
        if server.pid().is_some() { "a private server" } else { "the server of DATABASE_URL" };
    Ok((database, Timeline::start(&format!("PostgreSQL {version}, {whose}"))))
}

/// Fills the table. Into the table itself, because Postgres copies into no view.
fn load(database: &TestDatabase, rows: u32) -> Result<(), Failure> {
    let mut client = database.connect()?;
    let copy = "COPY public.users (name, email, stamp, written_by) FROM STDIN";
    let mut writer = client.copy_in(copy)?;
    for stamp in 1..=i64::from(rows) {
        let person = Person::of(stamp);
        let email = person.email.as_deref().unwrap_or("\\N");
        writeln!(writer, "{}\t{email}\t{stamp}\tload", person.name())?;
    }
    writer.finish()?;
    client.batch_execute("VACUUM ANALYZE public.users")?;
    Ok(())
}

struct Rollout {
    timeline: Timeline,
    periods: Vec<Period>,
}

impl Rollout {
    fn begin(&mut self, name: &str) {
        self.periods.push(Period::new(name));
    }

    fn end(&mut self) {
        if let Some(period) = self.periods.last_mut() {
            period.end();
        }
    }

    fn current(&mut self) -> &mut Period {
        self.periods.last_mut().expect("traffic begins with the first period")
    }

    /// Ends the period and begins the next; those that serve tell what they did in it.
    fn turn(
        &mut self,
        next: &str,
        v1: Option<&mut Process>,
        v2: Option<&mut Process>,
    ) -> Result<(), Failure> {
        self.end();
        if let Some(v1) = v1 {
            let stats = v1.mark()?;
            self.current().v1 += &stats;
        }
        if let Some(v2) = v2 {
            let stats = v2.mark()?;
            self.current().v2 += &stats;
        }
        self.begin(next);
        Ok(())
    }

    /// Shows what a migrating version reports until it is done. Each phase is a period of its own for the version
    /// that serves meanwhile.
    fn follow(
        &mut self,
        migrating: &mut Process,
        name: &str,
        mut serving: Option<&mut Process>,
    ) -> Result<(), Failure> {
        loop {
            match migrating.receive()? {
                Message::Phase(phase) => {
                    if let Some(serving) = serving.as_deref_mut() {
                        self.turn(&phase, Some(serving), None)?;
                    }
                    self.timeline.phase(&phase);
                }
                Message::Step { title, elapsed, rows } => self.timeline.step(&title, elapsed, rows),
                Message::Note(text) => self.timeline.say("", &format!("note: {text}")),
                Message::Done { elapsed } => {
                    let took = timeline::duration(elapsed);
                    self.timeline.say(name, &format!("is done: {took} in all"));
                    return Ok(());
                }
                Message::Failed(text) => return Err(Failure(vec![format!("{name}: {text}")])),
                Message::Stats(_) => return Err(Failure::from("statistics that nobody asked for")),
            }
        }
    }

    /// Prints the table, compares every row, and decides.
    fn finish(&self, database: &TestDatabase, rows: u32) -> Result<(), Failure> {
        self.timeline.table(&self.periods);
        let mut total = Stats::default();
        for period in &self.periods {
            total += &period.v1;
            total += &period.v2;
        }
        let expected = u64::from(rows) + total.added - total.removed;
        let mut reasons = verify::database(database, expected)?;
        if total.errors > 0 {
            reasons.insert(0, format!("{} queries failed or read something wrong", total.errors));
        }
        let both = self.periods.iter().find(|period| period.name == "both");
        if both.is_none_or(|period| period.v1.seen == 0 || period.v2.seen == 0) {
            reasons.push("a version has read nothing that the other wrote".to_owned());
        }
        if !reasons.is_empty() {
            return Err(Failure(reasons));
        }
        println!(
            "\n{} rows verified, each holds what was written last; {} queries, 0 errors, the slowest {}.",
            timeline::thousands(expected),
            timeline::thousands(total.queries),
            timeline::duration(total.slowest),
        );
        Ok(())
    }
}
