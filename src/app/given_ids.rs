//! Stores the ids that answers gave out, behind the answers, in batches.

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;
use std::time::{Duration, Instant};

use serde::Deserialize;
use tokio::sync::mpsc::Receiver;
use tokio::time::{sleep, timeout};

use crate::brand::Brand;
use crate::customer::model::record::RecordKey;
use crate::ingest::given_ids::{record_of, store_given_ids};
use crate::jobs::tasks::BackgroundTasks;
use crate::lookup::given_ids::GivenAnswer;
use crate::storage::given_ids::GivenId;
use crate::storage::pool::Pool;

/// The pause between two batches.
const PAUSE: Duration = Duration::from_millis(200);

/// The most ids that wait. They wait longer while a brand is locked or Postgres is unavailable.
const MAX_WAITING: usize = 20_000;

/// So many customers are remembered, and so long: their ids need no check. After that, they are checked again.
const MAX_CHECKED: usize = 100_000;
const CHECKED_FOR: Duration = Duration::from_mins(10);

/// How long a shutdown waits for the last ids.
const LAST: Duration = Duration::from_secs(1);

/// Stores the ids of answers until the service ends, or no more answers come.
pub(super) async fn store_given(
    mut answers: Receiver<GivenAnswer>,
    pool: Pool,
    background: BackgroundTasks,
) {
    let mut ids = WaitingIds::default();
    let storing = async {
        while !answers.is_closed() || !answers.is_empty() {
            // If ids wait, this is another attempt.
            if ids.is_empty() {
                ids.take(answers.recv().await.into_iter());
            }
            sleep(PAUSE).await;
            ids.take(std::iter::from_fn(|| answers.try_recv().ok()));
            ids.store(&pool).await;
        }
    };
    tokio::select! {
        () = storing => {}
        () = background.until_ending() => {}
    }
    ids.take(std::iter::from_fn(|| answers.try_recv().ok()));
    let _ = timeout(LAST, ids.store(&pool)).await;
}

/// The ids of one brand, by their record.
struct OfBrand {
    brand: Arc<Brand>,
    ids: BTreeMap<RecordKey, GivenId>,
}

/// Ids that are still to be stored.
#[derive(Default)]
struct WaitingIds {
    by_brand: BTreeMap<i32, OfBrand>,
    /// Customers whose ids are stored, since the time.
    checked: HashSet<(i32, String)>,
    checked_since: Option<Instant>,
    // A failure is logged once, not at every batch.
    is_failing: bool,
}

impl WaitingIds {
    fn is_empty(&self) -> bool {
        self.by_brand.is_empty()
    }

    fn len(&self) -> usize {
        self.by_brand.values().map(|of_brand| of_brand.ids.len()).sum()
    }

    /// Adds the ids of answers, as far as there is room.
    fn take(&mut self, answers: impl Iterator<Item = GivenAnswer>) {
        if self.checked.len() > MAX_CHECKED
            || self.checked_since.is_none_or(|since| since.elapsed() > CHECKED_FOR)
        {
            self.checked.clear();
            self.checked_since = Some(Instant::now());
        }
        for answer in answers {
            let brand_id = answer.brand.id();
            let is_checked = |key: &str| self.checked.contains(&(brand_id, key.to_owned()));
            if answer.customers.iter().all(is_checked) || self.len() >= MAX_WAITING {
                continue;
            }
            let of_brand = self.by_brand.entry(brand_id).or_insert_with(|| OfBrand {
                brand: Arc::clone(&answer.brand),
                ids: BTreeMap::new(),
            });
            for (key, given) in ids_of(&answer) {
                of_brand.ids.entry(key).or_insert(given);
            }
        }
    }

    /// Stores the ids. Those of a brand that is locked, or that fail, wait for the next attempt. So do all, if this is
    /// interrupted.
    async fn store(&mut self, pool: &Pool) {
        let brands: Vec<i32> = self.by_brand.keys().copied().collect();
        for brand_id in brands {
            let Some(OfBrand { brand, ids }) = self.by_brand.get(&brand_id) else { continue };
            match store_given_ids(pool, brand, ids).await {
                Ok(true) => {
                    self.is_failing = false;
                    let stored = self.by_brand.remove(&brand_id).into_iter();
                    let keys = stored.flat_map(|of_brand| of_brand.ids.into_keys());
                    self.checked.extend(keys.map(|key| (brand_id, key.to_string())));
                }
                Ok(false) => {}
                Err(error) => {
                    if !std::mem::replace(&mut self.is_failing, true) {
                        let brand = brand.rules.slug.as_str();
                        tracing::warn!(brand, %error, "customer ids that answers gave out cannot be stored");
                    }
                    if !error.is_retryable() {
                        self.by_brand.remove(&brand_id);
                    }
                }
            }
        }
    }
}

/// One object of an answer.
#[derive(Deserialize)]
struct Shown {
    #[serde(rename = "customerID")]
    customer_id: String,
}

/// The records whose ids an answer shows, with the ids.
fn ids_of(answer: &GivenAnswer) -> Vec<(RecordKey, GivenId)> {
    let shown: Vec<Shown> = serde_json::from_slice(&answer.body).unwrap_or_default();
    let ids = answer.customers.iter().zip(shown);
    ids.filter_map(|(key, Shown { customer_id })| {
        let key = record_of(key, &customer_id)?;
        Some((key, GivenId { customer_id, given_at: answer.given_at }))
    })
    .collect()
}
