//! Notifies systemd (`Type=notify`) that the service is ready, alive, reloading or stopping. Without systemd nothing happens.

use std::time::Duration;

use sd_notify::NotifyState;
use tokio::time::{Interval, MissedTickBehavior, interval};

/// The notifications of a running service.
pub(super) struct ServiceManager {
    // `None` if systemd does not watch the service.
    watchdog: Option<Interval>,
}

impl ServiceManager {
    pub(super) fn new() -> Self {
        let watchdog = sd_notify::watchdog_enabled().map(|limit| {
            // Half of the limit, as systemd recommends. An interval of zero would panic.
            let mut interval = interval((limit / 2).max(Duration::from_millis(1)));
            interval.set_missed_tick_behavior(MissedTickBehavior::Delay);
            interval
        });
        Self { watchdog }
    }

    /// Completes when systemd's watchdog must be notified again.
    pub(super) async fn until_watchdog_is_due(&mut self) {
        match &mut self.watchdog {
            Some(interval) => {
                interval.tick().await;
            }
            None => std::future::pending().await,
        }
    }
}

pub(super) fn notify_watchdog() {
    notify(NotifyState::Watchdog);
}

pub(super) fn notify_ready() {
    notify(NotifyState::Ready);
}

/// Until the next [`notify_ready`], systemd shows that the service reads its settings again.
pub(super) fn notify_reloading() {
    if let Ok(now) = NotifyState::monotonic_usec_now() {
        notify_all(&[NotifyState::Reloading, now]);
    }
}

pub(super) fn notify_stopping() {
    notify(NotifyState::Stopping);
}

fn notify(state: NotifyState<'_>) {
    notify_all(&[state]);
}

fn notify_all(states: &[NotifyState<'_>]) {
    if let Err(error) = sd_notify::notify(states) {
        tracing::warn!(%error, "failed to notify systemd");
    }
}
