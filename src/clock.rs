//! The time, from outside: the system's, or a test's.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use jiff::Timestamp;

/// Tells the time.
#[derive(Debug, Clone, Default)]
pub struct Clock {
    frozen: Option<Arc<AtomicI64>>,
}

impl Clock {
    /// The system's clock.
    #[must_use]
    pub const fn system() -> Self {
        Self { frozen: None }
    }

    /// A clock that stands still until it is set.
    #[must_use]
    pub fn frozen(at: Timestamp) -> Self {
        Self { frozen: Some(Arc::new(AtomicI64::new(at.as_microsecond()))) }
    }

    /// Sets a frozen clock; the system's goes on as it was.
    pub fn set(&self, at: Timestamp) {
        if let Some(frozen) = &self.frozen {
            frozen.store(at.as_microsecond(), Ordering::SeqCst);
        }
    }

    /// A time by Postgres's clock, which all replicas share; a frozen clock stands for that one too.
    #[must_use]
    pub fn or_frozen(&self, database: Timestamp) -> Timestamp {
        self.frozen_at().unwrap_or(database)
    }

    /// The time of a frozen clock; `None` of the system's, whose replica may be wrong: Postgres says it then.
    #[must_use]
    pub fn frozen_at(&self) -> Option<Timestamp> {
        self.frozen.is_some().then(|| self.now())
    }

    /// Now, to the microsecond, as Postgres keeps it.
    #[must_use]
    #[expect(clippy::disallowed_methods, reason = "the one place that reads the wall clock")]
    pub fn now(&self) -> Timestamp {
        let now = match &self.frozen {
            Some(frozen) => frozen.load(Ordering::SeqCst),
            None => Timestamp::now().as_microsecond(),
        };
        Timestamp::from_microsecond(now).unwrap_or(Timestamp::UNIX_EPOCH)
    }
}
