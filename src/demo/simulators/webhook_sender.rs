//! Sends the systems' webhooks: signs them, and retries with growing pauses until they are acknowledged.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use parking_lot::Mutex;
use serde_json::Value;
use tokio::sync::{Notify, Semaphore};

use super::data::{ChangeListener, SimulatedData};
use super::endpoint::SimulatorEndpoint;
use super::object_kind::ObjectKind;
use super::webhook::{Action, Webhook};
use super::{omneo, omnilab, omniotap, syncaroo};
use crate::clock::Clock;
use crate::customer::model::source::Source;
use crate::demo::http_post::Sender;
use crate::demo::webhook_signer::Secrets;
use crate::jobs::tasks::BackgroundTasks;

/// The most webhooks in flight.
const AT_ONCE: usize = 16;

/// The number of attempts before a webhook is given up.
const ATTEMPTS: u32 = 8;

/// The first pause. Each further pause is twice as long.
const FIRST_PAUSE: Duration = Duration::from_millis(250);

/// Sends webhooks to one service.
#[derive(Clone)]
pub(super) struct WebhookSender(Arc<Shared>);

struct Shared {
    sender: Arc<Sender>,
    secrets: Secrets,
    simulators: Vec<Arc<SimulatorEndpoint>>,
    background: BackgroundTasks,
    clock: Clock,
    slots: Semaphore,
    /// By source: how many of 1,000 webhooks are lost, and the remainder of earlier losses.
    losses: Mutex<BTreeMap<Source, (u32, u32)>>,
    pending: AtomicU64,
    idle: Notify,
}

impl WebhookSender {
    pub(super) fn new(
        sender: Sender,
        secrets: Secrets,
        simulators: Vec<Arc<SimulatorEndpoint>>,
        background: BackgroundTasks,
        clock: Clock,
    ) -> Self {
        Self(Arc::new(Shared {
            sender: Arc::new(sender),
            secrets,
            simulators,
            background,
            clock,
            slots: Semaphore::new(AT_ONCE),
            losses: Mutex::default(),
            pending: AtomicU64::new(0),
            idle: Notify::new(),
        }))
    }

    /// The base of URLs in a system's webhooks.
    fn links(&self, source: Source) -> String {
        self.0
            .simulators
            .iter()
            .find(|simulator| simulator.source == source)
            .map(|simulator| simulator.links())
            .unwrap_or_default()
    }

    /// Loses this many of 1,000 webhooks of a source, evenly distributed.
    pub(super) fn lose(&self, source: Source, of_1000: u32) {
        self.0.losses.lock().insert(source, (of_1000, 0));
    }

    fn is_lost(&self, source: Source) -> bool {
        let mut losses = self.0.losses.lock();
        let Some((share, left)) = losses.get_mut(&source) else { return false };
        *left = left.saturating_add(*share);
        let is_lost = *left >= 1_000;
        if is_lost {
            *left = left.saturating_sub(1_000);
        }
        is_lost
    }

    async fn deliver(&self, webhook: &Webhook) {
        let mut pause = FIRST_PAUSE;
        for _ in 0..ATTEMPTS {
            {
                let _slot = self.0.slots.acquire().await;
                let request = self.0.secrets.sign(
                    webhook.source,
                    &webhook.headers,
                    &webhook.body,
                    self.0.clock.now(),
                );
                if self.0.sender.send(request).await.is_ok() {
                    return;
                }
            }
            tokio::time::sleep(pause).await;
            pause = pause.saturating_mul(2);
        }
        tracing::warn!(
            source = webhook.source.as_str(),
            "webhook not acknowledged; gave up after the last attempt"
        );
    }

    /// Waits until every webhook was acknowledged, lost or given up.
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

impl ChangeListener for WebhookSender {
    fn changed(&self, data: &SimulatedData, kind: ObjectKind, action: Action, object: &Value) {
        let webhook = match kind.source() {
            Source::OmnioTap => Some(omniotap::webhook(kind, action, object, data.now())),
            Source::Omneo => omneo::webhook(data, kind, action, object),
            Source::OmniLab => Some(omnilab::webhook(action, object, data.now())),
            Source::Syncaroo => {
                syncaroo::webhook(kind, action, object, &self.links(Source::Syncaroo))
            }
        };
        if let Some(webhook) = webhook {
            self.send(webhook);
        }
    }

    /// Sends a webhook in the background.
    fn send(&self, webhook: Webhook) {
        if self.is_lost(webhook.source) {
            return;
        }
        self.0.pending.fetch_add(1, Ordering::SeqCst);
        let webhook_sender = self.clone();
        self.0.background.spawn_endless(async move {
            webhook_sender.deliver(&webhook).await;
            if webhook_sender.0.pending.fetch_sub(1, Ordering::SeqCst) == 1 {
                webhook_sender.0.idle.notify_waiters();
            }
        });
    }
}
