//! The way from the first start to a brand that is connected completely.

use super::attention::Situation;
use crate::brand::Brand;
use crate::customer::model::source::Source;
use crate::storage::StorageError;
use crate::storage::api_keys::{KeyState, list_keys_of};
use crate::storage::pool::Pool;

/// A step on this way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// The settings were read, and have this brand.
    Settings,
    /// There is a key for Omnidesk.
    Key,
    /// Omnidesk asked with a key.
    Omnidesk,
    /// A source is in the settings.
    Source,
    /// A webhook of the source came.
    Webhook(Source),
    /// The API of the source answered.
    Api(Source),
    /// All data of the source was read once.
    Backfill(Source),
}

/// The steps of a brand, in order, each with whether it is done.
///
/// # Errors
/// If Postgres fails.
pub async fn list_steps(
    pool: &Pool,
    brand: &Brand,
    situation: &Situation,
    backfills: bool,
    now: jiff::Timestamp,
) -> Result<Vec<(Step, bool)>, StorageError> {
    let keys = list_keys_of(pool, brand.id()).await?;
    let mut steps = vec![
        (Step::Settings, true),
        (Step::Key, keys.iter().any(|key| key.state(now) == KeyState::Valid)),
        (Step::Omnidesk, keys.iter().any(|key| key.last_used_at.is_some())),
    ];
    let before = steps.len();
    for (health, api) in situation.health.iter().zip(&situation.apis) {
        if health.verification.is_some() {
            let came = health.stats.accepted > 0 || health.last_received_at.is_some();
            steps.push((Step::Webhook(health.source), came));
        }
        if let Some(account) = &api.account {
            steps.push((Step::Api(api.source), account.succeeded_at.is_some()));
            if backfills {
                steps.push((Step::Backfill(api.source), api.is_read_once(brand)));
            }
        }
    }
    let is_connected = steps.len() > before;
    steps.insert(before, (Step::Source, is_connected));
    Ok(steps)
}
