//! Stores the ids that answers gave out, behind the answers, in batches.

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use serde::Deserialize;
use tokio::sync::mpsc::Receiver;

use crate::brand::Brand;
use crate::clock::Clock;
use crate::customer::model::record::RecordKey;
use crate::ingest::given_ids::{record_of, store_given_ids};
use crate::jobs::tasks::BackgroundTasks;
use crate::lookup::given_ids::GivenAnswer;
use crate::storage::pool::Pool;

/// How long a batch is collected.
const COLLECTING: Duration = Duration::from_millis(200);

/// The most answers in a batch.
const MAX_BATCH: usize = 1_000;

/// So many ids are remembered as stored. After that, some are stored again, which changes nothing.
const MAX_REMEMBERED: usize = 100_000;

/// Stores the ids of answers until the service ends, or no more answers come.
pub(super) async fn store_given(
    mut answers: Receiver<GivenAnswer>,
    pool: Pool,
    clock: Clock,
    background: BackgroundTasks,
) {
    let mut stored = Stored::default();
    let mut batch = Vec::new();
    loop {
        let received = tokio::select! {
            received = answers.recv_many(&mut batch, MAX_BATCH) => received,
            () = background.until_ending() => 0,
        };
        if received > 0 && !background.is_ending() {
            let _ = tokio::time::timeout(COLLECTING, background.until_ending()).await;
        }
        while batch.len() < MAX_BATCH
            && let Ok(answer) = answers.try_recv()
        {
            batch.push(answer);
        }
        if batch.is_empty() {
            return;
        }
        store(&pool, &clock, std::mem::take(&mut batch), &mut stored).await;
    }
}

/// The ids that this process has stored.
#[derive(Default)]
struct Stored(HashSet<(i32, RecordKey)>);

/// Stores the ids of some answers. Those that cannot be stored now are stored when they are given out again.
async fn store(pool: &Pool, clock: &Clock, answers: Vec<GivenAnswer>, stored: &mut Stored) {
    let mut by_brand: BTreeMap<i32, (Arc<Brand>, BTreeMap<RecordKey, String>)> = BTreeMap::new();
    for answer in answers {
        let (_, given) = by_brand
            .entry(answer.brand.id())
            .or_insert_with(|| (Arc::clone(&answer.brand), BTreeMap::new()));
        for (key, id) in ids_of(&answer) {
            if !stored.0.contains(&(answer.brand.id(), key.clone())) {
                given.entry(key).or_insert(id);
            }
        }
    }
    for (brand_id, (brand, given)) in by_brand {
        let given: Vec<(RecordKey, String)> = given.into_iter().collect();
        if given.is_empty() {
            continue;
        }
        match store_given_ids(pool, &brand, &given, clock.now()).await {
            Ok(()) => stored.remember(brand_id, given),
            Err(error) => {
                let brand = brand.rules.slug.as_str();
                tracing::debug!(brand, %error, "customer ids that answers gave out were not stored");
            }
        }
    }
}

impl Stored {
    fn remember(&mut self, brand_id: i32, given: Vec<(RecordKey, String)>) {
        if self.0.len().saturating_add(given.len()) > MAX_REMEMBERED {
            self.0.clear();
        }
        self.0.extend(given.into_iter().map(|(key, _)| (brand_id, key)));
    }
}

/// One object of an answer.
#[derive(Deserialize)]
struct Shown {
    #[serde(rename = "customerID")]
    customer_id: String,
}

/// The records whose ids an answer shows, with the ids.
fn ids_of(answer: &GivenAnswer) -> Vec<(RecordKey, String)> {
    let shown: Vec<Shown> = serde_json::from_slice(&answer.body).unwrap_or_default();
    let ids = answer.customer_keys.iter().zip(shown);
    ids.filter_map(|(key, Shown { customer_id })| {
        Some((record_of(key, &customer_id)?, customer_id))
    })
    .collect()
}
