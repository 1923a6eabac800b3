//! Hashes passwords with argon2id. It takes memory and time on purpose, so only two are computed at once.

use std::sync::Arc;
use std::time::Duration;

use argon2::password_hash::phc::PasswordHash;
use argon2::password_hash::{PasswordHasher, PasswordVerifier};
use argon2::{Algorithm, Argon2, Params, Version};
use tokio::sync::Semaphore;

use super::password_rules::{MAX_CHARACTERS, normalised};

/// The parameters that OWASP recommends: 19 MiB of memory, two passes, one lane.
const MEMORY_KIB: u32 = 19 * 1024;
const PASSES: u32 = 2;
const LANES: u32 = 1;

/// So many passwords are hashed at once.
const AT_ONCE: usize = 2;

/// A person waits this long for their turn.
const MAX_WAIT: Duration = Duration::from_secs(10);

/// The salt for names that have no password, so that these take as long as others.
const SALT_OF_NOBODY: [u8; SALT_BYTES] = [0; SALT_BYTES];

const SALT_BYTES: usize = 16;

/// No hash was computed.
#[derive(Debug, Clone, Copy, thiserror::Error)]
pub enum HashError {
    /// Too many others wait.
    #[error("too many people log in at this moment")]
    Busy,
    /// The system provides no random bits or no memory.
    #[error("the password could not be hashed")]
    Failed,
}

/// Whether a password is right.
pub(super) enum Verified {
    /// It is not.
    Wrong,
    /// It is.
    Right {
        /// The hash with the parameters of today, if the stored one has others.
        rehashed: Option<String>,
    },
}

/// Hashes passwords, a few at once.
pub struct Passwords {
    permits: Arc<Semaphore>,
}

impl Default for Passwords {
    fn default() -> Self {
        Self { permits: Arc::new(Semaphore::new(AT_ONCE)) }
    }
}

impl Passwords {
    /// The hash of a new password, with its parameters and a salt.
    pub(super) async fn hash(&self, password: &str) -> Result<String, HashError> {
        let password = normalised(password);
        self.compute(move || new_hash(password.as_bytes())).await?
    }

    /// Compares a password with a stored hash. Without one, it takes as long, and is wrong.
    pub(super) async fn verify(
        &self,
        password: &str,
        stored: Option<String>,
    ) -> Result<Verified, HashError> {
        // A longer one is no password of anybody, and must not cost more.
        let password: String = normalised(password).chars().take(MAX_CHARACTERS + 1).collect();
        self.compute(move || verified(password.as_bytes(), stored.as_deref())).await?
    }

    /// Runs work on a thread for blocking tasks, when it is its turn.
    async fn compute<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, HashError> {
        let waiting = Arc::clone(&self.permits).acquire_owned();
        let permit = tokio::time::timeout(MAX_WAIT, waiting).await.map_err(|_| HashError::Busy)?;
        let permit = permit.map_err(|_| HashError::Failed)?;
        let computed = tokio::task::spawn_blocking(move || {
            // Even if the browser is gone, the next one waits for the end of this work.
            let _permit = permit;
            work()
        });
        computed.await.map_err(|_| HashError::Failed)
    }
}

fn params() -> Result<Params, HashError> {
    Params::new(MEMORY_KIB, PASSES, LANES, None).map_err(|_| HashError::Failed)
}

fn argon2() -> Result<Argon2<'static>, HashError> {
    Ok(Argon2::new(Algorithm::Argon2id, Version::V0x13, params()?))
}

fn new_hash(password: &[u8]) -> Result<String, HashError> {
    let mut salt = [0_u8; SALT_BYTES];
    getrandom::fill(&mut salt).map_err(|_| HashError::Failed)?;
    hash_with(password, &salt)
}

fn hash_with(password: &[u8], salt: &[u8]) -> Result<String, HashError> {
    let hash = argon2()?.hash_password_with_salt(password, salt);
    let hash: PasswordHash = hash.map_err(|_| HashError::Failed)?;
    Ok(hash.to_string())
}

fn verified(password: &[u8], stored: Option<&str>) -> Result<Verified, HashError> {
    let Some(stored) = stored else {
        hash_with(password, &SALT_OF_NOBODY)?;
        return Ok(Verified::Wrong);
    };
    let stored = PasswordHash::new(stored).map_err(|_| HashError::Failed)?;
    if argon2()?.verify_password(password, &stored).is_err() {
        return Ok(Verified::Wrong);
    }
    let rehashed = if is_current(&stored)? { None } else { Some(new_hash(password)?) };
    Ok(Verified::Right { rehashed })
}

/// Whether a hash has the parameters of today.
fn is_current(stored: &PasswordHash) -> Result<bool, HashError> {
    let (current, own) = (params()?, Params::try_from(stored).map_err(|_| HashError::Failed)?);
    let costs = |params: &Params| (params.m_cost(), params.t_cost(), params.p_cost());
    Ok(stored.algorithm.as_str() == "argon2id" && costs(&own) == costs(&current))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is_right(verified: &Verified) -> Option<bool> {
        match verified {
            Verified::Wrong => None,
            Verified::Right { rehashed } => Some(rehashed.is_some()),
        }
    }

    #[tokio::test]
    async fn only_the_same_password_is_right_and_old_parameters_are_replaced() {
        let passwords = Passwords::default();
        let hash = passwords.hash("caf\u{e9} au lait 1").await.unwrap();
        assert!(hash.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{hash}");
        assert_ne!(hash, passwords.hash("caf\u{e9} au lait 1").await.unwrap(), "salted");
        let verify = async |password: &str, hash: Option<&str>| {
            let verified = passwords.verify(password, hash.map(str::to_owned)).await.unwrap();
            is_right(&verified)
        };
        assert_eq!(verify("cafe\u{301} au lait 1", Some(&hash)).await, Some(false));
        assert_eq!(verify("caf\u{e9} au lait 2", Some(&hash)).await, None);
        assert_eq!(verify("caf\u{e9} au lait 1", None).await, None);

        let weak = Params::new(64, 1, 1, None).unwrap();
        let weak = Argon2::new(Algorithm::Argon2id, Version::V0x13, weak);
        let weak: PasswordHash =
            weak.hash_password_with_salt(b"once upon a time", &[7; 16]).unwrap();
        let weak = weak.to_string();
        assert_eq!(verify("once upon a time", Some(&weak)).await, Some(true));
        assert_eq!(verify("once upon a lime", Some(&weak)).await, None);
    }
}
