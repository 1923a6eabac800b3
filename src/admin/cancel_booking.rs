//! Cancelling a booking for a customer who asked for it: tried once, written down before and after, and looked at again.

use std::sync::Arc;
use std::time::Duration;

use crate::storage::pool::Pool;
use uuid::Uuid;

use crate::clock::Clock;
use crate::customer::model::event::Event;
use crate::customer::model::text;
use crate::ingest::apply_reply::apply_reply;
use crate::sources::booking::Cancelling;
use crate::storage::StorageError;
use crate::storage::audit_log::{ActionRow, finish_action, insert_action};
use crate::storage::events::find_event;
use crate::storage::suppressions::SuppressionHasher;
use crate::upstream::{CallError, CallPriority, UpstreamClient};

/// How long it may wait for the budget.
const PATIENCE: Duration = Duration::from_secs(30);

/// The pages of somebody's bookings that are looked at again at most.
const MOST_PAGES: usize = 40;

/// A booking was not cancelled, or nobody knows.
#[derive(Debug, thiserror::Error)]
pub enum CancelError {
    /// The source said no, or could not be asked.
    #[error("not cancelled: {0}")]
    Refused(CallError),
    /// Nobody can see whose it is.
    #[error("not cancelled: the booking is not known here, so nobody sees whose it is. Its webhook, or `hookpoint sync run`, tells of it")]
    NotKnown,
    /// It was asked, and then nothing was heard.
    #[error("whether it is cancelled is not known: {0}")]
    Unknown(CallError),
    /// Postgres fails.
    #[error(transparent)]
    Storage(#[from] StorageError),
}

/// Who wants it, and why.
#[derive(Clone, Copy)]
pub struct Attribution<'a> {
    /// Who.
    pub by: &'a str,
    /// Why.
    pub reason: &'a str,
}

/// Whether what is known of the bookings is as new as the cancellation.
#[derive(Debug, Clone)]
pub enum Refreshed {
    /// It is.
    Done,
    /// It was cancelled before: nothing was sent.
    Needless,
    /// Whose booking it is isn't known here.
    NobodyKnown,
    /// The source could not be asked.
    Failed(CallError),
}

/// Whether a booking is cancelled already, by what is known here.
///
/// # Errors
/// When it isn't known.
pub fn is_done(what: &Cancelling, known: Option<&Event>) -> Result<bool, CancelError> {
    known.map(|event| what.is_done(event)).ok_or(CancelError::NotKnown)
}

/// Cancels a booking that is known here, unless it is cancelled, and looks at the bookings of whoever made it again, also when it failed.
///
/// # Errors
/// When it was not cancelled, nobody knows whether it was, or Postgres fails.
pub async fn cancel(
    pool: &Pool,
    account: &Arc<UpstreamClient>,
    what: &Cancelling,
    mandate: Attribution<'_>,
    clock: &Clock,
) -> Result<Refreshed, CancelError> {
    if is_done(what, known(pool, account, what).await?.as_ref())? {
        return Ok(Refreshed::Needless);
    }
    let brand = &account.brand;
    let row = ActionRow {
        action_id: Uuid::new_v4(),
        source: Some(what.source),
        action: "cancel booking".to_owned(),
        subjects: [SuppressionHasher::new(&brand.row.suppression_key).event(&what.event)].into(),
        target: String::new(),
        done_by: text::clean(mandate.by),
        reason: text::clean(mandate.reason),
        begun_at: clock.now(),
        outcome: String::new(),
    };
    insert_action(pool, brand.id(), &row).await?;
    let called = account.call(&what.ask, CallPriority::Live, PATIENCE).await;
    let called = called.map_err(|error| if may_be_done(&error) { CancelError::Unknown(error) } else { CancelError::Refused(error) });
    let outcome = called.as_ref().err().map_or_else(|| "cancelled".to_owned(), ToString::to_string);
    finish_action(pool, brand.id(), row.action_id, &outcome).await?;
    let refreshed = refresh(pool, account, what).await?;
    let is_unheard = matches!((&called, &refreshed), (Err(CancelError::Unknown(_)), Refreshed::Done));
    if is_unheard && is_done(what, known(pool, account, what).await?.as_ref()).unwrap_or_default() {
        finish_action(pool, brand.id(), row.action_id, "cancelled, as its bookings show").await?;
        return Ok(refreshed);
    }
    called.map(|_| refreshed)
}

/// Whether the source may have done it all the same.
const fn may_be_done(error: &CallError) -> bool {
    match error {
        CallError::TimedOut | CallError::Unreachable | CallError::TooLarge | CallError::NotJson(_) | CallError::ShuttingDown => true,
        CallError::Status(status) => *status >= 500,
        _ => false,
    }
}

async fn refresh(pool: &Pool, account: &Arc<UpstreamClient>, what: &Cancelling) -> Result<Refreshed, StorageError> {
    let Some(mut ask) = known(pool, account, what).await?.and_then(|event| what.refresh(&event.record()?)) else { return Ok(Refreshed::NobodyKnown) };
    for _ in 0..MOST_PAGES {
        let heard = match account.call(&ask, CallPriority::Live, PATIENCE).await {
            Ok(heard) => heard,
            Err(error) => return Ok(Refreshed::Failed(error)),
        };
        apply_reply(pool, account, CallPriority::Live, PATIENCE, &heard).await?;
        match &heard.next {
            Some(next) if *next != ask => ask = next.clone(),
            _ => break,
        }
    }
    Ok(Refreshed::Done)
}

/// The booking as it is known here.
///
/// # Errors
/// When Postgres fails.
pub async fn known(pool: &Pool, account: &UpstreamClient, what: &Cancelling) -> Result<Option<Event>, StorageError> {
    let mut connection = pool.acquire().await?;
    find_event(&mut connection, account.brand.id(), &what.event).await
}
