//! Divides the calls that the rate limit still allows among the priorities.
//!
//! Live calls come first. Other calls leave some calls free for them. If live calls were rejected recently, the others
//! use at most a quarter of the limit. While others wait, live calls leave them a sixth.

use std::time::Duration;

use super::priority::CallPriority;
use crate::storage::rate_limit::{GrantRow, MINUTE, UsageWindow};
use crate::storage::upstream_accounts::PRIORITIES;

/// The time in which calls are counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Window {
    /// The window of the limit: a minute, except in tests.
    pub length: Duration,
    /// The longest time from the grant of a call until it reaches the source.
    pub margin: Duration,
}

impl Window {
    /// The window of all sources.
    pub const MINUTE: Self = Self { length: MINUTE, margin: Duration::from_secs(1) };

    /// How long a grant counts. The grants in any such period are at most the limit. A call reaches the source at most
    /// the margin after its grant, so the calls that reach it in any window are at most the limit too.
    pub(super) const fn counted(self) -> Duration {
        self.length.saturating_add(self.margin)
    }

    /// How long a rejected call counts as a recent one.
    pub(super) fn memory(self) -> Duration {
        self.length / 12
    }
}

/// The granted calls, and when more may be granted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Allocations {
    pub(super) granted: [u32; PRIORITIES],
    /// The calls that are left after these grants.
    pub(super) free: u32,
    /// The time until another live call may be granted, at the earliest.
    pub(super) live_in: Duration,
    /// The time until another call of the other kinds may be granted.
    pub(super) others_in: Duration,
}

/// Divides the calls that are left among the wanted calls, by priority.
pub(super) fn share(
    usage: &UsageWindow,
    limit: u32,
    window: Window,
    wanted: [u32; PRIORITIES],
) -> Allocations {
    let is_recent = |ago: Option<Duration>| ago.is_some_and(|ago| ago < window.memory());
    let [live_wanted, others_wanted @ ..] = wanted;
    let others_wait = is_recent(usage.other_wanted) || others_wanted != [0; PRIORITIES - 1];
    let live_most =
        limit.saturating_sub(if others_wait { at_least_one(limit / 6, limit) } else { 0 });
    let mut allocation = Allocation {
        usage,
        limit,
        window,
        granted: [0; PRIORITIES],
        live_most,
        others_most: limit,
    };
    if allocation.take(CallPriority::Live, live_wanted) < live_wanted
        || is_recent(usage.live_wanted)
    {
        allocation.others_most = (limit / 4).max(1);
    }
    for (priority, wanted) in
        [CallPriority::FollowUp, CallPriority::Reconcile, CallPriority::Backfill]
            .into_iter()
            .zip(others_wanted)
    {
        allocation.take(priority, wanted);
    }
    Allocations {
        granted: allocation.granted,
        free: allocation.left(),
        live_in: allocation.next_in(CallPriority::Live),
        others_in: allocation.next_in(CallPriority::Backfill),
    }
}

/// A part of the limit. It is at least one call, unless the limit is one.
const fn at_least_one(part: u32, limit: u32) -> u32 {
    if part == 0 && limit > 1 { 1 } else { part }
}

/// The state of a division: earlier grants and new ones.
struct Allocation<'a> {
    usage: &'a UsageWindow,
    limit: u32,
    window: Window,
    granted: [u32; PRIORITIES],
    live_most: u32,
    others_most: u32,
}

impl Allocation<'_> {
    fn take(&mut self, priority: CallPriority, wanted: u32) -> u32 {
        let used = sum(self
            .calls()
            .filter(|row| is_live(row.priority) == (priority == CallPriority::Live)));
        let number = wanted
            .min(self.left().saturating_sub(self.reserve(priority)))
            .min(self.most(priority).saturating_sub(used));
        self.granted
            .iter_mut()
            .skip(priority.number())
            .take(1)
            .for_each(|granted| *granted = number);
        number
    }

    /// All calls that count, from the oldest to the newest.
    fn calls(&self) -> impl Iterator<Item = GrantRow> {
        let now = self.granted.into_iter().enumerate().map(|(priority, number)| GrantRow {
            age: Duration::ZERO,
            priority,
            number,
        });
        self.usage.granted.iter().copied().chain(now)
    }

    fn left(&self) -> u32 {
        let left = self.limit.saturating_sub(sum(self.calls())).min(self.allowed());
        if self.usage.blocked.is_zero() { left } else { 0 }
    }

    /// The number of calls that the source itself still allows.
    fn allowed(&self) -> u32 {
        let now = self.granted.iter().fold(0_u32, |sum, number| sum.saturating_add(*number));
        self.usage.allowance.map_or(u32::MAX, |allowance| allowance.left.saturating_sub(now))
    }

    /// The number of calls that a priority leaves free.
    const fn reserve(&self, priority: CallPriority) -> u32 {
        match priority {
            CallPriority::Live => 0,
            CallPriority::FollowUp | CallPriority::Reconcile | CallPriority::Backfill => {
                at_least_one(self.limit / 60, self.limit)
            }
        }
    }

    /// The most calls of its kind (live or other).
    const fn most(&self, priority: CallPriority) -> u32 {
        match priority {
            CallPriority::Live => self.live_most,
            CallPriority::FollowUp | CallPriority::Reconcile | CallPriority::Backfill => {
                self.others_most
            }
        }
    }

    /// The time until another call of a priority may be granted, if no other call is granted before.
    fn next_in(&self, priority: CallPriority) -> Duration {
        let reserve = self.reserve(priority);
        let reported = self
            .usage
            .allowance
            .filter(|_| self.allowed() <= reserve)
            .map_or(Duration::ZERO, |allowance| allowance.lasts);
        let of_kind: Vec<GrantRow> = self
            .calls()
            .filter(|row| is_live(row.priority) == (priority == CallPriority::Live))
            .collect();
        let all: Vec<GrantRow> = self.calls().collect();
        let at_most = |calls: &[GrantRow], number: u32| {
            frees_in(calls, number.saturating_sub(1), self.window)
        };
        let free = at_most(&all, self.limit.saturating_sub(reserve))
            .max(at_most(&of_kind, self.most(priority)));
        free.max(reported).max(self.usage.blocked)
    }
}

fn is_live(priority: usize) -> bool {
    priority == CallPriority::Live.number()
}

fn sum(calls: impl Iterator<Item = GrantRow>) -> u32 {
    calls.fold(0, |sum: u32, row| sum.saturating_add(row.number))
}

/// The time until at most `most` of these calls count.
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

#[cfg(test)]
mod tests {
    use super::*;

    const LIMIT: u32 = 60;

    /// The wanted calls by priority, at each second.
    type Wants = fn(second: u64) -> [u32; PRIORITIES];

    /// Simulates ten minutes in steps of 0.1 seconds. Returns the time, priority and number of each grant.
    fn ten_minutes(limit: u32, wants: Wants) -> Vec<(Duration, usize, u32)> {
        let mut granted: Vec<(Duration, usize, u32)> = Vec::new();
        let (mut live_wanted_at, mut other_wanted_at) = (None, None);
        for tick in 0..6_000_u64 {
            let now = Duration::from_millis(tick * 100);
            let wanted = wants(tick / 10);
            let ago = |at: Option<Duration>| at.map(|at| now.saturating_sub(at));
            let rows = granted.iter().skip_while(|(at, ..)| now - *at >= Window::MINUTE.counted());
            let usage = UsageWindow {
                granted: rows
                    .map(|(at, priority, number)| GrantRow {
                        age: now - *at,
                        priority: *priority,
                        number: *number,
                    })
                    .collect(),
                live_wanted: ago(live_wanted_at),
                other_wanted: ago(other_wanted_at),
                ..UsageWindow::default()
            };
            let shares = share(&usage, limit, Window::MINUTE, wanted);
            if shares.granted[0] < wanted[0] {
                live_wanted_at = Some(now);
            }
            if shares.granted[1..] != wanted[1..] {
                other_wanted_at = Some(now);
            }
            let grants = shares.granted.iter().enumerate().filter(|(_, number)| **number > 0);
            granted.extend(grants.map(|(priority, number)| (now, priority, *number)));
        }
        granted
    }

    fn count(
        granted: &[(Duration, usize, u32)],
        minute: u64,
        priority: impl Fn(usize) -> bool,
    ) -> u32 {
        let within = |at: Duration| at.as_secs() / 60 == minute;
        granted
            .iter()
            .filter(|(at, c, _)| within(*at) && priority(*c))
            .map(|(.., number)| *number)
            .sum()
    }

    #[test]
    fn no_window_holds_more_than_the_limit_wherever_it_begins() {
        let all: [Wants; 4] = [
            |_| [9, 0, 0, 9],
            |second| [u32::from(second % 7 == 0), 0, 0, 5],
            |_| [0, 1, 1, 1],
            |second| [0, 0, 0, u32::from(second % 90 > 45) * 99],
        ];
        for (limit, wants) in
            [1, 2, 7, LIMIT].into_iter().flat_map(|limit| all.map(|wants| (limit, wants)))
        {
            let granted = ten_minutes(limit, wants);
            for (start, ..) in &granted {
                let inside = granted
                    .iter()
                    .filter(|(at, ..)| at >= start && *at - *start < Window::MINUTE.counted());
                assert!(
                    inside.map(|(.., number)| *number).sum::<u32>() <= limit,
                    "{limit} from {start:?}"
                );
            }
        }
    }

    #[test]
    fn a_backfill_alone_uses_nearly_all_of_it_also_beside_a_few_lookups() {
        let all: [Wants; 2] = [|_| [0, 0, 0, 5], |second| [u32::from(second % 5 == 0), 0, 0, 5]];
        for wants in all {
            let granted = ten_minutes(LIMIT, wants);
            let used: u32 = (1..10).map(|minute| count(&granted, minute, |_| true)).sum();
            assert!(used * 100 >= 9 * LIMIT * 95, "{used}");
        }
    }

    #[test]
    fn most_calls_are_lookups_while_both_wait_and_the_backfill_advances() {
        let granted = ten_minutes(LIMIT, |_| [9, 0, 0, 9]);
        for minute in 1..10 {
            let (live, others) = (
                count(&granted, minute, is_live),
                count(&granted, minute, |priority| !is_live(priority)),
            );
            assert!(
                (40..=50).contains(&live) && others >= 8,
                "{live} and {others} in minute {minute}"
            );
        }
    }

    #[test]
    fn a_lookup_finds_a_call_left_by_the_others() {
        let granted = ten_minutes(LIMIT, |second| [u32::from(second % 20 == 0), 0, 0, 9]);
        let in_time = granted
            .iter()
            .filter(|(at, priority, number)| {
                is_live(*priority) && *number > 0 && at.as_secs() % 20 == 0
            })
            .count();
        assert!(in_time >= 30, "{in_time} of 30");
    }

    #[test]
    fn follow_ups_go_before_what_is_compared_and_that_before_the_backfill() {
        let usage = UsageWindow {
            granted: vec![GrantRow { age: Duration::from_secs(1), priority: 3, number: 50 }],
            ..UsageWindow::default()
        };
        assert_eq!(share(&usage, LIMIT, Window::MINUTE, [0, 4, 4, 4]).granted, [0, 4, 4, 1]);
    }

    #[test]
    fn what_the_source_says_counts() {
        let minute = Duration::from_secs(60);
        let blocked = UsageWindow { blocked: minute, ..UsageWindow::default() };
        let shares = share(&blocked, LIMIT, Window::MINUTE, [1, 1, 1, 1]);
        assert_eq!(
            (shares.granted, shares.live_in, shares.others_in),
            ([0; PRIORITIES], minute, minute)
        );
        let allowance = Some(crate::storage::rate_limit::Allowance { left: 3, lasts: minute });
        let shares = share(
            &UsageWindow { allowance, ..UsageWindow::default() },
            LIMIT,
            Window::MINUTE,
            [1, 9, 0, 0],
        );
        assert_eq!(
            (shares.granted, shares.live_in, shares.others_in),
            ([1, 1, 0, 0], Duration::ZERO, minute)
        );
    }
}
