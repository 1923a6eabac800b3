//! Who may call now: what the calls of the last minute leave of the budget, shared among the classes.
//!
//! Live calls come first. The others leave some calls free for them; and when live calls were wanted in vain lately, the others
//! use no more than a quarter. While the others wait, live calls leave them a sixth.

use std::time::Duration;

use super::Class;
use crate::storage::accounts::{CLASSES, GrantRow, Ledger};

/// How long the time is in which calls are counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Window {
    /// The time for which the limit is: a minute, but for tests.
    pub length: Duration,
    /// The longest time from a call's being granted to its reaching the source.
    pub margin: Duration,
}

impl Window {
    /// The one that sources have.
    pub const MINUTE: Self = Self { length: Duration::from_secs(60), margin: Duration::from_secs(1) };

    /// For how long grants count. Those of any such time are at most the limit; so are calls that reach the source in any
    /// window, since each does so at most the margin after it was granted.
    pub(super) const fn counted(self) -> Duration {
        self.length.saturating_add(self.margin)
    }

    /// For how long it counts that calls were wanted in vain.
    pub(super) fn memory(self) -> Duration {
        self.length / 12
    }
}

/// What is granted, and when there may be more.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Shares {
    pub(super) granted: [u32; CLASSES],
    /// Calls that are left after that.
    pub(super) free: u32,
    /// Until a further live call may be granted, at the earliest.
    pub(super) live_in: Duration,
    /// Until another one may be.
    pub(super) others_in: Duration,
}

/// Shares out what is left among what is wanted, by class.
pub(super) fn share(ledger: &Ledger, limit: u32, window: Window, wanted: [u32; CLASSES]) -> Shares {
    let is_recent = |ago: Option<Duration>| ago.is_some_and(|ago| ago < window.memory());
    let [live_wanted, others_wanted @ ..] = wanted;
    let others_wait = is_recent(ledger.other_wanted) || others_wanted != [0; CLASSES - 1];
    let live_most = limit.saturating_sub(if others_wait { at_least_one(limit / 6, limit) } else { 0 });
    let mut purse = Purse { ledger, limit, window, granted: [0; CLASSES], live_most, others_most: limit };
    if purse.take(Class::Live, live_wanted) < live_wanted || is_recent(ledger.live_wanted) {
        purse.others_most = (limit / 4).max(1);
    }
    for (class, wanted) in [Class::FollowUp, Class::Reconcile, Class::Backfill].into_iter().zip(others_wanted) {
        purse.take(class, wanted);
    }
    Shares { granted: purse.granted, free: purse.left(), live_in: purse.next_in(Class::Live), others_in: purse.next_in(Class::Backfill) }
}

/// A part of the limit that is at least one call, unless there is only one.
const fn at_least_one(part: u32, limit: u32) -> u32 {
    if part == 0 && limit > 1 { 1 } else { part }
}

/// What has been granted, and is being.
struct Purse<'a> {
    ledger: &'a Ledger,
    limit: u32,
    window: Window,
    granted: [u32; CLASSES],
    live_most: u32,
    others_most: u32,
}

impl Purse<'_> {
    fn take(&mut self, class: Class, wanted: u32) -> u32 {
        let used = sum(self.calls().filter(|row| is_live(row.class) == (class == Class::Live)));
        let number = wanted.min(self.left().saturating_sub(self.reserve(class))).min(self.most(class).saturating_sub(used));
        self.granted.iter_mut().skip(class.number()).take(1).for_each(|granted| *granted = number);
        number
    }

    /// All calls that count, the oldest first.
    fn calls(&self) -> impl Iterator<Item = GrantRow> {
        let now = self.granted.into_iter().enumerate().map(|(class, number)| GrantRow { age: Duration::ZERO, class, number });
        self.ledger.granted.iter().copied().chain(now)
    }

    fn left(&self) -> u32 {
        let left = self.limit.saturating_sub(sum(self.calls())).min(self.allowed());
        if self.ledger.blocked.is_zero() { left } else { 0 }
    }

    /// How many the source itself still allows.
    fn allowed(&self) -> u32 {
        let now = self.granted.iter().fold(0_u32, |sum, number| sum.saturating_add(*number));
        self.ledger.allowance.map_or(u32::MAX, |allowance| allowance.left.saturating_sub(now))
    }

    /// How many it leaves free.
    const fn reserve(&self, class: Class) -> u32 {
        match class {
            Class::Live => 0,
            Class::FollowUp | Class::Reconcile | Class::Backfill => at_least_one(self.limit / 60, self.limit),
        }
    }

    /// How many of its kind may count.
    const fn most(&self, class: Class) -> u32 {
        match class {
            Class::Live => self.live_most,
            Class::FollowUp | Class::Reconcile | Class::Backfill => self.others_most,
        }
    }

    /// Until another one of that class may be granted, if nothing else is.
    fn next_in(&self, class: Class) -> Duration {
        let reserve = self.reserve(class);
        let told = self.ledger.allowance.filter(|_| self.allowed() <= reserve).map_or(Duration::ZERO, |allowance| allowance.lasts);
        let of_kind: Vec<GrantRow> = self.calls().filter(|row| is_live(row.class) == (class == Class::Live)).collect();
        let all: Vec<GrantRow> = self.calls().collect();
        let at_most = |calls: &[GrantRow], number: u32| frees_in(calls, number.saturating_sub(1), self.window);
        let free = at_most(&all, self.limit.saturating_sub(reserve)).max(at_most(&of_kind, self.most(class)));
        free.max(told).max(self.ledger.blocked)
    }
}

fn is_live(class: usize) -> bool {
    class == Class::Live.number()
}

fn sum(calls: impl Iterator<Item = GrantRow>) -> u32 {
    calls.fold(0, |sum: u32, row| sum.saturating_add(row.number))
}

/// Until no more than `most` of these calls count.
fn frees_in(calls: &[GrantRow], most: u32, window: Window) -> Duration {
    let mut surplus = sum(calls.iter().copied()).saturating_sub(most);
    let mut frees = Duration::ZERO;
    for row in calls {
        if surplus == 0 {
            break;
        }
        surplus = surplus.saturating_sub(row.number);
        frees = window.counted().saturating_sub(row.age);
    }
    frees
}
