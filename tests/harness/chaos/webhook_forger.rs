//! An attacker who pretends to be a source: webhooks with wrong signatures, valid signatures with other bodies, and
//! recorded webhooks that are sent again, unchanged or under the name of another event.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use hookpoint::customer::model::source::Source;

use crate::harness::connection::Connection;
use crate::harness::report::Report;
use crate::harness::rng::Rng;
use crate::harness::webhooks::{Webhook, signing};

/// The note of a delivery whose deletion only an unsigned header claims.
pub const REFUSED: &str =
    "only an unsigned header reports the deletion (see the setting trust_deletion_header)";

/// The number of recorded requests.
const KEPT: usize = 500;

#[derive(Clone, Default)]
pub struct WebhookForger {
    /// How many webhooks of the order were sent, and may have been recorded.
    pub sent: Arc<AtomicUsize>,
    is_over: Arc<AtomicBool>,
    seen: Arc<Mutex<Seen>>,
}

#[derive(Default)]
struct Seen {
    forged: usize,
    replayed: usize,
    renamed: usize,
    believed: Vec<String>,
}

impl WebhookForger {
    /// Starts the attack with the webhooks that were sent to a brand in this order.
    pub fn start(
        &self,
        brand: &'static str,
        webhooks: Arc<Vec<Webhook>>,
        order: Arc<Vec<usize>>,
        replicas: Vec<SocketAddr>,
        seed: u64,
    ) {
        let forger = self.clone();
        tokio::spawn(async move {
            forger.send_until_stopped(brand, &webhooks, &order, &replicas, Rng(seed)).await;
        });
    }

    async fn send_until_stopped(
        &self,
        brand: &str,
        webhooks: &[Webhook],
        order: &[usize],
        replicas: &[SocketAddr],
        mut rng: Rng,
    ) {
        let mut recorded: VecDeque<Vec<u8>> = VecDeque::new();
        while !self.is_over.load(Ordering::SeqCst) {
            tokio::time::sleep(Duration::from_millis(100)).await;
            let sent = self.sent.load(Ordering::SeqCst);
            let Some(newest) = sent.checked_sub(100).filter(|newest| *newest > 0) else { continue };
            let webhook = &webhooks[order[newest - 1 - rng.roll(newest.min(5_000))]];
            let mut request = Vec::new();
            signing::write(brand, webhook, &mut request);
            recorded.push_back(request.clone());
            if recorded.len() > KEPT {
                recorded.pop_front();
            }
            let is_forged = rng.chance(50);
            if is_forged {
                forge(&mut request, webhook, &mut rng);
                self.seen.lock().unwrap().forged += 1;
            } else if webhook.source == Source::Omneo && rng.chance(50) && is_harmless(webhook) {
                // Omneo signs bodies, but not the event names in the header.
                let name = *rng.pick(&["profile.deleted", "profile.merged"]);
                let renamed =
                    Webhook { header: Some(("x-omneo-event", name.to_owned())), ..webhook.clone() };
                request.clear();
                signing::write(brand, &renamed, &mut request);
                self.seen.lock().unwrap().renamed += 1;
            } else {
                request = rng.pick(recorded.make_contiguous()).clone();
                self.seen.lock().unwrap().replayed += 1;
            }
            let mut connection = Connection::new(*rng.pick(replicas));
            let asked =
                tokio::time::timeout(Duration::from_secs(2), connection.ask(&request)).await;
            if let Ok(Ok(response)) = asked
                && is_forged
                && (200..300).contains(&response.status)
            {
                let what =
                    format!("a forged webhook of {} got {}", webhook.source, response.status);
                self.seen.lock().unwrap().believed.push(what);
            }
        }
    }

    pub fn end(&self, report: &mut Report) {
        self.is_over.store(true, Ordering::SeqCst);
        let seen = self.seen.lock().unwrap();
        let Seen { forged, replayed, renamed, believed } = &*seen;
        report.figure(
            "forged and replayed webhooks",
            format!(
                "{forged} forged, {replayed} recorded ones, {renamed} under another event's name"
            ),
        );
        if let Some(first) = believed.first() {
            report.broken.push(format!("{} of them were accepted: {first}", believed.len()));
        }
    }
}

/// Whether the body neither deletes nor merges a record.
fn is_harmless(webhook: &Webhook) -> bool {
    webhook
        .header
        .as_ref()
        .is_some_and(|(_, event)| ["profile.created", "profile.updated"].contains(&event.as_str()))
}

/// Makes the proof of a request's origin invalid.
fn forge(request: &mut [u8], webhook: &Webhook, rng: &mut Rng) {
    let head = request.windows(4).position(|four| four == b"\r\n\r\n").unwrap() + 4;
    // Syncaroo has no signature: its secret path is the only proof.
    if webhook.source != Source::Syncaroo && rng.chance(50) {
        let at = head + webhook.body.len() - 2;
        let other = if request[at] == b'x' { b'y' } else { b'x' };
        request[at] = other;
    } else {
        let from = match webhook.source {
            Source::Syncaroo => {
                request.windows(12).position(|some| some == b"harness-syncar").unwrap() + 20
            }
            _ => {
                request
                    .windows(9)
                    .rposition(|some| {
                        some.eq_ignore_ascii_case(b"ignature:")
                            || some.eq_ignore_ascii_case(b"c-sha256:")
                    })
                    .unwrap()
                    + 14
            }
        };
        let other = if request[from] == b'a' { b'b' } else { b'a' };
        request[from] = other;
    }
}
