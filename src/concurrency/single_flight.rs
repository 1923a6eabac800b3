//! Does one piece of work for all callers that want the same at the same time.
//!
//! The first caller for a key becomes the [`Leader`], which does the work. Callers that come while it is in flight join
//! it. The work continues when callers stop waiting, unless the leader asks whether anybody still waits.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use parking_lot::{Mutex, MutexGuard};
use tokio::sync::watch;

/// The work in flight, by key. `S` is what the leader and the callers share, `V` is the result.
pub struct SingleFlight<K: Eq + Hash, S, V> {
    joinable: Mutex<HashMap<K, Arc<InFlight<S, V>>>>,
    // The length of the map. While it is 0, a search needs no lock.
    count: AtomicUsize,
}

struct InFlight<S, V> {
    shared: Arc<S>,
    result: watch::Sender<Option<V>>,
}

impl<K: Eq + Hash + Clone, S, V: Clone> SingleFlight<K, S, V> {
    /// Creates an empty set.
    #[must_use]
    pub fn new() -> Arc<Self> {
        Arc::new(Self { joinable: Mutex::default(), count: AtomicUsize::new(0) })
    }

    /// Joins the work for a key. If none is in flight, `start` makes what the callers share, and the caller becomes the
    /// leader: it must see to it that the work is done.
    pub fn join(
        self: &Arc<Self>,
        key: K,
        start: impl FnOnce() -> S,
    ) -> (Waiter<S, V>, Option<Leader<K, S, V>>) {
        let mut joinable = self.lock();
        if let Some(in_flight) = joinable.map.get(&key) {
            return (Waiter::of(in_flight), None);
        }
        let in_flight =
            Arc::new(InFlight { shared: Arc::new(start()), result: watch::Sender::new(None) });
        joinable.map.insert(key.clone(), Arc::clone(&in_flight));
        drop(joinable);
        let waiter = Waiter::of(&in_flight);
        (waiter, Some(Leader { of: Arc::clone(self), key, in_flight, is_removed: false }))
    }

    /// Joins the work for a key, if it is in flight.
    #[must_use]
    pub fn find(&self, key: &K) -> Option<Waiter<S, V>> {
        self.lock().map.get(key).map(Waiter::of)
    }

    /// Whether work for a key is in flight.
    #[must_use]
    pub fn contains(&self, key: &K) -> bool {
        !self.is_empty() && self.lock().map.contains_key(key)
    }
}

impl<K: Eq + Hash, S, V> SingleFlight<K, S, V> {
    /// Holds the lock: no work starts, is joined or is completed meanwhile.
    pub fn lock(&self) -> Joinable<'_, K, S, V> {
        let map = self.joinable.lock();
        Joinable { map, count: &self.count }
    }

    /// The number of keys with work in flight that can be joined.
    #[must_use]
    pub fn len(&self) -> usize {
        self.count.load(Ordering::Relaxed)
    }

    /// Whether no work is in flight that can be joined.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// The work that can be joined, while nobody else may change that.
pub struct Joinable<'a, K: Eq + Hash, S, V> {
    map: MutexGuard<'a, HashMap<K, Arc<InFlight<S, V>>>>,
    count: &'a AtomicUsize,
}

impl<K: Eq + Hash, S, V> Joinable<'_, K, S, V> {
    /// The work for this key goes on, but nobody joins it any more. The next caller starts it anew.
    pub fn forget(&mut self, key: &K) {
        self.map.remove(key);
    }

    /// Like [`forget`](Self::forget), for all keys that are not kept.
    pub fn retain(&mut self, mut is_kept: impl FnMut(&K) -> bool) {
        self.map.retain(|key, _| is_kept(key));
    }

    /// Removes this work. Returns whether it could still be joined.
    fn remove(&mut self, key: &K, in_flight: &Arc<InFlight<S, V>>) -> bool {
        let is_current = self.map.get(key).is_some_and(|current| Arc::ptr_eq(current, in_flight));
        if is_current {
            self.map.remove(key);
        }
        is_current
    }
}

impl<K: Eq + Hash, S, V> Drop for Joinable<'_, K, S, V> {
    fn drop(&mut self) {
        self.count.store(self.map.len(), Ordering::Relaxed);
    }
}

/// A caller that waits for a result, until it is dropped.
pub struct Waiter<S, V> {
    shared: Arc<S>,
    result: watch::Receiver<Option<V>>,
}

impl<S, V: Clone> Waiter<S, V> {
    fn of(in_flight: &Arc<InFlight<S, V>>) -> Self {
        Self { shared: Arc::clone(&in_flight.shared), result: in_flight.result.subscribe() }
    }

    /// What the callers and the leader share.
    #[must_use]
    pub fn shared(&self) -> &S {
        &self.shared
    }

    /// Waits for the result. `None` if the leader was dropped without one.
    pub async fn result(&mut self) -> Option<V> {
        let result = self.result.wait_for(Option::is_some).await;
        result.ok().and_then(|result| result.clone())
    }
}

/// The duty to do the work for a key. If it is dropped without a result, the callers stop waiting.
pub struct Leader<K: Eq + Hash, S, V> {
    of: Arc<SingleFlight<K, S, V>>,
    key: K,
    in_flight: Arc<InFlight<S, V>>,
    is_removed: bool,
}

impl<K: Eq + Hash, S, V> Leader<K, S, V> {
    /// The key.
    #[must_use]
    pub const fn key(&self) -> &K {
        &self.key
    }

    /// What the callers and the leader share.
    #[must_use]
    pub fn shared(&self) -> &S {
        &self.in_flight.shared
    }

    /// Returns itself if a caller still waits. Otherwise the work ends here.
    #[must_use]
    pub fn if_wanted(mut self) -> Option<Self> {
        // Under the lock, so that nobody joins work that is about to end.
        let mut joinable = self.of.lock();
        if self.in_flight.result.receiver_count() > 0 {
            drop(joinable);
            return Some(self);
        }
        joinable.remove(&self.key, &self.in_flight);
        drop(joinable);
        self.is_removed = true;
        None
    }

    /// Completes when no caller waits any more. From then on the work cannot be joined. It never completes if
    /// `may_end` says no at that moment.
    pub async fn until_unwanted(&self, may_end: impl Fn() -> bool) {
        loop {
            self.in_flight.result.closed().await;
            let mut joinable = self.of.lock();
            if self.in_flight.result.receiver_count() > 0 {
                continue;
            }
            if may_end() {
                joinable.remove(&self.key, &self.in_flight);
                return;
            }
            drop(joinable);
            return std::future::pending().await;
        }
    }

    /// Gives the result to all callers. `before` runs first, while nobody can join or start the work. It learns
    /// whether the work was still current, that is, not forgotten.
    pub fn complete(mut self, result: V, before: impl FnOnce(bool)) {
        let mut joinable = self.of.lock();
        before(joinable.remove(&self.key, &self.in_flight));
        drop(joinable);
        self.is_removed = true;
        self.in_flight.result.send_replace(Some(result));
    }
}

impl<K: Eq + Hash, S, V> Drop for Leader<K, S, V> {
    fn drop(&mut self) {
        if !self.is_removed {
            self.of.lock().remove(&self.key, &self.in_flight);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    type Work = SingleFlight<u8, (), u32>;

    #[tokio::test]
    async fn callers_with_the_same_key_share_one_result() {
        let work = Work::new();
        let (mut first, leader) = work.join(1, || ());
        let (mut second, other_leader) = work.join(1, || unreachable!("it is in flight"));
        assert!(other_leader.is_none() && work.contains(&1) && work.len() == 1);
        leader.unwrap().complete(7, |is_current| assert!(is_current));
        assert_eq!((first.result().await, second.result().await), (Some(7), Some(7)));
        assert!(work.is_empty() && work.find(&1).is_none());
    }

    #[tokio::test]
    async fn a_leader_that_is_dropped_leaves_nobody_waiting() {
        let work = Work::new();
        let (mut waiter, leader) = work.join(1, || ());
        drop(leader);
        assert_eq!(waiter.result().await, None);
        assert!(work.join(1, || ()).1.is_some(), "the next caller starts anew");
    }

    #[tokio::test]
    async fn forgotten_work_still_answers_its_callers_but_no_new_ones() {
        let work = Work::new();
        let (mut old, old_leader) = work.join(1, || ());
        work.lock().forget(&1);
        let (mut new, new_leader) = work.join(1, || ());
        old_leader.unwrap().complete(1, |is_current| assert!(!is_current));
        assert!(work.contains(&1), "the new work stays");
        new_leader.unwrap().complete(2, |is_current| assert!(is_current));
        assert_eq!((old.result().await, new.result().await), (Some(1), Some(2)));
    }

    #[tokio::test]
    async fn work_that_nobody_wants_ends() {
        let work = Work::new();
        let (waiter, leader) = work.join(1, || ());
        let leader = leader.unwrap().if_wanted().expect("somebody waits");
        drop(waiter);
        leader.until_unwanted(|| true).await;
        assert!(work.is_empty());
        assert!(leader.if_wanted().is_none());
    }

    #[tokio::test]
    async fn work_that_may_not_end_continues_without_callers() {
        let work = Work::new();
        let leader = work.join(1, || ()).1.unwrap();
        let ended = futures_util::FutureExt::now_or_never(leader.until_unwanted(|| false));
        assert!(ended.is_none() && work.contains(&1));
    }
}
