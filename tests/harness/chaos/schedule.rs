//! The schedule of the faults, which follows from a seed. It consists of rounds: faults first, then time for recovery.
//! Each part that can fail has its own track. So many parts fail together, but each has only one fault at a time.

use std::fmt;
use std::time::Duration;

use crate::harness::rng::Rng;

/// The length of a round, and of the faults in it.
#[derive(Clone, Copy)]
pub struct Round {
    pub lasts: Duration,
    pub fault_phase: Duration,
}

impl Round {
    /// The length for which the recovery time is promised.
    pub const FULL: Self =
        Self { lasts: Duration::from_secs(120), fault_phase: Duration::from_secs(75) };

    /// Short, for a quick check.
    pub const SHORT: Self =
        Self { lasts: Duration::from_secs(40), fault_phase: Duration::from_secs(35) };
}

/// A fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// In one of the replicas.
    Replica(usize, ReplicaFault),
    /// Between one of the replicas and Postgres.
    Network(usize, NetworkFault),
    /// In Postgres.
    Postgres(PostgresFault),
    /// In the source that is called.
    Source(SourceFault),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReplicaFault {
    /// It is killed, and started again when the fault ends.
    Killed,
    /// It is stopped with SIGTERM, and started again at once.
    Restarted,
    /// It is restarted with other settings until the fault ends.
    OtherSettings,
    /// It is frozen with SIGSTOP.
    Frozen,
    /// Its clock is wrong by this many seconds.
    Clock(i64),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NetworkFault {
    /// Open connections pass nothing, without being closed. New connections work.
    Blackholed,
    /// No data passes.
    Silent,
    /// Data passes with a delay of this many milliseconds.
    Slow(u16),
    /// Connections are closed.
    Cut,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PostgresFault {
    Crashed,
    Stopped,
    Frozen,
    ReadOnly,
    DiskFull,
    /// An administrator ends all its sessions.
    SessionsEnded,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SourceFault {
    Silent,
    Unfinished,
    Endless,
    Slow,
    Throttles,
    Fails,
    Garbage,
    Truncated,
    Page,
    Closed,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Replica(n, ReplicaFault::Clock(seconds)) => {
                write!(f, "replica {n}: its clock is wrong by {seconds} s")
            }
            Self::Replica(n, fault) => write!(f, "replica {n}: {fault:?}"),
            Self::Network(n, NetworkFault::Slow(delay)) => {
                write!(f, "connections of replica {n}: slow by {delay} ms")
            }
            Self::Network(n, fault) => write!(f, "connections of replica {n}: {fault:?}"),
            Self::Postgres(fault) => write!(f, "Postgres: {fault:?}"),
            Self::Source(fault) => write!(f, "source: {fault:?}"),
        }
    }
}

/// The beginning or the end of a fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Event {
    /// The time in its round.
    pub at: Duration,
    pub fault: Fault,
    pub begins: bool,
}

/// The number of parts that can fail independently.
const TRACKS: u64 = 6;

/// The events of each round, in order.
pub fn draw(seed: u64, rounds: usize, round: Round, with_full_disks: bool) -> Vec<Vec<Event>> {
    // The seeds are far apart, so that no two tracks of two seeds are the same.
    let mut rng: Vec<Rng> = (0..TRACKS)
        .map(|track| Rng(seed.wrapping_mul(1_000_003).wrapping_add(track * 7_919)))
        .collect();
    let draw_one = |_| {
        let tracks = rng
            .iter_mut()
            .enumerate()
            .flat_map(|(track, rng)| events(track, rng, round.fault_phase, with_full_disks));
        let mut events: Vec<Event> = tracks.collect();
        events.sort_by_key(|event| event.at);
        events
    };
    (0..rounds).map(draw_one).collect()
}

/// The events of one track in one round.
fn events(track: usize, rng: &mut Rng, fault_phase: Duration, with_full_disks: bool) -> Vec<Event> {
    let mut events = Vec::new();
    let mut at = roll(rng, 1, 25);
    while at < fault_phase {
        let (fault, lasts) = fault(track, rng, with_full_disks);
        let until = (at + lasts).min(fault_phase);
        events.push(Event { at, fault, begins: true });
        events.push(Event { at: until, fault, begins: false });
        at = until + roll(rng, 5, 30);
    }
    events
}

/// A random duration between two numbers of seconds.
fn roll(rng: &mut Rng, least: usize, most: usize) -> Duration {
    Duration::from_millis((least * 1_000 + rng.roll((most - least) * 1_000)) as u64)
}

fn fault(track: usize, rng: &mut Rng, with_full_disks: bool) -> (Fault, Duration) {
    match track {
        replica @ 0..2 => {
            let clock = [-7_200, -600, -90, -5, 5, 90, 600, 7_200];
            let (fault, most) = match rng.roll(10) {
                0..3 => (ReplicaFault::Killed, 15),
                3 => (ReplicaFault::Restarted, 6),
                4 => (ReplicaFault::OtherSettings, 30),
                5..8 => (ReplicaFault::Frozen, 45),
                _ => (ReplicaFault::Clock(*rng.pick(&clock)), 40),
            };
            (Fault::Replica(replica, fault), roll(rng, 1, most))
        }
        replica @ 2..4 => {
            let (fault, most) = match rng.roll(4) {
                0 => (NetworkFault::Blackholed, 5),
                1 => (NetworkFault::Silent, 30),
                2 => (NetworkFault::Slow(50 + rng.roll(400) as u16), 30),
                _ => (NetworkFault::Cut, 5),
            };
            (Fault::Network(replica - 2, fault), roll(rng, 1, most))
        }
        4 => {
            let (fault, most) = match rng.roll(8) {
                0..2 => (PostgresFault::Crashed, 5),
                2 => (PostgresFault::Stopped, 20),
                3..5 => (PostgresFault::Frozen, 30),
                5 => (PostgresFault::ReadOnly, 30),
                6 if with_full_disks => (PostgresFault::DiskFull, 25),
                _ => (PostgresFault::SessionsEnded, 5),
            };
            (Fault::Postgres(fault), roll(rng, 1, most))
        }
        _ => {
            use SourceFault::{
                Closed, Endless, Fails, Garbage, Page, Silent, Slow, Throttles, Truncated,
                Unfinished,
            };
            let faults = [
                Silent, Unfinished, Endless, Slow, Throttles, Fails, Garbage, Truncated, Page,
                Closed,
            ];
            (Fault::Source(*rng.pick(&faults)), roll(rng, 2, 30))
        }
    }
}

/// Panics unless a seed determines the schedule, each track has one fault at a time, and all faults end before their
/// round.
pub fn check() {
    let (one, same, other) = (
        draw(7, 15, Round::FULL, true),
        draw(7, 15, Round::FULL, true),
        draw(8, 15, Round::FULL, true),
    );
    assert_eq!(one, same, "the same seed gives the same schedule");
    assert_ne!(one, other, "another seed gives another one");
    let mut kinds = std::collections::BTreeSet::new();
    for round in draw(7, 200, Round::FULL, true) {
        let mut going_on: Vec<Fault> = Vec::new();
        for event in round {
            assert!(event.at <= Round::FULL.fault_phase, "{event:?}");
            if event.begins {
                assert!(
                    going_on.iter().all(|other| track(other) != track(&event.fault)),
                    "{event:?} beside {going_on:?}"
                );
                kinds.insert(
                    format!("{:?}", event.fault)
                        .chars()
                        .filter(|c| c.is_alphabetic() || *c == '(')
                        .collect::<String>(),
                );
                going_on.push(event.fault);
            } else {
                going_on.retain(|other| *other != event.fault);
            }
        }
        assert!(going_on.is_empty(), "{going_on:?} never end");
    }
    assert_eq!(kinds.len(), 25, "each kind happens: {kinds:?}");
}

fn track(fault: &Fault) -> (u8, usize) {
    match fault {
        Fault::Replica(n, _) => (0, *n),
        Fault::Network(n, _) => (1, *n),
        Fault::Postgres(_) => (2, 0),
        Fault::Source(_) => (3, 0),
    }
}
