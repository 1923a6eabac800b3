//! Whether webhooks are stored and applied: said in the log once when that fails and once when it works again, and shown by
//! `/health/ready` and the metrics.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// A part of the service that can fail by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Part {
    /// Webhooks are stored; while they are not, their sources are asked to send them again.
    Storing,
    /// What was stored is applied; while it is not, it waits.
    Applying,
}

impl Part {
    /// Its name in `/health/ready` and in the metrics.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Storing => "storing",
            Self::Applying => "applying",
        }
    }

    const fn texts(self) -> (&'static str, &'static str) {
        match self {
            Self::Storing => ("webhooks are not stored: their sources are asked to send them again", "webhooks are stored again"),
            Self::Applying => ("what came in is not applied: it waits", "what came in is applied again"),
        }
    }
}

/// Whether one part works, or one brand's share of it.
#[derive(Debug)]
pub struct Alarm {
    part: Part,
    brand: Option<String>,
    failing: Mutex<Option<Failing>>,
}

/// Since when something fails, and when it did last.
#[derive(Debug, Clone, Copy)]
struct Failing {
    since: Instant,
    last: Instant,
}

impl Alarm {
    fn failing(&self) -> MutexGuard<'_, Option<Failing>> {
        self.failing.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// It fails. Said once, not for every attempt.
    pub fn raise(&self, reason: &(impl std::fmt::Display + ?Sized)) {
        let is_news = {
            let (mut failing, now) = (self.failing(), Instant::now());
            let is_news = failing.is_none();
            *failing = Some(Failing { since: failing.map_or(now, |failing| failing.since), last: now });
            is_news
        };
        if is_news {
            tracing::error!(part = self.part.as_str(), brand = self.brand, %reason, "{}", self.part.texts().0);
        }
    }

    /// It works.
    pub fn clear(&self) {
        let failing = self.failing().take();
        if let Some(Failing { since, .. }) = failing {
            tracing::info!(part = self.part.as_str(), brand = self.brand, seconds = since.elapsed().as_secs(), "{}", self.part.texts().1);
        }
    }

    /// Whether it fails.
    #[must_use]
    pub fn is_raised(&self) -> bool {
        self.failing().is_some()
    }

    /// Whether it failed, and did not fail again for a while.
    #[must_use]
    pub fn is_raised_and_quiet(&self, quiet: Duration) -> bool {
        self.failing().is_some_and(|failing| failing.last.elapsed() > quiet)
    }
}

/// The alarms of all parts.
#[derive(Clone, Default)]
pub struct Alarms(Arc<Mutex<Vec<Arc<Alarm>>>>);

impl Alarms {
    fn all(&self) -> MutexGuard<'_, Vec<Arc<Alarm>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// One of a part, or of one brand's share of it.
    #[must_use]
    pub fn of(&self, part: Part, brand: Option<&str>) -> Arc<Alarm> {
        let alarm = Arc::new(Alarm { part, brand: brand.map(str::to_owned), failing: Mutex::default() });
        self.all().push(Arc::clone(&alarm));
        alarm
    }

    /// Whether a part fails, for any brand.
    #[must_use]
    pub fn is_raised(&self, part: Part) -> bool {
        self.all().iter().any(|alarm| alarm.part == part && alarm.is_raised())
    }
}
