//! The time: the system's clock, or a frozen one in tests.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use jiff::Timestamp;

/// The source of the current time.
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

    /// Sets a frozen clock. It does nothing to the system's clock.
    pub fn set(&self, at: Timestamp) {
        if let Some(frozen) = &self.frozen {
            frozen.store(at.as_microsecond(), Ordering::SeqCst);
        }
    }

    /// The given time of Postgres's clock, which all replicas share. A frozen clock replaces it.
    #[must_use]
    pub fn or_frozen(&self, database: Timestamp) -> Timestamp {
        self.frozen_at().unwrap_or(database)
    }

    /// The time of a frozen clock. `None` for the system's clock: it may be wrong on this replica, so
    /// Postgres's clock is used.
    #[must_use]
    pub fn frozen_at(&self) -> Option<Timestamp> {
        self.frozen.is_some().then(|| self.now())
    }

    /// Now, to the microsecond, the precision of Postgres.
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
