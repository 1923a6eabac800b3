//! The cache of rendered answers.
//!
//! The key of an entry is a keyed hash, so a notification can name it without personal data. An entry is fresh for a
//! while. After that it stays, to be returned while Postgres is unavailable. Increasing a generation makes all entries
//! of a brand, or all entries, count as expired.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use actix_web::web::Bytes;
use moka::sync::Cache;

use super::result::CustomerKeys;
use crate::hash_of_hash::OfHashes;
use crate::storage::invalidation::{Invalidation, LookupHash};

/// The brand id, and the hash of the lookup.
pub type CacheKey = (i32, LookupHash);

/// A cached answer.
#[derive(Clone)]
pub struct Entry {
    /// The response body.
    pub body: Bytes,
    /// The customers in the answer.
    pub customers: CustomerKeys,
    stored_at: Instant,
    generation: CacheGeneration,
}

/// The number of expirations of all entries, and of all entries of the brand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CacheGeneration(u64, u64);

/// The limits of size and time.
#[derive(Debug, Clone, Copy)]
pub struct CacheLimits {
    /// The most bytes, with overhead.
    pub bytes: u64,
    /// How long an answer with a customer is fresh.
    pub fresh: Duration,
    /// How long an answer without a customer is fresh.
    pub negative_fresh: Duration,
    /// How long an expired answer may still be returned while Postgres is unavailable.
    pub stale: Duration,
}

/// The cached answers of all brands.
pub struct AnswerCache {
    entries: Cache<CacheKey, Entry, OfHashes>,
    limits: CacheLimits,
    // Increased when all entries must count as expired.
    generation: AtomicU64,
    brand_generations: HashMap<i32, AtomicU64, OfHashes>,
    // True while the change listener is disconnected.
    listener_disconnected: AtomicBool,
}

/// The memory of an entry besides its body and its customers: key, pointers, bookkeeping.
const OVERHEAD: usize = 400;

/// The memory of an entry. Allocators round up by at most an eighth.
fn weight(entry: &Entry) -> u32 {
    let content = entry.body.len().saturating_add(entry.customers.memory());
    u32::try_from(content.saturating_add(content / 8).saturating_add(OVERHEAD)).unwrap_or(u32::MAX)
}

impl AnswerCache {
    /// An empty cache for some brands.
    #[must_use]
    pub fn new(limits: CacheLimits, brands: impl Iterator<Item = i32>) -> Self {
        let entries = Cache::builder()
            .weigher(|_: &CacheKey, entry: &Entry| weight(entry))
            .max_capacity(limits.bytes)
            .time_to_live(limits.fresh + limits.stale)
            .build_with_hasher(OfHashes::default());
        Self {
            entries,
            limits,
            generation: AtomicU64::new(0),
            brand_generations: brands.map(|brand| (brand, AtomicU64::new(0))).collect(),
            listener_disconnected: AtomicBool::new(true),
        }
    }

    /// Returns a fresh answer.
    #[must_use]
    pub fn fresh(&self, key: &CacheKey) -> Option<Entry> {
        self.entries.get(key).filter(|entry| {
            let is_negative = entry.customers.is_empty();
            let fresh_for =
                if is_negative { self.limits.negative_fresh } else { self.limits.fresh };
            entry.stored_at.elapsed() < fresh_for
                && !self.listener_disconnected.load(Ordering::Relaxed)
                && entry.generation == self.generation(key.0)
        })
    }

    /// Returns an answer that may be used while Postgres is unavailable, fresh or expired.
    #[must_use]
    pub fn stale(&self, key: &CacheKey) -> Option<Entry> {
        self.entries
            .get(key)
            .filter(|entry| entry.stored_at.elapsed() < self.limits.fresh + self.limits.stale)
    }

    /// The current generation of a brand. An answer that was queried in an older generation must not be cached.
    #[must_use]
    pub fn generation(&self, brand_id: i32) -> CacheGeneration {
        let of_brand = self
            .brand_generations
            .get(&brand_id)
            .map_or(0, |generation| generation.load(Ordering::SeqCst));
        CacheGeneration(self.generation.load(Ordering::SeqCst), of_brand)
    }

    /// Stores an answer that was queried in a generation.
    pub fn store(
        &self,
        key: CacheKey,
        body: Bytes,
        customers: CustomerKeys,
        generation: CacheGeneration,
    ) {
        self.entries.insert(key, Entry { body, customers, stored_at: Instant::now(), generation });
    }

    /// Removes the entries that a notification names, or expires all entries of a brand.
    pub fn invalidate(&self, invalidation: &Invalidation) {
        match &invalidation.hashes {
            Some(hashes) => hashes
                .iter()
                .for_each(|hash| self.entries.invalidate(&(invalidation.brand_id, *hash))),
            None => {
                if let Some(generation) = self.brand_generations.get(&invalidation.brand_id) {
                    generation.fetch_add(1, Ordering::SeqCst);
                }
            }
        }
    }

    /// Records whether the change listener is connected. While it is not, all entries count as expired. After it
    /// connects again, entries from before still count as expired.
    pub fn set_listener_disconnected(&self, listener_disconnected: bool) {
        if !listener_disconnected && self.listener_disconnected.load(Ordering::SeqCst) {
            // This comes first, so that no entry from that time is fresh for a moment.
            self.generation.fetch_add(1, Ordering::SeqCst);
        }
        self.listener_disconnected.store(listener_disconnected, Ordering::SeqCst);
    }

    /// Whether the change listener is disconnected.
    #[must_use]
    pub fn is_listener_disconnected(&self) -> bool {
        self.listener_disconnected.load(Ordering::Relaxed)
    }

    /// The size of the cache: entries and bytes.
    #[must_use]
    pub fn size(&self) -> (u64, u64) {
        // Recent inserts and evictions are counted only after this.
        self.entries.run_pending_tasks();
        (self.entries.entry_count(), self.entries.weighted_size())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::storage::invalidation::BrandSecret;

    fn key(n: u32) -> CacheKey {
        (1, LookupHash::new(&BrandSecret([7; 16]), "email", &n.to_string()))
    }

    fn cache(bytes: u64) -> AnswerCache {
        let hour = Duration::from_secs(3_600);
        let cache = AnswerCache::new(
            CacheLimits { bytes, fresh: hour, negative_fresh: hour, stale: hour },
            [1, 2].into_iter(),
        );
        cache.set_listener_disconnected(false);
        cache
    }

    fn store(cache: &AnswerCache, n: u32) {
        let customers = CustomerKeys::from_iter([n.to_string()]);
        cache.store(key(n), Bytes::from(vec![b'x'; 3_000]), customers, cache.generation(1));
    }

    #[test]
    fn memory_is_bounded_by_the_setting_whatever_is_asked() {
        let cache = cache(1 << 20);
        (0..20_000).for_each(|n| store(&cache, n));
        let (entries, bytes) = cache.size();
        assert!(
            bytes <= 1 << 20 && (100..=1 << 20).contains(&(entries * 3_000)),
            "{entries} entries, {bytes} bytes"
        );
    }

    #[test]
    fn what_changed_is_forgotten_and_what_may_have_changed_is_old() {
        let cache = cache(1 << 20);
        (0..3).for_each(|n| store(&cache, n));
        cache.invalidate(&Invalidation { brand_id: 1, hashes: Some(vec![key(0).1]) });
        assert!(
            cache.fresh(&key(0)).is_none()
                && cache.stale(&key(0)).is_none()
                && cache.fresh(&key(1)).is_some()
        );
        cache.invalidate(&Invalidation { brand_id: 2, hashes: None });
        assert!(cache.fresh(&key(1)).is_some(), "another brand's change");
        let asked_before = cache.generation(1);
        cache.invalidate(&Invalidation { brand_id: 1, hashes: None });
        assert!(cache.fresh(&key(1)).is_none() && cache.stale(&key(1)).is_some());
        cache.store(key(2), Bytes::from_static(b"[]"), CustomerKeys::default(), asked_before);
        assert!(cache.fresh(&key(2)).is_none(), "it was queried before all entries expired");
        store(&cache, 1);
        cache.set_listener_disconnected(true);
        assert!(
            cache.fresh(&key(1)).is_none() && cache.stale(&key(1)).is_some(),
            "nothing is fresh while the listener is disconnected"
        );
        cache.set_listener_disconnected(false);
        assert!(cache.fresh(&key(1)).is_none(), "something may have been missed");
    }
}
