//! Several connections at one pass. Each worker has a thread and a connection of its own; the coordinator, the run's own thread, hands ranges
//! out and takes the results.
//!
//! **Invariant:** workers hold no migration lock. What they write is fenced by the run's token, so a migrator that takes over waits for their
//! transactions and then shuts them out.
//!
//! **Invariant:** when the coordinator goes on to anything else, a rollback for one, no worker is at work any more: they end with the scope.
//!
//! **Invariant:** a range that fails is not judged by the worker. The coordinator does it again on its own connection, under the rules of every
//! other step.

use std::ops::Range;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::{self, Builder};
use std::time::{Duration, Instant};

use postgres::Client;

use super::RANGE;
use super::position::Position;
use super::range::{Left, Pass};
use super::turns::{Told, Turn, Turns};
use super::vacuum::{Answer, Order, Vacuum};
use crate::error::Error;
use crate::exec::connection::Refused;
use crate::exec::fence::Fence;
use crate::exec::retry::{Class, Failure, classify, describe};
use crate::exec::run::{Run, Task};
use crate::exec::session;
use crate::observer::Event;
use crate::plan::Plan;

/// A connection beside the run's own.
pub(super) struct Worker {
    client: Client,
    fence: Fence,
}

/// What a worker is to do.
enum Job {
    Fill(Turn),
    /// It takes its time, and the others need not wait.
    Vacuum(Order),
}

/// What became of a job.
struct Ran {
    worker: usize,
    took: Duration,
    result: thread::Result<Came>,
}

enum Came {
    Filled(Turn, Result<(Left, Option<Told>), Failure>),
    Vacuumed(Answer),
}

/// What is left when the crew goes home.
pub(super) struct Shift {
    /// Ranges that were done, and tries that failed.
    pub(super) ranges: u64,
    pub(super) retries: u32,
    /// The size of the next range.
    pub(super) size: u64,
}

impl Run<'_> {
    /// Opens up to `wanted` connections, one after the other. Fewer are no reason to fail.
    pub(super) fn hire(&mut self, wanted: usize) -> Vec<Worker> {
        let mut crew = Vec::new();
        if !self.source.can_reconnect() {
            self.note(String::from(
                "the backfill has one worker: of the connection that was handed over there is only one",
            ));
            return crew;
        }
        while crew.len() < wanted {
            match self.open_worker() {
                Ok(worker) => crew.push(worker),
                Err(reason) => {
                    let got = crew.len();
                    self.note(format!("{got} of {wanted} workers could connect: {reason}"));
                    break;
                }
            }
        }
        crew
    }

    fn open_worker(&mut self) -> Result<Worker, String> {
        let mut client = self.source.connect().map_err(|refused| match refused {
            Refused::ForNow(error) | Refused::Unreachable(error) | Refused::ForGood(error) => {
                error.message().to_owned()
            }
        })?;
        let session = session::set_up(&mut client).map_err(|failure| match failure {
            Failure::Server(error) => describe(&error),
            Failure::Final(error) => error.message().to_owned(),
        })?;
        let lock_timeout = self.patience();
        Ok(Worker { client, fence: Fence { session, lock_timeout, ..self.fence() } })
    }

    /// Lets the crew work until nothing is left, or until the position has to be looked up again.
    pub(super) fn work(
        &mut self,
        plan: &Plan,
        pass: Pass<'_>,
        task: Task<'_>,
        (crew, position, size): (Vec<Worker>, Position, u64),
    ) -> Result<Shift, Error> {
        thread::scope(|scope| {
            let (send, results) = channel();
            let mut hands: Vec<Sender<Job>> = Vec::new();
            for (number, worker) in crew.into_iter().enumerate() {
                let (hand, jobs) = channel();
                let send = send.clone();
                let body = move || worker.work(pass, number, &jobs, &send);
                let name = format!("reshape-{number}");
                match Builder::new().name(name).spawn_scoped(scope, body) {
                    Ok(_) => hands.push(hand),
                    // The number is the worker's place in the list.
                    Err(_) => break,
                }
            }
            drop(send);
            let shift = Shift { ranges: 0, retries: 0, size };
            let idle = (0..hands.len()).collect();
            let vacuum = Vacuum::new(&position);
            let turns = Turns::new(pass, &position, hands.len());
            let (busy, rows) = (Vec::new(), 0);
            let foreman =
                Foreman { position, rows, turns, vacuum, shift, idle, hands, busy, vacuums: false };
            foreman.lead(self, plan, pass, task, &results)
        })
    }
}

impl Worker {
    /// Does jobs until there are no more, or until nobody wants to know.
    fn work(mut self, pass: Pass<'_>, number: usize, jobs: &Receiver<Job>, results: &Sender<Ran>) {
        while let Ok(job) = jobs.recv() {
            let began = Instant::now();
            let result = catch_unwind(AssertUnwindSafe(|| match job {
                Job::Fill(turn) => {
                    let result = self.fill(pass, &turn);
                    Came::Filled(turn, result)
                }
                Job::Vacuum(order) => Came::Vacuumed(order.run(&mut self.client, pass)),
            }));
            let ran = Ran { worker: number, took: began.elapsed(), result };
            if results.send(ran).is_err() {
                break;
            }
        }
    }

    fn fill(&mut self, pass: Pass<'_>, turn: &Turn) -> Result<(Left, Option<Told>), Failure> {
        let choose = |position: &Position| (!position.has(&turn.range)).then(|| turn.clone());
        let result = pass.fill(&mut self.client, &self.fence, choose, &mut None);
        if result.is_err() {
            // On a dead connection there is nothing to roll back.
            let _ = self.client.batch_execute("ROLLBACK");
        }
        result
    }
}

/// The coordinator's view of the crew.
struct Foreman {
    /// The furthest that a commit has shown.
    position: Position,
    /// How many rows have been written by then.
    rows: u64,
    turns: Turns,
    vacuum: Vacuum,
    shift: Shift,
    idle: Vec<usize>,
    hands: Vec<Sender<Job>>,
    busy: Vec<Range<u64>>,
    /// Whether a worker is at a VACUUM.
    vacuums: bool,
}

impl Foreman {
    fn lead(
        mut self,
        run: &mut Run<'_>,
        plan: &Plan,
        pass: Pass<'_>,
        task: Task<'_>,
        results: &Receiver<Ran>,
    ) -> Result<Shift, Error> {
        let (mut again, mut failed) = (self.hands.is_empty(), None);
        loop {
            while !again && failed.is_none() && !self.idle.is_empty() {
                let size = self.size();
                let Some(turn) = self.turns.choose(&self.position, &self.busy, size) else { break };
                run.before_range(pass, self.busy.len())?;
                let Some(worker) = self.idle.pop() else { break };
                let range = turn.range.clone();
                if self.hands[worker].send(Job::Fill(turn)).is_ok() {
                    self.busy.push(range);
                }
            }
            if self.busy.is_empty() && !self.vacuums {
                if failed.take().is_none() {
                    return Ok(self.shift);
                }
                // Alone, and patiently.
                let sizes = (&mut self.turns, &mut self.shift.size);
                let (left, tries) = run.one_turn(plan, pass, task, sizes)?;
                self.shift.retries += tries;
                self.shift.ranges += 1;
                again |= !self.has_left(run, pass, left);
                continue;
            }
            let Ok(ran) = results.recv() else { return Ok(self.shift) };
            let (turn, result) = match ran.result {
                Err(panic) => resume_unwind(panic),
                Ok(Came::Filled(turn, result)) => (turn, result),
                Ok(Came::Vacuumed(answer)) => {
                    self.vacuums = false;
                    again |= answer.is_lost();
                    self.idle.push(ran.worker);
                    self.vacuum.note(pass, answer).into_iter().for_each(|note| run.note(note));
                    continue;
                }
            };
            self.busy.retain(|busy| *busy != turn.range);
            match result {
                Ok((left, told)) => {
                    self.idle.push(ran.worker);
                    self.shift.ranges += 1;
                    if let Some(told) = told {
                        let target = run.range_duration();
                        let next = self.turns.had(turn, &told, ran.took, target);
                        self.shift.size = next.unwrap_or(self.shift.size);
                    }
                    again |= !self.has_left(run, pass, left);
                }
                Err(Failure::Final(error)) => return Err(error),
                Err(Failure::Server(error)) => {
                    let reason = describe(&error);
                    self.shift.retries += 1;
                    match classify(&error) {
                        // The server may have crashed, and what it had confirmed be lost.
                        Class::Lost => again = true,
                        Class::Busy | Class::Conflict | Class::Held | Class::Fatal => {
                            self.idle.push(ran.worker);
                            self.shift.size = (self.shift.size / 2).max(RANGE.0);
                            self.turns.failed(turn);
                            failed = Some(());
                        }
                    }
                    let attempt = self.shift.retries;
                    run.emit(&Event::Retry { reason, attempt, delay: Duration::ZERO });
                }
            }
        }
    }

    /// Notes what a range has left behind; whether the crew can go on.
    fn has_left(&mut self, run: &mut Run<'_>, pass: Pass<'_>, left: Left) -> bool {
        let (position, rows, goes_on) = match left {
            Left::At(position, rows) => (position, rows, true),
            Left::Done(position, rows) => (position, rows, false),
            Left::Again => return false,
        };
        // Answers may come in another order than the commits, each of which knows of all before it.
        let is_further = position.blocks_done() > self.position.blocks_done();
        if is_further {
            self.position = position;
        }
        if is_further || rows > self.rows {
            self.rows = self.rows.max(rows);
            run.got_to(pass, &self.position, self.rows);
            self.send_to_vacuum(pass, rows);
        }
        goes_on
    }

    fn send_to_vacuum(&mut self, pass: Pass<'_>, rows: u64) {
        let (false, Some(worker)) = (self.vacuums, self.idle.last().copied()) else { return };
        let Some(order) = self.vacuum.order(pass, &self.position, (rows, self.turns.are_of_use()))
        else {
            return;
        };
        self.idle.pop();
        self.vacuums = self.hands[worker].send(Job::Vacuum(order)).is_ok();
    }

    /// No worker should have much to do when the others have nothing left.
    fn size(&self) -> u64 {
        let left = self.position.blocks.saturating_sub(self.position.blocks_done());
        let share = left / self.turns.most().max(1) as u64;
        self.shift.size.min(share.max(RANGE.0))
    }
}
