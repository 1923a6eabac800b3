//! API keys: 256 random bits. The database and the memory hold only their hashes.
//!
//! The key of a request is hashed first, then found by its hash. So the time of the search reveals nothing about any
//! key.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use parking_lot::RwLock;

use crate::storage::pool::Pool;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jiff::Timestamp;
use metrics::Counter;
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;
use uuid::Uuid;

use super::rate_limits::{KeyLimits, Rates};
use crate::brand::Brand;
use crate::hash_of_hash::OfHashes;
use crate::storage::StorageError;
use crate::storage::agent_links::list_agent_generations;
use crate::storage::api_keys::{KeyRow, KeyState, KeyUse, list_keys, update_last_uses};

/// The prefix of every key, so that people and scanners recognise a leaked key.
const PREFIX: &str = "hkp_";

/// A new key, which is shown once.
pub struct NewKey(String);

impl NewKey {
    /// Creates a key of 256 random bits.
    ///
    /// # Errors
    /// When the system provides no random bits.
    pub fn generate() -> Result<Self, getrandom::Error> {
        let mut bits = [0_u8; 32];
        getrandom::fill(&mut bits)?;
        Ok(Self(format!("{PREFIX}{}", URL_SAFE_NO_PAD.encode(bits))))
    }

    /// The key as text, to print it once.
    #[must_use]
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl std::fmt::Debug for NewKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("[redacted]")
    }
}

/// The hash of a key, which is all that is stored.
#[must_use]
pub fn hash_key(key: &[u8]) -> [u8; 32] {
    let mut hash = [0; 32];
    hash.iter_mut().zip(Sha256::digest(key)).for_each(|(to, from)| *to = from);
    hash
}

/// A valid key, with its brand.
#[derive(Debug)]
pub struct LiveKey {
    /// The brand of the key.
    pub brand: Arc<Brand>,
    /// The public id of the key.
    pub key_id: Uuid,
    /// The same as text, for log lines.
    pub id_text: String,
    /// The rate limits of the key.
    pub limits: KeyLimits,
    /// The counters of the key.
    pub counters: KeyCounters,
    row: KeyRow,
    unsaved: Arc<UnsavedUse>,
}

/// The last times of a key, in microseconds, that are still to be saved. Zero: none.
#[derive(Debug)]
struct UnsavedUse {
    brand_id: i32,
    key_id: Uuid,
    used_at: AtomicI64,
    rejected_at: AtomicI64,
}

impl UnsavedUse {
    const fn of(row: &KeyRow) -> Self {
        let (used_at, rejected_at) = (AtomicI64::new(0), AtomicI64::new(0));
        Self { brand_id: row.brand_id, key_id: row.key_id, used_at, rejected_at }
    }

    fn use_at(&self, now: Timestamp) {
        self.used_at.fetch_max(now.as_microsecond(), Ordering::Relaxed);
    }

    fn reject_at(&self, now: Timestamp) {
        self.rejected_at.fetch_max(now.as_microsecond(), Ordering::Relaxed);
    }

    /// Takes the times out, to save them. `None` if there are none.
    fn take(&self) -> Option<KeyUse> {
        let take = |at: &AtomicI64| match at.swap(0, Ordering::Relaxed) {
            0 => None,
            at => Timestamp::from_microsecond(at).ok(),
        };
        let (used_at, rejected_at) = (take(&self.used_at), take(&self.rejected_at));
        let taken = KeyUse { brand_id: self.brand_id, key_id: self.key_id, used_at, rejected_at };
        (used_at.is_some() || rejected_at.is_some()).then_some(taken)
    }

    /// Puts times back that could not be saved.
    fn put_back(&self, taken: &KeyUse) {
        taken.used_at.into_iter().for_each(|at| self.use_at(at));
        taken.rejected_at.into_iter().for_each(|at| self.reject_at(at));
    }
}

/// Counters of a key. They are registered once, because that takes longer than counting.
pub struct KeyCounters {
    /// Lookups that found nobody.
    pub not_found: Counter,
    /// Lookups that found nobody and were above the limit.
    pub not_found_alarms: Counter,
}

impl KeyCounters {
    fn new(brand: &str, key_id: Uuid) -> Self {
        let (brand, key) = (brand.to_owned(), key_id.to_string());
        Self {
            not_found: metrics::counter!("hookpoint_lookups_not_found_total", "brand" => brand.clone(), "key" => key.clone()),
            not_found_alarms: metrics::counter!("hookpoint_not_found_alarms_total", "brand" => brand, "key" => key),
        }
    }
}

impl std::fmt::Debug for KeyCounters {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("KeyCounters")
    }
}

/// The keys of all brands, in memory.
#[derive(Debug)]
pub struct ApiKeyCache {
    brands: HashMap<i32, Arc<Brand>>,
    rates: Rates,
    keys: RwLock<Keys>,
}

/// Keys by their hashes.
#[derive(Debug, Default)]
struct Keys {
    live: HashMap<[u8; 32], Arc<LiveKey>, OfHashes>,
    revoked: HashMap<[u8; 32], Arc<UnsavedUse>, OfHashes>,
}

impl Keys {
    fn unsaved(&self, hash: &[u8; 32]) -> Option<Arc<UnsavedUse>> {
        let live = self.live.get(hash).map(|live| &live.unsaved);
        live.or_else(|| self.revoked.get(hash)).cloned()
    }
}

impl ApiKeyCache {
    /// An empty cache for these brands.
    #[must_use]
    pub fn new(brands: HashMap<i32, Arc<Brand>>, rates: Rates) -> Self {
        Self { brands, rates, keys: RwLock::default() }
    }

    /// Reads the keys from the database, and which links to the agent page work. A key that stays keeps the state of its
    /// limits.
    ///
    /// # Errors
    /// When Postgres fails. The cache then keeps its keys.
    pub async fn refresh(&self, pool: &Pool) -> Result<(), StorageError> {
        self.refresh_links(pool).await?;
        let rows = list_keys(pool).await?;
        let mut keys = self.keys.write();
        let mut new = Keys::default();
        for row in rows {
            let known = keys.live.get(&row.hash);
            if row.is_revoked() {
                let unsaved = keys.unsaved(&row.hash);
                let unsaved = unsaved.unwrap_or_else(|| Arc::new(UnsavedUse::of(&row)));
                new.revoked.insert(row.hash, unsaved);
            } else if let Some(known) = known {
                new.live.insert(row.hash, Arc::clone(known));
            } else if let Some(key) = self.live_key(row) {
                new.live.insert(key.row.hash, key);
            }
        }
        *keys = new;
        Ok(())
    }

    /// Reads which links to the agent page work, if a brand gives them out.
    async fn refresh_links(&self, pool: &Pool) -> Result<(), StorageError> {
        if self.brands.values().all(|brand| brand.agent_links.is_none()) {
            return Ok(());
        }
        for (brand_id, generation) in list_agent_generations(pool).await? {
            let brand = self.brands.get(&brand_id);
            if let Some(links) = brand.and_then(|brand| brand.agent_links.as_ref()) {
                links.set_generation(generation);
            }
        }
        Ok(())
    }

    fn live_key(&self, row: KeyRow) -> Option<Arc<LiveKey>> {
        let brand = self.brands.get(&row.brand_id)?;
        let limits = KeyLimits::new(self.rates);
        let unsaved = Arc::new(UnsavedUse::of(&row));
        let counters = KeyCounters::new(&brand.rules.slug, row.key_id);
        let brand = Arc::clone(brand);
        let (key_id, id_text) = (row.key_id, row.key_id.to_string());
        Some(Arc::new(LiveKey { brand, key_id, id_text, limits, counters, row, unsaved }))
    }

    /// Finds a valid key. `None` if the key is unknown, revoked or expired.
    #[must_use]
    pub fn authenticate(&self, key: &[u8], now: Timestamp) -> Option<Arc<LiveKey>> {
        let hash = hash_key(key);
        let keys = self.keys.read();
        let live = keys.live.get(&hash).filter(|live| bool::from(live.row.hash.ct_eq(&hash)));
        let Some(live) = live else {
            keys.revoked.get(&hash).inspect(|revoked| revoked.reject_at(now));
            return None;
        };
        if live.row.state(now) != KeyState::Valid {
            live.unsaved.reject_at(now);
            return None;
        }
        live.unsaved.use_at(now);
        Some(Arc::clone(live))
    }

    /// Saves when each key was last used and rejected.
    ///
    /// # Errors
    /// When Postgres fails. The times are then saved at the next call.
    pub async fn write_last_uses(&self, pool: &Pool) -> Result<(), StorageError> {
        let keys: Vec<Arc<UnsavedUse>> = {
            let keys = self.keys.read();
            let live = keys.live.values().map(|live| &live.unsaved);
            live.chain(keys.revoked.values()).map(Arc::clone).collect()
        };
        let taken = keys.iter().filter_map(|key| Some((key, key.take()?)));
        let (keys, uses): (Vec<&Arc<UnsavedUse>>, Vec<KeyUse>) = taken.unzip();
        if uses.is_empty() {
            return Ok(());
        }
        let written = update_last_uses(pool, &uses).await;
        if written.is_err() {
            keys.iter().zip(&uses).for_each(|(key, taken)| key.put_back(taken));
        }
        written
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_long_random_and_recognisable() {
        let (one, other) = (NewKey::generate().unwrap(), NewKey::generate().unwrap());
        assert!(one.reveal().starts_with(PREFIX) && one.reveal().len() == PREFIX.len() + 43);
        assert_ne!(one.reveal(), other.reveal());
        assert_eq!(format!("{one:?}"), "[redacted]");
    }
}
