//! Cancels a customer's booking at its source. The call is made once. The audit log has an entry from before the call;
//! the outcome is added after it. Then the customer's bookings are read again.

use std::sync::Arc;
use std::time::Duration;

use super::audit::{Action, Attribution};
use crate::clock::Clock;
use crate::customer::model::event::Event;
use crate::ingest::apply_reply::apply_reply;
use crate::sources::booking::Cancelling;
use crate::storage::StorageError;
use crate::storage::events::find_event;
use crate::storage::pool::Pool;
use crate::storage::suppressions::SuppressionHasher;
use crate::upstream::{CallError, CallPriority, UpstreamClient};

/// How long each call may wait for the rate limit of the account.
const CALL_TIMEOUT: Duration = Duration::from_secs(30);

/// The most pages of a customer's bookings that are read again.
const MOST_PAGES: usize = 40;

/// A booking was not cancelled, or the result is unknown.
#[derive(Debug, thiserror::Error)]
pub enum CancelError {
    /// The source refused, or could not be called.
    #[error("not cancelled: {0}")]
    Refused(CallError),
    /// The booking is not stored, so its customer is unknown.
    #[error(
        "not cancelled: the booking is not stored here. Wait for its webhook, or run `hookpoint sync run`"
    )]
    NotKnown,
    /// The call was sent, but no clear response came back.
    #[error("it is unknown whether the booking is cancelled ({0}); check it at the source")]
    Unknown(CallError),
    /// Postgres failed.
    #[error(transparent)]
    Storage(#[from] StorageError),
}

/// Whether the customer's bookings were read again after the cancellation.
#[derive(Debug, Clone)]
pub enum Refreshed {
    /// They were read.
    Done,
    /// Not needed: the booking was already cancelled, and nothing was sent.
    Needless,
    /// The customer of the booking is unknown.
    CustomerUnknown,
    /// The source could not be called.
    Failed(CallError),
}

/// Whether the stored booking is already cancelled.
///
/// # Errors
/// If the booking is not stored.
pub fn is_done(what: &Cancelling, known: Option<&Event>) -> Result<bool, CancelError> {
    known.map(|event| what.is_done(event)).ok_or(CancelError::NotKnown)
}

/// Cancels a stored booking, unless it is already cancelled. Then it reads the customer's bookings again, also if the
/// call failed.
///
/// # Errors
/// If the booking was not cancelled, if the result is unknown, or if Postgres fails.
pub async fn cancel(
    pool: &Pool,
    account: &Arc<UpstreamClient>,
    what: &Cancelling,
    attribution: Attribution<'_>,
    clock: &Clock,
) -> Result<Refreshed, CancelError> {
    if is_done(what, known(pool, account, what).await?.as_ref())? {
        return Ok(Refreshed::Needless);
    }
    let brand = &account.brand;
    let subject = SuppressionHasher::new(&brand.suppression_key).event(&what.event);
    let entry = Action::new("cancel booking", String::new())
        .at_source(what.source, subject)
        .begin(pool, brand.id(), attribution, clock.now())
        .await?;
    let called = account.call(&what.ask, CallPriority::Live, CALL_TIMEOUT).await;
    let called = called.map_err(|error| {
        if may_be_done(&error) { CancelError::Unknown(error) } else { CancelError::Refused(error) }
    });
    let outcome = called.as_ref().err().map_or_else(|| "cancelled".to_owned(), ToString::to_string);
    entry.end(&outcome).await?;
    let refreshed = refresh(pool, account, what).await?;
    let is_unheard =
        matches!((&called, &refreshed), (Err(CancelError::Unknown(_)), Refreshed::Done));
    if is_unheard && is_done(what, known(pool, account, what).await?.as_ref()).unwrap_or_default() {
        entry.end("cancelled, as the bookings at the source show").await?;
        return Ok(refreshed);
    }
    called.map(|_| refreshed)
}

/// Whether the source may have cancelled the booking although the call failed.
const fn may_be_done(error: &CallError) -> bool {
    match error {
        CallError::TimedOut
        | CallError::Unreachable
        | CallError::TooLarge
        | CallError::NotJson(_)
        | CallError::ShuttingDown => true,
        CallError::Status(status) => *status >= 500,
        _ => false,
    }
}

async fn refresh(
    pool: &Pool,
    account: &Arc<UpstreamClient>,
    what: &Cancelling,
) -> Result<Refreshed, StorageError> {
    let Some(mut ask) =
        known(pool, account, what).await?.and_then(|event| what.refresh(&event.record()?))
    else {
        return Ok(Refreshed::CustomerUnknown);
    };
    for _ in 0..MOST_PAGES {
        let reply = match account.call(&ask, CallPriority::Live, CALL_TIMEOUT).await {
            Ok(reply) => reply,
            Err(error) => return Ok(Refreshed::Failed(error)),
        };
        apply_reply(pool, account, CallPriority::Live, CALL_TIMEOUT, &reply).await?;
        match &reply.next {
            Some(next) if *next != ask => ask = next.clone(),
            _ => break,
        }
    }
    Ok(Refreshed::Done)
}

/// The stored booking.
///
/// # Errors
/// If Postgres fails.
pub async fn known(
    pool: &Pool,
    account: &UpstreamClient,
    what: &Cancelling,
) -> Result<Option<Event>, StorageError> {
    let mut connection = pool.acquire().await?;
    find_event(&mut connection, account.brand.id(), &what.event).await
}
