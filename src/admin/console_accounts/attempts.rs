//! Counts wrong passwords in a row, so that somebody who guesses must wait.

use std::net::IpAddr;

use jiff::{SignedDuration, Timestamp};
use sha2::{Digest, Sha256};
use uuid::Uuid;

use super::manage::name_key;
use super::password_error::PasswordError;
use super::passwords::HashError;
use crate::storage::StorageError;
use crate::storage::password_attempts::{
    AttemptLimits, begin_attempt, forget_attempts, take_back_attempt,
};
use crate::storage::pool::{Connection, Pool};

/// Wrong passwords for one name from one network. So an attacker in another network does not lock a person out.
const LIMITS: AttemptLimits = AttemptLimits {
    free: 10,
    first_wait: SignedDuration::from_secs(30),
    longest_wait: SignedDuration::from_mins(15),
    kept_for: SignedDuration::from_hours(24),
};

/// Wrong passwords for one name from all networks.
const LIMITS_OF_ALL: AttemptLimits = AttemptLimits { free: 100, ..LIMITS };

/// What the attempts of somebody are counted by.
pub(super) struct Counted(Vec<([u8; 32], AttemptLimits)>);

impl Counted {
    /// By the brand and the name, whether they exist or not.
    pub(super) fn of_name(slug: &str, name: &str, network: Option<IpAddr>) -> Self {
        let (slug, name) = (name_key(slug), name_key(name));
        let network = network.map(|network| network.to_string()).unwrap_or_default();
        Self(vec![
            (hash(&["network", &slug, &name, &network]), LIMITS),
            (hash(&["name", &slug, &name]), LIMITS_OF_ALL),
        ])
    }

    /// By an account whose person is logged in: nobody else can make them wait.
    pub(super) fn of_account(account_id: Uuid) -> Self {
        Self(vec![(hash(&["account", &account_id.to_string()]), LIMITS)])
    }

    /// Counts an attempt as a wrong one, unless somebody must wait.
    pub(super) async fn begin(&self, pool: &Pool, now: Timestamp) -> Result<(), PasswordError> {
        for (counted, limits) in &self.0 {
            if let Some(until) = begin_attempt(pool, counted, *limits, now).await? {
                let seconds = until.duration_since(now).as_secs();
                return Err(PasswordError::Wait(u64::try_from(seconds).unwrap_or_default().max(1)));
            }
        }
        Ok(())
    }

    /// What a comparison ended with. If there was none, the attempt does not count.
    pub(super) async fn compared<T>(
        &self,
        pool: &Pool,
        verified: Result<T, HashError>,
    ) -> Result<T, PasswordError> {
        if verified.is_err() {
            for (counted, _) in &self.0 {
                take_back_attempt(pool, counted).await?;
            }
        }
        Ok(verified?)
    }

    /// Removes the counts, after the right password.
    pub(super) async fn forget(&self, db: &mut Connection) -> Result<(), StorageError> {
        for (counted, _) in &self.0 {
            forget_attempts(db, counted).await?;
        }
        Ok(())
    }
}

fn hash(parts: &[&str]) -> [u8; 32] {
    Sha256::digest(parts.join("\0").as_bytes()).into()
}
