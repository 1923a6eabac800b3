//! Alarms for storing and applying webhooks. Each is logged once when it starts and once when it ends, and is shown by
//! `/health/ready` and the metrics.

use std::sync::Arc;
use std::time::{Duration, Instant};

use parking_lot::{Mutex, MutexGuard};

/// A part of the service that can fail by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Part {
    /// Webhooks are stored. If this fails, the sources must send them again.
    Storing,
    /// Stored webhooks are applied. If this fails, they wait in the inbox.
    Applying,
}

impl Part {
    /// The name in `/health/ready` and in the metrics.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Storing => "storing",
            Self::Applying => "applying",
        }
    }

    const fn texts(self) -> (&'static str, &'static str) {
        match self {
            Self::Storing => (
                "webhooks are not stored; sources must send them again",
                "webhooks are stored again",
            ),
            Self::Applying => (
                "stored webhooks are not applied; they wait in the inbox",
                "stored webhooks are applied again",
            ),
        }
    }
}

/// The alarm of one part, or of one brand's share of it.
#[derive(Debug)]
pub struct Alarm {
    part: Part,
    brand: Option<String>,
    failing: Mutex<Option<Failing>>,
}

/// When a failure began, and when it happened last.
#[derive(Debug, Clone, Copy)]
struct Failing {
    since: Instant,
    last: Instant,
}

impl Alarm {
    fn failing(&self) -> MutexGuard<'_, Option<Failing>> {
        self.failing.lock()
    }

    /// Raises the alarm. It is logged once, not at every attempt.
    pub fn raise(&self, reason: &(impl std::fmt::Display + ?Sized)) {
        let is_first = {
            let (mut failing, now) = (self.failing(), Instant::now());
            let is_first = failing.is_none();
            *failing =
                Some(Failing { since: failing.map_or(now, |failing| failing.since), last: now });
            is_first
        };
        if is_first {
            tracing::error!(part = self.part.as_str(), brand = self.brand, %reason, "{}", self.part.texts().0);
        }
    }

    /// Ends the alarm.
    pub fn clear(&self) {
        let failing = self.failing().take();
        if let Some(Failing { since, .. }) = failing {
            tracing::info!(
                part = self.part.as_str(),
                brand = self.brand,
                seconds = since.elapsed().as_secs(),
                "{}",
                self.part.texts().1
            );
        }
    }

    /// Whether the alarm is raised.
    #[must_use]
    pub fn is_raised(&self) -> bool {
        self.failing().is_some()
    }

    /// Whether the alarm is raised, and the last failure is longer ago than this.
    #[must_use]
    pub fn is_raised_and_quiet(&self, quiet: Duration) -> bool {
        self.failing().is_some_and(|failing| failing.last.elapsed() > quiet)
    }
}

/// All alarms of the process.
#[derive(Clone, Default)]
pub struct Alarms(Arc<Mutex<Vec<Arc<Alarm>>>>);

impl Alarms {
    fn all(&self) -> MutexGuard<'_, Vec<Arc<Alarm>>> {
        self.0.lock()
    }

    /// Creates the alarm of a part, or of one brand's share of it.
    #[must_use]
    pub fn of(&self, part: Part, brand: Option<&str>) -> Arc<Alarm> {
        let alarm =
            Arc::new(Alarm { part, brand: brand.map(str::to_owned), failing: Mutex::default() });
        self.all().push(Arc::clone(&alarm));
        alarm
    }

    /// Whether an alarm of a part is raised, for any brand.
    #[must_use]
    pub fn is_raised(&self, part: Part) -> bool {
        self.all().iter().any(|alarm| alarm.part == part && alarm.is_raised())
    }
}
