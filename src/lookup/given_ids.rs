//! Passes on the ids that answers give out, so that they are stored. A lookup does not wait for that.

use std::sync::Arc;

use actix_web::web::Bytes;
use tokio::sync::mpsc;

use crate::brand::Brand;

/// The most answers that wait to be stored. If there are more, their ids are stored when they are given out again.
const MAX_WAITING: usize = 4_096;

/// An answer that Postgres gave, with the keys of its customers, in the order of the answer.
pub struct GivenAnswer {
    /// The brand.
    pub brand: Arc<Brand>,
    /// The keys of the customers.
    pub customer_keys: Vec<String>,
    /// The answer.
    pub body: Bytes,
}

/// Takes answers.
#[derive(Clone)]
pub struct GivenIds(mpsc::Sender<GivenAnswer>);

impl GivenIds {
    /// An empty queue, and its other end.
    #[must_use]
    pub fn new() -> (Self, mpsc::Receiver<GivenAnswer>) {
        let (sender, receiver) = mpsc::channel(MAX_WAITING);
        (Self(sender), receiver)
    }

    /// Passes on an answer, unless too many wait.
    pub(super) fn note(&self, brand: &Arc<Brand>, customer_keys: Vec<String>, body: &Bytes) {
        if customer_keys.is_empty() {
            return;
        }
        if let Ok(place) = self.0.try_reserve() {
            place.send(GivenAnswer { brand: Arc::clone(brand), customer_keys, body: body.clone() });
        }
    }
}
