//! When the service may be asked.

use std::sync::Arc;

use tokio::sync::watch;

/// What must be so before the service counts as ready. Once it was, it stays so: losing Postgres later shows as degraded.
#[derive(Debug, Clone, Copy, Default)]
struct State {
    listener_is_connected: bool,
    is_prepared: bool,
}

/// Whether the service may be asked.
#[derive(Debug, Clone, Default)]
pub struct Readiness(Arc<watch::Sender<State>>);

impl Readiness {
    /// Not ready yet.
    #[must_use]
    pub fn new() -> Self {
        Self(Arc::new(watch::Sender::new(State::default())))
    }

    /// Changes are heard.
    pub fn set_listener_connected(&self) {
        self.0.send_modify(|state| state.listener_is_connected = true);
    }

    /// Nothing is left to do but to hear of changes.
    pub fn set_prepared(&self) {
        self.0.send_modify(|state| state.is_prepared = true);
    }

    /// Whether it is ready.
    #[must_use]
    pub fn is_ready(&self) -> bool {
        let state = *self.0.borrow();
        state.listener_is_connected && state.is_prepared
    }

    /// Completes when it is ready.
    pub async fn until_ready(&self) {
        // It can't be closed while we are here.
        let _ = self.0.subscribe().wait_for(|state| state.listener_is_connected && state.is_prepared).await;
    }
}
