//! Wakes the workers of this replica when a delivery arrives.

use std::collections::HashMap;
use std::sync::Arc;

use tokio::sync::Notify;

/// Handles that wake the workers of this replica, by brand.
#[derive(Clone)]
pub struct WakeHandles(Arc<HashMap<i32, Notify>>);

impl WakeHandles {
    /// Handles for these brands.
    pub fn new(brands: impl IntoIterator<Item = i32>) -> Self {
        Self(Arc::new(brands.into_iter().map(|brand_id| (brand_id, Notify::new())).collect()))
    }

    /// Wakes the worker of a brand, because a delivery arrived.
    pub fn wake(&self, brand_id: i32) {
        self.0.get(&brand_id).into_iter().for_each(Notify::notify_one);
    }

    pub(super) async fn woken(&self, brand_id: i32) {
        match self.0.get(&brand_id) {
            Some(wake) => wake.notified().await,
            None => std::future::pending().await,
        }
    }
}
