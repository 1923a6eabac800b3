//! Readiness of the service after its start.

use std::sync::Arc;

use tokio::sync::watch;

/// The conditions of readiness. Once ready, the service stays ready: if Postgres fails later, it is degraded.
#[derive(Debug, Clone, Copy, Default)]
struct State {
    listener_is_connected: bool,
    is_prepared: bool,
}

/// Whether the service is ready. Clones share the state.
#[derive(Debug, Clone, Default)]
pub struct Readiness(Arc<watch::Sender<State>>);

impl Readiness {
    /// A service that is not ready.
    #[must_use]
    pub fn new() -> Self {
        Self(Arc::new(watch::Sender::new(State::default())))
    }

    /// Marks the change listener as connected.
    pub fn set_listener_connected(&self) {
        self.0.send_modify(|state| state.listener_is_connected = true);
    }

    /// Marks the preparation of the database as done.
    pub fn set_prepared(&self) {
        self.0.send_modify(|state| state.is_prepared = true);
    }

    /// Whether the service is ready.
    #[must_use]
    pub fn is_ready(&self) -> bool {
        let state = *self.0.borrow();
        state.listener_is_connected && state.is_prepared
    }

    /// Completes when the service is ready.
    pub async fn until_ready(&self) {
        // The channel cannot close, because `self` holds its sender.
        let _ = self
            .0
            .subscribe()
            .wait_for(|state| state.listener_is_connected && state.is_prepared)
            .await;
    }
}
