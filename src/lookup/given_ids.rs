//! Passes on the answers that Omnidesk gets, so that the ids in them are stored. A lookup does not wait for that.

use std::sync::Arc;

use actix_web::web::Bytes;
use jiff::Timestamp;
use tokio::sync::mpsc;

use super::result::CustomerKeys;
use crate::brand::Brand;
use crate::clock::Clock;

/// The most answers that wait. If there are more, their ids are stored when Postgres answers about them again.
const MAX_WAITING: usize = 1_000;

/// An answer that Omnidesk gets, and that Postgres gave.
pub struct GivenAnswer {
    /// The brand.
    pub brand: Arc<Brand>,
    /// Its customers.
    pub customers: CustomerKeys,
    /// The answer.
    pub body: Bytes,
    /// When it was given.
    pub given_at: Timestamp,
}

/// Takes answers.
#[derive(Clone)]
pub struct GivenIds {
    queue: mpsc::Sender<GivenAnswer>,
    clock: Clock,
}

impl GivenIds {
    /// An empty queue, and its other end.
    #[must_use]
    pub fn new(clock: Clock) -> (Self, mpsc::Receiver<GivenAnswer>) {
        let (queue, answers) = mpsc::channel(MAX_WAITING);
        (Self { queue, clock }, answers)
    }

    /// Passes on an answer, unless too many wait.
    pub(super) fn note(&self, brand: &Arc<Brand>, customers: &CustomerKeys, body: &Bytes) {
        if customers.is_empty() {
            return;
        }
        if let Ok(place) = self.queue.try_reserve() {
            place.send(GivenAnswer {
                brand: Arc::clone(brand),
                customers: customers.clone(),
                body: body.clone(),
                given_at: self.clock.now(),
            });
        }
    }
}
