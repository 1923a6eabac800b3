//! Webhooks of the systems: signed, sent, and sent again with growing pauses until they are taken.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use serde_json::Value;
use tokio::sync::{Notify, Semaphore};

use super::endpoint::Desk;
use crate::clock::Clock;
use crate::customer::model::source::Source;
use crate::demo::http_post::Sender;
use crate::demo::webhook_signer::Secrets;
use crate::jobs::tasks::BackgroundTasks;

/// How many are under way at once.
const AT_ONCE: usize = 16;

/// How often one is sent before it is given up.
const ATTEMPTS: u32 = 8;

/// The first pause; each is twice as long as the one before.
const FIRST_PAUSE: Duration = Duration::from_millis(250);

/// What happened to an object.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    /// It is new.
    Created,
    /// It changed.
    Updated,
    /// It is gone.
    Deleted,
    /// Another became part of it.
    Merged,
}

impl Action {
    /// As the systems write it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Created => "created",
            Self::Updated => "updated",
            Self::Deleted => "deleted",
            Self::Merged => "merged",
        }
    }
}

/// A webhook before it is signed.
pub struct Webhook {
    /// Whose it is.
    pub source: Source,
    /// Its headers, but those that sign.
    pub headers: BTreeMap<String, String>,
    /// Its body.
    pub body: Value,
}

/// Where webhooks go, and how.
#[derive(Clone)]
pub(super) struct Hooks(Arc<Shared>);

struct Shared {
    sender: Arc<Sender>,
    secrets: Secrets,
    desks: Vec<Arc<Desk>>,
    background: BackgroundTasks,
    clock: Clock,
    slots: Semaphore,
    /// Of each source, how many of 1,000 get lost, and what is left over of earlier ones.
    losses: Mutex<BTreeMap<Source, (u32, u32)>>,
    pending: AtomicU64,
    idle: Notify,
}

impl Hooks {
    pub(super) fn new(sender: Sender, secrets: Secrets, desks: Vec<Arc<Desk>>, background: BackgroundTasks, clock: Clock) -> Self {
        Self(Arc::new(Shared {
            sender: Arc::new(sender),
            secrets,
            desks,
            background,
            clock,
            slots: Semaphore::new(AT_ONCE),
            losses: Mutex::default(),
            pending: AtomicU64::new(0),
            idle: Notify::new(),
        }))
    }

    /// What URLs of a system's begin with.
    pub(super) fn links(&self, source: Source) -> String {
        self.0.desks.iter().find(|desk| desk.source == source).map(|desk| desk.links()).unwrap_or_default()
    }

    /// So many of 1,000 webhooks of a source get lost, evenly.
    pub(super) fn lose(&self, source: Source, of_1000: u32) {
        self.0.losses.lock().unwrap_or_else(PoisonError::into_inner).insert(source, (of_1000, 0));
    }

    fn is_lost(&self, source: Source) -> bool {
        let mut losses = self.0.losses.lock().unwrap_or_else(PoisonError::into_inner);
        let Some((share, left)) = losses.get_mut(&source) else { return false };
        *left = left.saturating_add(*share);
        let is_lost = *left >= 1_000;
        if is_lost {
            *left = left.saturating_sub(1_000);
        }
        is_lost
    }

    /// Sends one, beside whoever asks for it.
    pub(super) fn send(&self, webhook: Webhook) {
        if self.is_lost(webhook.source) {
            return;
        }
        self.0.pending.fetch_add(1, Ordering::SeqCst);
        let hooks = self.clone();
        self.0.background.spawn_endless(async move {
            hooks.deliver(&webhook).await;
            if hooks.0.pending.fetch_sub(1, Ordering::SeqCst) == 1 {
                hooks.0.idle.notify_waiters();
            }
        });
    }

    async fn deliver(&self, webhook: &Webhook) {
        let mut pause = FIRST_PAUSE;
        for _ in 0..ATTEMPTS {
            {
                let _slot = self.0.slots.acquire().await;
                let request = self.0.secrets.sign(webhook.source, &webhook.headers, &webhook.body, self.0.clock.now());
                if self.0.sender.send(request).await.is_ok() {
                    return;
                }
            }
            tokio::time::sleep(pause).await;
            pause = pause.saturating_mul(2);
        }
        tracing::warn!(source = webhook.source.as_str(), "nobody took a webhook");
    }

    /// Waits until every webhook was taken, lost or given up.
    pub(super) async fn settled(&self) {
        loop {
            let idle = self.0.idle.notified();
            if self.0.pending.load(Ordering::SeqCst) == 0 {
                return;
            }
            idle.await;
        }
    }
}
