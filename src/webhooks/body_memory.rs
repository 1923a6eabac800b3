//! A limit for the memory of webhook bodies that are not stored yet. It holds for any number of senders, also slow
//! ones.

use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Memory is counted in units of this many bytes.
const UNIT: usize = 1024;

/// The memory that bodies may use together.
#[derive(Debug, Clone)]
pub(super) struct BodyMemoryBudget(Arc<Semaphore>);

/// A body, with the share of the budget that it holds until it is dropped.
#[derive(Default)]
pub(super) struct Body {
    pub bytes: Vec<u8>,
    taken: Option<OwnedSemaphorePermit>,
}

/// The budget is used up.
pub(super) struct Full;

impl BodyMemoryBudget {
    pub(super) fn new(megabytes: u64) -> Self {
        let units =
            usize::try_from(megabytes).unwrap_or(usize::MAX).saturating_mul(1024 * 1024 / UNIT);
        Self(Arc::new(Semaphore::new(units.min(Semaphore::MAX_PERMITS))))
    }

    /// Adds bytes to a body, if the budget allows it.
    pub(super) fn add(&self, body: &mut Body, bytes: &[u8]) -> Result<(), Full> {
        let held = body.taken.as_ref().map_or(0, OwnedSemaphorePermit::num_permits);
        let units =
            (body.bytes.len().saturating_add(bytes.len())).div_ceil(UNIT).saturating_sub(held);
        if units > 0 {
            let more = Arc::clone(&self.0)
                .try_acquire_many_owned(u32::try_from(units).map_err(|_| Full)?)
                .map_err(|_| Full)?;
            match &mut body.taken {
                Some(taken) => taken.merge(more),
                None => body.taken = Some(more),
            }
        }
        body.bytes.extend_from_slice(bytes);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_waits_is_bounded_and_room_comes_back() {
        let body_memory = BodyMemoryBudget::new(1);
        let mut bodies: Vec<Body> = (0..4).map(|_| Body::default()).collect();
        for body in &mut bodies {
            for _ in 0..256 {
                assert!(body_memory.add(body, &[0; 1024]).is_ok());
            }
        }
        assert!(body_memory.add(&mut Body::default(), &[0]).is_err());
        bodies.pop();
        let mut next = Body::default();
        assert!(
            body_memory.add(&mut next, &[0; 600]).is_ok()
                && body_memory.add(&mut next, &[0; 400]).is_ok()
        );
        assert_eq!((next.bytes.len(), body_memory.0.available_permits()), (1000, 255));
    }
}
