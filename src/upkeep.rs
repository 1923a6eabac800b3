//! What goes on beside requests for as long as the service runs.

use std::sync::Arc;
use std::time::Duration;

use sqlx::PgPool;

use crate::access::keys::Keyring;
use crate::brand::Brand;
use crate::collect::rebuild::sweep;
use crate::lookup::cache::AnswerCache;
use crate::lookup::flight::Flights;
use crate::storage::changes::{BEAT, Changes, Heard, beat};
use crate::storage::{StorageError, brands};

/// Hears what changed. Whenever something may have been missed, everything remembered counts as expired.
pub async fn hear_changes(pool: PgPool, flights: Arc<Flights>, cache: Arc<AnswerCache>, keyring: Arc<Keyring>) {
    let mut is_said = false;
    loop {
        let lost = hear_until_lost(&pool, &flights, &cache, &keyring).await;
        // Said once, not for every attempt.
        if !cache.is_deaf() || !is_said {
            is_said = true;
            let reason = lost.err().map_or_else(|| "silence, or the connection broke".to_owned(), |error| error.to_string());
            tracing::warn!(reason, "changes are not heard: remembered answers count as expired until they are again");
        }
        cache.set_deaf(true);
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
}

async fn hear_until_lost(pool: &PgPool, flights: &Flights, cache: &AnswerCache, keyring: &Keyring) -> Result<(), StorageError> {
    let Some(mut changes) = in_time(Changes::listen(pool)).await? else { return Ok(()) };
    if in_time(keyring.refresh(pool)).await?.is_none() {
        return Ok(());
    }
    cache.set_deaf(false);
    tracing::info!("changes are heard");
    while let Some(heard) = changes.next().await {
        match heard {
            Heard::Changed(invalidation) => {
                let scope = if invalidation.hashes.is_some() { "keys" } else { "brand" };
                metrics::counter!("hookpoint_invalidations_total", "scope" => scope).increment(1);
                flights.invalidate(&invalidation);
            }
            // Changes are not heard while keys are read, so that must not take long.
            Heard::Keys if in_time(keyring.refresh(pool)).await?.is_none() => return Ok(()),
            Heard::Keys | Heard::Beat => {}
        }
    }
    Ok(())
}

/// `None` when the store took too long.
async fn in_time<T>(asked: impl Future<Output = Result<T, StorageError>>) -> Result<Option<T>, StorageError> {
    tokio::time::timeout(Duration::from_secs(5), asked).await.map_or(Ok(None), |done| done.map(Some))
}

/// Lets every replica hear that notifications arrive.
pub async fn send_beats(pool: PgPool) {
    loop {
        // A beat that fails shows as silence.
        let _ = beat(&pool).await;
        tokio::time::sleep(BEAT).await;
    }
}

/// Writes down when keys were last used.
pub async fn write_last_used(pool: PgPool, keyring: Arc<Keyring>) {
    loop {
        tokio::time::sleep(Duration::from_secs(30)).await;
        if let Err(error) = keyring.write_last_used(&pool).await {
            tracing::warn!(%error, "when keys were last used is not written down yet");
        }
    }
}

/// Makes customers anew that other settings made, one brand after the other.
pub async fn sweep_brands(pool: PgPool, brands: Vec<Arc<Brand>>) {
    for brand in brands {
        while let Err(error) = sweep(&pool, &brand).await {
            tracing::warn!(brand = brand.rules.slug, %error, "customers of earlier settings are not made anew yet");
            tokio::time::sleep(Duration::from_secs(5)).await;
        }
    }
}

/// Counts what waits for somebody to decide.
pub async fn count_reviews(pool: PgPool, brands: Vec<Arc<Brand>>) {
    loop {
        for brand in &brands {
            if let Ok(reviews) = brands::count_reviews(&pool, brand.id()).await {
                metrics::gauge!("hookpoint_reviews", "brand" => brand.rules.slug.clone()).set(reviews);
            }
        }
        tokio::time::sleep(Duration::from_secs(60)).await;
    }
}

/// What is measured waits in memory until it is added up: here, if nobody reads the metrics.
pub async fn drain_histograms() {
    loop {
        tokio::time::sleep(Duration::from_secs(5)).await;
        crate::telemetry::metrics().run_upkeep();
    }
}
